"""The loopback peer on the wire: its AMQP types, and clients the real library cannot play."""

import asyncio
import uuid

import pytest

from tests.loopback.eventhub import LoopbackHub
from tests.loopback.eventhub.codec import (
    Array,
    Byte,
    Described,
    Float,
    Int,
    Short,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
    decode,
    encode,
)
from tests.loopback.eventhub.frames import (
    AMQP_HEADER,
    Attach,
    Begin,
    Detach,
    Open,
    encode_frame,
    read_frame,
)
from tests.loopback.eventhub.partition import Partition

VALUES = [
    *(None, True, False, 0, -(2**63), 2**63 - 1, 1.5, "", "déjà", b"", bytes(300)),
    *(UByte(255), UShort(65535), UInt(2**32 - 1), ULong(2**64 - 1), Byte(-128), Short(-1), Int(-1)),
    *(Timestamp(-62_135_596_800_000), Float(0.5), Symbol("amqp:accepted"), uuid.UUID(int=7)),
    *([], [1, "x", [None]], {}, {Symbol("a"): 1, "b": [2]}),
    *(Array(), Array(["a", "b"]), Array([Symbol("a")]), Array([UInt(1), UInt(2)])),
    Described(ULong(0x24), [Described(Symbol("x"), None)]),
]


@pytest.mark.parametrize(
    "value", [pytest.param(v, id=f"{n}-{type(v).__name__}") for n, v in enumerate(VALUES)]
)
def test_a_value_keeps_its_type_and_ends_where_it_says(value):
    data = encode(value)

    decoded, end = decode(data + b"\x40")

    assert (decoded, end) == (value, len(data))
    assert encode(decoded) == data


@pytest.mark.parametrize(
    ("data", "value"),
    [
        pytest.param("43", UInt(0), id="uint0"),
        pytest.param("5207", UInt(7), id="smalluint"),
        pytest.param("44", ULong(0), id="ulong0"),
        pytest.param("5307", ULong(7), id="smallulong"),
        pytest.param("54ff", Int(-1), id="smallint"),
        pytest.param("55ff", -1, id="smalllong"),
        pytest.param("5601", True, id="boolean"),
        pytest.param("a00161", b"a", id="vbin8"),
        pytest.param("a10161", "a", id="str8"),
        pytest.param("a30161", Symbol("a"), id="sym8"),
        pytest.param("45", [], id="list0"),
        pytest.param("c003024142", [True, False], id="list8"),
        pytest.param("c10602a101615507", {"a": 7}, id="map8"),
        pytest.param("e00602a301610162", Array(["a", "b"]), id="array8"),
    ],
)
def test_the_short_forms_other_clients_write_are_read(data, value):
    raw = bytes.fromhex(data)

    assert decode(raw) == (value, len(raw))


def test_an_unknown_constructor_is_an_error():
    with pytest.raises(ValueError, match="0x74"):
        decode(b"\x74\x00\x00\x00\x00")


@pytest.mark.parametrize(
    ("selector", "problem"),
    [
        pytest.param(
            "amqp.annotation.x-opt-offset > '4096'",
            "The supplied offset '4096' is invalid. The last offset in the system is '-1'",
            id="offset-never-reached",
        ),
        pytest.param("x-opt-colour = 'red'", "is not understood", id="unknown-selector"),
    ],
)
def test_a_reader_cannot_start_there(selector, problem):
    with pytest.raises(ValueError, match=problem):
        Partition("0").start(selector)


async def test_a_link_without_a_token_is_refused():
    target = Described(ULong(0x29), ["cloudappevents"])
    source = Described(ULong(0x28), ["here"])
    async with LoopbackHub() as hub:
        reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
        begin = Begin(None, UInt(0), UInt(10), UInt(10))
        attach = Attach("link", UInt(0), role=False, source=source, target=target)
        writer.write(AMQP_HEADER + encode_frame(0, Open("client")) + encode_frame(0, begin))
        writer.write(encode_frame(0, attach))

        assert await reader.readexactly(len(AMQP_HEADER)) == AMQP_HEADER
        answers = [(await read_frame(reader)).performative for _ in range(4)]
        writer.close()
        await writer.wait_closed()

    assert [type(answer) for answer in answers] == [Open, Begin, Attach, Detach]
    assert "amqp:unauthorized-access" in str(answers[-1])


async def test_what_does_not_speak_amqp_is_shown_the_protocol_and_the_door():
    async with LoopbackHub() as hub:
        reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")

        assert await reader.read() == AMQP_HEADER
        writer.close()
        await writer.wait_closed()
