"""Segments: immutable sets of one user's activities in one event-time hour, packed.

Equal sets pack to equal bytes and get one name, so writing one twice changes nothing. The state is
the union of all segments, whatever was redelivered, reordered or written by a host long dead.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from detector.core.activity import Activity, Context, Session, union, user_of, without_texts
from detector.core.instant import HOUR

MOST_ACTIVITIES = 4_096
"""Activities in one segment that ingest writes; a merge may make larger ones."""

FULL_TEXTS = 20_000
"""Activities of one user-hour that keep their texts; a merge beyond it keeps hashes of them."""

_COMPRESS_FROM = 600
_LARGEST = 64 << 20
_ERRORS = (msgspec.DecodeError, ValueError, LookupError, RecursionError, zlib.error)
_PLAIN, _COMPRESSED = b"p", b"z"


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


class _Packed(NamedTuple):
    """Dictionaries of what repeats, and one row for each activity with indices into them."""

    sessions: list[Session]
    actions: list[str]
    contexts: list[Context]
    rows: list[tuple[bytes, int, int, int, str, str, str, tuple[str, ...], int, int]]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Packed).decode


def pack(activities: Sequence[Activity]) -> bytes:
    """The bytes of activities that are sorted by event id: MessagePack, not yet compressed."""
    sessions: dict[Session, int] = {}
    actions: dict[str, int] = {}
    contexts: dict[Context, int] = {}
    rows = [
        (
            event_id,
            at,
            sessions.setdefault(session, len(sessions)),
            actions.setdefault(action, len(actions)),
            title,
            space,
            search,
            terms,
            contexts.setdefault(context, len(contexts)),
            reader,
        )
        for (
            event_id,
            at,
            session,
            action,
            title,
            space,
            search,
            terms,
            context,
            reader,
        ) in activities
    ]
    return _encode(_Packed([*sessions], [*actions], [*contexts], rows))


def unpack(data: bytes) -> list[Activity]:
    """The activities of a payload, compressed or not. Raises SegmentError on other bytes."""
    try:
        sessions, actions, contexts, rows = _decode(_raw(data))
        return [
            Activity(
                event_id,
                at,
                sessions[session],
                actions[action],
                title,
                space,
                search,
                terms,
                contexts[context],
                reader,
            )
            for event_id, at, session, action, title, space, search, terms, context, reader in rows
        ]
    except _ERRORS as error:
        message = f"a segment of {len(data)} bytes cannot be read: {error}"
        raise SegmentError(message) from error


def _raw(data: bytes) -> bytes:
    if data[:1] == _PLAIN:
        return data[1:]
    if data[:1] != _COMPRESSED:
        message = "neither plain nor compressed"
        raise ValueError(message)
    inflater = zlib.decompressobj()
    raw = inflater.decompress(data[1:], _LARGEST)
    if inflater.unconsumed_tail or not inflater.eof:
        message = "larger than 64 MiB, or cut off"
        raise ValueError(message)
    return raw


def seal(user: str, hour: int, level: int, activities: Iterable[Activity]) -> Segment:
    """The segment of these activities of one user and hour, each event once."""
    joined = union(activities)
    ordered = [joined[event_id] for event_id in sorted(joined)]
    raw = pack(ordered)
    name = blake2b(raw, digest_size=16).hexdigest()
    data = _PLAIN + raw if len(raw) < _COMPRESS_FROM else _COMPRESSED + zlib.compress(raw, 1)
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
