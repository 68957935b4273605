"""Consuming a hub: everything at least once, checkpoints behind the handler, partitions shared."""

import asyncio
import gc
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from azure.eventhub import EventData
from azure.eventhub.amqp import AmqpAnnotatedMessage

from detector.adapters.event_hub.checkpoints import RowsCheckpointStore
from detector.adapters.event_hub.client import (
    EventHubUnavailableError,
    HubAddress,
    describe,
    open_consumer,
    open_producer,
)
from detector.adapters.event_hub.consumer import LIMITS, Handler, Limits, Received, consume
from detector.adapters.event_hub.producer import send
from detector.adapters.sqlite import SqliteRows
from detector.core.instant import parse_instant
from detector.ports import StoreUnavailableError, Transaction
from tests.loopback.eventhub import LoopbackHub, Message

NOON = datetime(2026, 3, 11, 12, tzinfo=UTC)
Errors = list[tuple[str, Exception]]

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


class FlakyRows(SqliteRows):
    """Does not answer the next `failures` writes."""

    failures = 0

    async def submit(self, *transactions: Transaction) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailableError("not now")
        await super().submit(*transactions)


class Recorder:
    """A handler that keeps what it is given."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Sequence[Received]]] = []

    async def __call__(self, partition: str, hub: str, events: Sequence[Received]) -> None:
        self.calls.append((partition, hub, events))

    @property
    def events(self) -> list[tuple[str, int]]:
        return [(partition, e.sequence) for partition, _, events in self.calls for e in events]

    @property
    def bodies(self) -> list[bytes]:
        return [event.body for _, _, events in self.calls for event in events]

    async def reached(self, count: int) -> None:
        await until(lambda: len(self.events) >= count)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 (what is waited for has many causes)
            await asyncio.sleep(0.02)


@pytest.fixture
async def hub() -> AsyncIterator[LoopbackHub]:
    async with LoopbackHub() as hub:
        yield hub
        gc.collect()  # where the client leaves sockets that a fault cut


@pytest.fixture
async def rows(tmp_path) -> AsyncIterator[FlakyRows]:
    rows = FlakyRows(tmp_path / "state.db")
    yield rows
    await rows.close()


@asynccontextmanager
async def consuming(
    hub: LoopbackHub,
    rows: SqliteRows,
    handler: Handler,
    *,
    group: str = "detector",
    limits: Limits = LIMITS,
) -> AsyncIterator[tuple[asyncio.Event, Errors]]:
    """Consume until the end of the block, or until the event given is set."""
    address = HubAddress(connection_string=hub.connection_string)
    store = RowsCheckpointStore(
        rows,
        generation=(await describe(address)).created_at,
        clock=lambda: time.time_ns() // 100,  # noqa: TID251 (the SDK compares it with its own)
    )
    stop, errors = asyncio.Event(), Errors()
    async with open_consumer(address, group=group, checkpoints=store, balance_seconds=1) as client:
        task = asyncio.create_task(
            consume(
                handler,
                client=client,
                stop=stop,
                on_error=lambda partition, error: errors.append((partition, error)),
                limits=limits,
            )
        )
        try:
            yield stop, errors
        finally:
            stop.set()
            await task


async def checkpoints(rows: SqliteRows) -> dict[str, object]:
    found = await rows.scan("meta", "checkpoints")
    return {str(row.values["Partition"]): row.values["Sequence"] for row in found}


def fill(hub: LoopbackHub, count: int, partition: str = "0", body: bytes = b"x") -> None:
    for _ in range(count):
        hub.append(partition, body, NOON)


async def test_2000_lines_sent_arrive_once_each_at_their_checkpoints(hub, rows):
    lines = [b'{"n": %d, "filler": "%s"}\n' % (n, b"x" * 2_000) for n in range(2_000)]
    address = HubAddress(connection_string=hub.connection_string)
    recorder = Recorder()

    await send(lines, producer_factory=lambda: open_producer(address))
    async with consuming(hub, rows, recorder) as (_, errors):
        await recorder.reached(2_000)

    ends = {p: len(hub.messages(p)) - 1 for p in hub.partition_ids}
    assert sorted(recorder.bodies) == sorted(line.strip() for line in lines)
    assert sorted(recorder.events) == sorted((p, n) for p in ends for n in range(ends[p] + 1))
    assert await checkpoints(rows) == ends
    assert min(ends.values()) > 0
    assert errors == []


async def test_an_event_comes_with_its_partition_hub_time_and_body(hub, rows):
    hub.append("3", b'{"n": 1}', NOON)
    recorder = Recorder()

    async with consuming(hub, rows, recorder):
        await recorder.reached(1)

    enqueued = parse_instant("2026-03-11T12:00:00Z")
    name = f"127.0.0.1:{hub.port}/cloudappevents"
    assert recorder.calls == [("3", name, [Received(0, enqueued, b'{"n": 1}')])]


async def test_after_a_stop_consuming_goes_on_at_the_checkpoints(hub, rows):
    for partition in hub.partition_ids:
        fill(hub, 100, partition)
    first, second = Recorder(), Recorder()

    async with consuming(hub, rows, first, limits=Limits(most_events=20)) as (stop, _):
        await first.reached(100)
        stop.set()
    async with consuming(hub, rows, second):
        await second.reached(400 - len(first.events))

    assert 100 <= len(first.events) < 400
    assert sorted(first.events + second.events) == [
        (partition, n) for partition in hub.partition_ids for n in range(100)
    ]


async def test_two_consumers_share_the_partitions(hub, rows):
    first, second = Recorder(), Recorder()
    sent = 0

    def rest() -> set[tuple[str, int]]:
        every = {(p, n) for p in hub.partition_ids for n in range(len(hub.messages(p)))}
        return every - {*first.events, *second.events}

    async with consuming(hub, rows, first), consuming(hub, rows, second), asyncio.timeout(30):
        while not await balanced(rows):
            for partition in hub.partition_ids:
                fill(hub, 1, partition)
            sent += 1
            await asyncio.sleep(0.2)
        for partition in hub.partition_ids:
            fill(hub, 5, partition)
        await until(lambda: not rest())

    for recorder in (first, second):
        assert {p for p, n in recorder.events if n >= sent}, "both get a share of what comes now"


async def balanced(rows: SqliteRows) -> bool:
    owners: defaultdict[object, int] = defaultdict(int)
    for row in await rows.scan("meta", "owners"):
        owners[row.values["Owner"]] += 1
    return sorted(owners.values()) == [2, 2]


async def test_a_handler_that_raises_keeps_the_checkpoint(hub, rows):
    fill(hub, 10)
    recorder = Recorder()
    before: list[dict[str, object]] = []

    async def fail_once(partition: str, name: str, events: Sequence[Received]) -> None:
        before.append(await checkpoints(rows))
        if len(before) == 1:
            raise RuntimeError("the store is away")
        await recorder(partition, name, events)

    async with consuming(hub, rows, fail_once) as (_, errors):
        await recorder.reached(10)

    assert [(partition, str(error)) for partition, error in errors] == [("0", "the store is away")]
    assert before[:2] == [{}, {}]
    assert recorder.events == [("0", n) for n in range(10)]
    assert await checkpoints(rows) == {"0": 9}


async def test_a_checkpoint_that_cannot_be_written_repeats_its_events(hub, rows):
    fill(hub, 3)
    recorder = Recorder()

    async def record(partition: str, name: str, events: Sequence[Received]) -> None:
        await recorder(partition, name, events)
        if len(recorder.calls) == 1:
            rows.failures = 1

    async with consuming(hub, rows, record) as (_, errors):
        await recorder.reached(6)

    assert recorder.events == 2 * [("0", n) for n in range(3)]
    assert [type(error) for _, error in errors] == [StoreUnavailableError]
    assert await checkpoints(rows) == {"0": 2}


async def test_a_store_that_does_not_answer_is_told_and_tried_again(hub, rows):
    fill(hub, 3)
    recorder = Recorder()
    rows.failures = 1

    async with consuming(hub, rows, recorder) as (_, errors):
        await recorder.reached(3)

    assert [(partition, type(error)) for partition, error in errors] == [
        ("", StoreUnavailableError)
    ]


async def test_calls_are_bounded_by_events_and_by_bytes(hub, rows):
    fill(hub, 9, body=bytes(10))
    fill(hub, 5, body=bytes(400))
    fill(hub, 1, body=bytes(5_000))
    fill(hub, 1, body=bytes(10))
    recorder = Recorder()

    async with consuming(hub, rows, recorder, limits=Limits(most_events=7, most_bytes=1_000)):
        await recorder.reached(16)

    assert recorder.events == [("0", n) for n in range(16)]
    for _, _, events in recorder.calls:
        assert len(events) <= 7
        assert len(events) == 1 or sum(len(event.body) for event in events) <= 1_000


@pytest.mark.parametrize(
    ("drain", "finished"),
    [pytest.param(10.0, True, id="in-time"), pytest.param(0.2, False, id="too-late")],
)
async def test_a_stop_lets_calls_under_way_finish(hub, rows, drain, finished):
    fill(hub, 4)
    called, release = asyncio.Event(), asyncio.Event()
    calls = 0

    async def wait(_: str, __: str, ___: Sequence[Received]) -> None:
        nonlocal calls
        calls += 1
        called.set()
        await release.wait()

    limits = Limits(most_events=2, drain_seconds=drain)
    async with consuming(hub, rows, wait, limits=limits) as (stop, _):
        await called.wait()
        stop.set()
        if finished:
            asyncio.get_running_loop().call_later(0.3, release.set)

    assert calls == 1
    assert await checkpoints(rows) == ({"0": 1} if finished else {})


async def test_bodies_that_are_not_bytes_arrive_as_text(hub, rows):
    async with open_producer(HubAddress(connection_string=hub.connection_string)) as producer:
        for event in (
            EventData(""),
            AmqpAnnotatedMessage(data_body=[b"a", b"b"]),
            AmqpAnnotatedMessage(value_body="text"),
            AmqpAnnotatedMessage(value_body=7),
            AmqpAnnotatedMessage(sequence_body=[[1, 2]]),
        ):
            await producer.send_event(event, partition_id="0")
    hub._hub.partitions["0"].append([Message({}, b"")], 0)
    recorder = Recorder()

    async with consuming(hub, rows, recorder) as (_, errors):
        await recorder.reached(6)

    assert recorder.bodies[:4] == [b"", b"ab", b"text", b"7"]
    assert all(isinstance(body, bytes) for body in recorder.bodies)
    assert errors == []


async def test_a_cut_connection_loses_nothing(hub, rows):
    fill(hub, 600)
    hub.faults.drop_after_delivered = 250
    recorder = Recorder()

    async with consuming(hub, rows, recorder, limits=Limits(most_events=100)):
        await until(lambda: set(recorder.events) == {("0", n) for n in range(600)})

    assert await checkpoints(rows) == {"0": 599}


async def test_a_hub_made_again_is_read_from_its_start(rows):
    recorder = Recorder()
    async with LoopbackHub(clock=lambda: 1) as hub:
        fill(hub, 5)
        async with consuming(hub, rows, recorder):
            await recorder.reached(5)
    async with LoopbackHub(clock=lambda: 2, port=hub.port) as again:
        fill(again, 3)
        async with consuming(again, rows, recorder):
            await recorder.reached(8)

    assert recorder.events == [("0", n) for n in (0, 1, 2, 3, 4, 0, 1, 2)]


async def test_a_receiver_that_cannot_open_is_told_and_a_quiet_hub_is_not(hub, rows):
    recorder, limits = Recorder(), Limits(deaf_seconds=7.5)

    async with (
        consuming(hub, rows, recorder, limits=limits) as (_, quiet),
        consuming(hub, rows, recorder, group="typo", limits=limits) as (_, refused),
    ):
        await until(lambda: bool(refused))

    partition, error = refused[0]
    assert partition in hub.partition_ids
    assert isinstance(error, EventHubUnavailableError)
    assert "consumer group" in str(error)
    assert quiet == []
