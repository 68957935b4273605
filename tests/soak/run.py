"""The soak itself: starts the processes, kills them, steals from them, and waits for the end."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import msgspec

from detector.core.instant import MINUTE
from detector.wiring import opened
from tests.loopback.graph import (
    LoopbackGraph,
    Operation,
    gateway_timeout,
    reset,
    throttled,
    unavailable,
)
from tests.loopback.graph.identity import IDENTITY_HEADER, IDENTITY_PATH
from tests.soak.hub import Hub
from tests.soak.plan import Clock, Plan
from tests.soak.process import settings_of
from tests.soak.referee import Counts, Verdict, referee
from tests.soak.workload import Workload, make_workload

ROOT = Path(__file__).parents[2]
WORKERS, TIMERS = ("worker-1", "worker-2"), ("timer-1", "timer-2")
MOST_AHEAD = 100 * MINUTE
"""The clock is put forward by less than the two hours that the oldest events have left."""

_FAULTS = (
    reset(after_commit=True),
    gateway_timeout(after_commit=True),
    gateway_timeout(after_commit=False),
    unavailable(retry_after=30),
    throttled(retry_after=30),
)


class StuckError(Exception):
    """The soak made no progress, or a process ended by itself: there is nothing to judge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was done to the processes, what they did, and the referee's verdict."""

    seed: int
    store: str
    seconds: float
    kills: dict[str, int]
    steals: int
    regressions: int
    redelivered: int
    copies: int
    retried: int
    raised: int
    batch_seconds_p50: float
    batch_seconds_p99: float
    sink_faults: int
    duplicates_closed: int
    surges: int
    counts: Counts
    verdict: Verdict

    @property
    def is_clean(self) -> bool:
        """Nothing lost, nothing double, and nothing raised that a host does not know."""
        return self.verdict.is_clean and self.raised == 0


