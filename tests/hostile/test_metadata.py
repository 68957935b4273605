"""What the Functions library makes of odd metadata, and what the app makes of the rest (F36).

azure-functions 1.26 (Python below 3.13) and 2.3 do the same. What the library refuses fails before
any code of ours runs, and the host gives the batch again.
"""

import json
import time
from typing import Any

import pytest

from detector.core.instant import parse_instant
from detector.core.reading import Message
from function_app import _messages
from tests.fuzz.hosted import decoded

CONTEXT = {
    "FullyQualifiedNamespace": "example.servicebus.windows.net",
    "EventHubName": "cloudappevents",
    "PartitionId": "3",
}
SYSTEM = {"SequenceNumber": 7, "Offset": 1024, "EnqueuedTimeUtc": "2026-11-22T10:00:00.1234567Z"}
SOURCE = "example.servicebus.windows.net/cloudappevents/3"


def batch(context: Any = CONTEXT, **system: Any) -> list[Message] | None:
    """Two events of a batch; None where the library refuses it."""
    document = {"PartitionContext": context, "SystemPropertiesArray": [SYSTEM | system] * 2}
    events = decoded(json.dumps(document).encode())
    return None if events is None else _messages(events)


@pytest.mark.parametrize(
    "system",
    [{"Offset": "0:1:2"}, {"SequenceNumber": "0:1"}, {"EnqueuedTimeUtc": "soon"}],
    ids=["an offset of a geo-replicated hub", "a sequence number that is none", "a bad time"],
)
def test_the_library_refuses_before_the_app_is_asked(system: dict[str, Any]) -> None:
    assert batch(**system) is None


@pytest.mark.parametrize(
    ("system", "sequence"),
    [
        ({}, 7),
        ({"SequenceNumber": "7"}, 7),
        ({"SequenceNumber": None}, 0),
        ({"SequenceNumber": -1}, 0),
    ],
    ids=["a number", "a number as text", "none", "below zero"],
)
def test_a_sequence_number_is_a_number(system: dict[str, Any], sequence: int) -> None:
    messages = batch(**system) or []

    assert [message.sequence for message in messages] == [sequence] * 2
    assert {message.source for message in messages} == {SOURCE}


def test_an_event_without_a_time_was_enqueued_now() -> None:
    before = time.time_ns() // 100  # noqa: TID251 - the app's clock is the real one

    (known, *_), (unknown, *_) = batch() or [], batch(EnqueuedTimeUtc=None) or []

    assert known.enqueued == parse_instant("2026-11-22T10:00:00.123456Z")
    assert (unknown.enqueued or 0) >= before


@pytest.mark.parametrize("context", [None, True, 7, "text", [1], {}], ids=str)
def test_a_context_in_another_form_leaves_the_source_unknown(context: Any) -> None:
    assert {message.source for message in batch(context) or []} == {"?/?/?"}
