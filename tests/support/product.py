"""The product end to end under a clock that a test moves: events in, sinks told.

Reader, ingest, evaluator, dispatcher and store are the real ones; the sinks are the test's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from detector.adapters.sqlite import SqliteRows
from detector.core.episode import Episode
from detector.core.instant import MINUTE, SECOND
from detector.core.policy import Policy
from detector.core.reading import Message
from detector.dispatch import DispatchReport
from detector.evaluate import EvaluateReport
from detector.feedback import FeedbackReport, feedback
from detector.ingest import ingest
from detector.policies import load_policy
from detector.ports import AlertSink, Rows
from detector.settings import Settings
from detector.state.store import State
from detector.wiring import Detector, closing, make_detector, make_source
from tests.support.events import message

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RECOMMENDED = load_policy("recommended")


@dataclass
class DrivenClock:
    """One time for the product (`ticks`) and for what it speaks to (called, a datetime)."""

    now: datetime = datetime(2026, 11, 22, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The instant, for a loopback server."""
        return self.now

    @property
    def ticks(self) -> int:
        """The instant, for the product."""
        return (self.now - _EPOCH) // timedelta(microseconds=1) * (SECOND // 1_000_000)

    def advance(self, ticks: int) -> None:
        """Move on."""
        self.now += timedelta(microseconds=ticks / (SECOND // 1_000_000))


@dataclass
class Product:
    """One process over a store. A second one over the same file is another host."""

    rows: Rows
    clock: DrivenClock
    sinks: Sequence[AlertSink]
    policy: Policy = RECOMMENDED
    sequence: int = 0
    detector: Detector = field(init=False)

    def __post_init__(self) -> None:
        """Wire it as the service is wired."""
        self.detector = make_detector(self.rows, self.policy, self.sinks)
        self._source = make_source(self.detector, Settings())

    @classmethod
    def on(cls, path: Path, clock: DrivenClock, *sinks: AlertSink, **more: Any) -> Self:
        """A product on a file; not durable against a power cut, which no test makes."""
        return cls(SqliteRows(path, durable=False), clock, sinks, **more)

    @property
    def state(self) -> State:
        """Everything that is kept."""
        return self.detector.state

    async def feed(self, records: list[dict[str, Any]]) -> None:
        """Deliver one message."""
        self.sequence += 1
        now = self.clock.ticks
        body = Message(message(records), "example/cloudappevents/0", self.sequence, now)
        await ingest(
            self._source.read([body]),
            state=self.state,
            policy=self.policy,
            vocabulary=self.detector.vocabulary,
            now=now,
        )

    async def evaluate(self) -> EvaluateReport:
        """Judge who changed."""
        return await self.detector.evaluator.evaluate(self.clock.ticks)

    async def dispatch(self) -> DispatchReport:
        """Send what is unsent."""
        return await self.detector.dispatcher.dispatch(self.clock.ticks)

    async def tick(self) -> DispatchReport:
        """Evaluate, then dispatch, as the timer does."""
        await self.evaluate()
        return await self.dispatch()

    async def minutes(self, number: int) -> None:
        """That many minutes with a tick at the end of each."""
        for _ in range(number):
            self.clock.advance(MINUTE)
            await self.tick()

    async def feedback(self) -> FeedbackReport:
        """Read back what people made of the incidents."""
        return await feedback(self.state, self.sinks, self.policy, self.clock.ticks)

    async def episodes(self) -> list[Episode]:
        """Every episode, newest first."""
        return [stored.episode for stored in await self.state.episodes.every()]

    async def episode(self) -> Episode:
        """The only episode there is."""
        (only,) = await self.episodes()
        return only

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        async with closing(self.sinks):
            await self.rows.close()
