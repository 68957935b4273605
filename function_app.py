"""The Azure Functions app: bindings to calls, nothing else. `detector.service` does the work."""

import asyncio
import json
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any, List, cast

import azure.functions as func

from detector.core.instant import SECOND
from detector.core.reading import Message
from detector.service import Service, make_service
from detector.settings import easy_auth_is_on

app = func.FunctionApp()

_LOG = logging.getLogger("detector")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST_RESORT_SECONDS = 480
"""Below the host's functionTimeout: a timed-out batch would be checkpointed, that is, lost.

A batch gives up by itself after half of this (detector.isolate).
"""

_PRINCIPAL = "X-MS-CLIENT-PRINCIPAL-ID"
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_services: dict[asyncio.AbstractEventLoop, Service] = {}


def _service() -> Service:
    """One for each event loop; the worker has one."""
    loop = asyncio.get_running_loop()
    if loop not in _services:
        _services[loop] = make_service(
            clock=lambda: time.time_ns() // 100, log=lambda line: _LOG.info(json.dumps(line))
        )
    return _services[loop]


def _messages(events: List[func.EventHubEvent]) -> list[Message]:
    """All events of an invocation are of one partition; its metadata is read once, it is slow.

    What the host leaves out, or sends in a form nobody knows, is `?`, 0 and the present.
    """
    metadata: Any = events[0].metadata or {}
    partition: Any = metadata.get("PartitionContext")
    known = cast("dict[str, Any]", partition) if isinstance(partition, dict) else {}
    names = ("FullyQualifiedNamespace", "EventHubName", "PartitionId")
    source = (
        "/".join(str(known.get(name, "?")) for name in names).encode("utf-8", "replace").decode()
    )
    return [
        Message(event.get_body(), source, _sequence(event), _ticks(event.enqueued_time))
        for event in events
    ]


def _sequence(event: func.EventHubEvent) -> int:
    number: Any = event.sequence_number
    return number if isinstance(number, int) and number >= 0 else 0


def _ticks(moment: datetime | None) -> int:
    """The host sends UTC without a zone."""
    if moment is None:
        return time.time_ns() // 100
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MICROSECOND * (SECOND // 1_000_000)


@app.function_name("ingest")
@app.event_hub_message_trigger(
    arg_name="events",
    event_hub_name="%EVENTHUB_NAME%",
    connection="EVENTHUB",
    consumer_group="%EVENTHUB_CONSUMER_GROUP%",
    cardinality=func.Cardinality.MANY,
    data_type=func.DataType.BINARY,
)
@app.retry(
    strategy="exponential_backoff",
    max_retry_count="-1",
    minimum_interval="00:00:02",
    maximum_interval="00:01:00",
)
async def ingest(events: List[func.EventHubEvent]) -> None:
    """Events into counters. What it raises, the host retries for ever; nothing else is lost."""
    if events:
        async with asyncio.timeout(_LAST_RESORT_SECONDS):
            await _service().ingest(_messages(events))


@app.function_name("evaluate")
@app.timer_trigger(arg_name="timer", schedule="%EVALUATE_SCHEDULE%", run_on_startup=False)
async def evaluate(timer: func.TimerRequest) -> None:
    """Judge who changed, then send what is unsent. Past due or twice at once does no harm."""
    del timer
    await _service().tick()


@app.function_name("housekeep")
@app.timer_trigger(arg_name="timer", schedule="%HOUSEKEEP_SCHEDULE%", run_on_startup=False)
async def housekeep(timer: func.TimerRequest) -> None:
    """Drop what is older than it is kept."""
    del timer
    await _service().housekeep()


@app.function_name("health")
@app.route(route="health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """200 or 503, with the reasons."""
    del req
    status, document = await _service().health()
    return func.HttpResponse(json.dumps(document), status_code=status, mimetype="application/json")


@app.function_name("evidence")
@app.route(route="evidence/{episode}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def evidence(req: func.HttpRequest) -> func.HttpResponse:
    """An episode's page, for people whom Easy Auth has let in; 401 for everyone else."""
    if not (easy_auth_is_on() and _PRINCIPAL in req.headers and req.headers[_PRINCIPAL]):
        return func.HttpResponse("Sign in.", status_code=401)
    page = await _service().evidence_page(f"{req.route_params['episode']}")
    if page is None:
        return func.HttpResponse("No such episode.", status_code=404)
    return func.HttpResponse(page, headers=_PAGE_HEADERS, mimetype="text/html", charset="utf-8")
