"""The referee of the soak sees each kind of damage, and nothing where there is none."""

import asyncio
import dataclasses
import random
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from detector.adapters.sqlite import SqliteRows
from detector.core.activity import Activity
from detector.ports import Operation, Row, Rows, Transaction
from detector.state.episodes import Episodes
from detector.state.keys import COUNTERS, WINDOWS, hour_key
from detector.state.segment import seal, unpack
from detector.state.store import State
from detector.wiring import closing as closing_sinks
from tests.loopback.graph import LoopbackGraph
from tests.loopback.graph.identity import IDENTITY_HEADER, IDENTITY_PATH
from tests.soak.hub import Hub
from tests.soak.plan import Clock, Plan
from tests.soak.process import Log, service_of
from tests.soak.referee import referee
from tests.soak.workload import LATE, Truth, Workload, make_workload

pytestmark = [
    # The SDK's own modules warn when the first builder is imported.
    pytest.mark.filterwarnings("ignore:GetQueryParameters is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning"),
]

Damage = Callable[[Rows], Awaitable[object]]


class Played(NamedTuple):
    """A store in which everything is right."""

    folder: Path
    truth: Truth
    graph: LoopbackGraph
    now: int

    def judge(self, damage: Damage, *, incidents: int = 0) -> dict[str, int]:
        """What the referee finds wrong after the damage, by name."""
        path = self.folder / "damaged.db"
        shutil.copy(self.folder / "state.db", path)

        async def judged() -> dict[str, int]:
            rows = SqliteRows(path, durable=False)
            try:
                await damage(rows)
                verdict, _ = await referee(rows, self.truth, self._active(incidents), self.now)
            finally:
                await rows.close()
            return {k: v for k, v in dataclasses.asdict(verdict).items() if v}

        return asyncio.run(judged())

    def _active(self, more: int) -> Callable[[str], int]:
        return lambda marker: len(self.graph.active_incidents_with_marker(marker)) + more


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """One process, nothing killed; a second would only be slower."""
    folder = tmp_path_factory.mktemp("soak")
    clock = Clock(folder / "clock")
    now = clock.ticks()
    workload = make_workload(seed=3, events=1_300, users=2, partitions=2, now=now)
    with LoopbackGraph(clock=clock) as graph, pytest.MonkeyPatch.context() as patch:
        patch.setenv("IDENTITY_ENDPOINT", graph.root + IDENTITY_PATH)
        patch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
        plan = Plan(
            folder=str(folder),
            seed=3,
            events=1_300,
            users=2,
            store=f"sqlite:{folder / 'state.db'}",
            graph=graph.root,
            partitions=2,
        )
        asyncio.run(play(plan, clock, workload))
        yield Played(folder, workload.truth, graph, now)


async def play(plan: Plan, clock: Clock, workload: Workload) -> None:
    with closing(Hub(plan.path("hub.db"))) as hub, closing(Log(plan.path("log"))) as log:
        service = service_of(plan, clock, log, random.Random(3), 0)
        hub.fill(workload.logs, clock.ticks())
        for partition, bodies in workload.logs.items():
            await service.ingest(hub.read(partition, 0, len(bodies)))
        await service.tick()
    async with closing_sinks(service.detector.sinks):
        await service.detector.state.rows.close()


async def first_segment(rows: Rows) -> tuple[str, Row, list[Activity]]:
    (table, *_) = await rows.tables(COUNTERS)
    (row, *_) = await rows.scan_all(table)
    data = row.values["Data"]
    assert isinstance(data, bytes)
    return table, row, unpack(data)


async def nothing(_: Rows) -> None:
    return


async def an_event_removed(rows: Rows) -> None:
    table, row, activities = await first_segment(rows)
    await replaced(rows, table, row, activities[1:])


async def an_event_counted_twice(rows: Rows) -> None:
    table, row, activities = await first_segment(rows)
    again = activities[0]._replace(event_id=bytes(16))
    await replaced(rows, table, row, [*activities, again])


