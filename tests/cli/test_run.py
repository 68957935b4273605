"""`run`: incidents as they are raised, a summary, and a second time that changes nothing."""

import json

import pytest

from tests.cli.streams import EVENING, messages
from tests.sources.rows import dump, record, row

CLOCK = "2026-03-11T23:07:"
BODY = messages(EVENING)


@pytest.fixture
def play(cli):
    """`play(body, …)` plays a stream from standard input; the JSON of what came of it."""

    def run(body, *options, store="state.db"):
        options = ("--store", f"sqlite:{store}", *options)
        shown = cli("run", "-", *options, "--format", "json", stdin=body)
        assert (shown.code, shown.err) == (0, "")
        return json.loads(shown.out)

    return run


def test_an_incident_says_when_who_what_why_and_what_to_do_first(cli):
    shown = cli("run", "--store", "sqlite:state.db", stdin=BODY)
    _, _, after = shown.out.partition("2026-03-11 19:34Z  HIGH ")
    incident = after.split("\n\n")[0].splitlines()

    assert (shown.code, shown.err) == (0, "")
    assert (
        "Confluence data mining by Mallory: 1 search for secrets, then 1 file taken" in incident[0]
    )
    assert [line.split()[0] for line in incident[1:]] == ["what", "why", "query", "next", "id"]
    assert "credential_hunting: 1 sensitive search > 0" in incident[2]
    assert "Ask Mallory or their manager" in incident[4]


def test_the_summary_counts_what_was_read_and_what_came_of_it(cli):
    jira = dump(row(ActionType="jira_issue_viewed"))

    shown = cli("run", "--store", "sqlite:state.db", stdin=jira + b"\noops\n" + BODY)

    assert (
        "\n65 records, 64 Atlassian activities of 4 users, 1 rejected, 0 too old; "
        "3 episodes opened, 0 closed; the clock stands at 2026-03-11 23:07Z\n"
        "  not in any table of the policy: jira_issue_viewed (1)\n"
    ) in shown.out


def test_a_second_run_changes_nothing_and_says_so(cli, play):
    first = cli("run", "--store", "sqlite:state.db", stdin=BODY)
    again = cli("run", "--store", "sqlite:state.db", stdin=BODY)
    summary = play(BODY)["summary"]

    assert "Nothing changed" not in first.out
    assert again.code == 0
    assert "0 episodes opened, 0 closed" in again.out
    assert again.out.endswith("Nothing changed: every window, episode and alert is as it was.\n")
    assert summary["changed"] is False


@pytest.mark.parametrize("policy", ["recommended", "source"])
def test_the_minute_of_an_incident_does_not_depend_on_batching(cli, play, policy):
    options = ("--policy", policy)

    whole = play(BODY, *options, store="whole.db")
    single = play(messages(EVENING, 1), *options, store="single.db")
    fifty = play(messages(EVENING, 50), *options, store="fifty.db")

    assert len(whole["incidents"]) == 6
    assert whole == single == fifty


def test_a_file_in_two_parts_raises_what_the_whole_file_raises(play):
    whole = play(BODY, store="whole.db")
    half = len(EVENING) // 2

    first = play(messages(EVENING[:half], 7))["incidents"]
    second = play(messages(EVENING[half:], 7))["incidents"]

    opened = [i["id"] for i in whole["incidents"] if i["evidence"]["transition"] == "opened"]
    parts = [i["id"] for i in first + second if i["evidence"]["transition"] == "opened"]
    assert parts == opened


@pytest.mark.parametrize("time", ["2099-01-01T00:00:00Z", "2001-01-01T00:00:00Z"])
def test_one_outlier_does_not_move_the_clock(play, time):
    outlier = record({}, category="AdvancedHunting-EmailEvents", time=time)
    at = len(EVENING) // 2

    plain = play(messages(EVENING, 20), store="plain.db")
    odd = play(messages([*EVENING[:at], outlier, *EVENING[at:]], 20), store="odd.db")

    assert odd["incidents"] == plain["incidents"]
    assert odd["summary"]["clock"] == plain["summary"]["clock"]


def test_the_clock_never_goes_back(play):
    first = play(BODY)["summary"]["clock"]
    older = record(row(Timestamp="2026-03-11T08:00:00Z"), time="2026-03-11T08:01:00Z")

    second = play(dump(older))["summary"]

    assert first.startswith(CLOCK)
    assert second["clock"] == first
    assert second["changed"] is True


def test_a_row_without_an_envelope_moves_the_clock_by_its_timestamp(play):
    rows = [row(ReportId=str(n), Timestamp=f"2026-03-11T09:3{n}:00Z") for n in range(3)]

    summary = play(b"\n".join(map(dump, rows)))["summary"]

    assert summary["clock"] == "2026-03-11T09:32:00.0000000Z"


@pytest.mark.parametrize("body", [b"", b"\n\n"], ids=["nothing", "blank lines"])
def test_an_empty_stream_is_fine_and_said_to_be_empty(cli, body):
    shown = cli("run", "--store", "sqlite:state.db", stdin=body)

    assert shown.code == 0
    assert shown.out == (
        "0 records, 0 Atlassian activities of 0 users, 0 rejected, 0 too old; "
        "0 episodes opened, 0 closed\nNothing came: the stream is empty.\n"
    )


def test_a_stream_of_garbage_is_counted(play):
    summary = play(b"oops\n\n{\n")["summary"]

    assert (summary["records"], summary["rejected"], summary["clock"]) == (2, 2, None)


def test_what_is_older_than_the_days_kept_is_counted(play):
    old = record(row(Timestamp="2026-02-01T00:00:00Z"))

    summary = play(dump(old))["summary"]

    assert (summary["too_old"], summary["activities"]) == (1, 0)


@pytest.mark.parametrize("time", ["9998-12-31T20:00:00Z", "0002-01-01T00:00:00Z"])
def test_the_ends_of_the_calendar_raise_nothing_but_an_incident(play, time):
    exported = row(ActionType="SpaceExported", Timestamp=time)

    assert play(dump(exported))["summary"]["records"] == 1


def test_the_source_policy_is_silent_about_a_space_export(play):
    by_policy = {
        policy: {i["evidence"]["account_display_name"] for i in incidents}
        for policy in ("recommended", "source")
        for incidents in [play(BODY, "--policy", policy, store=policy)["incidents"]]
    }

    assert by_policy["recommended"] - by_policy["source"] == {"Chuck"}


def test_alerts_are_also_appended_to_the_file_of_the_settings(play, monkeypatch, tmp_path):
    monkeypatch.setenv("DETECTOR_ALERTS_FILE", "alerts/out.jsonl")

    incidents = play(BODY)["incidents"]

    lines = (tmp_path / "alerts" / "out.jsonl").read_text().splitlines()
    assert {json.loads(line)["id"] for line in lines} == {i["id"] for i in incidents}


def test_records_of_another_tenant_than_the_settings_are_rejected(play, monkeypatch):
    monkeypatch.setenv("DETECTOR_TENANT_ID", "00000000-0000-0000-0000-0000000000ff")

    assert play(dump(record()))["summary"]["rejected"] == 1


def test_the_policy_of_the_settings_is_used_with_its_overrides(play, monkeypatch):
    monkeypatch.setenv("DETECTOR_POLICY", "source")
    monkeypatch.setenv("DETECTOR_POLICY_OVERRIDES", '{"access_threshold": {"bulk_access": 0}}')

    (incident,) = play(dump(record(row(RawEventData={}))))["incidents"]

    assert incident["held"] == ["bulk_access: 1 action > 0"]


def test_the_store_is_the_commands_else_the_settings_else_the_default(cli, monkeypatch, tmp_path):
    cli("run", stdin=b"")
    monkeypatch.setenv("DETECTOR_STORE", "sqlite:set/state.db")
    cli("run", stdin=b"")
    cli("run", "--store", "sqlite:given.db", stdin=b"")

    assert (tmp_path / ".detector" / "state.db").exists()
    assert (tmp_path / "set" / "state.db").exists()
    assert (tmp_path / "given.db").exists()


@pytest.mark.parametrize("path", [".", "file/state.db", "file"])
def test_a_store_that_cannot_be_opened_ends_with_3(cli, tmp_path, path):
    (tmp_path / "file").write_bytes(b"no database " * 1_000)

    shown = cli("run", "--store", f"sqlite:{path}", stdin=BODY)

    assert (shown.code, shown.out) == (3, "")
    assert shown.err.startswith(f"error: {path}: cannot be opened as a detector store (")


@pytest.mark.parametrize("store", ["state.db", "sqlite:", "mongodb:x"])
def test_a_store_of_an_unknown_kind_is_a_usage_error(cli, store):
    shown = cli("run", "--store", store, stdin=BODY)

    assert shown.code == 2
    assert shown.err == f"error: store {store!r}: write sqlite:PATH or azure\n"


def test_action_names_cannot_reach_the_terminals_controls(cli):
    body = dump(row(ActionType="\x1b[31m[/b]odd"))

    shown = cli("run", "--store", "sqlite:state.db", stdin=body)

    assert "not in any table of the policy: \ufffd[31m[/b]odd (1)" in shown.out
