"""`detector kql`: the source query to the word, and a query that binds for every policy."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from detector.core.kql import query
from detector.core.policy import AccessThreshold, Fields, IndicatorThreshold, Policy
from detector.core.rules import ELEVATED, INDICATORS
from detector.state.windows import columns
from tests.support.activities import RECOMMENDED, SOURCE, summary, views
from tests.support.kusto import check

HERE = Path(__file__).parent
APP_NAME = (
    '| extend AppName = coalesce(column_ifexists("AppName", ""), '
    'column_ifexists("Application", ""))'
)
"""The one line that is not in the source: its AppName is really called Application."""

COLUMN_TYPES = {
    **dict.fromkeys(columns(summary(views(1)), ""), "string"),
    **dict.fromkeys(("Timestamp", "LastActivity"), "datetime"),
    **dict.fromkeys(("TotalActions", "UniquePages", "UniqueSpaces"), "long"),
    **dict.fromkeys(("SensitiveSearchCount", "ExportCount", "DownloadCount"), "long"),
    **dict.fromkeys(("SensitiveTermsFound", "ActionTypes", "SampleTitles"), "dynamic"),
    "AccessRatePerMinute": "real",
}
SHARED = dict.fromkeys(("sensitive_searches", "exports", "spaces", "space_exports"))
NO_GATE = AccessThreshold(bulk_access=None, actions_with_spaces=None, **SHARED)
NO_LABEL = IndicatorThreshold(access_rate_per_minute=None, total_actions=None, **SHARED)


def source_query() -> str:
    """The query inside the document it was published in."""
    text = (HERE / "seed.txt").read_text(encoding="utf-8")
    start = text.index("let BulkAccessThreshold")
    end = "| sort by TotalActions desc"
    return text[start : text.index(end, start) + len(end)]


def words(text: str) -> list[str]:
    return text.split()


def test_the_source_policys_query_is_the_source_query_but_for_one_line() -> None:
    ours = query(SOURCE)

    assert ours.count(APP_NAME) == 1
    assert words(ours.replace(APP_NAME + "\n", "")) == words(source_query())
    assert APP_NAME not in source_query()


def test_the_source_policys_query_is_the_corrected_query() -> None:
    portable = (HERE / "seed_portable.kql").read_text(encoding="utf-8")

    assert words(query(SOURCE)) == words(portable)


@pytest.mark.parametrize("policy", ["source", "recommended"])
@pytest.mark.parametrize("by", ["session", "user"])
def test_the_command_prints_the_query(policy: str, by: str) -> None:
    command = [sys.executable, "-m", "detector", "kql", "--policy", policy, "--by", by]

    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert printed == query({"source": SOURCE, "recommended": RECOMMENDED}[policy], by=by)


def test_the_command_prints_the_source_query_unless_told_otherwise() -> None:
    command = [sys.executable, "-m", "detector", "kql"]

    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert printed == query(SOURCE)


def access(**numbers: int | None) -> Policy:
    return replace(RECOMMENDED, access_threshold=replace(RECOMMENDED.access_threshold, **numbers))


def label(**numbers: float | None) -> Policy:
    thresholds = replace(RECOMMENDED.indicator_threshold, **numbers)
    return replace(RECOMMENDED, indicator_threshold=thresholds)


def changed(**values: object) -> Policy:
    return replace(RECOMMENDED, **values)


SCRAPED = "Automated scraping detected — exceeds 10 pages/min"


@pytest.mark.parametrize(
    ("policy", "line"),
    [
        pytest.param(access(bulk_access=77), "let BulkAccessThreshold = 77;", id="bulk access"),
        pytest.param(access(sensitive_searches=7), "or SensitiveSearchCount > 7", id="searches"),
        pytest.param(access(exports=1_234_567), "or ExportCount > 1234567", id="seven digits"),
        pytest.param(access(spaces=7), "or (UniqueSpaces > 7 and TotalActions > 20)", id="spaces"),
        pytest.param(
            access(actions_with_spaces=7),
            "or (UniqueSpaces > 5 and TotalActions > 7)",
            id="actions with spaces",
        ),
        pytest.param(access(space_exports=7), "or SpaceExportCount > 7", id="space exports"),
        pytest.param(
            label(access_rate_per_minute=12.5),
            f'AccessRatePerMinute > 12.5, "{SCRAPED}",',
            id="rate",
        ),
        pytest.param(
            label(access_rate_per_minute=10.000001),
            f'AccessRatePerMinute > 10.000001, "{SCRAPED}",',
            id="a small fraction",
        ),
        pytest.param(
            label(total_actions=7), 'TotalActions > 7, "High-volume bulk access",', id="volume"
        ),
        pytest.param(
            label(space_exports=7), 'SpaceExportCount > 7, "Whole-space export",', id="space label"
        ),
        pytest.param(
            changed(time_window_hours=48), "| where Timestamp > ago(48h)", id="the window"
        ),
        pytest.param(changed(apps=("Wiki",)), '| where AppName has_any ("Wiki")', id="an app"),
        pytest.param(changed(actions=("Seen",)), '"Seen"', id="an action"),
        pytest.param(changed(sensitive_search_terms=("hemlig",)), '"hemlig"', id="a term"),
        pytest.param(
            changed(export_actions=("Sent", "Left")),
            'ExportCount = countif(ActionType in~ ("Sent", "Left")),',
            id="exports",
        ),
        pytest.param(
            changed(download_actions=("Got",)),
            'DownloadCount = countif(ActionType in~ ("Got")),',
            id="downloads",
        ),
        pytest.param(
            changed(space_export_actions=("Gone",)),
            'SpaceExportCount = countif(ActionType in~ ("Gone")),',
            id="exports of spaces",
        ),
        pytest.param(
            changed(fields=Fields(search_query=("query", "a[0].searchText"))),
            '| extend SearchQuery = coalesce(tostring(RawEventData["query"]), '
            'tostring(RawEventData["a"][0].searchText))',
            id="a path of the search",
        ),
        pytest.param(changed(fields=Fields(space_key=())), '| extend SpaceKey = ""', id="no path"),
        pytest.param(
            changed(fields=Fields(page_title=())),
            "| extend PageTitle = tostring(ObjectName)",
            id="the title's column alone",
        ),
    ],
)
def test_a_changed_policy_shows_in_the_query(policy: Policy, line: str) -> None:
    assert line in query(policy).splitlines()
    assert line not in query(SOURCE).splitlines()


@pytest.mark.parametrize(
    ("policy", "gone"),
    [
        pytest.param(access(bulk_access=None), "BulkAccessThreshold", id="bulk access"),
        pytest.param(access(sensitive_searches=None), "or SensitiveSearchCount > 0", id="searches"),
        pytest.param(access(exports=None), "or ExportCount > 5", id="exports"),
        pytest.param(access(spaces=None), "UniqueSpaces > 5", id="spaces"),
        pytest.param(access(actions_with_spaces=None), "UniqueSpaces > 5", id="their actions"),
        pytest.param(access(space_exports=None), "or SpaceExportCount > 0", id="space exports"),
        pytest.param(label(access_rate_per_minute=None), SCRAPED, id="scraping"),
        pytest.param(label(sensitive_searches=None), "Credential/secret hunting", id="hunting"),
        pytest.param(label(exports=None), "Bulk content export activity", id="bulk export"),
        pytest.param(label(spaces=None), "Multi-space enumeration pattern", id="enumeration"),
        pytest.param(label(total_actions=None), "High-volume bulk access", id="volume"),
        pytest.param(label(space_exports=None), "Whole-space export", id="space label"),
    ],
)
def test_what_is_switched_off_is_not_in_the_query(policy: Policy, gone: str) -> None:
    assert gone in query(RECOMMENDED)
    assert gone not in query(policy)


def test_with_everything_switched_off_nothing_is_returned() -> None:
    text = query(replace(SOURCE, access_threshold=NO_GATE, indicator_threshold=NO_LABEL))

    assert "| where false" in text.splitlines()
    assert f'| extend ThreatIndicator = "{ELEVATED}"' in text.splitlines()
    assert not [label for label in INDICATORS if label in text]


@pytest.mark.parametrize(
    ("term", "written"),
    [
        ('say "please"', r'"say \"please\""'),
        ("back\\slash", r'"back\\slash"'),
        ("two\nlines", r'"two\nlines"'),
        ("a\ttab\r", r'"a\ttab\r"'),
        ("\0\x1f", r'"\u0000\u001f"'),
        ("it's ünïcode", '"it\'s ünïcode"'),
    ],
)
def test_a_string_is_escaped(term: str, written: str) -> None:
    lists = {"apps": (term,), "sensitive_search_terms": (term,), "export_actions": (term,)}

    text = query(replace(SOURCE, **lists))

    assert f"has_any ({written})" in text
    assert f"dynamic([\n{written}\n])" in text
    assert f"ExportCount = countif(ActionType in~ ({written}))" in text


HOSTILE = (
    '")',
    "\\",
    '\\"',
    "a\nb",
    "\r",
    "\t",
    "\0",
    "\x7f",
    "\u0085",
    "\u2028",
    "'",
    "//",
    "é",
    "😀",
)
PATHS = ("title", "where", "a-b", "a b", "x'y'", "a[0][1].b", 'quo"te', "Käse", "123")


def policies() -> dict[str, Policy]:
    """Every kind of policy whose query must bind."""
    lists = ("apps", "actions", "sensitive_search_terms", "export_actions", "download_actions")
    return {
        "source": SOURCE,
        "recommended": RECOMMENDED,
        "hostile texts": changed(**dict.fromkeys(lists, HOSTILE)),
        "hostile paths": changed(fields=Fields(search_query=PATHS, page_title=PATHS[:1])),
        "no texts": changed(fields=Fields(search_query=(), space_key=(), page_title=())),
        "no lists": changed(
            **dict.fromkeys((*lists[2:], "space_export_actions"), ()), access_threshold=NO_GATE
        ),
        "no numbers": changed(access_threshold=NO_GATE, indicator_threshold=NO_LABEL),
        "odd numbers": label(access_rate_per_minute=1e-7, total_actions=10**18),
        "a space export without names": replace(
            SOURCE, access_threshold=AccessThreshold(space_exports=0)
        ),
    }


@pytest.mark.parametrize("schema", ["defender", "sentinel"])
def test_the_query_of_every_policy_binds_and_has_the_17_columns_in_order(
    tmp_path: Path, schema: str
) -> None:
    queries = {
        f"{name} by {by}": query(policy, by=by)
        for name, policy in policies().items()
        for by in ("session", "user")
    }

    checked = check(queries, tmp_path, schema)

    assert {name: found.errors for name, found in checked.items() if found.errors} == {}
    assert len(COLUMN_TYPES) == 17
    assert {tuple(found.columns) for found in checked.values()} == {tuple(COLUMN_TYPES.items())}


def test_the_checker_sees_what_is_wrong(tmp_path: Path) -> None:
    wrong = {
        "as published": source_query(),
        "a column that is not there": query(SOURCE).replace("ObjectName", "PageName"),
        "a quote not closed": query(SOURCE).replace('"vpn"', '"vpn'),
        "another column": query(SOURCE).replace(
            "LastActivity\n| sort", "LastActivity, Extra = 1\n| sort"
        ),
    }

    checked = check(wrong, tmp_path)

    assert [bool(found.errors) for found in checked.values()] == [True, True, True, False]
    assert "'AppName'" in " ".join(checked["as published"].errors)
    assert len(checked["another column"].columns) == 18


def test_by_user_the_sessions_of_a_user_are_one_row() -> None:
    lines = query(RECOMMENDED, by="user").splitlines()

    assert "by UserKey" in lines
    assert "by AccountObjectId, AccountDisplayName, IPAddress, UserAgent" not in lines
    assert "IPAddress = take_any(IPAddress)," in lines
