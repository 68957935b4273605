"""The `Rows` port on SQLite: the embedded default, safe for several processes on one file.

One SQL table holds every row. Each transaction is BEGIN IMMEDIATE ... COMMIT under WAL, so a
process killed at any moment loses nothing that was acknowledged. All calls of one `SqliteRows`
run on one worker thread.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from detector.ports import (
    ConflictError,
    Operation,
    Row,
    StoreUnavailableError,
    Transaction,
    Value,
)

T = TypeVar("T")

_BUSY_SECONDS = 20.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (
  tbl TEXT NOT NULL, pk TEXT NOT NULL, rk TEXT NOT NULL, etag INTEGER NOT NULL,
  columns TEXT NOT NULL, data BLOB, PRIMARY KEY (tbl, pk, rk)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS etags (id INTEGER PRIMARY KEY CHECK (id = 1), last INTEGER NOT NULL);
INSERT OR IGNORE INTO etags VALUES (1, 0);
"""
_UPSERT = (
    "INSERT INTO rows (tbl, pk, rk, etag, columns, data) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET etag = excluded.etag, columns = excluded.columns, "
    "data = excluded.data"
)
_SELECT = "SELECT pk, rk, columns, data, etag FROM rows WHERE tbl = ? AND "


class SqliteRows:
    """Rows in one SQLite file. Close it when done."""

    def __init__(self, path: Path | str, *, durable: bool = True) -> None:
        """Open or make the file. Raises StoreUnavailableError when it is no such store.

        `durable=False` trades safety for speed: for a temporary ledger that dies with its run.
        """
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._connection = self._thread.submit(_open, Path(path), durable=durable).result()

    async def submit(self, *transactions: Transaction) -> None:
        """See the port. Several transactions become one: all of them happen, or none."""
        if transactions:
            await self._run(lambda connection: _submit(connection, transactions))

    async def get(self, table: str, partition: str, key: str) -> Row | None:
        """See the port."""
        rows = await self._select("pk = ? AND rk = ?", (table, partition, key))
        return rows[0] if rows else None

    async def scan(
        self, table: str, partition: str, *, start: str = "", end: str = "~"
    ) -> list[Row]:
        """See the port."""
        where = "pk = ? AND rk >= ? AND rk < ? ORDER BY rk"
        return await self._select(where, (table, partition, start, end))

    async def scan_all(self, table: str, *, start: str = "", end: str = "~") -> list[Row]:
        """See the port."""
        return await self._select("pk >= ? AND pk < ? ORDER BY pk, rk", (table, start, end))

    async def tables(self, prefix: str) -> list[str]:
        """See the port."""
        return await self._run(lambda c: _tables(c, prefix))

    async def drop(self, table: str) -> None:
        """See the port."""
        await self._run(lambda c: _write(c, "DELETE FROM rows WHERE tbl = ?", (table,)))

    async def vacuum(self) -> None:
        """Rewrite the file, so that nothing of deleted rows is left in it; needs it to itself."""
        await self._run(_vacuum)

    async def close(self) -> None:
        """See the port."""
        await self._run(lambda connection: connection.close())
        self._thread.shutdown()

    async def _select(self, where: str, bounds: tuple[str, ...]) -> list[Row]:
        return await self._run(lambda c: [_row(*r) for r in c.execute(_SELECT + where, bounds)])

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, work, self._connection)
        except sqlite3.Error as error:
            message = f"SQLite: {error}"
            raise StoreUnavailableError(message) from error


def _open(path: Path, *, durable: bool) -> sqlite3.Connection:
    with ExitStack() as undo:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
            undo.callback(connection.close)
            journal, synchronous = ("WAL", "FULL") if durable else ("MEMORY", "OFF")
            connection.execute(f"PRAGMA journal_mode = {journal}")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            connection.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            message = f"{path}: cannot be opened as a detector store ({error})"
            raise StoreUnavailableError(message) from error
        undo.pop_all()
    return connection


def _vacuum(connection: sqlite3.Connection) -> None:
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _tables(connection: sqlite3.Connection, prefix: str) -> list[str]:
    """One index seek a table, where DISTINCT would read every row."""
    query = "SELECT tbl FROM rows WHERE tbl >= ? AND tbl < ? ORDER BY tbl LIMIT 1"
    names: list[str] = []
    start = prefix
    while found := connection.execute(query, (start, prefix + "~")).fetchone():
        names.append(found[0])
        start = found[0] + "\0"
    return names


def _write(connection: sqlite3.Connection, statement: str, values: tuple[str, ...]) -> None:
    connection.execute(statement, values)


def _submit(connection: sqlite3.Connection, transactions: tuple[Transaction, ...]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        (last,) = connection.execute("SELECT last FROM etags").fetchone()
        etag = int(last)
        for transaction in transactions:
            for operation in transaction.operations:
                etag += 1
                _apply(connection, transaction, operation, etag)
        connection.execute("UPDATE etags SET last = ?", (etag,))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _apply(
    connection: sqlite3.Connection, transaction: Transaction, operation: Operation, etag: int
) -> None:
    key = (transaction.table, transaction.partition, operation.key)
    if operation.kind != "upsert":
        _check(connection, key, operation)
    if operation.kind == "delete":
        connection.execute("DELETE FROM rows WHERE tbl = ? AND pk = ? AND rk = ?", key)
    else:
        connection.execute(_UPSERT, (*key, etag, *_encode(operation.values)))


def _check(connection: sqlite3.Connection, key: tuple[str, str, str], operation: Operation) -> None:
    query = "SELECT etag FROM rows WHERE tbl = ? AND pk = ? AND rk = ?"
    found = connection.execute(query, key).fetchone()
    exists = found is not None
    changed = exists and bool(operation.etag) and str(found[0]) != operation.etag
    if exists == (operation.kind == "insert") or changed:
        message = f"{operation.kind} {'/'.join(key)}: the condition does not hold"
        raise ConflictError(message)


def _encode(values: Mapping[str, Value]) -> tuple[str, bytes | None]:
    """Columns as JSON; the one column of bytes goes beside it, its place kept by null."""
    plain = {n: None if isinstance(v, bytes) else v for n, v in values.items()}
    return json.dumps(plain), next((v for v in values.values() if isinstance(v, bytes)), None)


def _row(partition: str, key: str, columns: str, data: bytes | None, etag: int) -> Row:
    plain: dict[str, str | float | None] = json.loads(columns)
    values = {n: data or b"" if v is None else v for n, v in plain.items()}
    return Row(partition, key, values, str(etag))
