"""A strict Microsoft Graph on the loopback interface; `contract.py` says what it enforces."""

from tests.loopback.graph.faults import (
    Fault,
    Hold,
    gateway_timeout,
    reset,
    server_error,
    slow,
    throttled,
    unavailable,
)
from tests.loopback.graph.routes import Operation
from tests.loopback.graph.server import DETECTOR_ROLES, Call, LoopbackGraph
from tests.loopback.graph.state import Alert, Comment, Incident, wall_clock
from tests.loopback.graph.tokens import TokenCredential, mint_token

__all__ = [
    "DETECTOR_ROLES",
    "Alert",
    "Call",
    "Comment",
    "Fault",
    "Hold",
    "Incident",
    "LoopbackGraph",
    "Operation",
    "TokenCredential",
    "gateway_timeout",
    "mint_token",
    "reset",
    "server_error",
    "slow",
    "throttled",
    "unavailable",
    "wall_clock",
]
