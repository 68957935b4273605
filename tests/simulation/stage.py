"""A stage on which interleavings are directed step by step instead of drawn."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from random import Random  # noqa: TID251 - nothing is drawn here
from typing import cast

import msgspec

from detector.adapters.graph.client import GraphClient
from detector.adapters.graph.sink import DefenderSink
from detector.core.instant import MINUTE, format_instant, parse_instant
from detector.core.reading import Message
from detector.ports import ConflictError, Limits, StoreUnavailableError, one_by_one
from detector.sources.cloud_app_events import CloudAppEvents
from tests.simulation.graph import Graph, SimulatedGraphClient
from tests.simulation.product import Batch, Product
from tests.simulation.referee import Referee
from tests.simulation.requests import Call, Task, Work
from tests.simulation.rows import SimulatedRows
from tests.simulation.scheduler import Scheduler
from tests.simulation.truth import Truth
from tests.simulation.watched import WatchedLedger, WatchedSink, watched
from tests.simulation.workload import small_policy, source_policy

NOON = parse_instant("2026-03-11T12:00:00Z")
ALICE = {"AccountObjectId": "00000000-0000-0000-0000-000000000001", "IPAddress": "192.0.2.1"}


def record(number: int, at: int, **columns: object) -> dict[str, object]:
    """One page view by Alice, with changes."""
    return {
        "Timestamp": format_instant(at),
        "AppName": "Confluence",
        "ActionType": "PageViewed",
        "ObjectName": f"Page {number}",
        "ReportId": f"r{number}",
        **ALICE,
        **columns,
    }


BULK = 8
"""Activities that make a hit."""


def hit_at(at: int, first: int = 0) -> list[dict[str, object]]:
    """Enough page views, from this one on."""
    return [record(first + n, at + n) for n in range(BULK)]


class Stage:
    """A store, a hub's partition and Graph, at noon, without a fault and with pages of one row."""

    def __init__(self, product: Product, *, merge_from: int = 12, shown_after: int = 0) -> None:
        self.product = product
        self.policy, self.vocabulary = small_policy(24, 6)
        self.scheduler = Scheduler(Random(0), NOON)
        self.scheduler.on_failure = self._failed
        self.tables = product.tables()
        self.referee = Referee(self.scheduler, self.tables, self.policy, self.vocabulary)
        self.reader = CloudAppEvents(self.policy, self.vocabulary)
        self.truth = Truth(self.referee, self.reader)
        self.graph = Graph(self.scheduler, shown_after=lambda: shown_after)
        self.state = product.state(SimulatedRows(self.tables, self.scheduler, 1), merge_from)
        self.state.ledger = cast("object", WatchedLedger(self.state.ledger, self.referee))

        async def connect() -> GraphClient:
            return cast("GraphClient", SimulatedGraphClient(self.graph))

        sink = product.sink(DefenderSink(connect, Limits(per_minute=40, per_hour=400)))
        self.sink = WatchedSink(sink, self.referee, self.graph)
        self.evaluator = product.make_evaluator(
            watched(product.evaluator, self.referee),
            self.state,
            (self.policy, self.vocabulary),
            source_policy(),
            [self.sink],
            one_by_one,
        )
        self.dispatcher = product.dispatcher(
            state=self.state, policy=self.policy, sinks=[self.sink]
        )
        self._sequence = 0

    def _failed(self, task: Task, failure: Exception) -> None:
        if not isinstance(failure, StoreUnavailableError):
            self.referee.blame(task.name, "raised", type(failure).__name__, failure)

    @property
    def now(self) -> int:
        """The clock, which stands still until it is set."""
        return self.scheduler.now

    def later(self, ticks: int) -> None:
        """Time passes."""
        self.scheduler.now += ticks

    def start(self, work: Work) -> Task:
        """Somebody begins, and has not yet run."""
        return self.scheduler.spawn("host", "task", work)

    def until(self, task: Task, *words: str) -> None:
        """Let it go on until it is about to make a request whose label has these words."""
        self.scheduler.advance(task, lambda call: all(word in _text(call) for word in words))

    def one_request(self, task: Task, failure: Exception | None = None) -> None:
        """Let it make one request, and get this answer instead of the service's."""
        self.scheduler.advance(task, lambda _: True)
        self.scheduler.serve(task, failure)
        self.scheduler.advance(task, lambda _: True)

    def finish(self, *tasks: Task) -> None:
        """Let each go on to its end."""
        for task in tasks:
            self.scheduler.advance(task)

    def crash(self, task: Task, *, lands: bool) -> None:
        """The host dies; what it had sent arrives, or not."""
        if not task.is_done:
            self.scheduler.kill(task)
        orphans, self.scheduler.orphans = self.scheduler.orphans, []
        for orphan in orphans if lands else ():
            with suppress(ConflictError):
                orphan.call.effect()

    def do(self, work: Work) -> None:
        """Begin and finish."""
        self.finish(self.start(work))

    def batch(self, *records: dict[str, object]) -> Batch:
        """The records arrive in one message."""
        body = msgspec.json.encode(
            {
                "records": [
                    {"category": "AdvancedHunting-CloudAppEvents", "properties": r} for r in records
                ]
            }
        )
        self._sequence += 1
        message = Message(body, "hub", self._sequence, self.now)
        self.truth.delivered(message, 0)
        return Batch(
            messages=[message],
            reading=self.reader.read([message]),
            policy=self.policy,
            vocabulary=self.vocabulary,
        )

    def together(self, *batches: Batch) -> Batch:
        """The messages of several batches as one."""
        messages = [message for batch in batches for message in batch.messages]
        return replace(batches[0], messages=messages, reading=self.reader.read(messages))

    def ingest(self, batch: Batch) -> Task:
        """Begin to take a batch."""
        return self.start(self.product.ingest(self.state, batch, self.now))

    def take(self, *records: dict[str, object]) -> None:
        """Take records at once."""
        self.finish(self.ingest(self.batch(*records)))

    def evaluate(self) -> Task:
        """Begin a round."""

        async def work() -> None:
            report = await self.evaluator.evaluate(self.now)
            if report.failed:
                self.referee.blame("users who cannot be judged:", dict(report.failed))

        return self.start(work())

    def dispatch(self) -> Task:
        """Begin to send."""

        async def work() -> None:
            await self.dispatcher.dispatch(self.now)

        return self.start(work())

    def settle(self) -> list[str]:
        """Four ticks alone, ten minutes apart; then what is wrong."""
        for _ in range(4):
            self.later(10 * MINUTE)
            self.finish(self.evaluate())
            self.finish(self.dispatch())
        self.truth.check(self)
        return self.referee.violations


def _text(call: Call[object]) -> str:
    return " ".join(map(str, call.label))


Scenario = Callable[[Product], list[str]]
