"""The four kinds of links: publishers and requests come in, readers and replies go out."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from tests.loopback.eventhub.codec import Described, Int, Symbol
from tests.loopback.eventhub.frames import ACCEPTED, Attach, Detach, Transfer, error, rejected
from tests.loopback.eventhub.hub import Hub, RefusedError
from tests.loopback.eventhub.messages import (
    APPLICATION_PROPERTIES,
    PROPERTIES,
    VALUE,
    last_enqueued,
    read_transfer,
    section,
    split,
)
from tests.loopback.eventhub.partition import Partition

if TYPE_CHECKING:
    from tests.loopback.eventhub.session import Session

MAX_MESSAGE: Final = 1 << 20
"""Bytes in one delivery: the service's limit for the standard tier."""
CREDIT: Final = 1000
"""Deliveries a publisher may have under way; topped up at half."""
_EPOCH: Final = Symbol("com.microsoft:epoch")
METRICS: Final = Symbol("com.microsoft:enable-receiver-runtime-metric")


class Link:
    """What both directions share: the handle, the session, and how a link ends."""

    def __init__(self, session: Session, attach: Attach, node: str) -> None:
        """Bind to the peer's handle, which is used both ways."""
        self.session, self.node, self.handle = session, node, attach.handle
        self.delivery_count = 0
        self.credit = 0

    def disconnect(self, condition: str, description: str) -> None:
        """End the link with an error the client sees."""
        self.session.links.pop(self.handle, None)
        self.session.write(Detach(self.handle, closed=True, error=error(condition, description)))
        self.closed()

    def closed(self) -> None:
        """Let go of what the link held."""


class IncomingLink(Link, ABC):
    """A link the client sends on. Puts frames together to deliveries."""

    def __init__(self, session: Session, attach: Attach, node: str) -> None:
        """Start with no piece received and credit to send."""
        super().__init__(session, attach, node)
        self.credit = CREDIT
        self._first: Transfer | None = None
        self._pieces = bytearray()

    def receive(self, transfer: Transfer, payload: memoryview) -> None:
        """Take one frame; settle the delivery when it is complete."""
        first = self._first = self._first or transfer
        self._pieces += payload
        if transfer.more:
            return
        data, self._first, self._pieces = bytes(self._pieces), None, bytearray()
        self.delivery_count += 1
        self.credit -= 1
        outcome = self._judge(first.message_format or 0, data)
        if outcome is not None and not first.settled and first.delivery_id is not None:
            self.session.settle(first.delivery_id, outcome)
        if self.credit <= CREDIT // 2:
            self.credit = CREDIT
            self.session.grant(self)

    @abstractmethod
    def accept(self, message_format: int, data: bytes, /) -> Described | None:
        """Use a delivery; the outcome, or None if nothing more may be said on this connection."""

    def _judge(self, message_format: int, data: bytes) -> Described | None:
        if len(data) > MAX_MESSAGE:
            return rejected(
                "amqp:link:message-size-exceeded",
                f"The received message (size {len(data)}) exceeds the limit ({MAX_MESSAGE}).",
            )
        try:
            return self.accept(message_format, data)
        except (ValueError, IndexError) as problem:
            return rejected("amqp:decode-error", str(problem))


class Publisher(IncomingLink):
    """Events for the hub, or for one partition."""

    def __init__(
        self, session: Session, attach: Attach, node: str, partition: Partition | None
    ) -> None:
        """Remember the partition, if the address names one."""
        super().__init__(session, attach, node)
        self.partition = partition

    def accept(self, message_format: int, data: bytes, /) -> Described | None:
        """Append to the log, then acknowledge."""
        connection = self.session.connection
        key, messages = read_transfer(message_format, data)
        connection.hub.publish(self.partition, key, messages)
        if connection.faults.accepted(len(messages)):
            connection.abort()
            return None
        return ACCEPTED


