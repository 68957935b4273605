"""What the cast promises, held against a second, plain reading of the source query.

The query here is written from its KQL text alone and shares no code with the product.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable

import pytest

from detector.samples.day import CAST, company_day
from detector.samples.member import Member

Row = dict[str, str]
Group = dict[str, int | float | str]

LISTED = set(
    "pageviewed contentviewed spaceviewed attachmentdownloaded contentexported spaceexported "
    "pageprinted searchperformed page_viewed space_viewed content_exported attachment_downloaded "
    "search_performed".split()
)
EXPORTS = {"contentexported", "spaceexported", "pageprinted", "content_exported", "space_exported"}
TERMS = (
    "password|passwd|credential|secret|api key|apikey|token|vpn|ssh|private key|aws|azure|gcp|"
    "database password|db pass|connection string|bearer|service account|ldap|kerberos|access key"
)
SENSITIVE = re.compile(rf"(?<![^\W_])({TERMS})(?![^\W_])", re.IGNORECASE)
MIDNIGHT = "2026-03-11T00:00:00.0000000Z"


def cloud_app_rows(lines: Iterable[bytes]) -> list[Row]:
    """Distinct rows of the window that ends with the day, the fields the query reads as text."""
    rows: dict[str, Row] = {}
    for line in lines:
        for record in json.loads(line)["records"]:
            if record["category"] == "AdvancedHunting-CloudAppEvents":
                row = dict(record["properties"])
                raw = row.pop("RawEventData")
                raw = json.loads(raw) if isinstance(raw, str) else raw
                row = {name: value if isinstance(value, str) else "" for name, value in row.items()}
                row |= {"search": raw.get("searchQuery", ""), "space": raw.get("spaceKey", "")}
                rows[row["ReportId"]] = row
    return [row for row in rows.values() if row["Timestamp"] > MIDNIGHT]


def summarise(rows: Iterable[Row], *by: str) -> dict[tuple[str, ...], Group]:
    """The query up to `summarize`, and its rate."""
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        is_app = re.search(r"\b(confluence|atlassian)\b", row["Application"], re.IGNORECASE)
        if is_app and row["ActionType"].lower() in LISTED:
            groups[tuple(row[column] for column in by)].append(row)
    return {key: _summary(group) for key, group in groups.items()}


def _summary(group: list[Row]) -> Group:
    minutes = [int(row["Timestamp"][11:13]) * 60 + int(row["Timestamp"][14:16]) for row in group]
    return {
        "total": len(group),
        "spaces": len({row["space"] for row in group}),
        "sensitive": sum(bool(SENSITIVE.search(row["search"])) for row in group),
        "exports": sum(row["ActionType"].lower() in EXPORTS for row in group),
        "rate": round(len(group) / max(max(minutes) - min(minutes), 1), 2),
    }


def indicator(group: Group) -> str:
    """The query's `where` and `case`: the indicator, or "" where the row is filtered out."""
    total, spaces, sensitive, exports, rate = (float(value) for value in group.values())
    if not (total > 40 or sensitive > 0 or exports > 5 or (spaces > 5 and total > 20)):
        return ""
    cases = (
        (rate > 10, "Automated scraping detected — exceeds 10 pages/min"),
        (sensitive > 0, "Credential/secret hunting via search queries"),
        (exports > 5, "Bulk content export activity"),
        (spaces > 10, "Multi-space enumeration pattern"),
        (total > 100, "High-volume bulk access"),
    )
    otherwise = "Elevated Confluence access above threshold"
    return next((label for holds, label in cases if holds), otherwise)


def hits(rows: Iterable[Row]) -> list[tuple[str, str]]:
    """(object id, indicator) of every session that the source query returns, sorted."""
    groups = summarise(rows, "AccountObjectId", "AccountDisplayName", "IPAddress", "UserAgent")
    return sorted((key[0], label) for key, group in groups.items() if (label := indicator(group)))


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return cloud_app_rows(company_day())


def total_of(rows: list[Row], name: str) -> Group:
    return summarise(rows, "AccountDisplayName")[(name,)]


