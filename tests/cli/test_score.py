"""`score`: what the query returns, its columns and order, and the ways to ask for it."""

import json
import re

import pytest

from detector.samples.day import CAST
from tests.cli.streams import AT, DAY
from tests.sources.rows import dump, row

COLUMNS = (
    "Timestamp AccountDisplayName AccountObjectId IPAddress UserAgent TotalActions UniquePages "
    "UniqueSpaces SensitiveSearchCount SensitiveTermsFound ExportCount DownloadCount "
    "AccessRatePerMinute ThreatIndicator ActionTypes SampleTitles LastActivity"
).split()
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z")


@pytest.fixture
def scored(cli, tmp_path):
    """`scored(rows, …)`: the findings on these flat rows."""

    def score(rows, *options, at="2026-03-11T12:00:00Z"):
        (tmp_path / "rows.jsonl").write_bytes(b"\n".join(map(dump, rows)))
        shown = cli("score", "rows.jsonl", "--at", at, "--format", "json", *options)
        assert shown.code == 0, shown.err
        return json.loads(shown.out)

    return score


def export(**columns):
    return row(**{"ActionType": "ContentExported", "RawEventData": {}} | columns)


def exports(count, **columns):
    """Rows of one session that the query finds when there are more than five."""
    moment = "2026-03-11T09:30:0{}.1234567Z"
    return [
        export(ReportId=f"{columns} {n}", Timestamp=moment.format(n)) | columns
        for n in range(count)
    ]


def test_the_result_is_an_array_of_the_querys_17_columns(cli):
    shown = cli("score", DAY, "--at", AT, "--format", "json")
    rows = json.loads(shown.out)

    assert shown.code == 0
    assert len(COLUMNS) == 17
    assert [list(found) for found in rows] == [COLUMNS] * len(rows)
    for found in rows:
        assert INSTANT.fullmatch(found["Timestamp"])
        assert INSTANT.fullmatch(found["LastActivity"])
        assert [type(found[name]) for name in COLUMNS[5:9]] == [int] * 4
        assert isinstance(found["AccessRatePerMinute"], float)
        for name in ("SensitiveTermsFound", "ActionTypes", "SampleTitles"):
            assert all(isinstance(text, str) for text in found[name])


def test_the_sample_day_has_the_findings_its_cast_promises(cli):
    rows = json.loads(cli("score", DAY, "--at", AT, "--format", "json").out)

    found = {found["AccountDisplayName"]: found["ThreatIndicator"] for found in rows}

    assert found == {member.name: member.source_says for member in CAST if member.source_says}
    assert len(rows) == len(found)


def test_findings_are_sorted_by_actions_then_by_the_group_columns(scored):
    parts = [
        exports(6, AccountDisplayName="Bob", IPAddress="192.0.2.9"),
        exports(6, AccountDisplayName="Bob", IPAddress="192.0.2.10"),
        exports(6, AccountDisplayName="Alice", IPAddress="192.0.2.11"),
        exports(7, AccountDisplayName="Zoe"),
        exports(6, AccountObjectId="", AccountDisplayName="Zoe"),
    ]

    found = scored([r for part in parts for r in part])

    keys = [(f["TotalActions"], f["AccountDisplayName"], f["IPAddress"]) for f in found]
    assert keys == [
        (7, "Zoe", "192.0.2.1"),
        (6, "Zoe", "192.0.2.1"),
        (6, "Alice", "192.0.2.11"),
        (6, "Bob", "192.0.2.10"),
        (6, "Bob", "192.0.2.9"),
    ]


def test_the_window_begins_one_tick_after_the_instant_a_day_before(scored):
    rows = exports(6)

    first = "2026-03-12T09:30:00.1234567Z"
    before = "2026-03-12T09:30:00.1234566Z"

    assert len(scored(rows, at=before)) == 1
    assert scored(rows, at=first) == []
    assert len(scored(rows, at="2026-03-12T10:30:00.1234566+01:00")) == 1


def test_the_window_has_no_upper_bound(scored):
    assert len(scored(exports(6), at="2020-01-01T00:00:00Z")) == 1


def test_first_and_last_activity_keep_their_seven_digits(scored):
    (found,) = scored(exports(6))

    assert found["Timestamp"] == "2026-03-11T09:30:00.1234567Z"
    assert found["LastActivity"] == "2026-03-11T09:30:05.1234567Z"


def test_each_distinct_event_counts_once(scored):
    assert scored(exports(5) * 3) == []
    assert scored(exports(6) * 3)[0]["TotalActions"] == 6


def search(text):
    return row(ActionType="SearchPerformed", RawEventData={"searchQuery": text})


def test_a_search_text_is_masked_and_judged_before_it_is_masked(scored):
    text = "my_password for 10.0.0.1 is hunter2"
    (masked,) = scored([search(text)])
    (raw,) = scored([search(text)], "--raw-queries")

    assert masked["SensitiveTermsFound"] == ["*** password *** *** *** *** *** *** ***"]
    assert raw["SensitiveTermsFound"] == [text]
    assert masked["SensitiveSearchCount"] == raw["SensitiveSearchCount"] == 1


def test_a_term_beyond_what_the_mask_shows_is_judged_all_the_same(scored):
    (found,) = scored([search("harmless " * 400 + "password")])

    assert found["SensitiveSearchCount"] == 1
    assert "password" not in found["SensitiveTermsFound"][0]


