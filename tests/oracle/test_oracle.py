"""The oracle itself against the truth table: an oracle that is wrong proves nothing."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.oracle.duckdb_query import COLUMNS, SENSITIVE, Event, Oracle, has_any, iso

CASES = json.loads((Path(__file__).parents[1] / "core/kql-truth.json").read_text())["cases"]
UNITS = {"millisecond": 10_000, "second": 10_000_000, "minute": 600_000_000}
UNITS |= {"hour": 36_000_000_000, "day": 864_000_000_000}


def ticks(text: str) -> int:
    """An instant that has a zone; Python's own parser reads all but the fraction."""
    whole, digits, zone = re.fullmatch(r"(.{19})(?:\.(\d+))?(.+)", text).groups()
    since = datetime.fromisoformat(whole + zone) - datetime(1970, 1, 1, tzinfo=UTC)
    return int(since.total_seconds()) * 10_000_000 + int((digits or "").ljust(7, "0"))


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    made = Oracle()
    yield made
    made.close()


def has(oracle: Oracle, i: dict) -> object:
    return oracle.value("regexp_matches($t, $p)", t=i["text"], p=has_any([i["phrase"]]))


def sensitive(oracle: Oracle, i: dict) -> object:
    return oracle.value("regexp_matches($t, $p)", t=i["SearchQuery"] or "", p=SENSITIVE)


def app(oracle: Oracle, i: dict) -> object:
    oracle.load([Event(tick=1, application=i["AppName"], action="PageViewed")])
    return len(oracle.rows(0)[0]) == 1


def action(oracle: Oracle, i: dict) -> object:
    oracle.load([Event(tick=1, application="Confluence", action=i["ActionType"])])
    return len(oracle.rows(0)[0]) == 1


def export(oracle: Oracle, i: dict) -> object:
    return oracle.value("is_export($a)", a=i["ActionType"])


def download(oracle: Oracle, i: dict) -> object:
    return oracle.value("is_download($a)", a=i["ActionType"])


def datetime_diff(oracle: Oracle, i: dict) -> object:
    return oracle.value(
        "datetime_diff($u, $a, $b)", u=UNITS[i["part"]], a=ticks(i["a"]), b=ticks(i["b"])
    )


def rate(oracle: Oracle, i: dict) -> object:
    found = oracle.value("rate($n, $m)", n=i["total"], m=i["minutes"])
    return {"rate": found, "gt10": oracle.value("$r > 10", r=found)}


def rounding(oracle: Oracle, i: dict) -> object:
    return oracle.value("rounded($x, $p)", x=i["x"], p=i["precision"])


def window(oracle: Oracle, i: dict) -> object:
    if i["Timestamp"] is None:
        return False  # a table of events has none without an instant
    oracle.load([Event(tick=ticks(i["Timestamp"]), application="Confluence", action="PageViewed")])
    return oracle.rows(now := ticks(i["now"]))[now] != []


def kept(oracle: Oracle, i: dict) -> object:
    columns = ("TotalActions", "SensitiveSearchCount", "ExportCount", "UniqueSpaces")
    values = dict(zip("thes", map(i.get, columns), strict=True))
    return oracle.value("is_kept($t, $h, $e, $s)", **values)


def indicator(oracle: Oracle, i: dict) -> object:
    columns = "AccessRatePerMinute SensitiveSearchCount ExportCount UniqueSpaces TotalActions"
    values = dict(zip("rhest", map(i.get, columns.split()), strict=True))
    return oracle.value("indicator($r, $h, $e, $s, $t)", **values)


def dcount(oracle: Oracle, i: dict) -> object:
    view = {"application": "Confluence", "action": "PageViewed"}
    oracle.load([Event(tick=1, page_title=value, **view) for value in i["values"]])
    return oracle.rows(0)[0][0].columns["UniquePages"]


def groups(oracle: Oracle, i: dict) -> object:
    names = ("object_id", "display_name", "address", "agent")
    view = {"tick": 1, "application": "Confluence", "action": "PageViewed"}
    oracle.load([Event(**view, **dict(zip(names, key, strict=True))) for key in i["keys"]])
    return len(oracle.rows(0)[0])


ASKED = {
    **{f.__name__: f for f in (has, sensitive, app, action, export, download, datetime_diff)},
    **{f.__name__: f for f in (rate, window, kept, indicator, dcount, groups)},
    "round": rounding,
}
"""Not title and make_set: reading a record and capping a set are not the oracle's."""


@pytest.mark.parametrize(
    "case", [c for c in CASES if c["kind"] in ASKED], ids=lambda c: f"{c['id']} {c['kind']}"
)
def test_the_oracle_says_what_the_truth_table_says(oracle: Oracle, case: dict) -> None:
    said = ASKED[case["kind"]](oracle, case["input"])

    assert said in (case["expected"], *case.get("also_acceptable", ()))


def test_an_event_without_anything_but_its_app_and_action_is_a_row(oracle: Oracle) -> None:
    oracle.load([Event(tick=7, app_name="Confluence", application="Jira", action="PAGEVIEWED")])

    (row,) = oracle.rows(0)[0]

    assert list(row.columns) == COLUMNS
    assert row.key == ("", "", "", "")
    assert not row.is_kept
    assert row.columns["Timestamp"] == iso(7) == "1970-01-01T00:00:00.0000007Z"
    assert oracle.rows(0, by="user")[0][0].key == ("session", "", "")


def test_without_events_there_are_no_rows(oracle: Oracle) -> None:
    oracle.load([])

    assert oracle.rows(0, 1) == {0: [], 1: []}
