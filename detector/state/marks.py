"""Marks: whom to judge. Set after the data, deleted only under the etag read before the data."""

from collections.abc import Iterable
from dataclasses import dataclass

from detector.core.activity import Activity, user_of
from detector.core.instant import HOUR, day_of, format_instant, hour_of, parse_instant
from detector.ports import ConflictError, Operation, Row, Rows, Transaction, Values
from detector.state.keys import MARKS, VERSION, bucket_of, decodable, tick_key, transactions

DIRTY, LATE, DUE, OUTBOX = "dirty|", "late|", "due", "outbox"


@dataclass(frozen=True, slots=True)
class Mark:
    """A reason to look at a user: `hour` is the start of the late hour in ticks, else None."""

    user: str
    partition: str
    key: str
    etag: str
    since: int
    hour: int | None = None

    @property
    def number(self) -> int:
        """The episode's number that a mark of the outbox carries."""
        return int(self.key.split("|")[1])


class Marks:
    """Reads and writes the marks table."""

    def __init__(self, rows: Rows) -> None:
        """Keep the rows."""
        self._rows = rows

    async def set_dirty(self, users: Iterable[str], now: int) -> None:
        """Mark users whose data changed; call it after the data is acknowledged."""
        await self._set(((DIRTY + bucket_of(user), user) for user in users), now)

    async def set_late(self, activities: Iterable[Activity], now: int) -> None:
        """Mark the user-hours that data older than the window touched."""
        hours = {(user_of(a.session), a.at - a.at % HOUR) for a in activities}
        keys = [
            (LATE + bucket_of(user), f"{user}|{day_of(hour)}{hour_of(hour):02d}")
            for user, hour in sorted(hours)
        ]
        await self._set(keys, now)

    async def set_due(self, user: str, at: int, now: int) -> None:
        """Mark a user to be judged at `at`, when the oldest activity leaves the window."""
        await self._set([(DUE, f"{tick_key(at)}|{user}")], now)

    async def set_outbox(self, user: str, number: int, now: int) -> None:
        """Mark an episode that has something to send; it keeps the time since which it waits."""
        key = f"{user}|{number:06d}"
        before = await self._rows.get(MARKS, OUTBOX, key)
        waiting = decodable([before] if before else [], _mark)
        await self._set([(OUTBOX, key)], waiting[0].since if waiting else now)

    async def _set(self, keys: Iterable[tuple[str, str]], now: int) -> None:
        values: Values = {"V": VERSION, "Since": format_instant(now)}
        writes = [(partition, Operation("upsert", key, values)) for partition, key in keys]
        await self._rows.submit(*transactions(MARKS, writes))

    async def pending(self, now: int) -> list[Mark]:
        """Every dirty and late mark, and the due marks whose time has come; oldest first."""
        rows = await self._rows.scan_all(MARKS, start=DIRTY, end=LATE + "~")
        due = await self._rows.scan(MARKS, DUE, end=tick_key(now + 1))
        marks = _marks([*(row for row in rows if row.partition != DUE), *due])
        return sorted(marks, key=lambda mark: (mark.since, mark.user, mark.key))

    async def next_due(self) -> int | None:
        """The instant of the earliest due mark, or None."""
        due = _marks(await self._rows.scan(MARKS, DUE))
        return int(due[0].key.split("|")[0]) if due else None

    async def outbox(self) -> list[Mark]:
        """The episodes that have something to send, oldest first."""
        marks = _marks(await self._rows.scan(MARKS, OUTBOX))
        return sorted(marks, key=lambda mark: (mark.since, mark.key))

    async def clear(self, mark: Mark) -> bool:
        """Delete the mark if nobody set it again; False when somebody did, and it stays."""
        delete = Operation("delete", mark.key, etag=mark.etag)
        try:
            await self._rows.submit(Transaction(MARKS, mark.partition, [delete]))
        except ConflictError:
            return False
        return True


def _marks(rows: Iterable[Row]) -> list[Mark]:
    return decodable(rows, _mark)


def _mark(row: Row) -> Mark:
    parts = row.key.split("|")
    since = parse_instant(str(row.values["Since"]))
    if row.partition in {DUE, OUTBOX}:
        int(parts[row.partition == OUTBOX])  # the tick, or the episode's number
    if row.partition == DUE:
        return Mark(parts[1], row.partition, row.key, row.etag, since)
    hour = None
    if row.partition.startswith(LATE):
        digits = parts[1]
        hour = parse_instant(f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}T{digits[8:]}:00")
    return Mark(parts[0], row.partition, row.key, row.etag, since, hour)