@pytest.mark.parametrize("member", CAST, ids=lambda member: member.name)
def test_the_source_query_says_what_the_cast_promises(rows: list[Row], member: Member) -> None:
    said = [label for object_id, label in hits(rows) if object_id == member.object_id]

    assert said == ([member.source_says] if member.source_says else [])


def test_everything_the_query_returns_is_in_the_cast(rows: list[Row]) -> None:
    assert {object_id for object_id, _ in hits(rows)} <= {member.object_id for member in CAST}


@pytest.mark.parametrize("seed", range(5))
def test_the_promises_hold_for_other_seeds(seed: int) -> None:
    rows = cloud_app_rows(company_day(seed))

    assert hits(rows) == sorted((m.object_id, m.source_says) for m in CAST if m.source_says)


def test_the_look_alikes_show_every_indicator_once() -> None:
    shown = [member.source_says for member in CAST if member.role == "benign look-alike"]

    assert len(set(shown)) == 6 == len(shown)


def test_the_roles_are_complete() -> None:
    roles = [member.role for member in CAST]

    assert [roles.count(r) for r in ("attack", "near miss", "benign look-alike", "staff")] == [
        4,
        4,
        6,
        40,
    ]
    assert len({member.object_id for member in CAST}) == len(CAST)


def test_the_enumeration_passes_no_gate_but_its_own(rows: list[Row]) -> None:
    trudy = total_of(rows, "Trudy")

    assert trudy | {"rate": 0} == {
        "total": 38,
        "spaces": 14,
        "sensitive": 0,
        "exports": 0,
        "rate": 0,
    }


def test_the_credential_hunt_passes_no_gate_but_its_own(rows: list[Row]) -> None:
    mallory = total_of(rows, "Mallory")

    assert (mallory["total"], mallory["spaces"], mallory["sensitive"]) == (24, 5, 6)


def test_each_sensitive_search_is_followed_by_reading_and_a_download(rows: list[Row]) -> None:
    steps = sorted(
        (row["Timestamp"], row["ActionType"])
        for row in rows
        if row["AccountDisplayName"] == "Mallory"
    )

    assert [action for _, action in steps] == [
        "search_performed",
        "page_viewed",
        "page_viewed",
        "attachment_downloaded",
    ] * 6


def test_the_bulk_read_is_400_pages_of_20_spaces(rows: list[Row]) -> None:
    eve = total_of(rows, "Eve")

    assert (eve["total"], eve["spaces"]) == (400, 20)


def test_the_space_export_is_one_event_that_the_query_filters_out(rows: list[Row]) -> None:
    actions = [row["ActionType"] for row in rows if row["AccountDisplayName"] == "Chuck"]

    assert actions == ["space_exported"]


@pytest.mark.parametrize(
    ("name", "column", "threshold"),
    [
        pytest.param("Rupert", "total", 40, id="40 activities"),
        pytest.param("Rupert", "spaces", 5, id="5 spaces"),
        pytest.param("Sybil", "sensitive", 0, id="no sensitive search"),
        pytest.param("Walter", "total", 40, id="40 pages"),
        pytest.param("Pat", "exports", 5, id="5 exports"),
    ],
)
def test_a_near_miss_stands_exactly_at_its_threshold(
    rows: list[Row], name: str, column: str, threshold: int
) -> None:
    assert total_of(rows, name)[column] == threshold


def test_the_fast_near_miss_has_a_scrapers_rate(rows: list[Row]) -> None:
    assert float(total_of(rows, "Walter")["rate"]) > 10


def test_nobody_ordinary_is_a_hit_with_sessions_merged_and_connector_names_counted(
    rows: list[Row],
) -> None:
    quiet = {member.name for member in CAST if member.role in ("staff", "near miss")}
    renamed = [row | {"ActionType": _as_listed(row["ActionType"])} for row in rows]

    users = summarise(renamed, "AccountDisplayName")

    assert {name for (name,) in users} >= quiet
    assert [name for name in quiet if indicator(users[(name,)])] == []


def _as_listed(action: str) -> str:
    return action.removeprefix("confluence_")
