"""What the targets start from: records that count, a store with one row of every kind, policies."""

import asyncio
import base64
import json
from dataclasses import replace
from functools import lru_cache

from detector.adapters.sqlite import SqliteRows
from detector.core.instant import DAY, MINUTE, parse_instant
from detector.core.reading import Message
from detector.ports import Limits, Row, Rows, Value
from detector.service import Service
from detector.settings import Settings
from detector.state.mutes import Mute
from detector.wiring import make_detector, make_source
from tests.support.activities import RECOMMENDED, tuned
from tests.support.events import a_search, a_theft, message, views
from tests.support.memory_sink import MemorySink

NOW = parse_instant("2026-11-22T10:00:00Z")
SOURCE = "example.servicebus.windows.net/cloudappevents/0"

EAGER = replace(tuned(bulk_access=0), minimum_severity="informational")
"""A policy under which whatever counts at all is a hit."""


def bodies() -> list[bytes]:
    """Messages in every shape the reader knows."""
    theft = a_theft(NOW, report="one")
    flat = theft[0]["properties"]
    return [
        message(theft),
        message(views(3, NOW - MINUTE, report="view")),
        json.dumps(theft[0]).encode(),
        json.dumps(flat).encode(),
        json.dumps([flat, flat]).encode(),
        json.dumps({"Records": theft, "records": None}).encode(),
        json.dumps({name.lower(): value for name, value in flat.items()}).encode(),
        json.dumps({**flat, "RawEventData": json.dumps({"searchQuery": "vpn password"})}).encode(),
        message([{**theft[0], "properties": {**flat, "ReportId": None, "AccountType": "Admin"}}]),
        b'{"records": [{}, ' + json.dumps(theft[1]).encode() + b', {"a": ',
    ]


async def played(rows: Rows) -> Service:
    """A store in which everything has happened once."""
    detector = make_detector(rows, RECOMMENDED, [MemorySink(name="defender")])
    service = Service(
        detector=detector,
        source=make_source(detector, Settings()),
        clock=lambda: NOW,
        log=lambda _: None,
        host="A",
    )
    late = a_search(NOW - 2 * DAY, user=8, name="Late")
    odd = [{**late, "properties": {**late["properties"], "Timestamp": "soon"}}]
    records = [late, *a_theft(NOW - MINUTE, name="Mallory"), *odd]
    await service.ingest([Message(message(records), SOURCE, 7, NOW)])
    await service.tick()
    await service.housekeep()
    await service.ingest([Message(message([late]), SOURCE, 8, NOW)])
    (episode, *_) = await detector.state.episodes.every()
    await detector.state.marks.set_outbox(episode.episode.user, 1, NOW)
    await detector.state.mutes.add(
        Mute(
            user=episode.episode.user, rule="any", owner="ops@example.com", reason="drill",
            origin="person", created_at=NOW, expires_at=NOW + DAY,
        )
    )  # fmt: skip
    await detector.state.outbox.take("defender", Limits(per_minute=40, per_hour=1_200), NOW)
    surge = await detector.state.outbox.surge("defender", NOW)
    await detector.state.outbox.record_surge("defender", surge, surge)
    await detector.state.attempts.begin(SOURCE, "9", "A")
    await detector.state.meta.add_audit("forget", episode.episode.user, 3, NOW)
    return service


@lru_cache(1)
def stored() -> tuple[tuple[str, Row], ...]:
    """Every row of that store, with its table."""

    async def dumped() -> list[tuple[str, Row]]:
        rows = SqliteRows(":memory:", durable=False)
        await played(rows)
        found = [(t, row) for t in await rows.tables("") for row in await rows.scan_all(t)]
        await rows.close()
        return found

    return tuple(asyncio.run(dumped()))


def as_json(table: str, row: Row) -> bytes:
    """A row as a fuzzer can take it apart: bytes in base64, the JSON of a body as it is."""
    values = {name: _shown(name, value) for name, value in row.values.items()}
    document = {"table": table, "partition": row.partition, "key": row.key, "values": values}
    return json.dumps(document).encode()


def from_json(body: bytes) -> tuple[str, Row] | None:
    """The row that mutated JSON still describes; None where it describes none that could be."""
    try:
        document = json.loads(body)
        texts = [str(document[name]) for name in ("table", "partition", "key")]
        values = {str(n): _stored(v) for n, v in document["values"].items()}
        json.dumps([texts, [*values]], ensure_ascii=False).encode()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return texts[0], Row(texts[1], texts[2], values, "1")


def _shown(name: str, value: Value) -> object:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    is_json = name == "Body" and isinstance(value, str) and value.startswith("{")
    return json.loads(str(value)) if is_json else value


def _stored(value: object) -> Value:
    """What a column can hold: texts without half a surrogate, ints of 64 bits."""
    if isinstance(value, dict) and [*value] == ["base64"]:
        return base64.b64decode(str(value["base64"]))
    if isinstance(value, dict | list | None):
        return json.dumps(value)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and value.bit_length() > 63:
        return str(value)[:50]
    return value  # type: ignore[return-value]
