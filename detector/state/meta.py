"""Facts about the store itself: clock, last tick, cutoff, sources, unmapped actions."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from detector.core.activity import digest
from detector.core.instant import format_instant, parse_instant
from detector.ports import ConflictError, Operation, Row, Rows, Transaction, Values
from detector.state.keys import META, VERSION, decodable, transactions

T = TypeVar("T")

_FACTS, _SOURCES, _UNMAPPED, _AUDIT = "meta", "sources", "unmapped", "audit"

MOST_UNMAPPED = 200
"""Names of unmapped actions that are kept; whoever can invent more makes no rows by it."""

OTHER = "other"
"""What all further names are counted under; no record's action is called so in lower case."""

_LONGEST_ACTION = 100
_TRIES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """What is known of one partition of one hub, or of files: instants in ticks, 0 is never."""

    source: str
    last_sequence: int = -1
    last_enqueued_at: int = 0
    last_event_at: int = 0
    received_at: int = 0
    late: int = 0
    skewed: int = 0
    gaps: int = 0
    rejected: int = 0
    recreated: int = 0


class Meta:
    """Reads and writes the meta table."""

    def __init__(self, rows: Rows) -> None:
        """Keep the rows."""
        self._rows = rows

    async def instant(self, name: str) -> int | None:
        """An instant the store remembers (`clock`, `tick`, `cutoff`, `born`), or None."""
        row = await self._rows.get(META, _FACTS, name)
        return _first(row, lambda found: parse_instant(str(found.values["Value"])))

    async def set_instant(self, name: str, ticks: int) -> None:
        """Remember an instant."""
        await self.set_text(name, format_instant(ticks))

    async def text(self, name: str) -> str | None:
        """A text the store remembers (`schema`, `policy`), or None."""
        row = await self._rows.get(META, _FACTS, name)
        return _first(row, lambda found: str(found.values["Value"]))

    async def set_text(self, name: str, value: str) -> None:
        """Remember a text."""
        operation = Operation("upsert", name, {"V": VERSION, "Value": value})
        await self._rows.submit(Transaction(META, _FACTS, [operation]))

    async def source(self, source: str) -> SourceState:
        """What is known of a source; a new one is all zero."""
        row = await self._rows.get(META, _SOURCES, digest(source, size=8).hex())
        return _first(row, _source) or SourceState(source=source)

    async def change_source(
        self, source: str, change: Callable[[SourceState], SourceState]
    ) -> tuple[SourceState, SourceState]:
        """Replace what is known of a source; returns it before and after.

        An owner who has lost the partition may do so at the same time: the change is made anew on
        what that one has written. After _TRIES it stays unwritten; it is a measure, not a record.
        """
        key = digest(source, size=8).hex()
        before = after = SourceState(source=source)
        for _ in range(_TRIES):
            row = await self._rows.get(META, _SOURCES, key)
            before = _first(row, _source) or SourceState(source=source)
            after = change(before)
            body = msgspec.json.encode(after).decode()
            values: Values = {"V": VERSION, "Source": source, "Body": body}
            operation = Operation("insert", key, values)
            if row is not None:
                operation = Operation("replace", key, values, row.etag)
            try:
                await self._rows.submit(Transaction(META, _SOURCES, [operation]))
            except ConflictError:
                continue
            break
        return before, after

    async def sources(self) -> list[SourceState]:
        """Every source ever seen."""
        return decodable(await self._rows.scan(META, _SOURCES), _source)

    async def add_unmapped(self, counts: Mapping[str, int], now: int) -> None:
        """Add to the counts of Atlassian actions that no table of the policy knows.

        A count may be low when two hosts add at once: it is a sample for people, not a measure.
        Beyond MOST_UNMAPPED names the rest is counted as OTHER.
        """
        if not counts:
            return
        known = await self.unmapped()
        added: Counter[str] = Counter()
        for action, count in sorted(counts.items()):
            name = action[:_LONGEST_ACTION]
            is_kept = name in known or len(known.keys() | added.keys()) < MOST_UNMAPPED
            added[name if is_kept or name in added else OTHER] += count
        at = format_instant(now)
        writes = [
            (_UNMAPPED, Operation("upsert", digest(name, size=8).hex(), values))
            for name, count in added.items()
            for values in [_unmapped(name, count + known.get(name, 0), at)]
        ]
        await self._rows.submit(*transactions(META, writes))

    async def unmapped(self) -> dict[str, int]:
        """Actions that no table knows, with their counts, most frequent first."""
        rows = await self._rows.scan(META, _UNMAPPED)
        counts = {str(r.values.get("ActionType")): r.values.get("Count") for r in rows}
        pairs = [(name, n) for name, n in counts.items() if isinstance(n, int)]
        return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))

    async def add_audit(self, action: str, user: str, rows: int, now: int) -> None:
        """Keep that something was done to a user's data; the user is a hash."""
        at = format_instant(now)
        values: Values = {"V": VERSION, "Action": action, "User": user, "Rows": rows, "At": at}
        operation = Operation("upsert", f"{now:020d}|{user}", values)
        await self._rows.submit(Transaction(META, _AUDIT, [operation]))

    async def audit(self) -> list[Row]:
        """Every audit line, oldest first."""
        return await self._rows.scan(META, _AUDIT)


def _first(row: Row | None, decode: Callable[[Row], T]) -> T | None:
    """What the row says; None where there is none, or one that this version cannot read."""
    return next(iter(decodable([row] if row else [], decode)), None)


def _unmapped(action: str, count: int, at: str) -> Values:
    return {"V": VERSION, "ActionType": action, "Count": count, "At": at}


def _source(row: Row) -> SourceState:
    return msgspec.json.decode(str(row.values["Body"]), type=SourceState)
