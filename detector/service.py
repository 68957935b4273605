"""The detector as a host runs it: batches in, ticks, a clock and log lines around the use cases."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from detector import telemetry
from detector.core.instant import MINUTE, SECOND, format_instant
from detector.core.reading import Message
from detector.feedback import EVERY, feedback
from detector.housekeep import housekeep
from detector.ingest import ingest
from detector.isolate import take_apart
from detector.policies import load_policy
from detector.ports import StoreUnavailableError
from detector.settings import read_settings
from detector.sources.cloud_app_events import CloudAppEvents
from detector.state.keys import VERSION
from detector.state.meta import SourceState
from detector.telemetry import Line
from detector.wiring import Detector, make_detector, make_sinks, make_source, open_rows

TIMER_IS_DEAD_AFTER = 5 * MINUTE
"""Timers on Flex have died silently: then ingest judges, until the timer's mark moves again."""

SILENT_AFTER = 6 * 60 * MINUTE
"""A source without events for this long is a fault, not peace."""

UNSENT_FOR = 60 * MINUTE

_EPISODE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """`clock` gives ticks; `log` takes one structured line."""

    detector: Detector
    source: CloudAppEvents
    clock: Callable[[], int]
    log: Callable[[Line], None]

    async def ingest(self, messages: Sequence[Message]) -> None:
        """Take one batch of one partition. Raises StoreUnavailableError: give it again.

        What raises for another reason is tried thrice, then taken apart.
        """
        if not messages:
            return
        await take_apart(messages, self._take, self.detector.state, self.clock())
        tick = await self.detector.state.meta.instant("tick")
        if tick is not None and self.clock() - tick > TIMER_IS_DEAD_AFTER:
            await self._judge_instead_of_the_timer()

    async def _take(self, messages: Sequence[Message]) -> None:
        started = time.perf_counter()
        now = self.clock()
        reading = self.source.read(messages)
        state, policy = self.detector.state, self.detector.policy
        report = await ingest(
            reading, state=state, policy=policy, vocabulary=self.detector.vocabulary, now=now
        )
        before = await state.meta.source(messages[0].source)
        after = _progress(before, messages, now)
        after = replace(after, late=after.late + report.late, skewed=after.skewed + report.skewed)
        await state.meta.set_source(after)
        line = telemetry.ingested(
            report,
            partition=messages[0].source,
            messages=len(messages),
            gaps=after.gaps - before.gaps,
            lag=now - after.last_enqueued_at,
            seconds=time.perf_counter() - started,
        )
        self.log(line)

    async def _judge_instead_of_the_timer(self) -> None:
        try:
            await self.tick()
        except StoreUnavailableError as error:
            self.log({"event": "unavailable", "reason": str(error)})

    async def tick(self) -> None:
        """Evaluate, then dispatch. Raises StoreUnavailableError; the next tick takes over."""
        started = time.perf_counter()
        now = self.clock()
        state = self.detector.state
        if await state.meta.instant("born") is None:
            await state.meta.set_instant("born", now)
        report = await self.detector.evaluator.evaluate(now)
        for line in telemetry.windows(report, self.detector.policy):
            self.log(line)
        for transition, episode in report.episodes:
            self.log(telemetry.episode(transition, episode))
        backlog = len(await state.marks.pending(now))
        took = time.perf_counter() - started
        self.log(telemetry.evaluated(report, backlog=backlog, seconds=took))
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
        revisions = await self.detector.state.evidence.of(episode_id)
        if not revisions:
            return None
        from detector.page import render_page

        return render_page(revisions, rendered_at=self.clock())

    async def housekeep(self) -> None:
        """Drop old days and what has expired."""
        started = time.perf_counter()
        report = await housekeep(self.detector.state, self.clock())
        await self.detector.state.meta.set_text("newer_rows", str(report.newer_schema_rows))
        self.log(telemetry.housekept(report, seconds=time.perf_counter() - started))

    async def health(self) -> tuple[int, Line]:
        """200, or 503 with what is wrong in `faults`.

        A store that does not answer, a dead timer, a silent source, an alert unsent for an hour,
        rows of a newer version.
        """
        try:
            document = await self._health()
        except StoreUnavailableError as error:
            return 503, {"status": "unhealthy", "faults": [f"store: {error}"]}
        return (503 if document["faults"] else 200), document

    async def _health(self) -> Line:
        now = self.clock()
        state = self.detector.state
        tick, born = await state.meta.instant("tick"), await state.meta.instant("born")
        unsent, marks = await self.detector.dispatcher.unsent(now), await state.marks.pending(now)
        sources = await state.meta.sources()
        counted = await state.meta.text("newer_rows") or ""
        newer = int(counted) if counted.isdecimal() else 0
        faults = [
            f"{s.source}: no event for {_seconds(now - s.received_at):,} s"
            for s in sources
            if now - s.received_at > SILENT_AFTER
        ]
        if tick is not None and now - tick > TIMER_IS_DEAD_AFTER:
            faults.append(f"timer: last evaluation {_seconds(now - tick):,} s ago")
        unsent_for = now - unsent[0].since if unsent else 0
        if unsent_for > UNSENT_FOR:
            faults.append(f"alerts: the oldest is unsent for {_seconds(unsent_for):,} s")
        if newer:
            faults.append(f"schema: {newer:,} rows of a newer version than {VERSION}, or damaged")
        window = self.detector.policy.time_window
        return {
            "status": "unhealthy" if faults else "healthy",
            "faults": faults,
            "schema_version": VERSION,
            "policy": self.detector.policy.fingerprint,
            "last_evaluation": format_instant(tick) if tick is not None else None,
            "windows_complete": born is not None and now - born >= window,
            "dirty_backlog": len(marks),
            "unsent_alerts": len(unsent),
            "oldest_unsent_seconds": _seconds(unsent_for),
            "sources": [_source_line(source, now) for source in sources],
            "unmapped_actions": dict(list((await state.meta.unmapped()).items())[:20]),
        }


def _progress(before: SourceState, messages: Sequence[Message], now: int) -> SourceState:
    """The source's state after a batch; a jump of the sequence number is a gap, a fall is not.

    Redelivery and a recreated hub begin lower; they lose nothing.
    """
    first, last = messages[0].sequence, messages[-1].sequence
    known = before.last_sequence >= 0
    gap = max(first - before.last_sequence - 1, 0) if known else 0
    enqueued = max((m.enqueued for m in messages if m.enqueued is not None), default=0)
    return replace(
        before,
        last_sequence=last,
        last_enqueued_at=enqueued,
        received_at=now,
        gaps=before.gaps + gap,
    )


def _source_line(source: SourceState, now: int) -> Line:
    return {
        "source": source.source,
        "last_event_age_seconds": _seconds(now - source.last_enqueued_at),
        "received_seconds_ago": _seconds(now - source.received_at),
        "late": source.late,
        "skewed": source.skewed,
        "missing_messages": source.gaps,
    }


def _seconds(ticks: int) -> int:
    return round(ticks / SECOND)


def make_service(*, clock: Callable[[], int], log: Callable[[Line], None]) -> Service:
    """The service the environment's settings describe. Raises SettingsError, PolicyError."""
    settings = read_settings()
    policy = load_policy(settings.policy, settings.policy_overrides)
    rows = open_rows(settings.store, settings)
    detector = make_detector(rows, policy, make_sinks(settings))
    return Service(detector=detector, source=make_source(detector, settings), clock=clock, log=log)
