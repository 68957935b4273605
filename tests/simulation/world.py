"""One seed: a hub, a store, Graph, two hosts and all that can go wrong; then peace, then time."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from random import Random  # noqa: TID251 - everything random comes from the seed
from typing import Any, cast

from detector.adapters.graph.client import GraphClient
from detector.adapters.graph.sink import DefenderSink
from detector.core.instant import HOUR, MINUTE, SECOND, parse_instant
from detector.feedback import feedback
from detector.ports import Limits, StoreUnavailableError
from detector.sources.cloud_app_events import CloudAppEvents
from tests.simulation.graph import Graph, SimulatedGraphClient
from tests.simulation.hub import Lease, Partition
from tests.simulation.product import Batch, Product
from tests.simulation.referee import Referee
from tests.simulation.requests import Call, Faults, NoAnswerError, NotDoneError, Task
from tests.simulation.rows import SimulatedRows
from tests.simulation.scheduler import Scheduler
from tests.simulation.truth import Truth
from tests.simulation.watched import WatchedLedger, WatchedSink, watched
from tests.simulation.workload import generate, small_policy, source_policy

HOSTS = ("A", "B")
BATCH_TICKS = 240 * SECOND
"""function_app.py ends a batch that takes longer; the host gives it again."""
_BEGIN = parse_instant("2026-03-11T00:00:00Z")
MOST_TASKS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How rough a seed is: probabilities for each step."""

    crash: float
    steal: float
    jump: float
    person: float
    recreates: bool
    timers: int
    skew: int
    batch: int

    @staticmethod
    def draw(random: Random) -> "Weather":
        """A storm, or something milder."""
        storm = random.random() < 0.25
        return Weather(
            crash=0.004 if storm else random.choice([0, 0.002, 0.01]),
            steal=0.03 if storm else random.choice([0, 0.004, 0.02]),
            jump=random.choice([0, 0.002, 0.005]),
            person=random.choice([0, 0, 0.01]),
            recreates=random.random() < 0.15,
            timers=2 if storm else 1,
            skew=random.choice([0, 0, 3, 30]) * SECOND,
            batch=random.choice([1, 2, 4, 8]),
        )


