"""The ledger: every user's activities as immutable segments in one table per event-time day."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

from detector.core.activity import Activity, Sample, union
from detector.core.instant import format_instant
from detector.core.summary import counters
from detector.core.vocabulary import Vocabulary
from detector.ports import ConflictError, Operation, Row, Rows, Transaction
from detector.state.keys import (
    BUCKETS,
    COUNTERS,
    VERSION,
    bucket_of,
    counters_table,
    hour_key,
    readable,
    start_of_hour,
    transactions,
)
from detector.state.segment import Segment, SegmentError, merge, unpack

MERGE_FROM = 12
"""Segments of one level of one user-hour that are worth a merge."""

MOST_LOADED = 100_000
"""Activities of one user that are looked at in one evaluation; what is beyond is counted, not read.

About 350 MB at worst, where each has a session of its own (`python -m tests.bounds` measures it).
"""

_LARGEST_ROW = 600 << 10
_MOST_MERGED = 99
_HIGHEST_LEVEL = 9


@dataclass(frozen=True, slots=True)
class Stored:
    """A segment as it was read, with the table and key it stands under."""

    table: str
    key: str
    segment: Segment


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the ledger holds of one user: rows, and how many this version cannot read.

    `unread` are the activities beyond MOST_LOADED, an event in two rows twice: where there are
    any, every count made of this is a lower bound.
    """

    stored: Sequence[Stored]
    newer_rows: int = 0
    unread: int = 0

    @property
    def activities(self) -> Sample:
        """The union of the segments: each event once."""
        known = union(a for s in self.stored for a in s.segment.activities)
        return Sample(known.values(), self.unread)


class Ledger:
    """Appends and reads segments. It never changes a row and never asks what is there."""

    def __init__(self, rows: Rows, *, merge_from: int = MERGE_FROM) -> None:
        """Keep the rows; `merge_from` segments of one level of one user-hour are merged."""
        self._rows = rows
        self._merge_from = merge_from

    async def append(
        self, segments: Iterable[Segment], vocabulary: Vocabulary, fingerprint: str
    ) -> None:
        """Write the segments; returns when all are acknowledged. Writing one twice is a no-op."""
        tables: dict[str, list[tuple[str, Operation]]] = {}
        for segment in segments:
            operation = _upsert(segment, vocabulary, fingerprint)
            writes = tables.setdefault(counters_table(segment.hour), [])
            writes.append((bucket_of(segment.user), operation))
        await self._rows.submit(
            *(t for table, writes in tables.items() for t in transactions(table, writes))
        )

    async def load(self, user: str, since: int, days: Sequence[str]) -> Loaded:
        """The user's segments from the hour of `since` on, in those of the tables `days`.

        Of more than MOST_LOADED activities those rows are read first that hold secret searches,
        exports or downloads, then those with the largest share that counts, then the latest.
        """
        found: list[tuple[str, Row]] = []
        first = counters_table(since)
        for table in days:
            if table < first:
                continue
            start = hour_key(user, since) if table == first else f"{user}|"
            rows = await self._rows.scan(table, bucket_of(user), start=start, end=f"{user}|~")
            found += [(table, row) for row in rows]
        if sum(_number(row, "Activities") for _, row in found) > MOST_LOADED:
            found.sort(key=lambda pair: _weight(*pair), reverse=True)
        return _loaded(found)

    async def user_keys(self, since: int) -> list[str]:
        """Everyone with an activity in the hour of `since` or later."""
        first = counters_table(since)
        tables = [t for t in await self.days() if t >= first]
        found = {r.key.split("|")[0] for t in tables for r in await self._rows.scan_all(t)}
        return sorted(found)

    async def users(
        self, since: int, buckets: Sequence[str] = BUCKETS
    ) -> AsyncIterator[tuple[str, list[Activity]]]:
        """The users of these buckets with all activities from the day of `since` on.

        Only one bucket is in memory.
        """
        first = counters_table(since)
        tables = [t for t in await self._rows.tables(COUNTERS) if t >= first]
        for bucket in buckets:
            users: dict[str, list[Activity]] = {}
            for table in tables:
                for row in await self._rows.scan(table, bucket):
                    segment = _stored(table, row).segment
                    users.setdefault(segment.user, []).extend(segment.activities)
            for user in sorted(users):
                yield user, list(union(users.pop(user)).values())

    async def rows_of(self, user: str) -> list[tuple[str, Row]]:
        """Every row of a user with its table, oldest day first: what a person looks at."""
        return [
            (table, row)
            for table in await self._rows.tables(COUNTERS)
            for row in await self._rows.scan(
                table, bucket_of(user), start=f"{user}|", end=f"{user}|~"
            )
        ]

    async def compact(self, loaded: Loaded, vocabulary: Vocabulary, fingerprint: str) -> int:
        """Merge what `loaded` shows to be worth it; returns how many segments were replaced.

        One transaction each writes the merged segment and deletes its sources. A loser's delete
        finds a source gone, fails, and takes its write back with it.
        """
        replaced = 0
        for sources in _worth_merging(loaded.stored, self._merge_from):
            merged = merge([s.segment for s in sources])
            if len(merged.data) > _LARGEST_ROW:
                continue
            operations = [_upsert(merged, vocabulary, fingerprint)]
            operations += [Operation("delete", source.key) for source in sources]
            bucket = bucket_of(merged.user)
            try:
                await self._rows.submit(Transaction(sources[0].table, bucket, operations))
            except ConflictError:
                continue
            replaced += len(sources)
        return replaced

    async def days(self) -> list[str]:
        """The counters tables that exist, oldest first."""
        return await self._rows.tables(COUNTERS)

    async def drop_day(self, table: str) -> None:
        """Remove one day: the whole table."""
        await self._rows.drop(table)


