"""Plays a stream through ingest, evaluate and dispatch under the stream's own clock.

The clock is the latest time seen; it ticks at every minute boundary, so the minute of an incident
does not depend on how records were batched, and playing a file twice changes nothing.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from detector.core.activity import Activity
from detector.core.instant import DAY, MINUTE, floor_minute
from detector.core.policy import Policy
from detector.core.reading import Reading
from detector.core.vocabulary import Vocabulary
from detector.dispatch import Dispatcher, DispatchReport
from detector.evaluate import EvaluateReport, Evaluator
from detector.ingest import IngestReport, ingest
from detector.state.store import State

OUTLIER = 15 * MINUTE
"""A time further ahead than this is believed when the next one does not fall back behind it."""

_FLUSH_FROM = 20_000

OnTick = Callable[[EvaluateReport, DispatchReport], Awaitable[None]]


@dataclass(slots=True)
class StreamClock:
    """The latest time seen; one outlier far ahead of its neighbours does not move it."""

    now: int | None = None
    doubted: int | None = None

    def observe(self, moment: int) -> list[int]:
        """Take notice of a record's time; returns the times the clock moves to, in order.

        A time far ahead is doubted until the next one: a confirmed doubt moves the clock first.
        """
        moves: list[int] = []
        if self.doubted is not None and moment >= self.doubted - OUTLIER:
            moves.append(self.doubted)
        self.doubted = None
        latest = moves[0] if moves else self.now
        if latest is None or moment > latest + OUTLIER:
            self.doubted = moment
        elif moment > latest:
            moves.append(moment)
        return moves


@dataclass(slots=True, kw_only=True)
class Replay:
    """One playing of a stream into a store: `begin`, `feed` any number of times, `finish`."""

    state: State
    policy: Policy
    vocabulary: Vocabulary
    evaluator: Evaluator
    dispatcher: Dispatcher
    on_tick: OnTick
    clock: StreamClock = field(default_factory=StreamClock)
    reports: list[IngestReport] = field(default_factory=list[IngestReport])
    windows_changed: int = 0
    _waiting: list[Activity] = field(default_factory=list[Activity])
    _doubtful_from: int | None = None

    async def begin(self) -> None:
        """Continue from the clock stored with the state."""
        self.clock.now = await self.state.meta.instant("clock")

    async def feed(self, reading: Reading) -> None:
        """Play some records; the reading must have its moments."""
        taken = 0
        for moment, start in reading.moments:
            self._waiting += reading.activities[taken:start]
            taken = start
            doubtful = self._doubtful_from
            for position, now in enumerate(self.clock.observe(moment)):
                await self._move(now, doubtful if position == 0 else None)
            self._doubtful_from = len(self._waiting) if self.clock.doubted is not None else None
        self._waiting += reading.activities[taken:]
        await self._ingest(replace(reading, activities=[]))
        if len(self._waiting) > _FLUSH_FROM and self._doubtful_from is None:
            await self._flush(len(self._waiting))

    async def finish(self) -> int | None:
        """Play out the last minute; returns the clock, None for a stream without any time.

        Nothing after the last time contradicts it, so it is believed, though at most a day ahead.
        """
        before, doubted = self.clock.now, self.clock.doubted
        if doubted is not None and (before is None or doubted <= before + DAY):
            await self._move(doubted, self._doubtful_from)
        await self.catch_up()
        return self.clock.now

    async def catch_up(self) -> None:
        """Judge what has come so far, at the end of the clock's minute, and store the clock.

        The first time of all is taken for the clock while nothing confirms it, but not stored.
        """
        now = self.clock.doubted if self.clock.now is None else self.clock.now
        if now is None:
            return
        self._doubtful_from = None
        await self._flush(len(self._waiting))
        await self._tick(-(-now // MINUTE) * MINUTE)
        if self.clock.now is not None:
            await self.state.meta.set_instant("clock", now)

    async def _move(self, now: int, upto: int | None) -> None:
        """Move the clock; on crossing a minute first ingest what came before, then tick."""
        before, self.clock.now = self.clock.now, now
        if before is None or floor_minute(now) == floor_minute(before):
            return
        await self._flush(len(self._waiting) if upto is None else upto, before)
        boundary, last = floor_minute(before) + MINUTE, floor_minute(now)
        while boundary <= last:
            await self._tick(boundary)
            due = await self.state.marks.next_due()
            if due is None:
                return
            boundary = max(boundary + MINUTE, -(-due // MINUTE) * MINUTE)

    async def _flush(self, upto: int, now: int | None = None) -> None:
        ready, self._waiting = self._waiting[:upto], self._waiting[upto:]
        if ready:
            await self._ingest(Reading(activities=ready), now)

    async def _ingest(self, reading: Reading, now: int | None = None) -> None:
        at = now or self.clock.now or self.clock.doubted or 0
        report = await ingest(
            reading, state=self.state, policy=self.policy, vocabulary=self.vocabulary, now=at
        )
        self.reports.append(report)

    async def _tick(self, boundary: int) -> None:
        evaluated = await self.evaluator.evaluate(boundary)
        self.windows_changed += evaluated.windows_changed
        await self.on_tick(evaluated, await self.dispatcher.dispatch(boundary))
