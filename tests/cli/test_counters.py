"""`counters USER`: stored counters by hour and the window, whichever way the user is named."""

import json

import pytest

from detector.core.activity import digest
from tests.cli.streams import EVENING, messages
from tests.sources.rows import dump, row

MALLORY = "00000000-0000-0000-0000-000000000042"
STORE = ("--store", "sqlite:demo.db")


@pytest.fixture
def played(cli):
    """The store after the evening of the sample day."""
    assert cli("run", *STORE, stdin=messages(EVENING)).code == 0
    return cli


@pytest.mark.parametrize(
    "name", [MALLORY, "Mallory", digest("oid", MALLORY).hex(), digest("oid", MALLORY).hex().upper()]
)
def test_a_user_is_found_by_object_id_display_name_or_key(played, name):
    shown = played("counters", name, *STORE, "--format", "json")
    document = json.loads(shown.out)

    assert shown.code == 0
    assert document["user"] == digest("oid", MALLORY).hex()
    assert [hour["hour"] for hour in document["hours"]] == ["2026-03-11 19:00"]
    hour = document["hours"][0]
    assert (hour["Activities"], hour["Total"], hour["Sensitive"], hour["Downloads"]) == (
        24,
        24,
        6,
        6,
    )
    assert document["window"]["TotalActions"] == 24
    assert document["window"]["ThreatIndicator"] == "Credential/secret hunting via search queries"


def test_hours_are_in_order_and_add_up_to_the_window(cli):
    hours = (14, 9, 0, 23, 9)
    rows = [row(ReportId=str(n), Timestamp=f"2026-03-11T{h:02}:30Z") for n, h in enumerate(hours)]
    cli("run", *STORE, stdin=b"\n".join(map(dump, rows)))

    document = json.loads(cli("counters", "Alice", *STORE, "--format", "json").out)

    assert [(hour["hour"], hour["Total"]) for hour in document["hours"]] == [
        ("2026-03-11 00:00", 1),
        ("2026-03-11 09:00", 2),
        ("2026-03-11 14:00", 1),
        ("2026-03-11 23:00", 1),
    ]
    assert document["window"]["TotalActions"] == 5


def test_the_table_shows_hours_and_window(played):
    shown = played("counters", "Mallory", *STORE)

    assert shown.code == 0
    assert "2026-03-11 19:00" in shown.out
    assert "ThreatIndicator       Credential/secret hunting via search queries\n" in shown.out


def test_a_user_whose_actions_do_not_count_has_hours_and_no_window(cli, tmp_path):
    (tmp_path / "rows.jsonl").write_bytes(dump(row(ActionType="jira_issue_viewed")))
    cli("run", "rows.jsonl", *STORE)

    document = json.loads(cli("counters", "Alice", *STORE, "--format", "json").out or "null")
    by_id = cli("counters", row()["AccountObjectId"], *STORE, "--format", "json")

    assert document is None
    assert json.loads(by_id.out)["window"] is None
    assert json.loads(by_id.out)["hours"][0]["Activities"] == 1


def test_an_unknown_user_ends_with_2(played):
    shown = played("counters", "nobody@example.com", *STORE)

    assert (shown.code, shown.out) == (2, "")
    assert shown.err == "error: nobody@example.com: no such user in the store\n"


def test_names_cannot_reach_the_terminals_controls(cli, tmp_path):
    evil = "\x1b[31mEve[/b]"
    rows = [row(AccountDisplayName=evil, ReportId=str(n)) for n in range(3)]
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(map(dump, rows)))
    cli("run", "rows.jsonl", *STORE)

    shown = cli("counters", evil, *STORE)

    assert shown.code == 0
    assert "\ufffd[31mEve[/b]" in shown.out
    assert "\x1b" not in shown.out


def test_the_store_of_the_settings_is_read(played, monkeypatch):
    monkeypatch.setenv("DETECTOR_STORE", "sqlite:demo.db")

    assert played("counters", "Mallory").code == 0
