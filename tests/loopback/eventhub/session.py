"""A session: links by handle, the transfer window, and which link an address stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.loopback.eventhub.codec import Array, Described, UByte, UInt, ULong, UShort
from tests.loopback.eventhub.frames import (
    Attach,
    Begin,
    Detach,
    Disposition,
    Flow,
    Performative,
    Transfer,
    error,
)
from tests.loopback.eventhub.hub import RefusedError
from tests.loopback.eventhub.links import (
    MAX_MESSAGE,
    METRICS,
    IncomingLink,
    Link,
    OutgoingLink,
    Publisher,
    Reader,
    Requests,
    wants_metrics,
)
from tests.loopback.eventhub.tokens import path_of

if TYPE_CHECKING:
    from tests.loopback.eventhub.connection import Connection

_WINDOW: Final = UInt(0x7FFF_FFFF)
_OVERHEAD: Final = 128
"""Bytes a transfer frame needs besides its payload, generously."""
_SERVICES: Final = ("$cbs", "$management")


class Session:
    """One session of a connection, from begin to end."""

    def __init__(self, connection: Connection, channel: int, begin: Begin) -> None:
        """Take the client's counters and answer its begin."""
        self.connection, self.channel = connection, channel
        self.links: dict[int, Link] = {}
        self._received = int(begin.next_outgoing_id)
        self._room = int(begin.incoming_window)
        self._sent = 0
        self._deliveries = 0
        self.write(Begin(UShort(channel), UInt(0), _WINDOW, _WINDOW, handle_max=UInt(255)))

    def write(self, performative: Performative, payload: bytes = b"") -> None:
        """Send one frame on this session's channel."""
        self.connection.write(self.channel, performative, payload)

    def handle(self, performative: Performative, payload: memoryview) -> None:
        """React to one frame."""
        match performative:
            case Attach():
                self._attach(performative)
            case Flow():
                self._flow(performative)
            case Transfer(handle=handle):
                self._received += 1
                if isinstance(link := self.links.get(handle), IncomingLink):
                    link.receive(performative, payload)
            case Detach(handle=handle, closed=closed):
                if link := self.links.pop(handle, None):
                    link.closed()
                    self.write(Detach(handle, closed=bool(closed)))

    def close(self) -> None:
        """Close all links."""
        for link in self.links.values():
            link.closed()
        self.links.clear()

    def settle(self, delivery: int, outcome: Described) -> None:
        """Tell the client what became of its delivery."""
        self.write(
            Disposition(True, UInt(delivery), UInt(delivery), True, outcome, batchable=False)
        )

    def grant(self, link: Link) -> None:
        """Send the state of one link's credit."""
        count, credit = UInt(link.delivery_count), UInt(link.credit)
        flow = self._window()
        self.write(flow._replace(handle=link.handle, delivery_count=count, link_credit=credit))

    def has_room(self, message: bytes) -> bool:
        """Whether the client's window takes all frames of `message`."""
        return -(-len(message) // self._piece) <= self._room

    def transfer(self, link: Link, message: bytes) -> None:
        """Send one settled delivery in as many frames as it needs."""
        delivery, tag = UInt(self._deliveries), link.delivery_count.to_bytes(4)
        self._deliveries += 1
        for at in range(0, len(message), self._piece):
            more = at + self._piece < len(message)
            frame = Transfer(link.handle, delivery, tag, UInt(0), settled=True, more=more)
            self.write(frame, message[at : at + self._piece])
            self._sent += 1
            self._room -= 1

    @property
    def _piece(self) -> int:
        return self.connection.max_frame - _OVERHEAD

    def _window(self) -> Flow:
        received, sent = UInt(self._received % 2**32), UInt(self._sent % 2**32)
        return Flow(received, _WINDOW, sent, _WINDOW, drain=False, echo=False)

    def _flow(self, flow: Flow) -> None:
        seen = flow.next_incoming_id
        self._room = flow.incoming_window + (0 if seen is None else seen - self._sent)
        link = None if flow.handle is None else self.links.get(flow.handle)
        if isinstance(link, OutgoingLink):
            credit = (flow.delivery_count or 0) + (flow.link_credit or 0) - link.delivery_count
            link.allow(credit, drain=bool(flow.drain))
        elif flow.echo:
            self.write(self._window())

    def _attach(self, attach: Attach) -> None:
        try:
            link = self._link(attach)
        except RefusedError as refused:
            self.write(_answer(attach)._replace(source=None, target=None))
            cause = error(refused.condition, refused.description)
            self.write(Detach(attach.handle, closed=True, error=cause))
            return
        self.links[attach.handle] = link
        self.write(_answer(attach))
        if isinstance(link, IncomingLink):
            self.grant(link)

    def _link(self, attach: Attach) -> Link:
        address = path_of(_address(attach.source if attach.role else attach.target))
        if address.lower() in _SERVICES:
            kind = OutgoingLink if attach.role else Requests
            return kind(self, attach, address.lower())
        group, partition = self.connection.hub.resolve(address)
        self.connection.require_authorised(address)
        if not attach.role:
            return Publisher(self, attach, address, partition)
        if group is None or partition is None:
            raise RefusedError(
                "amqp:not-allowed", "A receiver needs a consumer group and a partition."
            )
        return Reader(self, attach, address, group, partition)


def _address(terminus: Described | None) -> str:
    fields = terminus.value if terminus else None
    return str(fields[0]) if isinstance(fields, list) and fields else ""


def _answer(attach: Attach) -> Attach:
    """Our side of a link: the client's terms, with the role turned round."""
    offered = Array([METRICS]) if wants_metrics(attach) else None
    return attach._replace(
        role=not attach.role,
        snd_settle_mode=attach.snd_settle_mode or UByte(2),
        initial_delivery_count=UInt(0) if attach.role else None,
        max_message_size=ULong(MAX_MESSAGE),
        offered_capabilities=offered,
        desired_capabilities=None,
        properties=None,
    )