class World:
    """Everything of one seed."""

    def __init__(
        self, seed: int, product: Product, trace: Callable[[str], None] | None = None
    ) -> None:
        random = self.random = Random(seed)
        self.product = product
        hours, self.policy_bulk = random.choice([24, 24, 3]), random.choice([6, 12])
        self.policy, self.vocabulary = small_policy(hours, self.policy_bulk)
        begin = _BEGIN + int(random.random() * 24 * HOUR)
        self.scheduler = Scheduler(random, begin, trace)
        self.scheduler.on_failure = self._failed
        self.weather = Weather.draw(random)
        self.faults = Faults(
            request=0.05 * random.choice([0, 0.5, 1, 2]), echo=random.choice([0, 0.02])
        )
        self.tables = product.tables()
        self.referee = Referee(self.scheduler, self.tables, self.policy, self.vocabulary)
        self.reader = CloudAppEvents(self.policy, self.vocabulary)
        self.truth = Truth(self.referee, self.reader)
        slowest = random.choice([1, 1, 10]) * MINUTE
        self.graph = Graph(self.scheduler, shown_after=lambda: int(random.random() * slowest))
        self.partitions = self._hub()
        self._skews = {host: int(random.uniform(-1, 1) * self.weather.skew) for host in HOSTS}
        self._wire()
        self.draining = False
        self.recreated = False
        self.expires = random.random() < 0.25

    def _hub(self) -> list[Partition]:
        random = self.random
        partitions = [Partition(str(n)) for n in range(random.choice([1, 2, 3]))]
        for body in generate(random, self.scheduler.now, self.policy.time_window).bodies:
            random.choice(partitions).bodies.append(body)
        return partitions

    def _wire(self) -> None:
        """As detector.wiring does."""
        random = self.random
        self.rows = SimulatedRows(self.tables, self.scheduler)
        self.page = random.choice([1, 2, 5, 50, 50])
        self.state = self.product.state(self.rows, random.choice([2, 3, 6]))
        self.state.ledger = cast("Any", WatchedLedger(self.state.ledger, self.referee))

        async def connect() -> GraphClient:
            return cast("GraphClient", SimulatedGraphClient(self.graph))

        limit = random.choice([1, 40, 40])
        limits = Limits(per_minute=limit, per_hour=20 * limit)
        sink = self.product.sink(DefenderSink(connect, limits))
        self.sink = WatchedSink(sink, self.referee, self.graph)
        self.evaluator = self.product.make_evaluator(
            watched(self.product.evaluator, self.referee),
            self.state,
            (self.policy, self.vocabulary),
            source_policy(),
            [self.sink],
            self.scheduler.at_once,
        )
        self.dispatcher = self.product.dispatcher(
            state=self.state, policy=self.policy, sinks=[self.sink]
        )

    def _failed(self, task: Task, failure: Exception) -> None:
        self.referee.blame(task.name, "raised", type(failure).__name__, failure)

    def clock(self, host: str) -> int:
        """What the host believes the time to be."""
        return self.scheduler.now + self._skews[host]

    # Processes -------------------------------------------------------------------------------

    async def processor(self, host: str, partition: Partition, lease: Lease) -> None:
        """The Event Hubs trigger with the host's retry policy."""
        random, scheduler = self.random, self.scheduler
        epoch = partition.epoch
        position = partition.checkpoint
        while partition.epoch == epoch:
            messages = partition.messages[
                position : position + 1 + int(random.random() * self.weather.batch)
            ]
            if not messages:
                if lease.lost or self.draining:
                    return
                await scheduler.sleep(2 * SECOND)
                continue
            batch = Batch(
                messages=messages,
                reading=self.reader.read(messages),
                policy=self.policy,
                vocabulary=self.vocabulary,
            )
            await self._take(host, batch)
            position += len(messages)
            if lease.lost and random.random() < 0.8:
                return
            await self._checkpoint(partition, epoch, position)
            if lease.lost:
                return

    async def _take(self, host: str, batch: Batch) -> None:
        tries = 0
        while True:
            try:
                work = self.product.ingest(self.state, batch, self.clock(host))
                await self.scheduler.within(BATCH_TICKS, work)
            except (StoreUnavailableError, TimeoutError):
                tries += 1
                if self.product.gives_up(tries):
                    return
                await self.scheduler.sleep(2 * SECOND)
                continue
            return

    async def _checkpoint(self, partition: Partition, epoch: int, position: int) -> None:
        """Unconditional, as the host's: a zombie sets it back."""

        def effect() -> None:
            if partition.epoch == epoch:
                partition.checkpoint = position
                self.truth.check_durable(partition)

        try:
            await Call("checkpoint", ("checkpoint", partition.name, position), effect)
        except (NotDoneError, NoAnswerError):
            return

    async def tick(self, host: str) -> None:
        """The timer function, as detector.service runs it."""
        try:
            report = await self.evaluator.evaluate(self.clock(host))
            if report.failed:
                self.referee.blame("users who cannot be judged:", dict(report.failed))
            await self.dispatcher.dispatch(self.clock(host))
            if self.weather.person:
                await feedback(self.state, [self.sink], self.policy, self.clock(host))
        except StoreUnavailableError as error:
            self.scheduler.log("tick ends", host, error)

    async def timer(self, host: str) -> None:
        """Ticks, sometimes before the last tick has ended."""
        while True:
            await self.scheduler.sleep(int(self.random.uniform(5, 40)) * SECOND)
            if self.random.random() < 0.3 and len(self.scheduler.tasks) < MOST_TASKS:
                self.spawn(host, "tick", self.tick(host))
            else:
                await self.tick(host)

    async def housekeeper(self, host: str) -> None:
        """The other timer function."""
        try:
            await self.product.housekeep(self.state, self.clock(host))
        except StoreUnavailableError as error:
            self.scheduler.log("housekeeping ends", host, error)

    def spawn(self, host: str, name: str, coroutine: Coroutine[Any, Any, None]) -> None:
        """Start a process."""
        self.scheduler.spawn(host, f"{host}.{name}{self.scheduler.steps}", coroutine)
