"""The detector as a host runs it: batches in, ticks, a clock and log lines around the use cases."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from detector import telemetry
from detector.core.evidence import revisions_until
from detector.core.instant import MINUTE
from detector.core.reading import Message
from detector.feedback import EVERY, feedback
from detector.health import TIMER_IS_DEAD_AFTER, begun, examine, waiting
from detector.housekeep import housekeep
from detector.ingest import ingest
from detector.isolate import take_apart
from detector.policies import load_policy
from detector.ports import ForEach, StoreUnavailableError
from detector.progress import progress
from detector.settings import read_settings
from detector.sources.cloud_app_events import CloudAppEvents
from detector.state.meta import SourceState
from detector.telemetry import Line
from detector.wiring import Detector, make_detector, make_sinks, make_source, open_bodies, open_rows

JUDGING_SECONDS = 20.0
"""For judging in ingest: the batch is written, and its partition waits meanwhile."""

EVALUATE_SECONDS = 240.0
"""For one round of judging; what is left is the next one's.

The host stops a function after ten minutes, and everything else in its worker with it.
"""

_EPISODE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """`clock` gives ticks; `log` takes one structured line; `host` is no other process's name."""

    detector: Detector
    source: CloudAppEvents
    clock: Callable[[], int]
    log: Callable[[Line], None]
    host: str
    judging_seconds: float = JUDGING_SECONDS
    _judging: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def ingest(self, messages: Sequence[Message]) -> None:
        """Take one batch of one partition. Raises StoreUnavailableError: give it again.

        What raises for another reason is tried thrice, then taken apart.
        """
        if not messages:
            return
        state = self.detector.state
        taken_out = await take_apart(messages, self._take, state, self.clock(), host=self.host)
        if taken_out:
            self.log(telemetry.taken_out(taken_out, partition=messages[0].source))
        tick = await state.meta.instant("tick")
        heard = await begun(state, self.clock()) if tick is None else tick
        if self.clock() - heard > TIMER_IS_DEAD_AFTER:
            await self._judge_instead_of_the_timer()

    async def _take(self, messages: Sequence[Message]) -> None:
        started = time.perf_counter()
        now = self.clock()
        reading = self.source.read(messages)
        state, policy = self.detector.state, self.detector.policy
        report = await ingest(
            reading, state=state, policy=policy, vocabulary=self.detector.vocabulary, now=now
        )

        def change(before: SourceState) -> SourceState:
            after = progress(before, messages, now)
            return replace(
                after,
                late=after.late + report.late,
                skewed=after.skewed + report.skewed,
                rejected=after.rejected + report.rejected,
            )

        before, after = await state.meta.change_source(messages[0].source, change)
        line = telemetry.ingested(
            report,
            partition=messages[0].source,
            messages=len(messages),
            gaps=after.gaps - before.gaps,
            lag=now - max(m.enqueued or now for m in messages),
            seconds=time.perf_counter() - started,
        )
        self.log(line)

    async def _judge_instead_of_the_timer(self) -> None:
        """The batch is written: whatever fails here, or takes too long, is the next tick's.

        One partition judges at a time; what a round has judged stays judged when it is cut off.
        """
        if self._judging.locked():
            return
        try:
            async with self._judging, asyncio.timeout(self.judging_seconds):
                await self.tick(self.judging_seconds / 2)
        except StoreUnavailableError as error:
            self.log({"event": "unavailable", "reason": str(error)})
        except Exception as error:  # noqa: BLE001 - the next tick meets it again, and may fail
            self.log({"event": "unavailable", "reason": type(error).__name__})

    async def tick(self, seconds: float = EVALUATE_SECONDS) -> None:
        """Evaluate for a while, then dispatch. Raises StoreUnavailableError; the next goes on."""
        started = time.perf_counter()
        now = self.clock()
        state = self.detector.state
        await begun(state, now)
        judge = self.detector.evaluator
        each = partial(_each, judge.for_each, seconds)
        report = await replace(judge, for_each=each).evaluate(now)
        for line in telemetry.windows(report, self.detector.policy):
            self.log(line)
        for transition, episode in report.episodes:
            self.log(telemetry.episode(transition, episode))
        left = await state.marks.pending(now)
        took = time.perf_counter() - started
        self.log(
            telemetry.evaluated(report, backlog=len(left), oldest=waiting(left, now), seconds=took)
        )
        started = time.perf_counter()
        sent = await self.detector.dispatcher.dispatch(self.clock())
        took = time.perf_counter() - started
        self.log(telemetry.dispatched(sent, now=now, seconds=took))
        if now % EVERY < MINUTE:
            heard = await feedback(state, self.detector.sinks, self.detector.policy, now)
            self.log(telemetry.heard(heard))

    async def evidence_page(self, episode_id: str) -> str | None:
        """The page of an episode, None where there is none."""
        if not _EPISODE_ID.fullmatch(episode_id):
            return None
        state = self.detector.state
        prepared = await state.evidence.of(episode_id)
        if not prepared:
            return None
        stored = await state.episodes.get(prepared[0].user, prepared[0].number)
        newest = stored.episode.revision if stored else prepared[-1].revision
        from detector.page import render_page

        return render_page(revisions_until(prepared, newest), rendered_at=self.clock())

    async def housekeep(self) -> None:
        """Drop old days and what has expired."""
        started = time.perf_counter()
        report = await housekeep(self.detector.state, self.clock())
        state = self.detector.state
        await state.meta.set_text("newer_rows", str(report.newer_schema_rows))
        letters = len(await state.dead_letters.every())
        await state.meta.set_text("dead_letters", str(letters))
        took = time.perf_counter() - started
        self.log(telemetry.housekept(report, dead_letters=letters, seconds=took))

    async def health(self) -> tuple[int, Line]:
        """200, or 503 with what is wrong in `faults`.

        A store that does not answer, a dead timer, silence, changes that are not judged, an alert
        unsent for an hour, rows of a newer version.
        """
        detector = self.detector
        try:
            document = await examine(
                detector.state, detector.dispatcher, detector.policy, self.clock()
            )
        except StoreUnavailableError as error:
            return 503, {"status": "unhealthy", "faults": [f"store: {error}"]}
        return (503 if document["faults"] else 200), document


async def _each(for_each: ForEach, seconds: float, works: Iterable[Awaitable[None]]) -> None:
    """For each while there is time; what was begun is ended."""

    def in_time() -> Iterator[Awaitable[None]]:
        end = time.perf_counter() + seconds
        for work in works:
            yield work
            if time.perf_counter() > end:
                return

    await for_each(in_time())


def make_service(*, clock: Callable[[], int], log: Callable[[Line], None]) -> Service:
    """The service the environment's settings describe. Raises SettingsError, PolicyError."""
    settings = read_settings()
    policy = load_policy(settings.policy, settings.policy_overrides)
    rows = open_rows(settings.store, settings)
    detector = make_detector(rows, policy, make_sinks(settings), open_bodies(settings))
    return Service(
        detector=detector,
        source=make_source(detector, settings),
        clock=clock,
        log=log,
        host=f"{clock()}",
    )
