"""Sending a file to a hub: by size, resumable, with an answer for every line."""

import gc
from collections.abc import AsyncIterator, Callable

import pytest
from azure.eventhub.aio import EventHubProducerClient

from detector.adapters.event_hub.client import (
    EventHubUnavailableError,
    HubAddress,
    describe,
    open_producer,
)
from detector.adapters.event_hub.producer import (
    LineTooLargeError,
    SendReport,
    SendStoppedError,
    send,
)
from tests.loopback.eventhub import LoopbackHub


@pytest.fixture
async def hub() -> AsyncIterator[LoopbackHub]:
    async with LoopbackHub(partitions=1) as hub:
        yield hub
        gc.collect()  # where the client leaves sockets that a fault cut


def to(hub: LoopbackHub, **options: object) -> Callable[[], EventHubProducerClient]:
    return lambda: EventHubProducerClient.from_connection_string(hub.connection_string, **options)


def bodies(hub: LoopbackHub) -> list[bytes]:
    return [event.message.body for event in hub.messages("0")]


async def test_lines_arrive_in_order_and_blank_ones_do_not(hub):
    lines = [b'{"n": 1}\n', b"\n", b'{"n": 2}\r\n', b"   \n", b'{"n": 3}']

    report = await send(lines, producer_factory=to(hub))

    assert bodies(hub) == [b'{"n": 1}', b'{"n": 2}', b'{"n": 3}']
    assert (report.lines, report.events, report.batches) == (5, 3, 1)


async def test_nothing_is_sent_of_nothing(hub):
    assert await send([], producer_factory=to(hub)) == SendReport()
    assert (await send([b"\n", b"\n"], producer_factory=to(hub))).lines == 2
    assert bodies(hub) == []


async def test_batches_are_as_large_as_the_hub_takes(hub):
    lines = [b"%06d" % n + bytes(50_000) + b"." for n in range(60)]
    heard: list[SendReport] = []

    report = await send(lines, producer_factory=to(hub), progress=heard.append)

    assert bodies(hub) == lines
    assert [r.lines for r in heard] == [20, 40, 60]
    assert heard[-1] == report
    assert (report.events, report.batches) == (60, 3)
    assert 3 * (1 << 20) > report.bytes > sum(map(len, lines))


async def test_a_line_larger_than_the_limit_is_named_after_all_before_it_are_sent(hub):
    lines = [b"a", b"b", b"x" * (1 << 20), b"d"]

    with pytest.raises(LineTooLargeError, match=r"line 3 has 1,048,576 bytes") as raised:
        await send(lines, producer_factory=to(hub))

    assert raised.value.report.lines == 2
    assert bodies(hub) == [b"a", b"b"]


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_sending_goes_on_where_it_was_stopped(hub):
    lines = [b"%06d" % n + bytes(50_000) + b"." for n in range(60)]
    hub.faults.drop_after_accepted = 40

    def go_down(_: SendReport) -> None:
        hub.faults.down = True

    with pytest.raises(SendStoppedError) as raised:
        await send(lines, producer_factory=to(hub, retry_total=0), progress=go_down)
    acknowledged = raised.value.report.lines
    hub.faults.down = False
    report = await send(lines, producer_factory=to(hub), resume_from=acknowledged)

    assert acknowledged == 20
    assert (report.lines, report.events) == (60, 40)
    assert bodies(hub) == lines[:40] + lines[20:], "the batch without an answer arrives twice"


async def test_resuming_at_the_end_sends_nothing(hub):
    report = await send([b"a", b"b"], producer_factory=to(hub), resume_from=2)

    assert report == SendReport(lines=2)
    assert bodies(hub) == []


async def test_the_hub_describes_itself(hub):
    first = await describe(HubAddress(connection_string=hub.connection_string))
    second = await describe(HubAddress(connection_string=hub.connection_string))

    assert first == second
    assert first.partitions == ("0",)


async def test_a_wrong_key_is_an_unavailable_hub(hub):
    broken = hub.connection_string.replace("SharedAccessKey=", "SharedAccessKey=0")

    with pytest.raises(EventHubUnavailableError, match="401"):
        await describe(HubAddress(connection_string=broken))


async def test_a_connection_string_without_a_hub_needs_its_name(hub):
    nameless = hub.connection_string.replace("EntityPath=cloudappevents;", "")

    with pytest.raises(ValueError, match="eventhub"):
        await describe(HubAddress(connection_string=nameless))
    named = await describe(HubAddress(connection_string=nameless, name="cloudappevents"))

    assert named.partitions == ("0",)


async def test_a_namespace_is_entered_with_an_entra_identity():
    address = HubAddress(
        namespace="example.servicebus.windows.net",
        name="cloudappevents",
        client_id="00000000-0000-0000-0000-000000000001",
    )

    async with open_producer(address) as client:
        assert client.eventhub_name == "cloudappevents"
        assert type(client._credential).__name__ == "DefaultAzureCredential"
