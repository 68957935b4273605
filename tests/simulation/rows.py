"""The `Rows` port for the simulator: a third store, whose every request is a step of its own."""

from bisect import bisect_left
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from detector.ports import (
    ConflictError,
    Operation,
    Row,
    StoreUnavailableError,
    Transaction,
)
from tests.simulation.requests import Call, NoAnswerError, NotDoneError
from tests.simulation.scheduler import Scheduler

T = TypeVar("T")

Partition = dict[str, Row]
OnApplied = Callable[[Transaction, dict[str, Row | None]], None]
"""Told of a transaction and of the rows as they were before it."""


class Tables:
    """The service's side: what is stored. Nothing here waits, so everything is atomic."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Partition]] = {}
        self.on_applied: OnApplied = lambda *_: None
        self.on_dropped: Callable[[str], None] = lambda _: None
        self.writes = 0

    def apply(self, transaction: Transaction) -> None:
        """Check every condition, then write everything."""
        operations = transaction.operations
        partition = self.tables.get(transaction.table, {}).get(transaction.partition, {})
        before = {operation.key: partition.get(operation.key) for operation in operations}
        for operation in operations:
            _check(operation, before[operation.key])
        for operation in operations:
            self._write(transaction, operation)
        self.on_applied(transaction, before)

    def etag(self, before: Row | None, write: int) -> str:
        """What the store's nth write gives a row: never the same again for its key."""
        del before
        return str(write)

    def _write(self, transaction: Transaction, operation: Operation) -> None:
        self.writes += 1
        partitions = self.tables.setdefault(transaction.table, {})
        partition = partitions.setdefault(transaction.partition, {})
        key = operation.key
        if operation.kind == "delete":
            del partition[key]
        else:
            etag = self.etag(partition.get(key), self.writes)
            partition[key] = Row(transaction.partition, key, dict(operation.values), etag)

    def get(self, table: str, partition: str, key: str) -> Row | None:
        """One row."""
        return self.tables.get(table, {}).get(partition, {}).get(key)

    def rows(self, table: str) -> list[Row]:
        """Every row of a table, in order, as nobody but the referee can see them."""
        partitions = self.tables.get(table, {})
        return [partitions[p][k] for p in sorted(partitions) for k in sorted(partitions[p])]

    def page(
        self, table: str, partition: str, start: str, end: str, most: int
    ) -> tuple[list[Row], str | None]:
        """The first rows with start <= key < end, and the key at which the next page begins."""
        rows = self.tables.get(table, {}).get(partition, {})
        keys = sorted(rows)
        first, last = bisect_left(keys, start), bisect_left(keys, end)
        page = keys[first : min(first + most, last)]
        following = first + len(page)
        return [rows[k] for k in page], keys[following] if following < last else None

    def page_of_all(
        self, table: str, start: tuple[str, str], end: str, most: int
    ) -> tuple[list[Row], tuple[str, str] | None]:
        """As `page`, over partitions."""
        partitions = self.tables.get(table, {})
        places = [
            (p, k) for p in sorted(partitions) if start[0] <= p < end for k in sorted(partitions[p])
        ]
        first = bisect_left(places, start)
        page = places[first : first + most]
        following = first + len(page)
        rows = [partitions[p][k] for p, k in page]
        return rows, places[following] if following < len(places) else None

    def names(self, prefix: str) -> list[str]:
        """Names of tables."""
        return sorted(name for name in self.tables if name.startswith(prefix))

    def drop(self, table: str) -> None:
        """Remove a table."""
        self.on_dropped(table)
        self.tables.pop(table, None)


def _check(operation: Operation, row: Row | None) -> None:
    if operation.kind == "upsert":
        return
    changed = row is not None and bool(operation.etag) and row.etag != operation.etag
    if (row is not None) == (operation.kind == "insert") or changed:
        raise ConflictError(f"{operation.kind} {operation.key}")


async def perform(call: Call[T]) -> T:
    """Without a scheduler: the effect at once."""
    return call.effect()


class SimulatedRows:
    """The client's side: requests, and pages of at most `page` rows between which others write."""

    def __init__(self, tables: Tables, scheduler: Scheduler | None = None, page: int = 50) -> None:
        self._tables = tables
        self._scheduler = scheduler
        self.page = page

    async def submit(self, *transactions: Transaction) -> None:
        """See the port. Several transactions are sent at once, each on its own."""
        if self._scheduler is None or len(transactions) < 2:
            for transaction in transactions:
                await self._submit(transaction)
        else:
            await self._scheduler.at_once(self._submit(t) for t in transactions)

    async def get(self, table: str, partition: str, key: str) -> Row | None:
        """See the port."""
        call = Call("read", ("get", table, key), lambda: self._tables.get(table, partition, key))
        return await self._ask(call)

    async def scan(
        self, table: str, partition: str, *, start: str = "", end: str = "~"
    ) -> list[Row]:
        """See the port."""
        found: list[Row] = []
        following: str | None = start
        while following is not None:
            rows, following = await self._scan_page(table, partition, following, end)
            found += rows
        return found

    async def scan_all(self, table: str, *, start: str = "", end: str = "~") -> list[Row]:
        """See the port."""
        found: list[Row] = []
        following: tuple[str, str] | None = (start, "")
        while following is not None:
            rows, following = await self._scan_all_page(table, following, end)
            found += rows
        return found

    async def tables(self, prefix: str) -> list[str]:
        """See the port."""
        return await self._ask(Call("read", ("tables",), lambda: self._tables.names(prefix)))

    async def drop(self, table: str) -> None:
        """See the port."""
        await self._ask(Call("write", ("drop", table), lambda: self._tables.drop(table)))

    async def close(self) -> None:
        """See the port."""

    async def _submit(self, transaction: Transaction) -> None:
        what = [(o.kind, o.key) for o in transaction.operations]
        label = ("submit", transaction.table, transaction.partition, what)
        call = Call("write", label, lambda: self._tables.apply(transaction), repeats=True)
        await self._ask(call)

    async def _scan_page(
        self, table: str, partition: str, start: str, end: str
    ) -> tuple[list[Row], str | None]:
        label = ("scan", table, partition, start)
        tables = self._tables
        effect = lambda: tables.page(table, partition, start, end, self.page)  # noqa: E731
        return await self._ask(Call("read", label, effect))

    async def _scan_all_page(
        self, table: str, start: tuple[str, str], end: str
    ) -> tuple[list[Row], tuple[str, str] | None]:
        label = ("scan_all", table, *start)
        tables = self._tables
        effect = lambda: tables.page_of_all(table, start, end, self.page)  # noqa: E731
        return await self._ask(Call("read", label, effect))

    def _ask(self, call: Call[T]) -> Awaitable[T]:
        return perform(call) if self._scheduler is None else self._request(call)

    async def _request(self, call: Call[Any]) -> Any:
        try:
            return await call
        except (NotDoneError, NoAnswerError) as error:
            raise StoreUnavailableError("simulated") from error
