"""A loopback Event Hubs peer: AMQP 1.0 on 127.0.0.1 for the real clients (docs/adr/0010)."""

from tests.loopback.eventhub.faults import Faults
from tests.loopback.eventhub.messages import Message, StoredEvent
from tests.loopback.eventhub.server import DEFAULT_KEY, LoopbackHub

__all__ = ["DEFAULT_KEY", "Faults", "LoopbackHub", "Message", "StoredEvent"]
