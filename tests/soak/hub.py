"""A durable hub with the guarantees of Event Hubs, and no more, for several processes.

Messages are kept; who owns a partition may change at any time, and whoever lost one does not hear
of it; a checkpoint is written without a condition and may go back.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from detector.core.reading import Message

SOURCE = "soak.example.com/cloudappevents"

_SCHEMA = """
CREATE TABLE messages (partition INTEGER, sequence INTEGER, enqueued INTEGER, body BLOB,
  PRIMARY KEY (partition, sequence)) WITHOUT ROWID;
CREATE TABLE partitions (partition INTEGER PRIMARY KEY, owner TEXT, checkpoint INTEGER,
  most INTEGER);
"""


class Hub:
    """One connection to the hub."""

    def __init__(self, path: Path) -> None:
        """Open it, or make an empty file."""
        self._database = sqlite3.connect(path, timeout=60, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")

    def fill(self, logs: Mapping[int, Sequence[bytes]], enqueued: int) -> None:
        """Make the hub of these messages."""
        self._database.executescript(_SCHEMA)
        self._database.execute("BEGIN")
        for partition, bodies in logs.items():
            rows = [(partition, n, enqueued, body) for n, body in enumerate(bodies)]
            self._database.executemany("INSERT INTO messages VALUES (?, ?, ?, ?)", rows)
            self._database.execute("INSERT INTO partitions VALUES (?, '', 0, 0)", (partition,))
        self._database.execute("COMMIT")

    def read(self, partition: int, start: int, count: int) -> list[Message]:
        """Up to `count` messages from the sequence number `start` on."""
        query = (
            "SELECT body, sequence, enqueued FROM messages "
            "WHERE partition = ? AND sequence >= ? ORDER BY sequence LIMIT ?"
        )
        found = self._database.execute(query, (partition, start, count))
        return [Message(body, f"{SOURCE}/{partition}", n, at) for body, n, at in found]

    def owner(self, partition: int) -> str:
        """Who owns the partition now."""
        return str(self._of(partition, "owner"))

    def give(self, partition: int, owner: str) -> None:
        """The partition is another's from now on."""
        self._set(partition, "owner", owner)

    def checkpoint(self, partition: int) -> int:
        """The sequence number to go on with."""
        return int(self._of(partition, "checkpoint"))

    def set_checkpoint(self, partition: int, sequence: int) -> None:
        """Whoever writes last is right."""
        self._set(partition, "checkpoint", sequence)
        self._database.execute(
            "UPDATE partitions SET most = max(most, ?) WHERE partition = ?", (sequence, partition)
        )

    def done(self) -> int:
        """Messages up to the highest checkpoint of each partition there ever was."""
        return int(self._database.execute("SELECT sum(most) FROM partitions").fetchone()[0])

    def is_drained(self) -> bool:
        """Whether every checkpoint is behind the last message."""
        query = "SELECT count(*) FROM messages NATURAL JOIN partitions WHERE sequence >= checkpoint"
        return int(self._database.execute(query).fetchone()[0]) == 0

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def _of(self, partition: int, column: str) -> str | int:
        query = f"SELECT {column} FROM partitions WHERE partition = ?"  # noqa: S608 - our own names
        value: str | int = self._database.execute(query, (partition,)).fetchone()[0]
        return value

    def _set(self, partition: int, column: str, value: str | int) -> None:
        statement = f"UPDATE partitions SET {column} = ? WHERE partition = ?"  # noqa: S608 - as above
        self._database.execute(statement, (value, partition))
