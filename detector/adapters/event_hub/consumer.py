"""Consuming: the events of a hub to a handler, at least once, without a Functions host."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, cast

from azure.eventhub import CloseReason, EventData
from azure.eventhub.aio import EventHubConsumerClient, PartitionContext
from azure.eventhub.amqp import AmqpMessageBodyType

from detector.adapters.event_hub.client import EventHubUnavailableError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TICKS = 10
"""In a microsecond."""


class Received(NamedTuple):
    """One event. `enqueued` is in ticks, None if the hub did not say."""

    sequence: int
    enqueued: int | None
    body: bytes


Handler = Callable[[str, str, Sequence[Received]], Awaitable[None]]
"""Takes a partition's id, the hub as `namespace/name`, and some of that partition's events."""

OnError = Callable[[str, Exception], None]
"""Takes a partition's id, or "" when all are concerned, and what went wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`most_bytes` is of bodies; an event that is larger comes alone.

    `drain_seconds` is the time that calls under way have after a stop. A receiver that did not
    open for `deaf_seconds` is an error.
    """

    most_events: int = 500
    most_bytes: int = 4 << 20
    drain_seconds: float = 30.0
    deaf_seconds: float = 60.0


LIMITS = Limits()


async def consume(
    handler: Handler,
    *,
    client: EventHubConsumerClient,
    stop: asyncio.Event,
    on_error: OnError,
    limits: Limits = LIMITS,
) -> None:
    """Hand every event of the client's partitions to `handler` until `stop` is set.

    One call at a time for a partition. The checkpoint moves after the handler returned: what it
    did not finish comes again, and so may events around a lost connection or partition. A handler
    that raises gives its partition up; the client takes it again when it next balances, from the
    checkpoint. Without a checkpoint a partition is read from its oldest event. What goes wrong is
    told to `on_error` and tried again for ever.
    """
    calls = _Calls(handler, stop, on_error, limits)
    receiving = asyncio.create_task(calls.receive(client))
    helpers = [asyncio.create_task(calls.watch()), asyncio.create_task(stop.wait())]
    try:
        await asyncio.wait({receiving, *helpers}, return_when=asyncio.FIRST_COMPLETED)
        await calls.finished()
    finally:
        await client.close()
        for task in (receiving, *helpers):
            task.cancel()  # close() alone leaves receiving asleep until the next balancing
        await asyncio.wait({receiving, *helpers})
    for task in (receiving, *helpers):
        if not task.cancelled():
            task.result()


class _Calls:
    """The handler's calls: at most one for a partition, none new after `stop`."""

    def __init__(
        self, handler: Handler, stop: asyncio.Event, on_error: OnError, limits: Limits
    ) -> None:
        self._handler, self._stop, self._report, self._limits = handler, stop, on_error, limits
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._heard: dict[str, float] = {}

    async def receive(self, client: EventHubConsumerClient) -> None:
        await client.receive_batch(
            self.on_batch,
            max_batch_size=self._limits.most_events,
            prefetch=self._limits.most_events,
            max_wait_time=self._limits.deaf_seconds / 3,
            starting_position="-1",
            on_error=self.on_error,
            on_partition_initialize=self.on_begin,
            on_partition_close=self.on_end,
        )

    async def on_batch(self, context: PartitionContext, events: list[EventData]) -> None:
        """The SDK's callback; without events when none came for a while."""
        hub = f"{context.fully_qualified_namespace}/{context.eventhub_name}"
        for part in _parts(events, self._limits.most_bytes):
            async with self._locks[context.partition_id]:
                if self._stop.is_set():
                    return
                await self._handler(context.partition_id, hub, [one for _, one in part])
                await context.update_checkpoint(part[-1][0])
        await self.on_begin(context)

    async def on_begin(self, context: PartitionContext) -> None:
        self._heard[context.partition_id] = asyncio.get_running_loop().time()

    async def on_end(self, context: PartitionContext, _: CloseReason) -> None:
        self._heard.pop(context.partition_id, None)

    async def on_error(self, context: PartitionContext | None, error: Exception) -> None:
        self._report(context.partition_id if context else "", error)

    async def watch(self) -> None:
        """Report partitions that call nobody: the SDK keeps to itself that a receiver is refused.

        With an open receiver it calls every third of that time, events or not.
        """
        seconds = self._limits.deaf_seconds
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(seconds / 3)
            for partition, heard in self._heard.items():
                if clock() - heard > seconds and not self._locks[partition].locked():
                    self._heard[partition] = clock()
                    message = (
                        f"no receiver opened for {seconds:.0f} s: is the consumer group there?"
                    )
                    self._report(partition, EventHubUnavailableError(message))

    async def finished(self) -> None:
        """Wait until no call is under way, but not for ever."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.drain_seconds):
                for lock in list(self._locks.values()):
                    await lock.acquire()


def _parts(
    events: Sequence[EventData], most_bytes: int
) -> Iterator[list[tuple[EventData, Received]]]:
    part: list[tuple[EventData, Received]] = []
    size = 0
    for event in events:
        one = received(event)
        if part and size + len(one.body) > most_bytes:
            yield part
            part, size = [], 0
        part.append((event, one))
        size += len(one.body)
    if part:
        yield part


def received(event: EventData) -> Received:
    """An event of the SDK as the handler gets it."""
    return Received(event.sequence_number or 0, _ticks(event.enqueued_time), _body(event))


def _ticks(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND * _TICKS


def _body(event: EventData) -> bytes:
    """The bytes sent. A publisher may send any AMQP value instead; its text is then the body."""
    if event.body_type is AmqpMessageBodyType.DATA:
        return b"".join(cast("Iterable[bytes]", event.body))
    return event.body if isinstance(event.body, bytes) else str(event.body).encode()
