"""Faults that a test scripts: what happens instead of the answer, or before it."""

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime

from tests.loopback.graph.routes import Operation

PATIENCE_SECONDS = 10.0
"""A test that waits longer than this for the other side is broken."""


@dataclass(eq=False)
class Hold:
    """A request that waits until the test lets it go, so that nothing depends on speed."""

    arrived: threading.Event = field(default_factory=threading.Event)
    freed: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        """Let the request go on and return when the server is done with it."""
        if not self.arrived.wait(PATIENCE_SECONDS):
            raise TimeoutError("no request came to be held")
        self.freed.set()
        if not self.done.wait(PATIENCE_SECONDS):
            raise TimeoutError("the held request did not end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One disturbance. Without `status` and `is_reset` the true answer is sent in the end.

    `after_commit`: the operation takes effect first, and what the client sees is the fault.
    """

    status: int | None = None
    is_reset: bool = False
    after_commit: bool = False
    retry_after: int | None = None
    is_date: bool = False
    delay_seconds: float = 0.0
    hold: Hold | None = None

    def headers(self, now: datetime) -> dict[str, str]:
        """Retry-After as seconds or as an HTTP date."""
        if self.retry_after is None:
            return {}
        at = now + timedelta(seconds=self.retry_after)
        date = format_datetime(at, usegmt=True)
        return {"Retry-After": date if self.is_date else str(self.retry_after)}


def throttled(retry_after: int | None, *, as_date: bool = False) -> Fault:
    """429 before anything happened; some workloads send no Retry-After (None)."""
    return Fault(status=429, retry_after=retry_after, is_date=as_date)


def unavailable(retry_after: int | None = None) -> Fault:
    """503 before anything happened."""
    return Fault(status=503, retry_after=retry_after)


def server_error(status: int = 500, *, after_commit: bool = False) -> Fault:
    """500 or 502: the client cannot know what happened."""
    return Fault(status=status, after_commit=after_commit)


def gateway_timeout(*, after_commit: bool) -> Fault:
    """504: the gateway gave up, before or after the service did its work."""
    return Fault(status=504, after_commit=after_commit)


def reset(*, after_commit: bool) -> Fault:
    """The connection ends with a TCP reset and no answer."""
    return Fault(is_reset=True, after_commit=after_commit)


def slow(seconds: float, *, after_commit: bool = False) -> Fault:
    """The true answer, late by real seconds: the work is done after the wait, or before it."""
    return Fault(delay_seconds=seconds, after_commit=after_commit)


class Script:
    """The faults still to come, first scripted first, each for one operation."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Operation, Fault]] = []

    def add(self, operation: Operation, fault: Fault, times: int) -> None:
        """Disturb the next `times` requests of an operation."""
        self._waiting.extend([(operation, fault)] * times)

    def take(self, operation: Operation) -> Fault | None:
        """The fault of this request, if there is one; it is used up."""
        for index, (wanted, fault) in enumerate(self._waiting):
            if wanted is operation:
                del self._waiting[index]
                return fault
        return None

    def __len__(self) -> int:
        return len(self._waiting)