def test_by_user_merges_the_sessions_of_a_user(scored):
    rotated = [r | {"IPAddress": f"192.0.2.{n}"} for n, r in enumerate(exports(7))]

    (found,) = scored(rotated, "--by", "user")

    assert scored(rotated) == []
    assert (found["TotalActions"], found["ExportCount"]) == (7, 7)
    assert (found["IPAddress"], found["UserAgent"]) == ("", "")
    assert list(found) == COLUMNS


def test_by_user_never_merges_sessions_without_an_account(scored):
    nobody = {"AccountObjectId": None, "AccountDisplayName": None}
    rotated = [r | nobody | {"IPAddress": f"192.0.2.{n}"} for n, r in enumerate(exports(7))]

    assert scored(rotated, "--by", "user") == []


def test_the_policy_decides_what_counts(scored):
    spaces = [export(ActionType="SpaceExported")]

    (found,) = scored(spaces, "--policy", "recommended")

    assert scored(spaces) == []
    assert found["ThreatIndicator"] == "Whole-space export"


def test_settings_do_not_change_what_the_query_returns(scored, monkeypatch):
    monkeypatch.setenv("DETECTOR_POLICY", "recommended")

    assert scored([export(ActionType="SpaceExported")]) == []


@pytest.mark.parametrize("kind", ["table", "json"])
def test_findings_fail_a_command_that_was_asked_to(cli, kind):
    options = ("--fail-on-findings", "--format", kind)

    assert cli("score", DAY, "--at", AT, *options).code == 1
    assert cli("score", DAY, "--at", "2030-01-01T00:00:00Z", *options).code == 0
    assert cli("score", DAY, "--at", AT, "--format", kind).code == 0


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("2026-03-12T00:00:00", "has no zone"),
        ("2026-03-12", "has no zone"),
        ("yesterday", "is not an ISO 8601 instant"),
        ("", "is not an ISO 8601 instant"),
        ("2026-02-30T00:00:00Z", "is not a date"),
        ("2026-03-12T25:00:00Z", "is not a time of day"),
        ("2026-03-12T00:00:00+99:00", "is not an offset from UTC"),
    ],
)
def test_an_instant_without_a_zone_or_sense_is_a_usage_error(cli, at, says):
    shown = cli("score", DAY, "--at", at)

    assert (shown.code, shown.out) == (2, "")
    assert "--at" in shown.err
    assert says in shown.err


@pytest.mark.parametrize("at", ["0002-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_the_ends_of_the_calendar_are_instants_like_any_other(cli, at):
    assert cli("score", DAY, "--at", at, "--format", "json").code == 0


def test_the_table_says_who_what_and_how_much(cli):
    shown = cli("score", DAY, "--at", AT)

    assert shown.out.startswith(f"9 found in the window that ends {AT}\n")
    assert "\nMallory  Credential/secret hunting via search queries\n" in shown.out
    assert "  24 actions · 19 pages · 5 spaces · 6 sensitive searches · " in shown.out
    assert "2,012 records: 1,861 Atlassian activities" in shown.err
    assert "not in any table of the policy: " in shown.err


def test_text_of_a_record_cannot_reach_the_terminals_controls(cli, tmp_path):
    evil = "\x1b[31mEve[/b][red]\r\u202e"
    rows = [*exports(6, AccountDisplayName=evil, UserAgent=evil), row(ActionType=evil)]
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(map(dump, rows)))

    shown = cli("score", "rows.jsonl", "--at", AT)

    assert shown.code == 0
    assert shown.out.count("\ufffd[31mEve[/b][red]\ufffd\ufffd") == 2
    assert "\ufffd[31mEve" in shown.err
    assert not {"\x1b", "\r", "\u202e"} & {*shown.out, *shown.err}


def test_rejected_records_are_written_with_reason_and_place(cli, tmp_path):
    lines = [dump(row()), b"oops", dump(row(UserAgent=5))]
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(lines))

    shown = cli("score", "rows.jsonl", "--at", AT, "--rejects", "rejects.jsonl")
    rejects = [json.loads(x) for x in (tmp_path / "rejects.jsonl").read_text().splitlines()]

    assert "2 rejected" in shown.err
    assert [r["where"] for r in rejects] == [f"rows.jsonl, line {n}, record 0" for n in (2, 3)]
    assert rejects[1]["reason"] == "Expected `str | null`, got `int` - at `$.UserAgent`"
    assert set(rejects[0]) == {"reason", "where", "source", "sequence", "index", "size", "sha256"}


def test_without_rejected_records_the_file_of_rejects_is_empty(cli, tmp_path):
    cli("score", DAY, "--at", AT, "--rejects", "rejects.jsonl")

    assert (tmp_path / "rejects.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("none/rejects.jsonl", "cannot be written (No such file or directory)"),
        (".", "cannot be written (Is a directory)"),
        ("rows.jsonl", "is read, so it cannot be written"),
    ],
)
def test_a_file_of_rejects_that_cannot_be_written_is_refused_first(cli, tmp_path, path, says):
    (tmp_path / "rows.jsonl").write_bytes(dump(row()))

    shown = cli("score", "rows.jsonl", "--at", AT, "--rejects", path)

    assert (shown.code, shown.out, shown.err) == (2, "", f"error: {path}: {says}\n")
    assert (tmp_path / "rows.jsonl").read_bytes() == dump(row())
