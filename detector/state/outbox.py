"""The conditional writes behind sending: deliveries, the budget of creations, the surge."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec

from detector.core.activity import digest
from detector.core.episode import Delivery, Episode
from detector.core.instant import HOUR, MINUTE
from detector.ports import (
    ConflictError,
    Limits,
    Operation,
    Row,
    Rows,
    StoreUnavailableError,
    Transaction,
    Values,
)
from detector.state.episodes import Episodes
from detector.state.keys import META, VERSION, decodable

T = TypeVar("T")

_TRIES = 8
_BUDGETS, _SURGES = "budgets", "surges"
SURGE_LASTS = 24 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spent:
    """Creations of the last hour: at an instant, how many."""

    rounds: tuple[tuple[int, int], ...] = ()

    def since(self, instant: int) -> int:
        """Creations after the instant."""
        return sum(count for at, count in self.rounds if at > instant)

    def left(self, limits: Limits, now: int) -> int:
        """How many more may be created now, in any minute and any hour that end now."""
        in_minute, in_hour = self.since(now - MINUTE), self.since(now - HOUR)
        return max(min(limits.per_minute - in_minute, limits.per_hour - in_hour), 0)

    def with_one_more(self, now: int) -> "_Spent":
        """One creation now; what is older than an hour is forgotten."""
        counts = {at: count for at, count in self.rounds if at > now - HOUR}
        counts[now] = counts.get(now, 0) + 1
        return _Spent(rounds=tuple(counts.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class SurgeState:
    """The surge of one sink: at most one in 24 hours."""

    surge_id: str
    opened_at: int
    delivery: Delivery = field(default_factory=Delivery)


class Outbox:
    """Compare-and-set writes that several hosts may try at once."""

    def __init__(self, rows: Rows, episodes: Episodes) -> None:
        """Keep the rows and the episodes."""
        self._rows = rows
        self._episodes = episodes

    async def record(self, episode: Episode, sink: str, before: Delivery, after: Delivery) -> bool:
        """Write a sink's delivery into the episode's current row; False when another was first.

        The row may have moved on meanwhile (worse, closed); only this sink's entry is changed.
        """
        for _ in range(_TRIES):
            stored = await self._episodes.get(episode.user, episode.number)
            if stored is None or stored.episode.deliveries.get(sink, Delivery()) != before:
                return False
            deliveries: Mapping[str, Delivery] = {**stored.episode.deliveries, sink: after}
            try:
                await self._episodes.write(replace(stored.episode, deliveries=deliveries), stored)
            except ConflictError:
                continue
            return True
        message = f"episode {episode.episode_id}: changed under {_TRIES} writes in a row"
        raise StoreUnavailableError(message)

    async def take(self, sink: str, limits: Limits, now: int) -> bool:
        """Take one creation from the budget that all hosts share; False when it is spent."""
        for _ in range(_TRIES):
            row = await self._rows.get(META, _BUDGETS, _key(sink))
            spent = _body(row, _Spent) or _Spent()
            if spent.left(limits, now) == 0:
                return False
            if await self._write(_BUDGETS, sink, spent.with_one_more(now), row):
                return True
        return False

    async def left(self, sink: str, limits: Limits, now: int) -> int:
        """How many creations the budget still allows now."""
        spent = _body(await self._rows.get(META, _BUDGETS, _key(sink)), _Spent) or _Spent()
        return spent.left(limits, now)

    async def surge(self, sink: str, now: int) -> SurgeState:
        """The sink's current surge; a new one where the last is over."""
        state = _body(await self._rows.get(META, _SURGES, _key(sink)), SurgeState)
        if state is not None and now - state.opened_at < SURGE_LASTS:
            return state
        return SurgeState(surge_id=digest("surge", sink, str(now)).hex(), opened_at=now)

    async def record_surge(self, sink: str, before: SurgeState, after: SurgeState) -> bool:
        """Write the surge; False when another host was first."""
        row = await self._rows.get(META, _SURGES, _key(sink))
        known = _body(row, SurgeState)
        is_new = known is None or known.surge_id != before.surge_id
        if not is_new and known != before:
            return False
        if is_new and known is not None and before.opened_at - known.opened_at < SURGE_LASTS:
            return False
        return await self._write(_SURGES, sink, after, row)

    async def _write(
        self, partition: str, sink: str, body: _Spent | SurgeState, row: Row | None
    ) -> bool:
        values: Values = {"V": VERSION, "Sink": sink, "Body": msgspec.json.encode(body).decode()}
        if row is None:
            operation = Operation("insert", _key(sink), values)
        else:
            operation = Operation("replace", _key(sink), values, row.etag)
        try:
            await self._rows.submit(Transaction(META, partition, [operation]))
        except ConflictError:
            return False
        return True


def _key(sink: str) -> str:
    return digest(sink, size=8).hex()


def _body(row: Row | None, kind: type[T]) -> T | None:
    """The row's body; None where there is none, and where it was damaged: it is begun anew."""
    found = decodable(
        [row] if row else [], lambda r: msgspec.json.decode(str(r.values["Body"]), type=kind)
    )
    return found[0] if found else None
