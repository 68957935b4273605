"""What one account, or very many, can throw at the detector: events made from their number."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from detector.core.activity import Activity, Context, Session, digest
from detector.core.instant import DAY, HOUR, SECOND, parse_instant

START = parse_instant("2026-03-11T09:00:00Z")
_CONTEXT = Context("miner@example.com", "no", "NL", "Example ISP")
_OBJECT_ID = "00000000-0000-0000-0000-{:012d}"

Shape = Literal["burst", "agents", "users", "crawl"]
SHAPES: tuple[Shape, ...] = ("burst", "agents", "users", "crawl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One shape at one size.

    burst: one user, 1,000 events a second. agents: one user, another user agent for each request.
    users: half as many users as events, over a day. crawl: one user, another page each time.
    """

    shape: Shape
    events: int

    @property
    def span(self) -> int:
        """Ticks from the first to the last event."""
        if self.shape == "burst":
            return self.events * SECOND // 1_000
        return (DAY - HOUR) if self.shape == "users" else 6 * HOUR

    def batches(self, size: int = 1_000) -> Iterator[list[Activity]]:
        """The events in order of time, as ingest gets them."""
        for start in range(0, self.events, size):
            yield [self._event(n) for n in range(start, min(start + size, self.events))]

    def _event(self, n: int) -> Activity:
        at = START + n * self.span // self.events
        title, space = f"Page {n % 4_000}", f"SPACE{n % 40}"
        user, agent = 1, "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
        if self.shape == "agents":
            agent = f"Mozilla/5.0 (X11; Linux x86_64; rotated {n:07d}) Firefox/140.0"
        elif self.shape == "users":
            user = 1 + n % max(self.events // 2, 1)
        elif self.shape == "crawl":
            title, space = f"Page {n}", f"SPACE{n // 1_000}"
        session = Session(_OBJECT_ID.format(user), f"User {user}", "192.0.2.7", agent)
        event_id = digest(self.shape, str(n))
        return Activity(event_id, at, session, "PageViewed", title, space, "", (), _CONTEXT)