@dataclass(slots=True)
class Soak:
    """A running soak: `step` is called until `is_over`."""

    plan: Plan
    hub: Hub
    clock: Clock
    graph: LoopbackGraph
    rng: random.Random
    kills_wanted: int
    messages: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    steals: int = 0
    regressions: int = 0
    sink_faults: int = 0
    next_fault: int = 0

    def start(self, name: str, kind: str = "") -> None:
        """Start a process, or start it again. Killed processes leave no half coverage file."""
        kind = kind or name.partition("-")[0]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
        environment["IDENTITY_ENDPOINT"] = self.graph.root + IDENTITY_PATH
        environment["IDENTITY_HEADER"] = IDENTITY_HEADER
        with self.plan.path(f"{name}.err").open("ab") as errors:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "tests.soak.process", kind, self.plan.folder, name],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stderr=errors,
            )

    def kill(self, name: str) -> None:
        """SIGKILL: nothing of it runs any more."""
        process = self.processes[name]
        if process.poll() is not None:
            errors = self.plan.path(f"{name}.err").read_text()[-2_000:]
            raise StuckError(f"{name} ended by itself with {process.returncode}:\n{errors}")
        process.send_signal(signal.SIGKILL)
        process.wait()

    def step(self) -> None:
        """What the progress calls for: the kills are spread over the messages, not over time.

        So every soak has as many as were asked for, and a batch never has to outrun them.
        """
        for name in self.processes:
            if self.processes[name].poll() is not None:
                self.kill(name)
        share = self.hub.done() / self.messages
        if share * (self.kills_wanted + 1) > self.kills.total() + 1:
            self._kill_one()
        if share * (2 * self.kills_wanted + 1) > self.steals + 1:
            self._steal(self.rng.randrange(self.plan.partitions))
        if share > 0.5 and self.regressions == 0:
            self._regress()
        self.disturb_the_sink()

    def _kill_one(self) -> None:
        names = TIMERS if self.kills.total() % 3 == 2 else WORKERS
        name = self.rng.choice(names)
        self.kill(name)
        self.kills[name.partition("-")[0]] += 1
        self.start(name)
        if self.clock.ahead < MOST_AHEAD / 2:
            # The fourth leaves the last evaluation behind by so much that ingest judges itself.
            self.clock.advance((6 if self.kills.total() == 4 else self.rng.randrange(4)) * MINUTE)

    def _steal(self, partition: int) -> None:
        owner = self.hub.owner(partition)
        self.hub.give(partition, next(name for name in WORKERS if name != owner))
        self.steals += 1

    def _regress(self) -> None:
        """A checkpoint goes back, and the next owner begins there."""
        partition = self.rng.randrange(self.plan.partitions)
        self.hub.set_checkpoint(partition, max(0, self.hub.checkpoint(partition) - 30))
        self._steal(partition)
        self.regressions += 1

    def disturb_the_sink(self) -> None:
        """Once in a few requests, one is refused, or its answer is lost."""
        for operation in (Operation.CREATE_ALERT, Operation.COMMENT_INCIDENT):
            if (
                self.graph.faults_left == 0
                and len(self.graph.calls_of(operation)) > self.next_fault
            ):
                self.graph.fault(operation, self.rng.choice(_FAULTS))
                self.sink_faults += 1
                self.next_fault += self.rng.randrange(2, 6) * max(1, self.plan.users // 30)

    def end(self) -> None:
        """Kill what runs; this is no kill that counts."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes.clear()


Progress = Callable[[str], None]


def soak(plan: Plan, *, kills: int, seconds: float, progress: Progress) -> Report:
    """Run one soak of a fresh folder. Raises StuckError where it does not end in `seconds`."""
    clock = Clock(plan.path("clock"))
    began = time.monotonic()
    workload = make_workload(
        seed=plan.seed,
        events=plan.events,
        users=plan.users,
        partitions=plan.partitions,
        now=clock.ticks(),
    )
    delay = timedelta(seconds=20)
    with (
        closing(Hub(plan.path("hub.db"))) as hub,
        LoopbackGraph(clock=clock, visibility_delay=delay) as graph,
    ):
        hub.fill(workload.logs, clock.ticks())
        plan = msgspec.structs.replace(plan, graph=graph.root)
        plan.save()
        running = Soak(plan, hub, clock, graph, random.Random(plan.seed), kills, workload.messages)
        with _ended(running):
            _play(running, began + seconds, progress)
        verdict, counts = asyncio.run(_judge(plan, workload, graph, clock))
        return _report(running, workload, verdict, counts, time.monotonic() - began)


def _play(running: Soak, deadline: float, progress: Progress) -> None:
    for partition in range(running.plan.partitions):
        running.hub.give(partition, WORKERS[partition % len(WORKERS)])
    for name in (*WORKERS, *TIMERS):
        running.start(name)
    while not running.hub.is_drained():
        time.sleep(0.05)
        if time.monotonic() > deadline:
            raise StuckError(f"{running.hub.done()} of {running.messages} messages in time")
        running.step()
        progress(
            f"{running.hub.done():,} of {running.messages:,} messages, "
            f"{running.kills.total()} kills, {running.steals} steals"
        )
    running.end()
    progress("settling")
    running.start("settle")
    while (code := running.processes["settle"].poll()) is None:
        time.sleep(0.05)
        running.disturb_the_sink()
        if time.monotonic() > deadline:
            raise StuckError("it does not settle")
    if code:
        raise StuckError(running.plan.path("settle.err").read_text()[-2_000:])


@contextmanager
def _ended(running: Soak) -> Iterator[None]:
    try:
        yield
    finally:
        running.end()


async def _judge(
    plan: Plan, workload: Workload, graph: LoopbackGraph, clock: Clock
) -> tuple[Verdict, Counts]:
    def active(marker: str) -> int:
        return len(graph.active_incidents_with_marker(marker))

    async with opened(settings_of(plan)) as rows:
        return await referee(rows, workload.truth, active, clock.ticks())


def _report(
    running: Soak, workload: Workload, verdict: Verdict, counts: Counts, seconds: float
) -> Report:
    lines = [*_lines(running.plan)]
    events = Counter(line["event"] for line in lines)
    taken = sorted(float(line["seconds"]) for line in lines if line["event"] == "ingested")
    alerts = running.graph.alerts.values()
    closed = [one for one in running.graph.incidents.values() if not one.is_active]
    return Report(
        seed=running.plan.seed,
        store=running.plan.store.partition(":")[0],
        seconds=seconds,
        kills=dict(running.kills),
        steals=running.steals,
        regressions=running.regressions,
        redelivered=sum(one["messages"] for one in lines if one["event"] == "ingested")
        - workload.messages,
        copies=workload.copies,
        retried=events["retried"],
        raised=events["raised"],
        batch_seconds_p50=taken[len(taken) // 2],
        batch_seconds_p99=taken[len(taken) * 99 // 100],
        sink_faults=running.sink_faults,
        duplicates_closed=len(closed),
        surges=sum("-surge)" in alert.text() for alert in alerts),
        counts=counts,
        verdict=verdict,
    )


def _lines(plan: Plan) -> Iterator[dict[str, object]]:
    """What the processes logged; a killed one may leave half a line."""
    for path in Path(plan.folder).glob("*.log"):
        for line in path.read_bytes().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue
