"""`policy show` and `policy check`: the effective policy, and errors that name the key."""

import json

import pytest

from detector.policies import effective, load_policy

SOURCE = json.loads(effective(load_policy("source")))


@pytest.mark.parametrize("name", ["source", "recommended"])
def test_the_effective_policy_can_be_loaded_again(cli, tmp_path, name):
    shown = cli("policy", "show", "--policy", name)
    (tmp_path / "copy.json").write_text(shown.out)

    assert load_policy(str(tmp_path / "copy.json")) == load_policy(name)


def test_show_prints_what_run_would_use(cli, monkeypatch):
    plain = json.loads(cli("policy", "show").out)
    monkeypatch.setenv("DETECTOR_POLICY", "source")
    monkeypatch.setenv("DETECTOR_POLICY_OVERRIDES", '{"access_threshold": {"exports": 9}}')

    tuned = json.loads(cli("policy", "show").out)

    assert plain["name"] == "recommended"
    assert tuned == SOURCE | {"access_threshold": SOURCE["access_threshold"] | {"exports": 9}}


def test_show_as_a_table_adds_the_fingerprint(cli):
    shown = cli("policy", "show", "--policy", "source", "--format", "table")

    assert shown.out.endswith(f"\nfingerprint {load_policy('source').fingerprint}\n")


@pytest.mark.parametrize("name", ["policy.json", "[red]x[/b].json"])
def test_a_sound_file_is_fine(cli, tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(json.dumps(SOURCE | {"name": "ours"}))
    fingerprint = load_policy(str(tmp_path / name)).fingerprint

    plain, as_json = cli("policy", "check", name), cli("policy", "check", name, "--format", "json")

    assert (plain.code, as_json.code) == (0, 0)
    assert plain.out == f"{name}: fine; policy 'ours', fingerprint {fingerprint}\n"
    assert json.loads(as_json.out) == {"name": "ours", "fingerprint": fingerprint}


WRONG = {
    "a misspelt key": ({"acces_threshold": {}}, "acces_threshold: no such key"),
    "a misspelt threshold": (
        {"access_threshold": {"bulk_acces": 40}},
        "access_threshold.bulk_acces: no such key",
    ),
    "a text where a number should be": (
        {"time_window_hours": "24"},
        "time_window_hours: Input should be a valid integer",
    ),
    "a text where a list should be": (
        {"fields": {"search_query": "searchQuery"}},
        "fields.search_query: Input should be a valid array",
    ),
    "a number where a name should be": (
        {"actions": ["PageViewed", 5]},
        "actions.1: Input should be a valid string",
    ),
    "a window of no hours": ({"time_window_hours": 0}, "time_window_hours: 0 is not in 1 to 168"),
    "a window longer than data is kept": (
        {"time_window_hours": 200},
        "time_window_hours: 200 is not in 1 to 168",
    ),
    "nothing that counts": ({"actions": []}, "actions: empty, so nothing could ever count"),
    "a threshold below nothing": (
        {"access_threshold": {"exports": -1}},
        "access_threshold.exports: -1 is ",
    ),
    "an unknown severity": (
        {"minimum_severity": "urgent"},
        "minimum_severity: 'urgent' is not one of informational, low, medium, high",
    ),
}


@pytest.mark.parametrize(("change", "says"), WRONG.values(), ids=WRONG)
def test_an_error_names_the_file_and_the_key(cli, tmp_path, change, says):
    (tmp_path / "policy.json").write_text(json.dumps(SOURCE | change))

    shown = cli("policy", "check", "policy.json")

    assert (shown.code, shown.out) == (2, "")
    assert shown.err.startswith(f"error: policy.json: {says}")


def test_every_wrong_key_is_named_at_once(cli, tmp_path):
    (tmp_path / "policy.json").write_text('{"name": 5, "color": "red"}')

    shown = cli("policy", "check", "policy.json")

    for says in ("name: Input should be a valid string", "apps: missing", "color: no such key"):
        assert says in shown.err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a JSON object (Invalid JSON: EOF"),
        (b"{", "not a JSON object (Invalid JSON: EOF"),
        (b"[]", "not a JSON object (Input should be an object)"),
        (b"name: source", "not a JSON object (Invalid JSON: expected"),
        (b'{"a":' * 300, "not a JSON object (Invalid JSON: recursion limit exceeded"),
        (b'{"name": "\\ud800"}', "not a JSON object (Invalid JSON:"),
        (b"\xff\xfe{", "cannot be read as a policy file ('utf-8' codec"),
    ],
    ids=["empty", "cut", "a list", "YAML", "deep", "half a surrogate", "UTF-16"],
)
def test_a_file_that_is_no_json_object_is_refused(cli, tmp_path, content, says):
    (tmp_path / "policy.json").write_bytes(content)

    shown = cli("policy", "check", "policy.json")

    assert (shown.code, shown.out) == (2, "")
    assert shown.err.startswith(f"error: policy.json: {says}")


@pytest.mark.parametrize(
    "arguments",
    [["policy", "check"], ["policy", "show", "--policy"], ["kql", "--policy"]],
    ids=" ".join,
)
@pytest.mark.parametrize("path", ["none.json", "."])
def test_a_policy_that_is_no_file_is_refused(cli, arguments, path):
    shown = cli(*arguments, path)

    assert (shown.code, shown.out) == (2, "")
    assert shown.err.startswith(f"error: {path}: cannot be read as a policy file")
