"""AMQP messages as Event Hubs uses them: sections, batches, the annotations of a stored event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tests.loopback.eventhub.codec import Described, Symbol, Timestamp, ULong, decode, encode

DELIVERY_ANNOTATIONS: Final = 0x71
ANNOTATIONS: Final = 0x72
PROPERTIES: Final = 0x73
APPLICATION_PROPERTIES: Final = 0x74
DATA: Final = 0x75
VALUE: Final = 0x77
BATCH_FORMAT: Final = 0x80013700
"""Message format of a batch: every data section is an encoded message."""

_PARTITION_KEY: Final = Symbol("x-opt-partition-key")
_SEQUENCE_NUMBER: Final = Symbol("x-opt-sequence-number")
_OFFSET: Final = Symbol("x-opt-offset")
_ENQUEUED: Final = Symbol("x-opt-enqueued-time")
_BROKER_OWNED: Final = frozenset({_SEQUENCE_NUMBER, _OFFSET, _ENQUEUED})

Annotations = dict[Symbol, object]


@dataclass(frozen=True, slots=True)
class Message:
    """A message without its delivery annotations; `sections` are the other sections, encoded."""

    annotations: Annotations
    sections: bytes

    @property
    def partition_key(self) -> str | None:
        """The key its publisher chose."""
        key = self.annotations.get(_PARTITION_KEY)
        return key if isinstance(key, str) else None

    @property
    def body(self) -> bytes:
        """The data sections joined; empty for a body of another kind."""
        found = (value for code, value, _ in split(self.sections) if code == DATA)
        return b"".join(value for value in found if isinstance(value, bytes))


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A message at its place in a partition. `enqueued_ms` counts from 1970-01-01 UTC."""

    sequence_number: int
    offset: int
    enqueued_ms: int
    message: Message

    def encode(self, metrics: bytes = b"") -> bytes:
        """What a reader gets, behind the delivery annotations of `last_enqueued`, if any."""
        annotations: Annotations = self.message.annotations | {
            _SEQUENCE_NUMBER: self.sequence_number,
            _OFFSET: str(self.offset),
            _ENQUEUED: Timestamp(self.enqueued_ms),
        }
        return metrics + section(ANNOTATIONS, annotations) + self.message.sections


def section(code: int, value: object) -> bytes:
    """One encoded section of a message."""
    return encode(Described(ULong(code), value))


def split(data: bytes | memoryview) -> Iterator[tuple[int, object, bytes]]:
    """The sections of a message: code, value and encoded form. Raises ValueError for junk."""
    at = 0
    while at < len(data):
        described, end = decode(data, at)
        match described:
            case Described(ULong(code), value):
                yield code, value, bytes(data[at:end])
            case _:
                raise ValueError(f"a message holds {described!r} instead of a section")
        at = end


def read(data: bytes) -> Message:
    """Decode one message; what only the broker may say about it is dropped."""
    annotations: Annotations = {}
    kept: list[bytes] = []
    for code, value, encoded in split(data):
        if code == ANNOTATIONS and isinstance(value, dict):
            annotations = {k: v for k, v in value.items() if k not in _BROKER_OWNED}
        elif code != DELIVERY_ANNOTATIONS:
            kept.append(encoded)
    return Message(annotations, b"".join(kept))


def read_transfer(message_format: int, data: bytes) -> tuple[str | None, list[Message]]:
    """The partition key and the messages of one delivery, which may be a batch."""
    outer = read(data)
    if message_format != BATCH_FORMAT:
        return outer.partition_key, [outer]
    inner = [v for code, v, _ in split(outer.sections) if code == DATA and isinstance(v, bytes)]
    key = outer.annotations.get(_PARTITION_KEY)
    stamp: Mapping[Symbol, object] = {} if key is None else {_PARTITION_KEY: key}
    messages = [read(data) for data in inner]
    return outer.partition_key, [Message({**stamp, **m.annotations}, m.sections) for m in messages]


def last_enqueued(last: StoredEvent, now_ms: int) -> bytes:
    """What a reader that asked for runtime metrics learns with every event."""
    return section(
        DELIVERY_ANNOTATIONS,
        {
            Symbol("last_enqueued_sequence_number"): last.sequence_number,
            Symbol("last_enqueued_offset"): str(last.offset),
            Symbol("last_enqueued_time_utc"): Timestamp(last.enqueued_ms),
            Symbol("runtime_info_retrieval_time_utc"): Timestamp(now_ms),
        },
    )
