"""The loopback Event Hubs peer, judged by the real `azure-eventhub` client."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from azure.eventhub import EventData
from azure.eventhub import EventHubConsumerClient as SyncConsumer
from azure.eventhub import EventHubProducerClient as SyncProducer
from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient, PartitionContext
from azure.eventhub.exceptions import AuthenticationError, ConnectError, EventHubError

from tests.loopback.eventhub import LoopbackHub
from tests.loopback.eventhub_clients import NOON, bodies, fill, producer, receive, send, stop

QUICK = {"retry_total": 0}


@pytest.fixture
async def hub() -> AsyncIterator[LoopbackHub]:
    async with LoopbackHub(hub="cloudappevents", partitions=4, groups=("detector",)) as hub:
        yield hub


async def test_properties_describe_the_hub_and_an_empty_partition(hub):
    async with producer(hub) as client:
        properties = await client.get_eventhub_properties()
        partition = await client.get_partition_properties("3")

    assert properties["eventhub_name"] == "cloudappevents"
    assert properties["partition_ids"] == ["0", "1", "2", "3"]
    assert partition["is_empty"]
    assert partition["last_enqueued_sequence_number"] == -1
    assert partition["last_enqueued_offset"] == "-1"


async def test_properties_name_the_last_event_of_a_partition(hub):
    fill(hub, 3)

    async with producer(hub) as client:
        partition = await client.get_partition_properties("0")

    assert not partition["is_empty"]
    assert partition["beginning_sequence_number"] == 0
    assert partition["last_enqueued_sequence_number"] == 2
    assert partition["last_enqueued_time_utc"] == NOON + timedelta(seconds=2)


async def test_a_batch_for_a_partition_arrives_there_in_order(hub):
    await send(hub, "a", b"\xff\x00", "", partition_id="2")

    assert [event.message.body for event in hub.messages("2")] == [b"a", b"\xff\x00", b""]
    assert [event.sequence_number for event in hub.messages("2")] == [0, 1, 2]
    assert not any(hub.messages(partition) for partition in ("0", "1", "3"))


async def test_events_with_one_key_share_a_partition_and_keep_the_key(hub):
    await send(hub, "a", "b", partition_key="adele@example.com")
    await send(hub, "c", partition_key="adele@example.com")

    [events] = [events for events in map(hub.messages, hub.partition_ids) if events]

    assert [event.message.body for event in events] == [b"a", b"b", b"c"]
    assert {event.message.partition_key for event in events} == {"adele@example.com"}


async def test_batches_without_a_key_take_turns(hub):
    async with producer(hub) as client:
        for number in range(4):
            await client.send_event(EventData(str(number)))

    assert [len(hub.messages(partition)) for partition in hub.partition_ids] == [1, 1, 1, 1]


async def test_properties_of_an_event_come_back_as_they_were_sent(hub):
    event = EventData(json.dumps({"n": 1}))
    event.properties = {"text": "x", "number": 2**30, "flag": True, "ratio": 0.5}
    event.message_id, event.correlation_id, event.content_type = "m", "c", "application/json"

    async with producer(hub) as client:
        await client.send_event(event, partition_id="0")
    [received] = await receive(hub, 1)

    assert received.body_as_json() == {"n": 1}
    assert received.properties == {b"text": b"x", b"number": 2**30, b"flag": True, b"ratio": 0.5}
    assert (received.message_id, received.correlation_id) == ("m", "c")
    assert received.content_type == "application/json"
    assert received.enqueued_time == datetime.fromtimestamp(
        hub.messages("0")[0].enqueued_ms / 1000, UTC
    )


async def test_an_event_of_a_mebibyte_less_some_travels_in_many_frames(hub):
    body = bytes(range(256)) * 4000

    await send(hub, body, partition_id="0")
    [received] = await receive(hub, 1)

    assert b"".join(received.body) == body


async def test_more_than_a_mebibyte_is_refused_by_client_and_hub(hub):
    too_large = EventData(bytes(1 << 20))

    async with producer(hub, **QUICK) as client:
        batch = await client.create_batch()
        assert batch.max_size_in_bytes == 1 << 20
        with pytest.raises(ValueError, match="size limit"):
            batch.add(too_large)
        with pytest.raises(EventHubError, match="LinkMessageSizeExceeded"):
            await client.send_event(too_large, partition_id="0")

    assert not any(hub.messages(partition) for partition in hub.partition_ids)


async def test_a_reader_starts_where_it_asks_to(hub):
    fill(hub, 6)
    offset = str(hub.messages("0")[3].offset)
    starts: dict[str, tuple[object, bool, int]] = {
        "the start": ("-1", False, 0),
        "after a sequence number": (2, False, 3),
        "at a sequence number": (2, True, 2),
        "after an offset": (offset, False, 4),
        "at an offset": (offset, True, 3),
        "after an instant": (NOON + timedelta(seconds=4), False, 5),
        "at an instant": (NOON + timedelta(seconds=4), True, 4),
    }

    found = await asyncio.gather(
        *(
            receive(hub, 6 - first, position=position, starting_position_inclusive=inclusive)
            for position, inclusive, first in starts.values()
        )
    )

    assert {
        name: bodies(events) for name, events in zip(starts, found, strict=True)
    } == {
        name: [str(n) for n in range(first, 6)] for name, (_, _, first) in starts.items()
    }  # fmt: skip


async def test_a_reader_from_latest_sees_only_what_comes_later(hub):
    fill(hub, 5)
    reading = asyncio.create_task(receive(hub, 1, position="@latest"))

    while not reading.done():
        hub.append("0", b"new", NOON)
        await asyncio.sleep(0.05)

    assert set(bodies(await reading)) == {"new"}


async def test_every_consumer_group_gets_every_event(hub):
    fill(hub, 4)

    first, second = await asyncio.gather(
        receive(hub, 4, group="detector"), receive(hub, 4, group="$Default")
    )

    assert bodies(first) == bodies(second) == ["0", "1", "2", "3"]


async def test_a_reader_with_a_higher_epoch_takes_the_partition(hub):
    fill(hub, 1)
    loop = asyncio.get_running_loop()
    errors = {level: loop.create_future() for level in (0, 1, 2)}
    reads = {level: asyncio.Event() for level in (0, 1, 2)}

    running: list[tuple[EventHubConsumerClient, asyncio.Task[None]]] = []

    async def read(level: int, stack: contextlib.AsyncExitStack) -> None:
        async def on_batch(_: PartitionContext, events: list[EventData]) -> None:
            if events:
                reads[level].set()

        async def on_error(_: PartitionContext | None, error: Exception) -> None:
            if not errors[level].done():
                errors[level].set_result(error)

        client = await stack.enter_async_context(
            EventHubConsumerClient.from_connection_string(
                hub.connection_string, "detector", **QUICK
            )
        )
        receiving = client.receive_batch(
            on_batch, partition_id="0", owner_level=level, starting_position="-1", on_error=on_error
        )
        running.append((client, asyncio.create_task(receiving)))

    async with contextlib.AsyncExitStack() as stack, asyncio.timeout(20):
        await read(1, stack)
        await reads[1].wait()
        await read(0, stack)
        refused = await errors[0]
        await read(2, stack)
        await reads[2].wait()
        stolen = await errors[1]
        await asyncio.gather(*(stop(client, task) for client, task in running))

    assert "epoch of '1'" in str(refused)
    assert not reads[0].is_set()
    assert "epoch '2'" in str(stolen)


async def test_a_reader_may_ask_for_the_last_enqueued_event(hub):
    fill(hub, 3)
    seen = asyncio.get_running_loop().create_future()
    client = EventHubConsumerClient.from_connection_string(hub.connection_string, "detector")

    async def on_event(context: PartitionContext, _: EventData | None) -> None:
        if not seen.done():
            seen.set_result(context.last_enqueued_event_properties)

    async with client, asyncio.timeout(10):
        task = asyncio.create_task(
            client.receive(
                on_event,
                partition_id="0",
                starting_position="-1",
                track_last_enqueued_event_properties=True,
            )
        )
        last = await seen
        await stop(client, task)

    assert last["sequence_number"] == 2
    assert last["enqueued_time"] == NOON + timedelta(seconds=2)


@pytest.mark.parametrize(
    ("old", "new", "error", "text"),
    [
        pytest.param(
            "SharedAccessKey=", "SharedAccessKey=0", AuthenticationError, "401", id="wrong-key"
        ),
        pytest.param(
            "EntityPath=cloudappevents", "EntityPath=other", ConnectError, "404", id="unknown-hub"
        ),
    ],
)
async def test_properties_are_refused(hub, old, new, error, text):
    broken = hub.connection_string.replace(old, new)

    async with EventHubProducerClient.from_connection_string(broken, **QUICK) as client:
        with pytest.raises(error, match=text):
            await client.get_eventhub_properties()


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        pytest.param("SharedAccessKey=", "SharedAccessKey=0", AuthenticationError, id="wrong-key"),
        pytest.param("=cloudappevents", "=other", EventHubError, id="unknown-hub"),
        pytest.param("", "", EventHubError, id="unknown-partition"),
    ],
)
async def test_sending_is_refused(hub, old, new, error):
    broken = hub.connection_string.replace(old, new) if old else hub.connection_string

    async with EventHubProducerClient.from_connection_string(broken, **QUICK) as client:
        with pytest.raises(error):
            await client.send_event(EventData("x"), partition_id="0" if old else "9")

    assert not hub.messages("0")


async def test_the_synchronous_client_sends_and_receives(hub):
    received: list[EventData] = []

    def work() -> None:
        with SyncProducer.from_connection_string(hub.connection_string) as client:
            client.send_event(EventData("from a thread"), partition_id="1")
        consumer = SyncConsumer.from_connection_string(hub.connection_string, "detector")

        def on_event(_: object, event: EventData) -> None:
            received.append(event)
            consumer.close()

        with consumer:
            consumer.receive(on_event, partition_id="1", starting_position="-1")

    await asyncio.wait_for(asyncio.to_thread(work), 20)

    assert bodies(received) == ["from a thread"]