class Requests(IncomingLink):
    """Requests to `$cbs` and `$management`; replies go out on the session's link of that node."""

    def accept(self, _: int, data: bytes, /) -> Described | None:
        """Answer one request."""
        sections = {code: value for code, value, _ in split(data)}
        properties, application = sections.get(PROPERTIES), sections.get(APPLICATION_PROPERTIES)
        if not isinstance(properties, list) or not isinstance(application, dict):
            return rejected("amqp:invalid-field", "A request needs an id and an operation.")
        fields = {str(key): value for key, value in application.items()}
        status, description, value = self._answer(fields, sections.get(VALUE))
        reply = (
            section(PROPERTIES, [None] * 5 + [properties[0]])
            + section(
                APPLICATION_PROPERTIES,
                {
                    "status-code": status,
                    "status-description": description,
                    "statusCode": status,
                    "statusDescription": description,
                },
            )
            + section(VALUE, value)
        )
        for link in self.session.links.values():
            if isinstance(link, OutgoingLink) and link.node == self.node:
                link.send(reply)
                break
        return ACCEPTED

    def _answer(self, fields: dict[str, object], body: object) -> tuple[Int, str, object]:
        operation, name = fields.get("operation"), str(fields.get("name"))
        if self.node == "$cbs" and operation == "put-token":
            status, description = self.session.connection.authorise(name, str(body))
            return status, description, None
        if self.node == "$management" and operation == "READ":
            kind, partition = str(fields.get("type")), str(fields.get("partition"))
            return self.session.connection.hub.describe(kind, name, partition)
        return Int(400), f"Operation {operation} is not supported.", None


class OutgoingLink(Link):
    """A link the client receives on; used as it is for replies."""

    def __init__(self, session: Session, attach: Attach, node: str) -> None:
        """Start without credit."""
        super().__init__(session, attach, node)
        self.wake = asyncio.Event()

    def allow(self, credit: int, *, drain: bool) -> None:
        """Take the client's credit; with `drain`, hand back what cannot be used at once."""
        self.credit = credit
        self.wake.set()
        if drain:
            self.delivery_count += max(0, self.credit)
            self.credit = 0
            self.session.grant(self)

    def send(self, message: bytes) -> None:
        """Send one message, settled."""
        self.session.transfer(self, message)
        self.delivery_count += 1
        self.credit -= 1


class Reader(OutgoingLink):
    """Events of one partition, for one consumer group."""

    def __init__(
        self, session: Session, attach: Attach, node: str, group: str, partition: Partition
    ) -> None:
        """Find where to start and be admitted. Raises RefusedError."""
        super().__init__(session, attach, node)
        self.group, self.partition = group, partition
        epoch = (attach.properties or {}).get(_EPOCH)
        self.epoch = epoch if isinstance(epoch, int) else None
        self.metrics = wants_metrics(attach)
        try:
            self.index = partition.start(_selector(attach.source))
        except ValueError as problem:
            raise RefusedError("com.microsoft:argument-error", str(problem)) from problem
        self.hub: Hub = session.connection.hub
        self.hub.admit(group, partition.name, self)
        partition.listeners.add(self.wake)
        self._task = asyncio.create_task(self._pump())

    def closed(self) -> None:
        """Stop reading and make room for others."""
        self._task.cancel()
        self.partition.listeners.discard(self.wake)
        self.hub.dismiss(self.group, self.partition.name, self)

    async def _pump(self) -> None:
        connection = self.session.connection
        with contextlib.suppress(ConnectionError):
            while True:
                self.wake.clear()
                while self.credit > 0 and self.index < len(self.partition.events):
                    await asyncio.sleep(connection.faults.delay)
                    message = self._next()
                    if not self.session.has_room(message):
                        break
                    self.send(message)
                    self.index += 1
                    await connection.drain()
                    if connection.faults.delivered():
                        connection.abort()
                        return
                await self.wake.wait()

    def _next(self) -> bytes:
        last = self.partition.last if self.metrics else None
        metrics = last_enqueued(last, int(self.hub.clock() * 1000)) if last else b""
        return self.partition.events[self.index].encode(metrics)


def wants_metrics(attach: Attach) -> bool:
    """Whether the client asks for the partition's last event beside every event."""
    wanted = attach.desired_capabilities
    return METRICS in (wanted if isinstance(wanted, list) else [wanted])


def _selector(source: Described | None) -> str | None:
    """The text of the selector filter in a source's eighth field."""
    fields = source.value if source else None
    filters = fields[7] if isinstance(fields, list) and len(fields) > 7 else None
    for value in filters.values() if isinstance(filters, dict) else ():
        text = value.value if isinstance(value, Described) else value
        if isinstance(text, (str, bytes)):
            return text.decode() if isinstance(text, bytes) else text
    return None
