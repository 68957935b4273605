"""One event by its position, while the hub keeps it."""

import asyncio
from contextlib import suppress

from azure.eventhub import EventData
from azure.eventhub.aio import PartitionContext

from detector.adapters.event_hub.client import (
    UNAVAILABLE,
    EventHubUnavailableError,
    HubAddress,
    open_consumer,
)
from detector.adapters.event_hub.consumer import Received, received


async def read_one(
    address: HubAddress, partition: str, sequence: int, *, group: str, wait_seconds: float = 10.0
) -> Received | None:
    """The event with this sequence number, None where the hub no longer keeps it.

    Raises EventHubUnavailableError, and ValueError for an unusable address.
    """
    first: asyncio.Future[EventData | None] = asyncio.get_running_loop().create_future()

    async def take(_: PartitionContext, event: EventData | None) -> None:
        if not first.done():
            first.set_result(event)

    async def refuse(_: PartitionContext | None, error: Exception) -> None:
        if not first.done():
            first.set_exception(EventHubUnavailableError(f"Event Hubs: {error}"))

    event: EventData | None = None
    async with open_consumer(address, group=group) as client:
        receiving = asyncio.create_task(
            client.receive(
                take,
                partition_id=partition,
                starting_position=sequence,
                starting_position_inclusive=True,
                max_wait_time=wait_seconds,
                on_error=refuse,
            )
        )
        with suppress(TimeoutError):
            event = await asyncio.wait_for(first, 3 * wait_seconds)
        receiving.cancel()
        with suppress(asyncio.CancelledError, *UNAVAILABLE):
            await receiving
    found = received(event) if event is not None else None
    return found if found is not None and found.sequence == sequence else None
