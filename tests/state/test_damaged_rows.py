"""A row that somebody damaged costs what it says, and nobody else's detection."""

import asyncio
import re
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from detector.adapters.sqlite import SqliteRows
from detector.core.instant import MINUTE
from detector.core.reading import Message
from detector.ports import Operation, Row, Transaction
from detector.service import Service
from detector.state.evidence import EvidenceStore
from detector.state.keys import NewerRowError, bucket_of, decodable, decoded
from detector.state.store import State
from tests.fuzz.living import Clock, serving
from tests.fuzz.samples import NOW, SOURCE, stored
from tests.support.events import message, user_id, views


def rewritten(row: Row, pattern: str, by: str) -> Row:
    """The row with a pattern replaced in its texts."""
    texts = {n: re.sub(pattern, by, v) for n, v in row.values.items() if isinstance(v, str)}
    return replace(row, values={**row.values, **texts})


DAMAGE: dict[str, Callable[[Row], Row]] = {
    "no columns": lambda row: replace(row, values={"V": 1}),
    "no JSON": lambda row: replace(row, values=dict.fromkeys(row.values, "x") | {"V": 1}),
    "numbers": lambda row: replace(row, values=dict.fromkeys(row.values, 7) | {"V": 1}),
    "bytes": lambda row: replace(row, values=dict(row.values) | {"Data": b"\x01"}),
    "severities": lambda row: rewritten(row, r'sent_severity":"\w*"', 'sent_severity":"odd"'),
    "huge numbers": lambda row: rewritten(row, r'":\d+', '":' + "9" * 20),
    "no key": lambda row: replace(row, key="x"),
    "parts of a key": lambda row: replace(row, key="|".join("x" for _ in row.key.split("|"))),
}
TABLES = sorted({table for table, _ in stored()})


async def store_with(table: str, damage: Callable[[Row], Row]) -> SqliteRows:
    """A store in which everything has happened, with every row of a table damaged."""
    rows = SqliteRows(":memory:", durable=False)
    for name, row in stored():
        kept = damage(row) if name == table else row
        write = Operation("upsert", kept.key, kept.values)
        await rows.submit(Transaction(name, kept.partition, [write]))
    return rows


async def judged(service: Service, clock: Clock) -> bool:
    """Whether a user whom nothing was known of becomes an incident that is sent."""
    records = views(60, NOW, user=50, name="Newcomer")
    await service.ingest([Message(message(records), SOURCE, 20, NOW)])
    clock.now += MINUTE
    await service.tick()
    await service.housekeep()
    await service.health()
    episodes = [s.episode for s in await service.detector.state.episodes.every()]
    new = [e for e in episodes if e.account_object_id == user_id(50)]
    return [e.deliveries["defender"].sent_revision for e in new] == [1]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
async def test_others_are_still_judged_and_told_of(
    table: str, damage: Callable[[Row], Row]
) -> None:
    rows, clock = await store_with(table, damage), Clock()

    try:
        assert await judged(serving(rows, clock), clock)
    finally:
        await rows.close()


async def test_a_user_whose_episode_is_damaged_is_left_alone_and_stays_marked() -> None:
    rows, clock = await store_with("episodes", DAMAGE["no JSON"]), Clock()
    service = serving(rows, clock)
    await service.ingest([Message(message(views(60, NOW)), SOURCE, 20, NOW)])

    report = await service.detector.evaluator.evaluate(NOW)
    left = {mark.user for mark in await service.detector.state.marks.pending(NOW)}
    await rows.close()

    assert report.newer_rows > 0
    assert report.episodes == []
    assert len(left) > 0


@pytest.mark.parametrize("table", ["episodes", "mutes"])
async def test_health_turns_red_over_a_damaged_row(table: str) -> None:
    rows, clock = await store_with(table, DAMAGE["no JSON"]), Clock()
    service = serving(rows, clock)

    await service.housekeep()
    status, document = await service.health()
    await rows.close()

    assert status == 503
    assert "newer version" in " ".join(map(str, document["faults"]))  # type: ignore[arg-type]


def test_a_damaged_row_says_which_it_is_and_nothing_of_what_it_holds() -> None:
    row = Row("08", "key", {"V": 1, "Body": "mallory@example.com"})

    with pytest.raises(NewerRowError) as caught:
        decoded(row, lambda r: r.values["Data"])

    assert str(caught.value) == "row 08 key: damaged (KeyError)"
    assert decodable([row], lambda r: r.values["Data"]) == []


def test_a_row_of_a_newer_version_is_not_decoded() -> None:
    with pytest.raises(NewerRowError, match="a newer version"):
        decoded(Row("08", "key", {"V": 2}), lambda _: pytest.fail("it was decoded"))


@pytest.mark.parametrize("key", ["", "x", "zz", "+1", " 1", "٣٣", "\ud800"], ids=ascii)
def test_what_is_no_key_of_a_user_has_a_partition_too(key: str) -> None:
    assert bucket_of(key) == "00"


def test_evidence_that_would_inflate_without_end_is_not_read() -> None:
    bomb = zlib.compress(b'{"user": "' + b"x" * (64 << 20))
    rows = SqliteRows(":memory:", durable=False)

    async def read() -> list[object]:
        key = "0" * 32
        write = Operation("upsert", f"{key}|000001", {"V": 1, "Data": bomb})
        await rows.submit(Transaction("evidence", bucket_of(key), [write]))
        found = await EvidenceStore(rows).of(key)
        await rows.close()
        return list(found)

    assert asyncio.run(read()) == []


async def test_an_episode_that_was_told_with_an_odd_severity_is_damaged() -> None:
    """One such row would stop the sending of all."""
    rows = await store_with("episodes", DAMAGE["severities"])

    left = [one.episode for one in await State(rows).episodes.every()]
    await rows.close()

    assert len(left) < sum(table == "episodes" for table, _ in stored())
    assert all(d.sent_severity != "odd" for e in left for d in e.deliveries.values())
