"""Use case 4: old days are dropped, what has expired is removed. Publishing comes first.

A row that is gone already was removed by a round that overlaps with this one.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from detector.core.instant import DAY, HOUR, format_instant
from detector.ports import ConflictError, Row
from detector.state.episodes import StoredEpisode
from detector.state.evidence import KEPT
from detector.state.keys import (
    DAYS_KEPT,
    MARKS,
    WINDOWS,
    counters_table,
    readable,
)
from detector.state.store import State

_WINDOWS_KEPT = 2 * DAY
_DEAD_LETTERS_KEPT = 30 * DAY
_JUDGED_BY = (MARKS, WINDOWS)
"""Beside episodes and mutes, where a row of a newer version makes this one leave a user alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HousekeepReport:
    """What was removed, and how many rows are of a format this version does not know."""

    days_dropped: int
    rows_purged: int
    newer_schema_rows: int


async def housekeep(state: State, now: int) -> HousekeepReport:
    """Drop the days below the cutoff of the round before, then publish today's cutoff.

    So ingest refuses a day at least one round before its table goes.
    """
    published = await state.meta.instant("cutoff")
    dropped = 0
    if published is not None:
        for table in await state.ledger.days():
            if table < counters_table(published):
                await state.ledger.drop_day(table)
                dropped += 1
    cutoff = now - now % DAY - DAYS_KEPT * DAY
    await state.meta.set_instant("cutoff", max(cutoff, published or cutoff))
    episodes = await state.episodes.every()
    # A write that arrives after its host died leaves an open episode that no mark leads to.
    still_open = {stored.episode.user for stored in episodes if stored.episode.is_open}
    await state.marks.set_dirty(sorted(still_open), now)
    purged = await _purge_windows(state, now) + await _purge_episodes(state, episodes, now)
    purged += await _purge_dead_letters(state, now) + await _purge_mutes(state, now)
    judged_by = [row for table in _JUDGED_BY for row in await state.rows.scan_all(table)]
    newer = sum(not readable(row) for row in judged_by)
    newer += await state.episodes.unreadable() + await state.mutes.unreadable()
    return HousekeepReport(days_dropped=dropped, rows_purged=purged, newer_schema_rows=newer)


async def _purge_windows(state: State, now: int) -> int:
    limit = format_instant(now - _WINDOWS_KEPT)
    old = [row for row in await state.windows.every() if _has_expired(row, limit)]
    await state.windows.delete(*old)
    return len(old)


async def _purge_episodes(state: State, episodes: Sequence[StoredEpisode], now: int) -> int:
    purged = 0
    for stored in episodes:
        if not stored.episode.is_open and stored.episode.closed_at < now - KEPT:
            with suppress(ConflictError):
                await state.episodes.delete(stored)
                purged += 1
    limit = format_instant(now)
    for row in await state.evidence.every_row():
        if _has_expired(row, limit):
            with suppress(ConflictError):
                await state.evidence.delete(row)
                purged += 1
    return purged


def _has_expired(row: Row, limit: str) -> bool:
    """A row of a newer version never has, as far as this one knows."""
    return readable(row) and str(row.values.get("ExpiresAt", "~")) < limit


async def _purge_dead_letters(state: State, now: int) -> int:
    limit = format_instant(now - _DEAD_LETTERS_KEPT)
    old = [letter for letter in await state.dead_letters.every() if letter.received_at < limit]
    for letter in old:
        with suppress(ConflictError):
            await state.dead_letters.delete(letter)
    return len(old)


async def _purge_mutes(state: State, now: int) -> int:
    old = [m for m in await state.mutes.every() if m.expires_at < now - HOUR]
    for mute in old:
        with suppress(ConflictError):
            await state.mutes.remove(mute.user, mute.rule)
    return len(old)
