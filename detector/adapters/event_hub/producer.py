"""Sending: the lines of a file become events of a hub."""

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from azure.eventhub import EventData, EventDataBatch
from azure.eventhub.aio import EventHubProducerClient

from detector.adapters.event_hub.client import UNAVAILABLE, EventHubUnavailableError


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReport:
    """`lines` counts from the start of the input and is where to resume; the rest is this run's."""

    lines: int = 0
    events: int = 0
    batches: int = 0
    bytes: int = 0


class SendStoppedError(EventHubUnavailableError):
    """The hub stopped answering. Lines after `report.lines` may or may not have arrived."""

    def __init__(self, message: str, report: SendReport) -> None:
        """Keep what was acknowledged."""
        super().__init__(message)
        self.report = report


class LineTooLargeError(ValueError):
    """A line that no event can hold. Everything before it is sent: `report.lines`."""

    def __init__(self, message: str, report: SendReport) -> None:
        """Keep what was acknowledged."""
        super().__init__(message)
        self.report = report


class _TooLargeError(Exception):
    """A line does not fit into an empty batch."""


async def send(
    lines: Iterable[bytes],
    *,
    producer_factory: Callable[[], AbstractAsyncContextManager[EventHubProducerClient]],
    progress: Callable[[SendReport], None] = lambda _: None,
    resume_from: int = 0,
) -> SendReport:
    """Send each line that is not blank as an event, in batches as large as the hub takes.

    The first `resume_from` lines are passed over. `progress` hears of every acknowledged batch.
    Raises LineTooLargeError and SendStoppedError, whose `report.lines` is where to resume.
    A batch whose answer is lost is sent again, so events may arrive twice.
    """
    report = SendReport(lines=resume_from)
    try:
        async with producer_factory() as producer:
            async for batch, last in _batches(producer, lines, resume_from):
                if len(batch):
                    await producer.send_batch(batch)
                report = SendReport(
                    lines=last,
                    events=report.events + len(batch),
                    batches=report.batches + bool(len(batch)),
                    bytes=report.bytes + batch.size_in_bytes,
                )
                progress(report)
    except _TooLargeError as error:
        raise LineTooLargeError(str(error), report) from None
    except UNAVAILABLE as error:
        raise SendStoppedError(f"Event Hubs: {error}", report) from error
    return report


async def _batches(
    producer: EventHubProducerClient, lines: Iterable[bytes], skip: int
) -> AsyncGenerator[tuple[EventDataBatch, int]]:
    """Batches, each with the number of lines that are done once it is acknowledged."""
    batch, last = await producer.create_batch(), skip
    for number, line in enumerate(lines, 1):
        if number <= skip:
            continue
        body = line.strip()
        if body and not _added(batch, body):
            if len(batch):
                yield batch, last
            batch = await producer.create_batch()
            if not _added(batch, body):
                raise _TooLargeError(
                    f"line {number:,} has {len(body):,} bytes; the hub takes at most "
                    f"{batch.max_size_in_bytes:,} in one event, its envelope included"
                )
        last = number
    if last > skip:
        yield batch, last


def _added(batch: EventDataBatch, body: bytes) -> bool:
    try:
        batch.add(EventData(body))
    except ValueError:  # the SDK's word for full
        return False
    return True
