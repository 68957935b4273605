"""Records for tests: a row that counts, the shapes it travels in, and a reader of them."""

import json
from collections.abc import Mapping

from detector.core.activity import Activity
from detector.core.instant import parse_instant
from detector.core.reading import Message, Reading
from detector.core.vocabulary import Vocabulary
from detector.policies import load_policy
from detector.sources.cloud_app_events import CloudAppEvents

AT = "2026-03-11T09:30:00.1234567Z"
RECEIVED = "2026-03-11T09:32:00.0000000Z"
TENANT = "00000000-0000-0000-0000-0000000000ab"
CATEGORY = "AdvancedHunting-CloudAppEvents"

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def row(**columns: Json) -> dict[str, Json]:
    """A page view by Alice; `None` as a value is JSON's null."""
    usual: dict[str, Json] = {
        "Timestamp": AT,
        "ActionType": "PageViewed",
        "Application": "Atlassian",
        "AccountObjectId": "00000000-0000-0000-0000-000000000001",
        "AccountDisplayName": "Alice",
        "IPAddress": "192.0.2.1",
        "UserAgent": "curl/8.5.0",
        "ObjectName": "VPN runbook",
        "ObjectId": "page-1",
        "ReportId": "report-1",
        "RawEventData": {"spaceKey": "OPS", "searchQuery": "vpn password hunter2"},
    }
    return usual | columns


def record(properties: Json = None, **fields: Json) -> dict[str, Json]:
    """An element of the streaming envelope, as defender.md 5b shows it."""
    usual: dict[str, Json] = {
        "time": RECEIVED,
        "tenantId": TENANT,
        "operationName": "Publish",
        "category": CATEGORY,
        "Tenant": "DefaultTenant",
        "properties": row() if properties is None else properties,
    }
    return usual | fields


def envelope(*records: Json) -> bytes:
    """One message of the stream."""
    return dump({"records": list(records)})


def dump(value: Json) -> bytes:
    """JSON text."""
    return json.dumps(value, ensure_ascii=False).encode()


def source(
    policy: str = "source",
    *,
    tenant_id: str = "",
    raw_queries: bool = False,
    clocked: bool = False,
) -> CloudAppEvents:
    """A reader under a policy of the product."""
    chosen = load_policy(policy)
    return CloudAppEvents(
        chosen,
        Vocabulary(chosen),
        tenant_id=tenant_id,
        raw_queries=raw_queries,
        clocked=clocked,
    )


def lines(*bodies: bytes) -> list[Message]:
    """Lines of a file."""
    return [Message(body, "day.jsonl", number) for number, body in enumerate(bodies, 1)]


def streamed(body: bytes, *, sequence: int = 7, enqueued: str = RECEIVED) -> Message:
    """A message of partition 3 of a hub."""
    return Message(body, "cloudappevents/3", sequence, parse_instant(enqueued))


def read(*bodies: bytes, reader: CloudAppEvents | None = None) -> Reading:
    """What a file of these lines says."""
    return (reader or source()).read(lines(*bodies))


def only(reading: Reading) -> Activity:
    """The one activity of a reading that holds nothing else."""
    assert (reading.rejected, reading.ignored) == ([], 0)
    (activity,) = reading.activities
    return activity


def activity(columns: Mapping[str, Json], reader: CloudAppEvents | None = None) -> Activity:
    """The activity of a flat row."""
    return only(read(dump(dict(columns)), reader=reader))
