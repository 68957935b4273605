"""What one soak is about, as its processes read it; and the clock that all of them share."""

import mmap
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import msgspec

from detector.core.instant import SECOND

_AHEAD = struct.Struct("<q")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`store` and `state` are the settings of these names, `graph` is Graph's root.

    `trouble` is the share of calls of the store that fail before, and again that fail after, they
    are applied. `batch` is the most messages that a worker takes at once.
    """

    folder: str
    seed: int
    events: int
    users: int
    store: str
    state: str = ""
    graph: str = ""
    partitions: int = 4
    batch: int = 40
    trouble: float = 0.001
    tick_seconds: float = 1.0

    def path(self, name: str) -> Path:
        """A file of the soak."""
        return Path(self.folder, name)

    def save(self) -> None:
        """Write it where the processes find it."""
        self.path("plan.json").write_bytes(msgspec.json.encode(self))

    @classmethod
    def load(cls, folder: str) -> Self:
        """The plan of a folder."""
        return msgspec.json.decode(Path(folder, "plan.json").read_bytes(), type=cls)


class Clock:
    """The machine's time plus what the soak has put it forward, the same for every process.

    So a lease of five minutes ends within a soak of one. It never goes back.
    """

    def __init__(self, path: Path) -> None:
        """Share the file; it is made by the first."""
        if not path.exists():
            path.write_bytes(_AHEAD.pack(0))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _AHEAD.size)

    def ticks(self) -> int:
        """Now, for the product."""
        return time.time_ns() // 100 + self.ahead

    def __call__(self) -> datetime:
        """Now, for a loopback server."""
        return _EPOCH + timedelta(microseconds=self.ticks() // (SECOND // 1_000_000))

    @property
    def ahead(self) -> int:
        """Ticks it is ahead of the machine's time."""
        found: int = _AHEAD.unpack_from(self._map)[0]
        return found

    def advance(self, ticks: int) -> None:
        """Put it forward; only one process does."""
        _AHEAD.pack_into(self._map, 0, self.ahead + ticks)
