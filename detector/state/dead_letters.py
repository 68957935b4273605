"""Dead letters: what could not be read, by position and hash; a redelivery writes the same row.

The hash is in the key because a recreated hub begins again at sequence number 0.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from detector.core.activity import Rejected, digest
from detector.core.instant import format_instant
from detector.ports import Operation, Row, Rows
from detector.state.keys import DEAD_LETTERS, VERSION, decodable, transactions


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A rejected record as it is kept: never its body."""

    id: str
    rejected: Rejected
    received_at: str


class DeadLetters:
    """Reads and writes the deadletters table."""

    def __init__(self, rows: Rows) -> None:
        """Keep the rows."""
        self._rows = rows

    async def add(self, rejected: Iterable[Rejected], now: int) -> None:
        """Write one row each."""
        received = format_instant(now)
        writes = [(_partition(r.source), _upsert(r, received)) for r in rejected]
        await self._rows.submit(*transactions(DEAD_LETTERS, writes))

    async def every(self) -> list[DeadLetter]:
        """Every dead letter, in order of source and position."""
        return decodable(await self._rows.scan_all(DEAD_LETTERS), _letter)

    async def delete(self, letter: DeadLetter) -> None:
        """Remove one."""
        partition, _, key = letter.id.partition(":")
        await self._rows.submit(
            *transactions(DEAD_LETTERS, [(partition, Operation("delete", key))])
        )


def _partition(source: str) -> str:
    return digest(source, size=8).hex()


def _upsert(rejected: Rejected, received: str) -> Operation:
    return Operation(
        "upsert",
        f"{rejected.sequence:020d}|{rejected.index:06d}|{rejected.sha256[:16]}",
        {
            "V": VERSION,
            "Reason": rejected.reason,
            "Where": rejected.where,
            "Source": rejected.source,
            "Bytes": rejected.size,
            "Sha256": rejected.sha256,
            "ReceivedAt": received,
        },
    )


def _letter(row: Row) -> DeadLetter:
    sequence, index, _ = row.key.split("|")
    values = row.values
    size = values["Bytes"]
    rejected = Rejected(
        reason=str(values["Reason"]),
        where=str(values["Where"]),
        source=str(values["Source"]),
        sequence=int(sequence),
        index=int(index),
        size=size if isinstance(size, int) else 0,
        sha256=str(values["Sha256"]),
    )
    return DeadLetter(f"{row.partition}:{row.key}", rejected, str(values["ReceivedAt"]))
