"""AMQP 1.0 frames and the performatives they carry (OASIS AMQP 1.0, parts 2 and 5.3).

A performative is always written with all its fields. The standard lets trailing nulls be left
out, but the client inside `azure-eventhub` indexes them (docs/adr/0010).
"""

import struct
from asyncio import StreamReader
from dataclasses import dataclass
from typing import Final, NamedTuple

from tests.loopback.eventhub.codec import (
    Array,
    Described,
    Symbol,
    UByte,
    UInt,
    ULong,
    UShort,
    decode,
    encode,
)

AMQP_HEADER: Final = b"AMQP\x00\x01\x00\x00"
SASL_HEADER: Final = b"AMQP\x03\x01\x00\x00"
EMPTY_FRAME: Final = b"\x00\x00\x00\x08\x02\x00\x00\x00"
"""Keeps an idle connection alive."""
MAX_FRAME: Final = 1 << 16
"""Small enough that a large event needs many frames."""
_HEAD: Final = struct.Struct(">IBBH")


class Open(NamedTuple):
    """First on a connection, both ways."""

    container_id: str
    hostname: str | None = None
    max_frame_size: UInt | None = None
    channel_max: UShort | None = None
    idle_time_out: UInt | None = None
    outgoing_locales: object = None
    incoming_locales: object = None
    offered_capabilities: object = None
    desired_capabilities: object = None
    properties: object = None


class Begin(NamedTuple):
    """Starts a session."""

    remote_channel: UShort | None
    next_outgoing_id: UInt
    incoming_window: UInt
    outgoing_window: UInt
    handle_max: UInt | None = None
    offered_capabilities: object = None
    desired_capabilities: object = None
    properties: object = None


class Attach(NamedTuple):
    """Starts a link. `role` is true for the receiving side."""

    name: str
    handle: UInt
    role: bool
    snd_settle_mode: UByte | None = None
    rcv_settle_mode: UByte | None = None
    source: Described | None = None
    target: Described | None = None
    unsettled: object = None
    incomplete_unsettled: bool | None = None
    initial_delivery_count: UInt | None = None
    max_message_size: ULong | None = None
    offered_capabilities: object = None
    desired_capabilities: object = None
    properties: dict[Symbol, object] | None = None


class Flow(NamedTuple):
    """Window of a session and, with a handle, credit of a link."""

    next_incoming_id: UInt | None
    incoming_window: UInt
    next_outgoing_id: UInt
    outgoing_window: UInt
    handle: UInt | None = None
    delivery_count: UInt | None = None
    link_credit: UInt | None = None
    available: UInt | None = None
    drain: bool | None = None
    echo: bool | None = None
    properties: object = None


class Transfer(NamedTuple):
    """One frame of a delivery; the frame's payload is a piece of the message."""

    handle: UInt
    delivery_id: UInt | None = None
    delivery_tag: bytes | None = None
    message_format: UInt | None = None
    settled: bool | None = None
    more: bool | None = None
    rcv_settle_mode: UByte | None = None
    state: Described | None = None
    resume: bool | None = None
    aborted: bool | None = None
    batchable: bool | None = None


class Disposition(NamedTuple):
    """What became of deliveries `first` to `last`."""

    role: bool
    first: UInt
    last: UInt | None = None
    settled: bool | None = None
    state: Described | None = None
    batchable: bool | None = None


class Detach(NamedTuple):
    """Ends a link."""

    handle: UInt
    closed: bool | None = None
    error: Described | None = None


class End(NamedTuple):
    """Ends a session."""

    error: Described | None = None


class Close(NamedTuple):
    """Ends a connection."""

    error: Described | None = None


class SaslMechanisms(NamedTuple):
    """What the server offers."""

    mechanisms: Array


class SaslInit(NamedTuple):
    """What the client chose."""

    mechanism: Symbol
    initial_response: bytes | None = None
    hostname: str | None = None


class SaslOutcome(NamedTuple):
    """0 is success."""

    code: UByte
    additional_data: bytes | None = None


Performative = (
    Open | Begin | Attach | Flow | Transfer | Disposition | Detach | End | Close
    | SaslMechanisms | SaslInit | SaslOutcome
)  # fmt: skip
_KINDS: Final[dict[int, type[Performative]]] = {
    0x10: Open,
    0x11: Begin,
    0x12: Attach,
    0x13: Flow,
    0x14: Transfer,
    0x15: Disposition,
    0x16: Detach,
    0x17: End,
    0x18: Close,
    0x40: SaslMechanisms,
    0x41: SaslInit,
    0x44: SaslOutcome,
}
_CODES: Final = {kind: ULong(code) for code, kind in _KINDS.items()}


@dataclass(frozen=True, slots=True)
class Frame:
    """What arrived; `performative` is None for a keep-alive."""

    channel: int
    performative: Performative | None
    payload: memoryview


async def read_frame(reader: StreamReader) -> Frame:
    """The next frame. Raises IncompleteReadError at the end of the stream, ValueError for junk."""
    size, offset, _, channel = _HEAD.unpack(await reader.readexactly(_HEAD.size))
    body = memoryview(await reader.readexactly(size - _HEAD.size))[4 * offset - _HEAD.size :]
    if not body:
        return Frame(channel, None, body)
    described, end = decode(body)
    match described:
        case Described(ULong(code), list(fields)) if code in _KINDS:
            return Frame(channel, _KINDS[code](*fields), body[end:])
    raise ValueError(f"a frame starts with {described!r} instead of a performative")


def encode_frame(channel: int, performative: Performative, payload: bytes = b"") -> bytes:
    """The bytes of one frame."""
    code = _CODES[type(performative)]
    body = encode(Described(code, list(performative))) + payload
    return _HEAD.pack(_HEAD.size + len(body), 2, int(code >= 0x40), channel) + body


def error(condition: str, description: str) -> Described:
    """An AMQP error, for a detach or a rejected outcome."""
    return Described(ULong(0x1D), [Symbol(condition), description, None])


ACCEPTED: Final = Described(ULong(0x24), [])


def rejected(condition: str, description: str) -> Described:
    """The outcome of a message that is not wanted."""
    return Described(ULong(0x25), [error(condition, description)])
