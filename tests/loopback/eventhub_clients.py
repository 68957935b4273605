"""The real `azure-eventhub` client in the few ways that tests of the loopback peer use it."""

import asyncio
from datetime import UTC, datetime, timedelta

from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient, PartitionContext

from tests.loopback.eventhub import LoopbackHub

NOON = datetime(2026, 3, 11, 12, tzinfo=UTC)


def producer(hub: LoopbackHub, **options: object) -> EventHubProducerClient:
    return EventHubProducerClient.from_connection_string(hub.connection_string, **options)


async def send(hub: LoopbackHub, *bodies: bytes | str, **target: str) -> None:
    async with producer(hub) as client:
        batch = await client.create_batch(**target)
        for body in bodies:
            batch.add(EventData(body))
        await client.send_batch(batch)


async def receive(
    hub: LoopbackHub,
    count: int,
    *,
    group: str = "detector",
    partition: str = "0",
    position: str | int | datetime = "-1",
    **options: object,
) -> list[EventData]:
    """The first `count` events from `position`."""
    events: list[EventData] = []
    enough = asyncio.Event()

    async def on_batch(_: PartitionContext, batch: list[EventData]) -> None:
        events.extend(batch)
        if len(events) >= count:
            enough.set()

    client = EventHubConsumerClient.from_connection_string(hub.connection_string, group)
    async with client:
        task = asyncio.create_task(
            client.receive_batch(
                on_batch, partition_id=partition, starting_position=position, **options
            )
        )
        await asyncio.wait_for(enough.wait(), 10)
        await stop(client, task)
    return events


async def stop(client: EventHubConsumerClient, task: asyncio.Task[None]) -> None:
    """Close, and do not wait for the client's next round of load balancing (30 s)."""
    await client.close()
    task.cancel()
    await asyncio.wait([task])


def bodies(events: list[EventData]) -> list[str]:
    return [event.body_as_str() for event in events]


def fill(hub: LoopbackHub, count: int, partition: str = "0") -> None:
    """Events 0, 1, … one second apart from noon on."""
    for number in range(count):
        hub.append(partition, str(number).encode(), NOON + timedelta(seconds=number))
