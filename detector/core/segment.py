"""Segments: immutable sets of one user's activities in one event-time hour, packed.

Equal sets pack to equal bytes and get one name, so writing one twice changes nothing. The state is
the union of all segments, whatever was redelivered, reordered or written by a host long dead.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from detector.core.activity import Activity, Context, Session, better, digest, user_of
from detector.core.instant import HOUR

MOST_ACTIVITIES = 4_096
"""Activities in one segment that ingest writes; a merge may make larger ones."""

FULL_TEXTS = 20_000
"""Activities of one user-hour that keep their texts; a merge beyond it keeps hashes of them."""

HASHED = "\0"
"""First character of a text of which only a hash was kept; readers never let one in."""

_SIZES = struct.Struct("<II")
_COMPRESS_FROM = 600
_LARGEST = 64 << 20
_ERRORS = (ValueError, LookupError, TypeError, RecursionError, struct.error, zlib.error)


class SegmentError(ValueError):
    """Bytes that no version of this code has packed."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A packed set: `hour` is the start of its event-time hour in ticks, `level` counts merges."""

    user: str
    hour: int
    level: int
    name: str
    activities: Sequence[Activity]
    data: bytes


def _codes(values: Iterable[object], entries: dict[object, int]) -> list[int]:
    """The index of each value in `entries`, which grows by those it lacks."""
    return [entries.setdefault(value, len(entries)) for value in values]


def pack(activities: Sequence[Activity]) -> bytes:
    """The bytes of activities that are sorted by event id, not yet compressed.

    A JSON header with one dictionary per column and the number of activities, then the columns:
    16-byte ids, 8-byte ticks, and 4-byte indices into each dictionary, all little-endian.
    """
    ids, ats, sessions, actions, titles, spaces, searches, terms, contexts, readers = zip(
        *activities, strict=True
    )
    columns = (
        sessions,
        actions,
        zip(titles, spaces, strict=True),
        zip(searches, terms, strict=True),
        zip(contexts, readers, strict=True),
    )
    tables: list[dict[object, int]] = [{} for _ in columns]
    codes = [_codes(column, table) for column, table in zip(columns, tables, strict=True)]
    header = json.dumps([1, *map(list, tables)], separators=(",", ":")).encode()
    n = len(activities)
    flat = [code for column in codes for code in column]
    return b"".join(
        (
            _SIZES.pack(n, len(header)),
            header,
            b"".join(ids),
            struct.pack(f"<{n}q", *ats),
            struct.pack(f"<{len(flat)}I", *flat),
        )
    )


def unpack(data: bytes) -> list[Activity]:
    """The activities of a packed, perhaps compressed, payload. Raises SegmentError on others."""
    try:
        return _unpack(_raw(data))
    except _ERRORS as error:
        message = f"a segment of {len(data)} bytes cannot be read: {error}"
        raise SegmentError(message) from error


def _raw(data: bytes) -> bytes:
    if data[:1] == b"r":
        return data[1:]
    if data[:1] != b"z":
        message = "neither raw nor compressed"
        raise ValueError(message)
    inflater = zlib.decompressobj()
    raw = inflater.decompress(data[1:], _LARGEST)
    if inflater.unconsumed_tail or not inflater.eof:
        message = "larger than 64 MiB, or cut off"
        raise ValueError(message)
    return raw


def _unpack(raw: bytes) -> list[Activity]:
    n, header_size = _SIZES.unpack_from(raw)
    start = _SIZES.size + header_size
    header: Any = json.loads(raw[_SIZES.size : start])
    sessions: list[Session] = [Session._make(session) for session in header[1]]
    pages: list[tuple[str, str]] = header[3]
    searches: list[tuple[str, tuple[str, ...]]] = [(s[0], tuple(s[1])) for s in header[4]]
    contexts: list[tuple[Context, int]] = [(Context._make(c[0]), c[1]) for c in header[5]]
    codes: tuple[int, ...] = struct.unpack_from(f"<{5 * n}I", raw, start + 24 * n)
    page_of = [pages[i] for i in codes[2 * n : 3 * n]]
    search_of = [searches[i] for i in codes[3 * n : 4 * n]]
    context_of = [contexts[i] for i in codes[4 * n :]]
    columns: tuple[Iterable[Any], ...] = (
        [raw[i : i + 16] for i in range(start, start + 16 * n, 16)],
        struct.unpack_from(f"<{n}q", raw, start + 16 * n),
        [sessions[i] for i in codes[:n]],
        [header[2][i] for i in codes[n : 2 * n]],
        [title for title, _ in page_of],
        [space for _, space in page_of],
        [text for text, _ in search_of],
        [terms for _, terms in search_of],
        [context for context, _ in context_of],
        [reader for _, reader in context_of],
    )
    return list(map(Activity._make, zip(*columns, strict=True)))


def union(activities: Iterable[Activity]) -> dict[bytes, Activity]:
    """Every event once, by event id: the semilattice join that makes redelivery a no-op."""
    joined: dict[bytes, Activity] = {}
    for activity in activities:
        known = joined.setdefault(activity.event_id, activity)
        if known is not activity and known != activity:
            joined[activity.event_id] = better(known, activity)
    return joined


def seal(user: str, hour: int, level: int, activities: Iterable[Activity]) -> Segment:
    """The segment of these activities of one user and hour, each event once."""
    joined = union(activities)
    ordered = [joined[event_id] for event_id in sorted(joined)]
    raw = pack(ordered)
    name = blake2b(raw, digest_size=16).hexdigest()
    data = b"z" + zlib.compress(raw, 1) if len(raw) >= _COMPRESS_FROM else b"r" + raw
    return Segment(user, hour, level, name, ordered, data)


def cut(activities: Iterable[Activity]) -> list[Segment]:
    """Level 0 segments of a batch: one per user and event-time hour, more for a very large one."""
    groups: dict[tuple[str, int], list[Activity]] = {}
    for activity in activities:
        key = (user_of(activity.session), activity.at // HOUR)
        groups.setdefault(key, []).append(activity)
    return [
        seal(user, hour * HOUR, 0, group[start : start + MOST_ACTIVITIES])
        for (user, hour), group in groups.items()
        for start in range(0, len(group), MOST_ACTIVITIES)
    ]


def merge(segments: Sequence[Segment]) -> Segment:
    """The union of segments of one user, hour and level, one level up.

    Beyond FULL_TEXTS activities titles and spaces become hashes and searches keep their terms
    only: every count stays exact, samples do not.
    """
    first = segments[0]
    joined = union(a for segment in segments for a in segment.activities)
    kept = map(without_texts, joined.values()) if len(joined) > FULL_TEXTS else joined.values()
    return seal(first.user, first.hour, first.level + 1, kept)


def hashed(text: str) -> str:
    """What stands for a text that was dropped; equal texts have equal stand-ins."""
    return text if text[:1] == HASHED else HASHED + digest(text, size=8).hex()


def without_texts(activity: Activity) -> Activity:
    """The activity as a saturated user-hour keeps it."""
    return activity._replace(
        page_title=hashed(activity.page_title), space_key=hashed(activity.space_key), search=""
    )
