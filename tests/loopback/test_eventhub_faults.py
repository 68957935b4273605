"""What the loopback Event Hubs peer does when things go wrong, and what survives its death."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import pytest
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubProducerClient

from tests.loopback.eventhub import LoopbackHub
from tests.loopback.eventhub_clients import NOON, fill, producer, receive, send

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture
async def hub() -> AsyncIterator[LoopbackHub]:
    async with LoopbackHub() as hub:
        yield hub
        gc.collect()  # where the client leaves sockets that a fault cut


async def test_a_lost_acknowledgement_makes_the_client_send_again(hub):
    hub.faults.drop_after_accepted = 2

    await send(hub, "a", "b", partition_id="0")

    assert [event.message.body for event in hub.messages("0")] == [b"a", b"b", b"a", b"b"]


async def test_a_reader_outlives_a_cut_connection(hub):
    fill(hub, 10)
    hub.faults.drop_after_delivered = 4

    events = await receive(hub, 10)

    assert {event.sequence_number for event in events} == set(range(10))


async def test_a_delay_holds_events_back(hub):
    fill(hub, 3)
    hub.faults.delay = 0.1
    loop = asyncio.get_running_loop()
    before = loop.time()

    await receive(hub, 3)

    assert loop.time() - before > 3 * 0.1


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The connection string of a hub in a process of its own, which is killed at the end."""
    command = [sys.executable, "-m", "tests.loopback.eventhub", "--port", "0", "--data"]
    with Popen([*command, str(folder)], stdout=PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.kill()


async def test_acknowledged_events_outlive_a_killed_process(tmp_path):
    with served(tmp_path) as connection_string:
        async with EventHubProducerClient.from_connection_string(connection_string) as client:
            for number in range(20):
                await client.send_event(EventData(str(number)), partition_id="0")
            properties = await client.get_eventhub_properties()

    async with LoopbackHub(data_dir=tmp_path) as hub:
        hub.append("0", b"after", NOON)
        events = hub.messages("0")
        async with producer(hub) as client:
            assert await client.get_eventhub_properties() == properties

    assert [int(event.message.body) for event in events[:-1]] == list(range(20))
    assert events[-1].message.body == b"after"
    assert [event.sequence_number for event in events] == list(range(21))


async def test_a_torn_record_is_cut_off_and_written_over(tmp_path):
    async with LoopbackHub(data_dir=tmp_path) as hub:
        fill(hub, 3)
    log = tmp_path / "cloudappevents-0.log"
    log.write_bytes(log.read_bytes()[:-5])

    async with LoopbackHub(data_dir=tmp_path) as hub:
        hub.append("0", b"new", NOON)
    async with LoopbackHub(data_dir=tmp_path) as hub:
        assert [event.message.body for event in hub.messages("0")] == [b"0", b"1", b"new"]
