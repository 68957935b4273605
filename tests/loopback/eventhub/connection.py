"""A connection: the handshakes, the frames, and what its tokens opened."""

import asyncio
import contextlib
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from typing import Final

from tests.loopback.eventhub.codec import Array, Int, Symbol, UByte, UInt, UShort
from tests.loopback.eventhub.faults import Faults
from tests.loopback.eventhub.frames import (
    AMQP_HEADER,
    EMPTY_FRAME,
    MAX_FRAME,
    SASL_HEADER,
    Begin,
    Close,
    End,
    Frame,
    Open,
    Performative,
    SaslMechanisms,
    SaslOutcome,
    Transfer,
    encode_frame,
    read_frame,
)
from tests.loopback.eventhub.hub import Hub, RefusedError
from tests.loopback.eventhub.session import Session
from tests.loopback.eventhub.tokens import SharedAccessKey, UnauthorisedError, path_of

_MECHANISMS: Final = Array(map(Symbol, ("ANONYMOUS", "MSSBCBS", "EXTERNAL", "PLAIN")))
_IDLE_MS: Final = UInt(240_000)
_KEEP_ALIVE_SECONDS: Final = 10


class Connection:
    """One client's connection, from its first byte to its last."""

    def __init__(
        self,
        hub: Hub,
        key: SharedAccessKey,
        faults: Faults,
        reader: StreamReader,
        writer: StreamWriter,
    ) -> None:
        """Serve `hub` to whoever is at the other end."""
        self.hub, self.faults = hub, faults
        self.max_frame = 512
        self._key = key
        self._reader, self._writer = reader, writer
        self._sessions: dict[int, Session] = {}
        self._audiences: set[str] = set()

    async def serve(self) -> None:
        """Speak AMQP until the client or a fault ends it."""
        keep_alive = asyncio.create_task(self._keep_alive())
        with contextlib.suppress(IncompleteReadError, ConnectionError):
            if await self._shake_hands():
                while await self._handle(await read_frame(self._reader)):
                    await self.drain()
        keep_alive.cancel()
        for session in self._sessions.values():
            session.close()
        self._writer.close()

    def write(self, channel: int, performative: Performative, payload: bytes = b"") -> None:
        """Queue one frame."""
        self._writer.write(encode_frame(channel, performative, payload))

    async def drain(self) -> None:
        """Wait until the client has taken what was queued."""
        await self._writer.drain()

    def abort(self) -> None:
        """Cut the connection without a word, losing what was queued."""
        self._writer.transport.abort()

    def authorise(self, audience: str, token: str) -> tuple[Int, str]:
        """Status and description of a put-token."""
        try:
            self._key.check(token, audience, self.hub.clock())
        except UnauthorisedError as refused:
            return Int(401), str(refused)
        self._audiences.add(path_of(audience).lower())
        return Int(202), "Accepted"

    def require_authorised(self, address: str) -> None:
        """Raise RefusedError unless a token put on this connection covers `address`."""
        if not any(address.lower().startswith(audience) for audience in self._audiences):
            raise RefusedError("amqp:unauthorized-access", f"No token was put for '{address}'.")

    async def _shake_hands(self) -> bool:
        header = await self._reader.readexactly(len(AMQP_HEADER))
        if header == SASL_HEADER:
            self._writer.write(SASL_HEADER + encode_frame(0, SaslMechanisms(_MECHANISMS)))
            await read_frame(self._reader)
            self._writer.write(encode_frame(0, SaslOutcome(UByte(0))))
            header = await self._reader.readexactly(len(AMQP_HEADER))
        self._writer.write(AMQP_HEADER)
        return header == AMQP_HEADER

    async def _handle(self, frame: Frame) -> bool:
        """React to one frame; false after the last."""
        match frame.performative:
            case None:
                pass
            case Open(max_frame_size=size):
                self.max_frame = min(size or MAX_FRAME, MAX_FRAME)
                limits = UInt(MAX_FRAME), UShort(255), _IDLE_MS
                self.write(0, Open("loopback", None, *limits))
            case Close():
                self.write(0, Close())
                return False
            case Begin() as begin:
                self._sessions[frame.channel] = Session(self, frame.channel, begin)
            case End():
                if session := self._sessions.pop(frame.channel, None):
                    session.close()
                    self.write(frame.channel, End())
            case performative:
                await self._pass_on(performative, frame)
        return True

    async def _pass_on(self, performative: Performative, frame: Frame) -> None:
        if isinstance(performative, Transfer):
            await asyncio.sleep(self.faults.delay)
        # The real client detaches links after it has ended their session.
        if session := self._sessions.get(frame.channel):
            session.handle(performative, frame.payload)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(_KEEP_ALIVE_SECONDS)
            self._writer.write(EMPTY_FRAME)
