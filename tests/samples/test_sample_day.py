"""The shape of the sample day, and that the committed file is the generator's output."""

import json
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from detector.samples.day import CAST, company_day, flat_rows
from detector.samples.member import Member

EXAMPLES = Path(__file__).parents[2] / "examples"
COLUMNS = set(
    "Timestamp ActionType Application ApplicationId AppInstanceId AccountObjectId AccountId "
    "AccountDisplayName IsAdminOperation DeviceType OSPlatform IPAddress IsAnonymousProxy "
    "CountryCode City Isp UserAgent ActivityType ActivityObjects ObjectName ObjectType ObjectId "
    "ReportId AccountType IsExternalUser IsImpersonated IPTags IPCategory UserAgentTags "
    "RawEventData AdditionalFields LastSeenForUser UncommonForUser AuditSource SessionData "
    "OAuthAppId".split()
)
Record = dict[str, object]


def moment(text: object) -> datetime:
    return datetime.fromisoformat(f"{str(text)[:26]}+00:00")


def properties(record: Record) -> dict[str, object]:
    found = record["properties"]
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def messages() -> list[list[Record]]:
    return [json.loads(line)["records"] for line in company_day()]


@pytest.fixture(scope="module")
def records(messages: list[list[Record]]) -> list[Record]:
    return [record for message in messages for record in message]


@pytest.fixture(scope="module")
def rows(records: list[Record]) -> list[dict[str, object]]:
    return [properties(r) for r in records if r["category"] == "AdvancedHunting-CloudAppEvents"]


def test_the_committed_day_is_what_the_generator_makes() -> None:
    assert b"".join(company_day()) == (EXAMPLES / "day.jsonl").read_bytes()


def test_another_seed_is_another_day() -> None:
    assert b"".join(company_day(1)) != b"".join(company_day(2))


def test_the_day_stays_small(records: list[Record]) -> None:
    assert 1_500 <= len(records) <= 2_500
    assert (EXAMPLES / "day.jsonl").stat().st_size <= 3_000_000


def test_a_message_holds_1_to_20_enveloped_records(messages: list[list[Record]]) -> None:
    sizes = {len(message) for message in messages}

    assert min(sizes) == 1
    assert 15 <= max(sizes) <= 20
    assert {tuple(record) for message in messages for record in message} == {
        ("time", "tenantId", "category", "operationName", "properties")
    }


def test_a_row_has_exactly_the_36_columns(rows: list[dict[str, object]]) -> None:
    assert len(COLUMNS) == 36
    assert {frozenset({"ISP": "Isp"}.get(name, name) for name in row) for row in rows} == {
        frozenset(COLUMNS)
    }


def test_messages_arrive_in_order_and_records_inside_only_nearly(
    messages: list[list[Record]],
) -> None:
    times = [[moment(record["time"]) for record in message] for message in messages]

    assert all(max(a) <= min(b) for a, b in pairwise(times))
    assert any(inside != sorted(inside) for inside in times)


def test_a_record_first_arrives_10_seconds_to_3_minutes_after_its_timestamp(
    records: list[Record],
) -> None:
    delays: dict[object, list[timedelta]] = defaultdict(list)
    for record in records:
        row = properties(record)
        delays[row["ReportId"]].append(moment(record["time"]) - moment(row["Timestamp"]))

    first = [min(of_one) for of_one in delays.values()]

    assert timedelta(seconds=10) <= min(first)
    assert max(first) <= timedelta(minutes=3)


def test_a_few_records_come_twice_with_another_time_only(records: list[Record]) -> None:
    copies: dict[object, list[Record]] = defaultdict(list)
    for record in records:
        copies[properties(record)["ReportId"]].append(record)

    twice = [copy for copy in copies.values() if len(copy) > 1]

    assert 5 <= len(twice) <= 50
    assert all(a["properties"] == b["properties"] and a["time"] != b["time"] for a, b in twice)


@pytest.mark.parametrize(
    ("column", "types"),
    [
        pytest.param("RawEventData", {dict, str}, id="object or JSON text"),
        pytest.param("AdditionalFields", {dict, str}, id="fields as object or JSON text"),
        pytest.param("ActivityObjects", {list, str}, id="list, JSON text or empty"),
        pytest.param("IsAdminOperation", {bool, int}, id="bool or number"),
    ],
)
def test_columns_come_in_every_shape_the_stream_has(
    rows: list[dict[str, object]], column: str, types: set[type]
) -> None:
    assert {type(row[column]) for row in rows} == types


def test_the_provider_column_comes_in_both_spellings(rows: list[dict[str, object]]) -> None:
    assert {name for row in rows for name in row if name.lower() == "isp"} == {"Isp", "ISP"}


def test_other_tables_and_other_applications_are_mixed_in(
    records: list[Record], rows: list[dict[str, object]]
) -> None:
    assert {record["category"] for record in records} == {
        "AdvancedHunting-CloudAppEvents",
        "AdvancedHunting-EmailEvents",
    }
    assert {row["Application"] for row in rows} == {
        "Atlassian",
        "Confluence",
        "Microsoft SharePoint Online",
    }


def test_everyone_of_the_cast_is_in_the_file(rows: list[dict[str, object]]) -> None:
    seen = {(row["AccountDisplayName"], row["AccountObjectId"]) for row in rows}

    assert {(member.name, member.object_id) for member in CAST} <= seen


def test_addresses_are_documentation_addresses(rows: list[dict[str, object]]) -> None:
    networks = {str(row["IPAddress"]).rpartition(".")[0] for row in rows}

    assert networks == {"192.0.2", "198.51.100", "203.0.113"}


def test_flat_rows_are_the_same_rows_without_envelope(rows: list[dict[str, object]]) -> None:
    flat = [json.loads(line) for line in flat_rows(company_day())]

    assert flat == rows


def _table_row(member: Member) -> str:
    says = member.source_says or "silent"
    return (
        f"| {member.name} | `…{member.object_id[-4:]}` | {member.role} | {member.story} | {says} |"
    )


def test_the_readme_tells_the_cast_as_it_is() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")

    assert [m.name for m in CAST if m.role != "staff" and _table_row(m) not in text] == []


def test_the_readme_counts_the_file_as_it_is(
    messages: list[list[Record]], records: list[Record]
) -> None:
    events = {properties(record)["ReportId"] for record in records}

    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")

    assert (
        f"{len(messages)} messages with {len(records):,} records of {len(events):,} distinct events"
        in text
    )
    assert f"{len(records) - len(events)} records come twice" in text
