"""What mutants are made with: the product's parts, some replaced."""

from typing import Any, cast

from detector.core.episode import Episode
from detector.ports import Operation, Rows, Transaction
from detector.state.keys import (
    EPISODES,
    bucket_of,
)
from detector.state.marks import Marks
from detector.state.store import State


class NoMarks(Marks):
    async def set_dirty(self, users: object, now: int) -> None:
        """Done before."""


class Changed:
    """An object with some methods replaced."""

    def __init__(self, inner: object, **methods: object) -> None:
        self.__dict__.update(methods)
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def with_parts(state: State, **parts: object) -> State:
    """The state with some of its parts replaced."""
    changed = cast("State", object.__new__(State))
    changed.__dict__.update({**state.__dict__, **parts})
    return changed


async def blind(rows: Rows, episode: Episode) -> None:
    from detector.state.episodes import _values as columns

    key = f"{episode.user}|{episode.number:06d}"
    operation = Operation("upsert", key, columns(episode))
    await rows.submit(Transaction(EPISODES, bucket_of(episode.user), [operation]))
