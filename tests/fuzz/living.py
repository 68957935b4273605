"""Targets that run the whole service: hostile records in, and a store somebody has damaged."""

import asyncio
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console

from detector.adapters.console import ConsoleSink
from detector.adapters.graph.payload import alert_input, change_comment
from detector.adapters.json_lines import alert_document
from detector.adapters.logs_ingestion import sentinel_row
from detector.adapters.sqlite import SqliteRows
from detector.core.episode import Delivery
from detector.core.evidence import Evidence
from detector.core.instant import HOUR, MINUTE
from detector.core.reading import Message
from detector.ports import Operation, Row, Rows, StoreUnavailableError, Transaction
from detector.service import Service
from detector.settings import Settings
from detector.telemetry import Line
from detector.wiring import make_detector, make_source
from tests.fuzz.engine import Run
from tests.fuzz.samples import EAGER, NOW, SOURCE, from_json, stored
from tests.support.memory_sink import MemorySink


class Clock:
    """An hour later at each look, so that windows expire and feedback is asked for."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


class AllSinks(MemorySink):
    """Makes what every sink would send."""

    async def deliver(self, evidence: Evidence, delivery: Delivery, now: int) -> Delivery:
        json.dumps([alert_input(evidence, "(ref:cfm-0)"), change_comment(evidence)])
        sentinel_row(evidence, now).model_dump_json()
        json.dumps(alert_document(evidence))
        return await super().deliver(evidence, delivery, now)


def serving(rows: Rows, clock: Clock) -> Service:
    """The service with sinks that make everything and send nothing; each line is one line."""

    def log(line: Line) -> None:
        assert "\n" not in json.dumps(line)

    sinks = [AllSinks(name="defender"), ConsoleSink(Console(file=io.StringIO()))]
    detector = make_detector(rows, EAGER, sinks)
    return Service(
        detector=detector, source=make_source(detector, Settings()), clock=clock, log=log, host="A"
    )


async def alive(rows: Rows) -> None:
    """Everything a host does over a store, all but ingest."""
    clock = Clock()
    service = serving(rows, clock)
    for hours in (0, 3, 30):
        clock.now = NOW + hours * HOUR
        for work in (service.tick, service.housekeep, service.health):
            with suppress(StoreUnavailableError):
                await work()
    with suppress(StoreUnavailableError):
        for stored in await service.detector.state.episodes.every():
            await service.evidence_page(stored.episode.episode_id)


@contextmanager
def service() -> Iterator[Run]:
    """A message through ingest, judgement, every sink and the page; nothing raises, at any hour."""

    async def live(body: bytes) -> None:
        rows, clock = SqliteRows(":memory:", durable=False), Clock()
        try:
            one = serving(rows, clock)
            await one.ingest([Message(body, SOURCE, 7, NOW), Message(body, SOURCE, 8, NOW)])
            clock.now += MINUTE
            await one.tick()
            _, health = await one.health()
            json.dumps(health)
            for stored in await one.detector.state.episodes.every():
                assert await one.evidence_page(stored.episode.episode_id)
                sent = stored.episode.deliveries["defender"]
                assert sent.sent_revision == stored.episode.revision, sent.error
            clock.now += 26 * HOUR
            await one.tick()
            await one.housekeep()
        finally:
            await rows.close()

    with asyncio.Runner() as runner:
        yield lambda body: runner.run(live(body))


@contextmanager
def damaged() -> Iterator[Run]:
    """A store with one damaged row: ticks go on, and the store is what is blamed if not."""
    others = stored()  # made outside of the loop in which the targets run

    async def live(table: str, row: Row) -> None:
        rows = SqliteRows(":memory:", durable=False)
        try:
            await rows.submit(
                *(
                    Transaction(name, r.partition, [Operation("upsert", r.key, r.values)])
                    for name, r in (*others, (table, row))
                )
            )
            await alive(rows)
        finally:
            await rows.close()

    with asyncio.Runner() as runner:

        def run(body: bytes) -> None:
            if (found := from_json(body)) is not None:
                runner.run(live(*found))

        yield run