async def an_event_nobody_sent(rows: Rows) -> None:
    table, row, activities = await first_segment(rows)
    other = activities[0]._replace(event_id=bytes(16), page_title="Nobody's")
    await replaced(rows, table, row, [*activities, other])


async def replaced(rows: Rows, table: str, row: Row, activities: list[Activity]) -> None:
    user, hour, level, _ = row.key.split("|")
    at = activities[0].at
    segment = seal(user, at - at % 36_000_000_000, int(level), activities)
    key = f"{hour_key(user, at)}{level}|{segment.name}"
    assert key.split("|")[1] == hour
    values = {**row.values, "Data": segment.data}
    writes = [Operation("delete", row.key), Operation("insert", key, values)]
    await rows.submit(Transaction(table, row.partition, writes))


async def a_dead_letter_removed(rows: Rows) -> None:
    letters = State(rows).dead_letters
    await letters.delete((await letters.every())[0])


async def a_dead_letter_too_many(rows: Rows) -> None:
    letters = State(rows).dead_letters
    one = (await letters.every())[0].rejected
    await letters.add([replace(one, sequence=one.sequence + 1_000)], 0)


async def a_dirty_mark(rows: Rows) -> None:
    await State(rows).marks.set_dirty(["0" * 32], 0)


async def an_outbox_mark(rows: Rows) -> None:
    await State(rows).marks.set_outbox("0" * 32, 1, 0)


async def a_window_that_says_one_more(rows: Rows) -> None:
    (row, *_) = await rows.scan_all(WINDOWS)
    total = row.values["TotalActions"]
    assert isinstance(total, int)
    operation = Operation("replace", row.key, {**row.values, "TotalActions": total + 1})
    await rows.submit(Transaction(WINDOWS, row.partition, [operation]))


async def an_episode_removed(rows: Rows) -> None:
    episodes = Episodes(rows)
    await episodes.delete((await episodes.every())[0])


async def a_second_episode(rows: Rows) -> None:
    (stored, *_) = await Episodes(rows).every()
    second = replace(stored.episode, number=stored.episode.number + 1)
    await Episodes(rows).write(second, stored)


async def a_revision_nobody_was_told_of(rows: Rows) -> None:
    (stored, *_) = await Episodes(rows).every()
    grown = replace(stored.episode, revision=stored.episode.revision + 1)
    await Episodes(rows).write(grown, stored)


def case(damage: Damage, **found: int) -> object:
    return pytest.param(damage, found, id=damage.__name__)


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        case(nothing),
        case(an_event_removed, lost=1),
        case(an_event_counted_twice, double=1),
        case(an_event_nobody_sent, strange=1),
        case(a_dead_letter_removed, dead_missing=1),
        case(a_dead_letter_too_many, dead_strange=1),
        case(a_dirty_mark, marks_left=1),
        case(an_outbox_mark, outbox_left=1),
        case(a_window_that_says_one_more, windows_wrong=1),
        case(an_episode_removed, episodes_missing=1),
        case(a_second_episode, episodes_strange=1),
        case(a_revision_nobody_was_told_of, revisions_unsent=1),
    ],
)
def test_the_referee_finds_exactly_the_damage(
    played: Played, damage: Damage, found: dict[str, int]
) -> None:
    assert played.judge(damage) == found


def test_the_referee_counts_every_episode_with_two_incidents(played: Played) -> None:
    found = played.judge(nothing, incidents=1)

    assert found == {"incidents_not_one": len(played.truth.hits)}


def test_users_at_the_threshold_have_no_window_that_is_a_hit(played: Played) -> None:
    async def hits() -> int:
        rows = SqliteRows(played.folder / "state.db")
        try:
            return sum(bool(row.values["IsHit"]) for row in await rows.scan_all(WINDOWS))
        finally:
            await rows.close()

    assert asyncio.run(hits()) == len(played.truth.hits) - LATE
