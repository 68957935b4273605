"""An Event Hub on the command line; imported only by what needs azure-eventhub."""

import asyncio
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from detector.adapters.console import ConsoleSink
from detector.adapters.event_hub.checkpoints import RowsCheckpointStore
from detector.adapters.event_hub.client import (
    EventHubUnavailableError,
    HubAddress,
    describe,
    open_consumer,
    open_producer,
)
from detector.adapters.event_hub.consumer import Received, consume
from detector.adapters.event_hub.producer import (
    LineTooLargeError,
    SendReport,
    SendStoppedError,
    send,
)
from detector.cli.common import err, out
from detector.cli.inputs import InputError
from detector.core.policy import Policy
from detector.core.reading import Message
from detector.ports import StoreUnavailableError
from detector.service import Service
from detector.settings import Settings, read_hub
from detector.wiring import bodies_opened, make_detector, make_sinks, make_source, opened

_MINUTE_NS = 60_000_000_000


def hub_address(namespace: str | None, hub: str | None) -> HubAddress:
    """The hub of the options, else of the environment. Raises InputError for none."""
    known = read_hub()
    address = HubAddress(
        connection_string="" if namespace else known.connection_string,
        namespace=namespace or known.namespace,
        name=hub or known.name,
        client_id=known.client_id,
    )
    if not (address.connection_string or address.namespace):
        raise InputError("no Event Hub: set EVENTHUB to a connection string, or give --namespace")
    return address


async def send_file(file: str, address: HubAddress, resume_from: int) -> SendReport:
    """Send a file's lines. Raises InputError, and StoreUnavailableError with where to resume."""

    def show(report: SendReport) -> None:
        if err.is_terminal:
            err.print(f"{report.events:,} events", end="\r")

    try:
        with Path(file).open("rb") as lines:
            return await send(
                lines,
                producer_factory=lambda: open_producer(address),
                progress=show,
                resume_from=resume_from,
            )
    except SendStoppedError as error:
        resume = f"resume with --resume-from {error.report.lines}"
        raise StoreUnavailableError(f"{error}; {resume}") from error
    except (LineTooLargeError, ValueError) as error:
        raise InputError(f"{file}: {error}") from error


async def run_hub(
    settings: Settings, policy: Policy, address: HubAddress, *, stop_after_idle: float | None
) -> None:
    """Consume the hub and tick every minute until a signal, or until it is idle for so long."""
    async with opened(settings) as rows, bodies_opened(settings) as bodies:
        sinks = [ConsoleSink(out), *make_sinks(settings)]
        detector = make_detector(rows, policy, sinks, bodies)
        service = Service(
            detector=detector,
            source=make_source(detector, settings),
            clock=_now,
            log=lambda _: None,
            host=f"{_now()}",
        )
        try:
            described = await describe(address)
        except (EventHubUnavailableError, ValueError) as error:
            raise StoreUnavailableError(str(error)) from error
        store = RowsCheckpointStore(rows, generation=described.created_at, clock=_now)
        stop, heard = asyncio.Event(), [time.monotonic()]

        async def handle(partition: str, hub: str, received: Sequence[Received]) -> None:
            heard[0] = time.monotonic()
            now = _now()
            source = f"{hub}/{partition}"
            messages = [
                Message(one.body, source, one.sequence, one.enqueued or now) for one in received
            ]
            await service.ingest(messages)

        _stop_on_signals(stop)
        ticking = asyncio.create_task(_tick(service, stop, heard, stop_after_idle))
        group = read_hub().consumer_group
        async with open_consumer(address, group=group, checkpoints=store) as client:
            await consume(handle, client=client, stop=stop, on_error=_report)
        await ticking
        await service.tick()


async def _tick(
    service: Service, stop: asyncio.Event, heard: list[float], stop_after_idle: float | None
) -> None:
    """Tick at every minute boundary; stop when nothing has come for `stop_after_idle` seconds."""
    minute = time.time_ns() // _MINUTE_NS
    while not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.5)
        if stop_after_idle is not None and time.monotonic() - heard[0] > stop_after_idle:
            stop.set()
        if time.time_ns() // _MINUTE_NS != minute:
            minute = time.time_ns() // _MINUTE_NS
            await service.tick()


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stop.set)


def _report(partition: str, error: Exception) -> None:
    where = f"partition {partition}: " if partition else ""
    err.print(f"{where}{error}", markup=False, soft_wrap=True)


def _now() -> int:
    return time.time_ns() // 100
