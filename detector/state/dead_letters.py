"""Dead letters: what could not be read, by position and hash; a redelivery writes the same row.

The hash is in the key because a recreated hub begins again at sequence number 0.

Where the operator asks for bodies, each is kept under a name made of the same parts as the key.
Keeping one can put a batch off, as every fault of a store does, but it can never refuse it: what
will not be taken is said in the row's column `Body`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from detector.core.activity import Rejected, digest
from detector.core.instant import format_instant, parse_instant
from detector.ports import Bodies, Operation, Row, Rows
from detector.state.keys import DEAD_LETTERS, VERSION, decodable, transactions

MOST_BODIES = 100
"""Bodies that one batch may have kept.

When a whole stream is unreadable a hundred samples tell why, and thousands of writes would hold
the batch up.
"""

LARGEST_BODY = 1 << 20
"""Bytes, as many as a message of an Event Hub has.

A larger body is not kept: cut, it could neither be read again nor match its hash.
"""

KEPT = "kept"
NOBODY_ASKED: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A rejected record as it is kept; `body` is KEPT, why it was not, or "": nobody asked."""

    id: str
    rejected: Rejected
    received_at: str
    body: str = ""


class DeadLetters:
    """Reads and writes the deadletters table."""

    def __init__(self, rows: Rows, bodies: Bodies | None = None) -> None:
        """Keep the rows; without `bodies` no body is kept."""
        self._rows = rows
        self._bodies = bodies

    async def add(self, rejected: Iterable[Rejected], now: int) -> None:
        """Write one row each, the bodies before."""
        received = format_instant(now)
        letters = list(rejected)
        fates = await self._keep(letters, self._bodies) if self._bodies else NOBODY_ASKED
        writes = [
            (_partition(r.source), _upsert(r, received, fates.get(body_name(r), "")))
            for r in letters
        ]
        await self._rows.submit(*transactions(DEAD_LETTERS, writes))

    async def _keep(self, letters: Sequence[Rejected], bodies: Bodies) -> Mapping[str, str]:
        """What became of each body, by its name."""
        named = {body_name(letter): letter.body for letter in letters if letter.body}
        small = [name for name, body in named.items() if len(body) <= LARGEST_BODY]
        chosen = {name: named[name] for name in small[:MOST_BODIES]}
        fates = dict.fromkeys(named, f"not kept: larger than {LARGEST_BODY >> 20} MiB")
        fates |= dict.fromkeys(small, f"not kept: beyond {MOST_BODIES} of one batch")
        fates |= dict.fromkeys(chosen, KEPT)
        refused = await bodies.put(chosen)
        return fates | {name: f"not kept: {why}" for name, why in refused.items()}

    async def body(self, letter: DeadLetter) -> bytes | None:
        """The letter's body, None where it was not kept or is gone."""
        return await self._bodies.get(body_name(letter.rejected)) if self._bodies else None

    async def every(self) -> list[DeadLetter]:
        """Every dead letter, in order of source and position."""
        return decodable(await self._rows.scan_all(DEAD_LETTERS), _letter)

    async def delete(self, letter: DeadLetter) -> None:
        """Remove one, its body first: nobody would find that again."""
        if self._bodies and letter.body == KEPT:
            await self._bodies.delete(body_name(letter.rejected))
        partition, _, key = letter.id.partition(":")
        await self._rows.submit(
            *transactions(DEAD_LETTERS, [(partition, Operation("delete", key))])
        )


def _partition(source: str) -> str:
    return digest(source, size=8).hex()


def body_name(rejected: Rejected) -> str:
    """Where the body of a rejection is kept: hashes and digits, as in the row's key."""
    parts = f"{rejected.sequence:020d}/{rejected.index:06d}/{rejected.sha256[:16]}"
    return f"{_partition(rejected.source)}/{parts}"


def _upsert(rejected: Rejected, received: str, body: str) -> Operation:
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
            "EnqueuedAt": "" if rejected.enqueued is None else format_instant(rejected.enqueued),
            "Body": body,
        },
    )


def _letter(row: Row) -> DeadLetter:
    sequence, index, _ = row.key.split("|")
    values = row.values
    size, enqueued = values["Bytes"], str(values.get("EnqueuedAt", ""))
    rejected = Rejected(
        reason=str(values["Reason"]),
        where=str(values["Where"]),
        source=str(values["Source"]),
        sequence=int(sequence),
        index=int(index),
        size=size if isinstance(size, int) else 0,
        sha256=str(values["Sha256"]),
        enqueued=parse_instant(enqueued) if enqueued else None,
    )
    received, body = str(values["ReceivedAt"]), str(values.get("Body", ""))
    return DeadLetter(f"{row.partition}:{row.key}", rejected, received, body)
