"""One partition: an append-only log of events, kept in memory and, when asked for, in a file."""

from __future__ import annotations

import asyncio
import os
import re
import struct
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

from tests.loopback.eventhub.codec import decode, encode
from tests.loopback.eventhub.messages import Message, StoredEvent

_RECORD: Final = struct.Struct(">II")
"""Length and CRC-32 of what follows."""
_POSITION: Final = struct.Struct(">qq")
"""Sequence number and enqueued time in milliseconds."""
_OVERHEAD: Final = 64
"""Bytes an offset grows by beyond the message, so offsets are not sequence numbers."""
_SELECTOR: Final = re.compile(
    r"amqp\.annotation\.x-opt-(offset|sequence-number|enqueued-time)\s*(>=?)\s*'?([^']*)'?"
)


class Partition:
    """Events in the order they were accepted.

    With `path`, an event is in the file before it is acknowledged: it outlives SIGKILL of this
    process, not a power failure. A torn tail is cut off when the file is opened.
    """

    def __init__(self, name: str, path: Path | None = None) -> None:
        """Open the log, reading `path` when it exists."""
        self.name = name
        self.events: list[StoredEvent] = []
        self.listeners: set[asyncio.Event] = set()
        self._size = 0
        self._file: BinaryIO | None = None
        if path is not None:
            if path.exists():
                self._load(path)
            self._file = path.open("ab", buffering=0)

    @property
    def last(self) -> StoredEvent | None:
        """The newest event."""
        return self.events[-1] if self.events else None

    def append(self, messages: Iterable[Message], enqueued_ms: int) -> None:
        """Add all of `messages` with one enqueued time, then wake the readers."""
        records = [_record(self._add(message, enqueued_ms)) for message in messages]
        if self._file:
            self._file.write(b"".join(records))
        for listener in self.listeners:
            listener.set()

    def start(self, selector: str | None) -> int:
        """Index of the first event a reader with this selector gets. Raises ValueError."""
        if not selector:
            return 0
        match = _SELECTOR.fullmatch(selector.strip())
        if match is None:
            raise ValueError(f"selector {selector!r} is not understood")
        kind, operator, value = match.groups()
        if value == "@latest" and kind != "enqueued-time":
            return len(self.events)
        last = self.last.offset if self.last else -1
        if kind == "offset" and int(value) > last:
            raise ValueError(
                f"The supplied offset '{value}' is invalid. "
                f"The last offset in the system is '{last}'"
            )
        bisect = bisect_left if operator == ">=" else bisect_right
        return bisect(self.events, int(value), key=_KEYS[kind])

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

    def _add(self, message: Message, enqueued_ms: int) -> StoredEvent:
        event = StoredEvent(len(self.events), self._size, enqueued_ms, message)
        self.events.append(event)
        self._size += len(message.sections) + _OVERHEAD
        return event

    def _load(self, path: Path) -> None:
        data, at = path.read_bytes(), 0
        while at + _RECORD.size <= len(data):
            size, checksum = _RECORD.unpack_from(data, at)
            record = data[at + _RECORD.size : at + _RECORD.size + size]
            if len(record) < size or zlib.crc32(record) != checksum:
                break
            _, enqueued_ms = _POSITION.unpack_from(record)
            annotations, end = decode(record, _POSITION.size)
            if not isinstance(annotations, dict):
                break
            self._add(Message(annotations, record[end:]), enqueued_ms)
            at += _RECORD.size + size
        os.truncate(path, at)


_KEYS: Final = {
    "offset": lambda event: event.offset,
    "sequence-number": lambda event: event.sequence_number,
    "enqueued-time": lambda event: event.enqueued_ms,
}


def _record(event: StoredEvent) -> bytes:
    position = _POSITION.pack(event.sequence_number, event.enqueued_ms)
    record = position + encode(event.message.annotations) + event.message.sections
    return _RECORD.pack(len(record), zlib.crc32(record)) + record
