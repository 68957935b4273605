"""What the use cases need of the world: rows that can be written conditionally, and alert sinks."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from detector.core.episode import Delivery
from detector.core.evidence import Evidence

Value = str | bool | int | float | bytes
"""What a column may hold: int is 64 bits; one column of a row may be bytes, at most 700 KiB.

Texts are Unicode. Readers refuse lone surrogates; a store may replace one.
"""

Values = dict[str, Value]
"""A row's columns while they are put together. Their names have no underscore."""

MOST_OPERATIONS = 100
"""Operations in one transaction: Table Storage's limit."""

MOST_BYTES = 1 << 20
"""Estimated body of one transaction: a larger one holds up the event loop; the limit is 4 MiB."""


class StoreUnavailableError(Exception):
    """The store did not answer, or refused for now; whether a write happened is unknown.

    The only error that may leave `ingest`: the host then retries the whole batch.
    """


class ConflictError(Exception):
    """A condition of a transaction did not hold; nothing of it was written.

    Nothing by this sending, that is: where an adapter sends again because an answer was lost, the
    condition may fail because the first sending was applied. So read again before deciding.
    """


@dataclass(frozen=True, slots=True)
class Row:
    """A stored row. A key never gets the same `etag` again; it is kept verbatim."""

    partition: str
    key: str
    values: Mapping[str, Value]
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One conditional write of a transaction.

    upsert: no condition. insert: the row must not exist. replace, delete: it must exist and,
    where `etag` is given, have it. What is written replaces all columns.
    """

    kind: Literal["upsert", "insert", "replace", "delete"]
    key: str
    values: Mapping[str, Value] = field(default_factory=dict[str, Value])
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Transaction:
    """1 to 100 operations on different rows of one partition: all happen, or none."""

    table: str
    partition: str
    operations: Sequence[Operation]

    def __post_init__(self) -> None:
        """Refuse what Table Storage would refuse, whatever the store."""
        distinct = len({operation.key for operation in self.operations})
        if not 0 < distinct == len(self.operations) <= MOST_OPERATIONS:
            message = (
                f"{self.table} {self.partition}: {len(self.operations)} operations on {distinct} "
                f"rows; a transaction has 1 to {MOST_OPERATIONS}, each on its own row"
            )
            raise ValueError(message)


class Rows(Protocol):
    """The storage port. Every method raises StoreUnavailableError when the store does not answer.

    A scan is not a snapshot: it reads pages in key order while others write. A table that does
    not exist reads as empty and is made by the first write. A row over the limits of ADR 0001 is
    a ValueError where the store has limits.
    """

    async def submit(self, *transactions: Transaction) -> None:
        """Write each transaction atomically, in any order, perhaps at once.

        Returns when all are acknowledged. Raises ConflictError when a condition failed (with more
        than one transaction the others may have happened).
        """
        ...

    async def get(self, table: str, partition: str, key: str) -> Row | None:
        """The row, or None."""
        ...

    async def scan(
        self, table: str, partition: str, *, start: str = "", end: str = "~"
    ) -> list[Row]:
        """The partition's rows with start <= key < end, in key order (ordinal)."""
        ...

    async def scan_all(self, table: str, *, start: str = "", end: str = "~") -> list[Row]:
        """The rows of every partition with start <= partition < end, in order of both keys."""
        ...

    async def tables(self, prefix: str) -> list[str]:
        """Names of the tables that begin with the prefix, sorted."""
        ...

    async def drop(self, table: str) -> None:
        """Remove a table with its rows; one that does not exist is fine."""
        ...

    async def close(self) -> None:
        """Give back what is held open; afterwards nothing else may be called."""
        ...


class Bodies(Protocol):
    """Raw bodies of dead letters, kept only where the operator asks for them.

    Names are hashes and digits, with slashes between. Every method but `close` raises
    StoreUnavailableError where the keeper may do it later (429, 5xx, no answer).
    """

    async def put(self, bodies: Mapping[str, bytes]) -> Mapping[str, str]:
        """Keep bodies by name; returns those that will never be taken, each with why."""
        ...

    async def get(self, name: str) -> bytes | None:
        """The body, or None."""
        ...

    async def delete(self, name: str) -> None:
        """Remove one; one that is not there is fine, and so is one that may not be removed."""
        ...

    async def close(self) -> None:
        """Give back what is held open."""
        ...


class DeliveryError(Exception):
    """The sink did not take it, and certainly created nothing more than `progress` says."""

    def __init__(
        self, message: str, *, retry_after: float | None = None, progress: Delivery | None = None
    ) -> None:
        """`retry_after`: seconds the sink asked to wait; `progress`: what was done before."""
        super().__init__(message)
        self.retry_after = retry_after
        self.progress = progress


class OutcomeUnknownError(Exception):
    """The sink may or may not have taken it: look it up before sending it again."""

    def __init__(self, message: str, *, progress: Delivery | None = None) -> None:
        """`progress`: what was certainly done before."""
        super().__init__(message)
        self.progress = progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Storm control: how many alerts a sink may create in any minute and in any hour."""

    per_minute: int
    per_hour: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Surge:
    """More alerts than the limits let through: how many wait, and the gravest of them."""

    surge_id: str
    opened_at: int
    waiting: int
    alerts: Sequence[Evidence]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a person made of an incident: Graph's words, classification "" where none was given."""

    resolved: bool
    classification: str
    incident_id: str


class AlertSink(Protocol):
    """Takes alerts to where responders see them; at most one incident for each episode.

    The methods with a body are for sinks that create no incidents; others override them.
    """

    name: str
    limits: Limits | None = None

    async def deliver(self, evidence: Evidence, delivery: Delivery, now: int) -> Delivery:
        """Tell of a revision; returns the delivery with what the sink calls it.

        `delivery.attempts` counts this try; more than one, or ids that are set, mean that an
        earlier try, since `delivery.tried_at`, may have got through. Raises DeliveryError or
        OutcomeUnknownError.
        """
        ...

    async def reconcile(self, evidence: Evidence, delivery: Delivery, now: int) -> Delivery:
        """Some time after an unknown outcome: close what late duplicates have appeared."""
        del evidence, now
        return replace(delivery, reconcile_at=0)

    async def announce(self, surge: Surge, delivery: Delivery, now: int) -> Delivery:
        """Tell once of a surge; raises as `deliver` does."""
        del surge, now
        return delivery

    async def resolution(self, delivery: Delivery) -> Resolution | None:
        """What a person made of the delivery's incident, None where there is no incident."""
        del delivery
        return None

    async def close(self) -> None:
        """Give back what is held open; afterwards nothing else may be called."""
        return


ForEach = Callable[[Iterable[Awaitable[None]]], Awaitable[None]]
"""How many things are done at once; an adapter may do several."""


async def one_by_one(works: Iterable[Awaitable[None]]) -> None:
    """Do one after the other."""
    for work in works:
        await work
