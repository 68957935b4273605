"""Episodes as rows: written only under the etag of the user's latest row, read before the data."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from detector.core.episode import Ending, Episode
from detector.core.instant import format_instant
from detector.core.policy import SEVERITIES
from detector.ports import Operation, Row, Rows, Transaction
from detector.state.keys import (
    EPISODES,
    VERSION,
    NewerRowError,
    bucket_of,
    decodable,
    decoded,
    readable,
)

_decode = msgspec.json.Decoder(Episode).decode


@dataclass(frozen=True, slots=True)
class StoredEpisode:
    """An episode with the row it was read from."""

    episode: Episode
    row: Row


class Episodes:
    """Reads and writes the episodes table."""

    def __init__(self, rows: Rows) -> None:
        """Keep the rows."""
        self._rows = rows

    async def history(self, user: str) -> list[StoredEpisode]:
        """The user's episodes, oldest first; the last one is the latest.

        Raises NewerRowError when this version cannot read one: what follows from it is unknown.
        """
        rows = await self._rows.scan(EPISODES, bucket_of(user), start=f"{user}|", end=f"{user}|~")
        if not all(map(readable, rows)):
            message = f"user {user}: a newer version has written one of the episodes"
            raise NewerRowError(message)
        return [decoded(row, _stored) for row in rows]

    async def get(self, user: str, number: int) -> StoredEpisode | None:
        """One episode, or None."""
        row = await self._rows.get(EPISODES, bucket_of(user), f"{user}|{number:06d}")
        return next(iter(decodable([row] if row else [], _stored)), None)

    async def exists(self, user: str, number: int) -> bool:
        """Whether there is a row of the episode, also one that this version cannot read."""
        row = await self._rows.get(EPISODES, bucket_of(user), f"{user}|{number:06d}")
        return row is not None

    async def every(self) -> list[StoredEpisode]:
        """Every episode, newest opening first."""
        stored = decodable(await self._rows.scan_all(EPISODES), _stored)
        return sorted(stored, key=lambda s: (-s.episode.opened_at, s.episode.user))

    async def unreadable(self) -> int:
        """How many rows this version cannot read, newer or damaged: their users are left alone."""
        rows = await self._rows.scan_all(EPISODES)
        return len(rows) - len(decodable(rows, _stored))

    async def write(self, episode: Episode, read: StoredEpisode | None) -> None:
        """Write the episode if `read`, the row it follows from, is unchanged; else ConflictError.

        A new number is inserted together with an unchanged rewrite of the latest row: whoever
        reopens that one at the same time loses or wins, never both.
        """
        key = f"{episode.user}|{episode.number:06d}"
        values = _values(episode)
        if read is None:
            operations = [Operation("insert", key, values)]
        elif read.row.key == key:
            operations = [Operation("replace", key, values, read.row.etag)]
        else:
            touch = Operation("replace", read.row.key, read.row.values, read.row.etag)
            operations = [touch, Operation("insert", key, values)]
        await self._rows.submit(Transaction(EPISODES, bucket_of(episode.user), operations))

    async def delete(self, stored: StoredEpisode) -> None:
        """Remove an expired or forgotten episode, if it is unchanged; else ConflictError."""
        operation = Operation("delete", stored.row.key, etag=stored.row.etag)
        await self._rows.submit(Transaction(EPISODES, stored.row.partition, [operation]))


def row_of(number: int, history: Sequence[StoredEpisode]) -> StoredEpisode | None:
    """The row that a write of this number follows from: its own, else the latest."""
    same = [stored for stored in history if stored.episode.number == number]
    return next(iter([*same, *history[-1:]]), None)


def settled_until(history: Iterable[StoredEpisode], at: int) -> int:
    """What a person has resolved until `at` is settled: only later activities are news."""
    ends = [
        stored.episode.closed_at
        for stored in history
        if stored.episode.ending is Ending.RESOLVED and stored.episode.closed_at <= at
    ]
    return max(ends, default=-(1 << 62))


def _values(episode: Episode) -> dict[str, str | int]:
    return {
        "V": VERSION,
        "EpisodeId": episode.episode_id,
        "State": "open" if episode.is_open else "closed",
        "OpenedAt": format_instant(episode.opened_at),
        "ThreatIndicator": episode.indicator,
        "Severity": episode.severity,
        "TotalActions": episode.total_actions,
        "AccountObjectId": episode.account_object_id,
        "AccountDisplayName": episode.account_display_name,
        "Body": msgspec.json.encode(episode).decode(),
    }


def _stored(row: Row) -> StoredEpisode:
    episode = _decode(str(row.values["Body"]))
    told = {delivery.sent_severity for delivery in episode.deliveries.values()}
    is_known = {episode.severity, *(told - {""})} <= {*SEVERITIES}
    if row.key != f"{episode.user}|{episode.number:06d}" or not is_known:
        message = "no episode of its key"
        raise ValueError(message)
    return StoredEpisode(episode, row)
