"""A target for what the Functions host says of a batch, decoded by the real library."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace

import azure.functions as func
from azure.functions.eventhub import EventHubTriggerConverter
from azure.functions.meta import Datum

from function_app import _messages
from tests.fuzz.engine import Run

_COUNT = 2


@contextmanager
def metadata() -> Iterator[Run]:
    """Where the library decodes the metadata of a batch, the app reads it too."""

    def run(body: bytes) -> None:
        events = decoded(body)
        if events is None:
            return
        for message in _messages(events):
            assert isinstance(message.sequence, int)
            assert isinstance(message.enqueued, int)
            message.source.encode()

    yield run


def decoded(body: bytes) -> list[func.EventHubEvent] | None:
    """The events of two bodies; None where the library refuses, before any code of ours."""
    try:
        document = json.loads(body)
        given = {name: Datum(json.dumps(value), "json") for name, value in document.items()}
        bodies = Datum(SimpleNamespace(bytes=[b"{}"] * _COUNT), "collection_bytes")
        events = EventHubTriggerConverter.decode(bodies, trigger_metadata=given)
        _ = events[0].metadata if isinstance(events, list) else events.metadata
    except Exception:  # noqa: BLE001 - whatever it is, the host hears of it
        return None
    return events if isinstance(events, list) else [events]


def metadata_samples() -> Sequence[bytes]:
    """As the host sends it, as geo-replication sends offsets, and with half of it missing."""
    context = {
        "FullyQualifiedNamespace": "example.servicebus.windows.net",
        "EventHubName": "cloudappevents",
        "PartitionId": "0",
    }
    system = {
        "SequenceNumber": 7, "Offset": 1024, "OffsetString": "1024", "PartitionKey": None,
        "EnqueuedTimeUtc": "2026-11-22T10:00:00.1234567Z",
    }  # fmt: skip
    replicated = system | {"Offset": "0:1:2", "SequenceNumber": "7"}
    documents = [
        {"PartitionContext": context, "SystemPropertiesArray": [system] * _COUNT},
        {"PartitionContext": context, "SystemPropertiesArray": [replicated] * _COUNT},
        {"SystemPropertiesArray": [{}] * _COUNT},
        {"PartitionContext": None, "SystemPropertiesArray": [system | {"EnqueuedTimeUtc": ""}] * 2},
    ]
    return [json.dumps(document).encode() for document in documents]
