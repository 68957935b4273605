"""Tables, buckets and keys of ADR 0001: hashes and digits only."""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

import msgspec

from detector.core.instant import HOUR, day_of, hour_of, parse_instant
from detector.ports import (
    MOST_BYTES,
    MOST_OPERATIONS,
    Operation,
    Row,
    StoreUnavailableError,
    Transaction,
)

T = TypeVar("T")

VERSION = 1
"""Row format; rows of a higher one are left alone."""

DAYS_KEPT = 8
"""Longer than the hub's retention of seven days: whatever is redelivered still finds its day."""


class NewerRowError(StoreUnavailableError):
    """A row that matters here is a newer version's, or damaged: its user is left alone."""


BUCKETS = tuple(f"{n:02x}" for n in range(32))
COUNTERS, MARKS, WINDOWS, EPISODES = "counters", "marks", "windows", "episodes"
EVIDENCE, MUTES, DEAD_LETTERS, META = "evidence", "mutes", "deadletters", "meta"


_HEX = re.compile(r"[0-9a-f]{2}")
_DAMAGE = (LookupError, TypeError, ValueError, RecursionError, msgspec.MsgspecError, zlib.error)


def bucket_of(user: str) -> str:
    """The partition of a user's rows; what is no user's key, in a damaged row, has the first."""
    return BUCKETS[int(user[:2], 16) % len(BUCKETS)] if _HEX.match(user) else BUCKETS[0]


def counters_table(ticks: int) -> str:
    """The table of the event-time day."""
    return COUNTERS + day_of(ticks)


def hour_key(user: str, ticks: int) -> str:
    """Prefix of the keys of one user-hour."""
    return f"{user}|{hour_of(ticks):02d}|"


def tick_key(ticks: int) -> str:
    """20 digits that sort as the instants do; instants before 1970 count as 1970."""
    return f"{max(ticks, 0):020d}"


def start_of_hour(table: str, hour: str) -> int:
    """Ticks of the hour that a counters table's name and a key's hour digits name."""
    digits = table.removeprefix(COUNTERS)
    return parse_instant(f"{digits[:4]}-{digits[4:6]}-{digits[6:]}") + int(hour) * HOUR


def readable(row: Row) -> bool:
    """Whether this code knows the row's format."""
    version = row.values.get("V", VERSION)
    return isinstance(version, int) and version <= VERSION


def decoded(row: Row, decode: Callable[[Row], T]) -> T:
    """What the row says. Raises NewerRowError where it is a newer version's, or damaged."""
    if not readable(row):
        message = f"row {row.partition} {row.key}: a newer version has written it"
        raise NewerRowError(message)
    try:
        return decode(row)
    except _DAMAGE as error:
        message = f"row {row.partition} {row.key}: damaged ({type(error).__name__})"
        raise NewerRowError(message) from error


def decodable(rows: Iterable[Row], decode: Callable[[Row], T]) -> list[T]:
    """What this version can read of the rows; the others are left alone."""
    found: list[T] = []
    for row in rows:
        with suppress(NewerRowError):
            found.append(decoded(row, decode))
    return found


def transactions(table: str, writes: Iterable[tuple[str, Operation]]) -> Iterator[Transaction]:
    """Group (partition, operation) pairs into transactions within the limits.

    Of several operations on one row the last is kept: a transaction may name a row only once.
    """
    groups: dict[str, dict[str, Operation]] = {}
    for partition, operation in writes:
        groups.setdefault(partition, {})[operation.key] = operation
    for partition, operations in groups.items():
        batch: list[Operation] = []
        size = 0
        for operation in operations.values():
            weight = _body(operation)
            if batch and (len(batch) == MOST_OPERATIONS or size + weight > MOST_BYTES):
                yield Transaction(table, partition, batch)
                batch, size = [], 0
            batch.append(operation)
            size += weight
        yield Transaction(table, partition, batch)


def _body(operation: Operation) -> int:
    """At most this many bytes in the request: base64 of bytes, escapes of text, and headers."""
    values = operation.values.values()
    return 2_000 + sum(
        len(v) * 4 // 3 if isinstance(v, bytes) else 6 * len(v)
        for v in values
        if isinstance(v, str | bytes)
    )