def _loaded(found: Iterable[tuple[str, Row]]) -> Loaded:
    stored: list[Stored] = []
    unreadable = read = unread = 0
    for table, row in found:
        held = _number(row, "Activities")
        if readable(row) and stored and read + held > MOST_LOADED:
            unread += held
            continue
        try:
            stored.append(_stored(table, row))
            read += held
        except SegmentError:
            unreadable += 1
    return Loaded(stored, unreadable, unread)


def _weight(table: str, row: Row) -> tuple[bool, float, str, str]:
    grave = any(_number(row, column) for column in ("Sensitive", "Exports", "Downloads"))
    share = _number(row, "Total") / (_number(row, "Activities") or 1)
    return grave, round(share, 1), table, row.key


def _number(row: Row, column: str) -> int:
    value = row.values.get(column, 0)
    return value if isinstance(value, int) else 0


def _worth_merging(stored: Sequence[Stored], merge_from: int) -> list[list[Stored]]:
    groups: dict[tuple[str, str], list[Stored]] = {}
    for item in stored:
        if item.segment.level < _HIGHEST_LEVEL:
            prefix = item.key.rsplit("|", 1)[0]
            groups.setdefault((item.table, prefix), []).append(item)
    chosen: list[list[Stored]] = []
    for _, group in sorted(groups.items()):
        batch: list[Stored] = []
        size = 0
        for item in group:
            size += len(item.segment.data)
            if size > _LARGEST_ROW or len(batch) == _MOST_MERGED:
                break
            batch.append(item)
        if len(batch) >= merge_from:
            chosen.append(batch)
    return chosen


def _upsert(segment: Segment, vocabulary: Vocabulary, fingerprint: str) -> Operation:
    counted = counters(segment.activities, vocabulary)
    return Operation(
        "upsert",
        f"{hour_key(segment.user, segment.hour)}{segment.level}|{segment.name}",
        {
            "V": VERSION,
            "Activities": len(segment.activities),
            "Total": counted.total,
            "Sensitive": counted.sensitive,
            "Exports": counted.exports,
            "Downloads": counted.downloads,
            "First": format_instant(counted.first) if counted.total else "",
            "Last": format_instant(counted.last) if counted.total else "",
            "Policy": fingerprint,
            "Data": segment.data,
        },
    )


def _stored(table: str, row: Row) -> Stored:
    try:
        user, hour, level, name = row.key.split("|")
        start, depth = start_of_hour(table, hour), int(level)
    except ValueError as error:
        message = f"{table} {row.key}: no key of a segment"
        raise SegmentError(message) from error
    data = row.values.get("Data")
    if not isinstance(data, bytes) or not readable(row):
        message = f"{table} {row.key}: no payload that this version can read"
        raise SegmentError(message)
    return Stored(table, row.key, Segment(user, start, depth, name, unpack(data), data))
