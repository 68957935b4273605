"""When the timer is dead, a batch judges; it never waits for that longer than it may."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from detector.adapters.sqlite import SqliteRows
from detector.core.instant import HOUR
from detector.core.reading import Message
from detector.ports import Row
from detector.service import Service
from detector.settings import Settings
from detector.state.keys import MARKS
from detector.telemetry import Line
from detector.wiring import make_detector, make_source
from tests.support.events import message, views
from tests.support.product import RECOMMENDED, DrivenClock


class Slow(SqliteRows):
    """A store that does not answer who is to be judged before it is let go."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, durable=False)
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def scan_all(self, table: str, *, start: str = "", end: str = "~") -> list[Row]:
        if table == MARKS:
            self.asked.set()
            await self.go_on.wait()
        return await super().scan_all(table, start=start, end=end)


@dataclass
class Host:
    """A service whose last evaluation is an hour ago."""

    rows: Slow
    clock: DrivenClock = field(default_factory=DrivenClock)
    lines: list[Line] = field(default_factory=list)

    def service(self, judging_seconds: float) -> Service:
        detector = make_detector(self.rows, RECOMMENDED, [])
        return Service(
            detector=detector,
            source=make_source(detector, Settings()),
            clock=lambda: self.clock.ticks,
            log=self.lines.append,
            host="A",
            judging_seconds=judging_seconds,
        )

    def batch(self, partition: int) -> list[Message]:
        now = self.clock.ticks
        body = message(views(60, now - HOUR, user=partition))
        return [Message(body, f"example/cloudappevents/{partition}", 1, now)]

    def events(self) -> list[object]:
        return [line["event"] for line in self.lines]


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    rows = Slow(tmp_path / "state.db")
    one = Host(rows)
    await one.service(1).detector.state.meta.set_instant("tick", one.clock.ticks - HOUR)
    yield one
    await rows.close()


async def test_a_batch_is_done_though_judging_does_not_end(host: Host) -> None:
    service = host.service(judging_seconds=0.05)

    await service.ingest(host.batch(1))

    assert host.events() == ["ingested", "unavailable"]
    assert len(await service.detector.state.ledger.user_keys(0)) == 1


async def test_one_partition_judges_and_the_others_do_not_wait_for_it(host: Host) -> None:
    service = host.service(judging_seconds=60)
    judging = asyncio.create_task(service.ingest(host.batch(1)))
    await host.rows.asked.wait()

    await service.ingest(host.batch(2))
    others = list(host.events())
    host.rows.go_on.set()
    await judging

    assert others == ["ingested", "ingested"]
    assert host.events().count("evaluated") == 1
