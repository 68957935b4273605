"""Whether the detector does its work, and what is wrong where it does not."""

from collections.abc import Iterator, Sequence

from detector.core.instant import MINUTE, SECOND, format_instant
from detector.core.policy import Policy
from detector.dispatch import Dispatcher
from detector.state.keys import VERSION
from detector.state.marks import DUE, Mark
from detector.state.meta import SourceState
from detector.state.store import State
from detector.telemetry import Line

TIMER_IS_DEAD_AFTER = 5 * MINUTE
"""Timers on Flex have died silently: then ingest judges, until the timer's mark moves again."""

SILENT_AFTER = 6 * 60 * MINUTE
"""A source without events for this long is a fault, not peace; so is never having heard of any."""

UNSENT_FOR = 60 * MINUTE

UNJUDGED_FOR = 15 * MINUTE
"""Everyone whose data changed is judged within a tick, unless the timer cannot keep up, or one
user's data makes it fail."""

_MOST_UNMAPPED = 20


async def begun(state: State, now: int) -> int:
    """The instant from which silence is counted: that of the first call on this store."""
    born = await state.meta.instant("born")
    if born is None:
        await state.meta.set_instant("born", now)
    return now if born is None else born


async def examine(state: State, dispatcher: Dispatcher, policy: Policy, now: int) -> Line:
    """Everything that is known, and its `faults`. Raises StoreUnavailableError."""
    born, tick = await begun(state, now), await state.meta.instant("tick")
    unsent, marks = await dispatcher.unsent(now), await state.marks.pending(now)
    sources = await state.meta.sources()
    newer = _number(await state.meta.text("newer_rows"))
    unsent_for = now - unsent[0].since if unsent else 0
    unjudged_for = waiting(marks, now)
    faults = [
        *_silence(sources, born, now),
        *_timer(tick, born, now),
        *_overdue("alerts: the oldest is unsent", unsent_for, UNSENT_FOR),
        *_overdue("backlog: the oldest change is not judged", unjudged_for, UNJUDGED_FOR),
        *_schema(newer),
    ]
    return {
        "status": "unhealthy" if faults else "healthy",
        "faults": faults,
        "schema_version": VERSION,
        "policy": policy.fingerprint,
        "last_evaluation": format_instant(tick) if tick is not None else None,
        "windows_complete": now - born >= policy.time_window,
        "dirty_backlog": len(marks),
        "oldest_dirty_seconds": seconds(unjudged_for),
        "unsent_alerts": len(unsent),
        "oldest_unsent_seconds": seconds(unsent_for),
        "newer_rows": newer,
        "dead_letters": _number(await state.meta.text("dead_letters")),
        "sources": [_source_line(source, now) for source in sources],
        "unmapped_actions": dict([*(await state.meta.unmapped()).items()][:_MOST_UNMAPPED]),
    }


def seconds(ticks: int) -> int:
    """Ticks as whole seconds."""
    return round(ticks / SECOND)


def waiting(marks: Sequence[Mark], now: int) -> int:
    """How long the oldest change has waited; a due mark waits for its time, not for us."""
    return max((now - mark.since for mark in marks if mark.partition != DUE), default=0)


def _silence(sources: Sequence[SourceState], born: int, now: int) -> Iterator[str]:
    if not sources and now - born > SILENT_AFTER:
        yield f"no source has ever been heard of, for {seconds(now - born):,} s"
    for source in sources:
        silent = now - source.received_at
        yield from _overdue(f"{source.source}: no event", silent, SILENT_AFTER)


def _timer(tick: int | None, born: int, now: int) -> Iterator[str]:
    if tick is None and now - born > TIMER_IS_DEAD_AFTER:
        yield f"timer: no evaluation ever, for {seconds(now - born):,} s"
    elif tick is not None and now - tick > TIMER_IS_DEAD_AFTER:
        yield f"timer: last evaluation {seconds(now - tick):,} s ago"


def _schema(newer: int) -> Iterator[str]:
    if newer:
        yield f"schema: {newer:,} rows of a newer version than {VERSION}, or damaged"


def _number(text: str | None) -> int:
    """0 where there is none, or no number: somebody may have written into the store by hand."""
    return int(text) if text and text.isdecimal() else 0


def _overdue(what: str, ticks: int, limit: int) -> Iterator[str]:
    if ticks > limit:
        yield f"{what} for {seconds(ticks):,} s"


def _source_line(source: SourceState, now: int) -> Line:
    return {
        "source": source.source,
        "last_event_age_seconds": seconds(now - source.last_enqueued_at),
        "received_seconds_ago": seconds(now - source.received_at),
        "late": source.late,
        "skewed": source.skewed,
        "rejected": source.rejected,
        "missing_messages": source.gaps,
        "hub_recreated": source.recreated,
    }
