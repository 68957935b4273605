"""AMQP 1.0 values as bytes and back (OASIS AMQP 1.0, part 1: types).

Each AMQP number type is its own subclass of `int`, so a decoded value encodes to its type again.
A plain `int` is a long, a plain `float` a double, `bytes` binary, `str` a string.
"""

import struct
import uuid
from dataclasses import dataclass
from functools import singledispatch
from typing import Final


class Symbol(str):
    """ASCII text of a protocol name."""

    __slots__ = ()


class UByte(int):
    """Unsigned, 8 bits."""


class UShort(int):
    """Unsigned, 16 bits."""


class UInt(int):
    """Unsigned, 32 bits."""


class ULong(int):
    """Unsigned, 64 bits."""


class Byte(int):
    """Signed, 8 bits."""


class Short(int):
    """Signed, 16 bits."""


class Int(int):
    """Signed, 32 bits."""


class Timestamp(int):
    """Milliseconds since 1970-01-01 UTC."""


class Float(float):
    """IEEE 754, 32 bits."""


class Array(list[object]):
    """Values of one AMQP type."""


@dataclass(frozen=True, slots=True)
class Described:
    """A value with the descriptor that gives it its meaning."""

    descriptor: object
    value: object


_WIDE: Final[dict[int, tuple[struct.Struct, type[int | float]]]] = {
    0x50: (struct.Struct(">B"), UByte),
    0x51: (struct.Struct(">b"), Byte),
    0x60: (struct.Struct(">H"), UShort),
    0x61: (struct.Struct(">h"), Short),
    0x70: (struct.Struct(">I"), UInt),
    0x71: (struct.Struct(">i"), Int),
    0x72: (struct.Struct(">f"), Float),
    0x80: (struct.Struct(">Q"), ULong),
    0x81: (struct.Struct(">q"), int),
    0x82: (struct.Struct(">d"), float),
    0x83: (struct.Struct(">q"), Timestamp),
}
_NUMBERS: Final = _WIDE | {
    0x52: (struct.Struct(">B"), UInt),
    0x53: (struct.Struct(">B"), ULong),
    0x54: (struct.Struct(">b"), Int),
    0x55: (struct.Struct(">b"), int),
}
_CONSTANTS: Final[dict[int, object]] = {
    0x40: None,
    0x41: True,
    0x42: False,
    0x43: UInt(0),
    0x44: ULong(0),
}
_ENCODERS: Final = {kind: (bytes((code,)), packing) for code, (packing, kind) in _WIDE.items()}
_U32: Final = struct.Struct(">I")


@singledispatch
def encode(value: object) -> bytes:
    """The bytes of `value`, in the widest form of its type. Raises TypeError for other types."""
    raise TypeError(f"no AMQP type for {type(value).__name__}")


@encode.register(type(None))
def _(_: None) -> bytes:
    return b"\x40"


@encode.register
def _(value: bool) -> bytes:
    return b"\x41" if value else b"\x42"


@encode.register(int)
@encode.register(float)
def _(value: float) -> bytes:
    constructor, packing = _ENCODERS[type(value)]
    return constructor + packing.pack(value)


@encode.register
def _(value: str) -> bytes:
    return _sized(b"\xb1", value.encode())


@encode.register
def _(value: Symbol) -> bytes:
    return _sized(b"\xb3", value.encode("ascii"))


@encode.register
def _(value: bytes) -> bytes:
    return _sized(b"\xb0", value)


@encode.register
def _(value: uuid.UUID) -> bytes:
    return b"\x98" + value.bytes


@encode.register
def _(value: Described) -> bytes:
    return b"\x00" + _descriptor(value.descriptor) + encode(value.value)


@encode.register(list)
def _(value: list[object]) -> bytes:
    return _counted(b"\xd0", len(value), b"".join(map(encode, value)))


@encode.register
def _(value: Array) -> bytes:
    items = [encode(item) for item in value]
    constructor = items[0][:1] if items else b"\x40"
    return _counted(b"\xf0", len(items), constructor + b"".join(item[1:] for item in items))


@encode.register(dict)
def _(value: dict[object, object]) -> bytes:
    pairs = b"".join(encode(key) + encode(item) for key, item in value.items())
    return _counted(b"\xd1", 2 * len(value), pairs)


def decode(data: bytes | memoryview, at: int = 0) -> tuple[object, int]:
    """The value at byte `at`, and where the next begins. Raises ValueError for unknown types."""
    constructor = data[at]
    if constructor == 0x00:
        descriptor, at = decode(data, at + 1)
        value, at = decode(data, at)
        return Described(descriptor, value), at
    return _decode(constructor, data, at + 1)


def _decode(constructor: int, data: bytes | memoryview, at: int) -> tuple[object, int]:
    if constructor in _NUMBERS:
        packing, kind = _NUMBERS[constructor]
        return kind(packing.unpack_from(data, at)[0]), at + packing.size
    if constructor in _CONSTANTS:
        return _CONSTANTS[constructor], at
    match constructor:
        case 0x45:
            return [], at
        case 0x56:
            return data[at] == 1, at + 1
        case 0x98:
            return uuid.UUID(bytes=bytes(data[at : at + 16])), at + 16
        case 0xA0 | 0xA1 | 0xA3 | 0xB0 | 0xB1 | 0xB3:
            return _decode_text(constructor, data, at)
        case 0xC0 | 0xC1 | 0xE0 | 0xD0 | 0xD1 | 0xF0:
            return _decode_compound(constructor, data, at)
    raise ValueError(f"unsupported AMQP constructor 0x{constructor:02x}")


def _decode_text(constructor: int, data: bytes | memoryview, at: int) -> tuple[object, int]:
    at, size = (at + 1, data[at]) if constructor < 0xB0 else (at + 4, _U32.unpack_from(data, at)[0])
    raw = bytes(data[at : at + size])
    kind = constructor & 0x0F
    text = raw if kind == 0 else raw.decode() if kind == 1 else Symbol(raw.decode("ascii"))
    return text, at + size


def _decode_compound(constructor: int, data: bytes | memoryview, at: int) -> tuple[object, int]:
    if constructor in (0xC0, 0xC1, 0xE0):
        end, count, at = at + 1 + data[at], data[at + 1], at + 2
    else:
        size, count = _U32.unpack_from(data, at)[0], _U32.unpack_from(data, at + 4)[0]
        end, at = at + 4 + size, at + 8
    items: list[object] = []
    if constructor in (0xE0, 0xF0):
        element, at = data[at], at + 1
        for _ in range(count):
            item, at = _decode(element, data, at)
            items.append(item)
        return Array(items), end
    for _ in range(count):
        item, at = decode(data, at)
        items.append(item)
    if constructor in (0xC1, 0xD1):
        return dict(zip(items[::2], items[1::2], strict=True)), end
    return items, end


def _descriptor(value: object) -> bytes:
    """Descriptor codes are small unsigned longs; the real client reads them in that form only."""
    return b"\x53" + bytes((value,)) if isinstance(value, ULong) and value < 256 else encode(value)


def _sized(constructor: bytes, raw: bytes) -> bytes:
    return constructor + _U32.pack(len(raw)) + raw


def _counted(constructor: bytes, count: int, items: bytes) -> bytes:
    return constructor + _U32.pack(len(items) + 4) + _U32.pack(count) + items
