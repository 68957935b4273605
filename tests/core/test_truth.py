"""The 226 cases of KQL's semantics, each asked of the detector's own functions.

Through the oracle, because the detector has no such operation: `round` to other than two places
and `datetime_diff` in other units than minutes.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from detector.core.instant import MINUTE, minutes_between, parse_instant
from detector.core.reading import Message, Reading
from detector.core.rules import INDICATORS, holds, in_window, indicator_of, judge
from detector.core.summary import Summary, _first_distinct, by_session
from detector.core.terms import Terms
from detector.sources.cloud_app_events import CloudAppEvents
from tests.oracle.duckdb_query import Oracle
from tests.support.activities import ALICE, NOON, SOURCE, WORDS, activity, summary

CASES = json.loads((Path(__file__).parent / "kql-truth.json").read_text(encoding="utf-8"))["cases"]
UNITS = {"day": 864_000_000_000, "hour": 36_000_000_000, "second": 10_000_000}
UNITS["millisecond"] = 10_000
SCRAPED = next(label for label in INDICATORS if label.startswith("Automated"))
Case = dict[str, object]


class Counted(NamedTuple):
    """A row of the query before `where` and `case`, of numbers no real window could have."""

    total_actions: int
    sensitive_search_count: int
    export_count: int
    unique_spaces: int
    access_rate_per_minute: float = 0.0


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    made = Oracle()
    yield made
    made.close()


def read(*records: Case) -> Reading:
    """Records of a file as the detector reads them; what a case leaves out is filled in."""
    filled: Case = {
        "Timestamp": "2026-03-11T12:00:00Z",
        "Application": "Confluence",
        "ActionType": "PageViewed",
    }
    reader = CloudAppEvents(SOURCE, WORDS["source"])
    lines = [json.dumps({**filled, **record}).encode() for record in records]
    return reader.read([Message(line, "file", n) for n, line in enumerate(lines, 1)])


def has(text: str, phrase: str) -> bool:
    return Terms([phrase]).match(text)


def sensitive(SearchQuery: str | None) -> bool:  # noqa: N803 - the case's name
    (found,) = read({"RawEventData": {"searchQuery": SearchQuery}}).activities
    return WORDS["source"].is_sensitive(found.terms)


def app(**record: str) -> bool:
    return len(read({"Application": None, **record}).activities) == 1


def action(ActionType: str) -> bool:  # noqa: N803
    return WORDS["source"].kind(ActionType).counts


def export(ActionType: str) -> bool:  # noqa: N803
    return summary([activity(action=ActionType)]).export_count == 1


def download(ActionType: str) -> bool:  # noqa: N803
    return summary([activity(action=ActionType)]).download_count == 1


def datetime_diff(oracle: Oracle, part: str, a: str, b: str) -> object:
    first, last = parse_instant(b), parse_instant(a)
    if part == "minute":
        return minutes_between(first, last)
    return oracle.value("datetime_diff($unit, $a, $b)", unit=UNITS[part], a=last, b=first)


def rate(total: int, minutes: int) -> Case:
    made = Summary(ALICE, total, 0, 0, 0, 0, 0, 0, NOON, NOON + minutes * MINUTE, [])
    over = holds(made, INDICATORS[SCRAPED], SOURCE.indicator_threshold)
    return {"rate": made.access_rate_per_minute, "gt10": over}


def rounding(oracle: Oracle, x: float, precision: int) -> object:
    return oracle.value("rounded($x, $places)", x=x, places=precision)


def window(now: str, Timestamp: str | None) -> bool:  # noqa: N803
    found = read({"Timestamp": Timestamp}).activities
    return len(in_window(found, parse_instant(now), SOURCE)) == 1


def title(**record: object) -> str:
    (found,) = read(record).activities
    return found.page_title


def kept(
    TotalActions: int,  # noqa: N803
    SensitiveSearchCount: int,  # noqa: N803
    ExportCount: int,  # noqa: N803
    UniqueSpaces: int,  # noqa: N803
) -> bool:
    return (
        judge(Counted(TotalActions, SensitiveSearchCount, ExportCount, UniqueSpaces), SOURCE)
        is not None
    )


def indicator(AccessRatePerMinute: float, **counts: int) -> str:  # noqa: N803
    columns = "TotalActions SensitiveSearchCount ExportCount UniqueSpaces".split()
    return indicator_of(Counted(*map(counts.get, columns), AccessRatePerMinute), SOURCE)


def dcount(values: list[str]) -> int:
    return summary([activity(title=value) for value in values]).unique_pages


def make_set(values: list[str], max: int) -> tuple[str, ...]:  # noqa: A002
    return _first_distinct(values, max)


def groups(keys: list[list[str | None]]) -> int:
    columns = ("AccountObjectId", "AccountDisplayName", "IPAddress", "UserAgent")
    records = [dict(zip(columns, key, strict=True)) for key in keys]
    return len(by_session(read(*records).activities))


ASKED: dict[str, Callable[..., object]] = {
    f.__name__: f for f in (has, sensitive, app, action, export, download, rate, window, title)
}
ASKED |= {f.__name__: f for f in (kept, indicator, dcount, make_set, groups)}
THROUGH_THE_ORACLE = {"datetime_diff": datetime_diff, "round": rounding}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['id']} {case['kind']}")
def test_the_detector_says_what_kql_says(case: Case, oracle: Oracle) -> None:
    kind, asked = case["kind"], case["input"]
    if kind in THROUGH_THE_ORACLE:
        said = THROUGH_THE_ORACLE[kind](oracle, **asked)
    else:
        said = ASKED[kind](**asked)

    acceptable = [case["expected"], *case.get("also_acceptable", [])]
    if kind == "make_set":
        said = [s for s in acceptable if len(said) == s["size"] and set(said) <= set(s["from"])]
        assert said != []
    else:
        assert said in acceptable


def test_no_case_is_missing() -> None:
    assert [case["id"] for case in CASES] == [f"T{n:03}" for n in range(1, 227)]
