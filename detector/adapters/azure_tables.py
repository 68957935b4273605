"""The `Rows` port on Azure Table Storage, through `azure-data-tables`.

A write that was answered with 5xx is sent again, at most three times. If the first sending was
applied after all, the next one meets its own effect: an insert 409, a replace 412, a delete 404.
That becomes a ConflictError, as if somebody else had been faster; nobody could tell. It is safe
because whoever catches one reads again before deciding: an evaluation finds its own episode and
goes on from there, a mark or segment that is gone is what was wanted, and a dispatcher that cannot
tell whether the lease is its own waits until it ends. What gets no answer is not sent again.

A property holds 64 KiB, a text 32 Ki UTF-16 units: longer columns are cut into `Name`, `Name_1`,
`Name_2`…, and put together again. A column called as one of the service's own gets a `_`.
"""
# pyright: reportUnknownMemberType=false
# The client takes **kwargs without types.

import asyncio
import logging
from collections.abc import Awaitable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException
from itertools import count, takewhile
from typing import Any, cast

from azure.core import MatchConditions
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.data.tables import EdmType, EntityProperty, TableEntity, TableTransactionError
from azure.data.tables.aio import TableClient, TableServiceClient

from detector.ports import ConflictError, Operation, Row, StoreUnavailableError, Transaction, Value

AT_ONCE = 8
"""Requests in flight; more does not help, the client's own work is the limit."""

_BYTES = 60 << 10
_CHARACTERS = 15 << 10
_BOUNDS: dict[str, Any] = {
    "retry_total": 3,
    "retry_backoff_max": 5,
    "connection_timeout": 5,
    "read_timeout": 20,
}
"""The client's own bounds are 10 sendings, 2 minutes between them, and 7 days."""
_SYSTEM = frozenset({"PartitionKey", "RowKey", "Timestamp"})

_Property = Value | EntityProperty
_Action = tuple[str, dict[str, _Property], dict[str, object]]


def open_tables(state: str) -> "AzureTableRows":
    """The state account: an https endpoint, opened as the Entra identity, or a connection string.

    Nothing is sent yet. The identity is DefaultAzureCredential's: a managed identity (the one that
    AZURE_CLIENT_ID names), or a person's `az login`. Raises ValueError for anything else.
    """
    logging.getLogger("azure.core.pipeline.policies.http_logging_policy").setLevel(logging.WARNING)
    if not state:
        raise ValueError("empty: give the account's https table endpoint or a connection string")
    if state.startswith("https://"):
        from azure.identity.aio import DefaultAzureCredential

        identity = DefaultAzureCredential()
        return AzureTableRows(TableServiceClient(state, credential=identity, **_BOUNDS), identity)
    try:
        service = TableServiceClient.from_connection_string(state, **_BOUNDS)
    except ValueError as error:
        # The client's own message may quote what it was given: a key must not reach a log.
        raise ValueError("neither an https endpoint nor a whole connection string") from error
    return AzureTableRows(service)


async def at_once(works: Iterable[Awaitable[None]], most: int = AT_ONCE) -> None:
    """Await them all, at most so many at a time; then raise the gravest error there was.

    A ForEach for use cases over this store. After `most` failures the rest is not begun.
    """
    waiting = iter(works)

    async def take_turns() -> None:
        for work in waiting:
            await work

    ended = await asyncio.gather(*(take_turns() for _ in range(most)), return_exceptions=True)
    errors = [error for error in ended if error is not None]
    if errors:
        raise min(errors, key=lambda error: isinstance(error, ConflictError))


class AzureTableRows:
    """Rows in the tables of one storage account. Close it when done."""

    def __init__(
        self, service: TableServiceClient, credential: AsyncTokenCredential | None = None
    ) -> None:
        """Use the client; it and its credential are closed at the end."""
        self._service = service
        self._credential = credential
        self._clients: dict[str, TableClient] = {}

    async def submit(self, *transactions: Transaction) -> None:
        """See the port. Several transactions are sent at once, each on its own."""
        await at_once(self._submit(transaction) for transaction in transactions)

    async def get(self, table: str, partition: str, key: str) -> Row | None:
        """See the port."""
        with _translated(f"get of {table} {partition}"):
            try:
                return _row(await self._table(table).get_entity(partition, key))
            except HttpResponseError as error:
                if error.status_code != HTTPStatus.NOT_FOUND:
                    raise
        return None

    async def scan(
        self, table: str, partition: str, *, start: str = "", end: str = "~"
    ) -> list[Row]:
        """See the port."""
        query = "PartitionKey eq @partition and RowKey ge @start and RowKey lt @end"
        return await self._query(table, query, {"partition": partition, "start": start, "end": end})

    async def scan_all(self, table: str, *, start: str = "", end: str = "~") -> list[Row]:
        """See the port."""
        query = "PartitionKey ge @start and PartitionKey lt @end"
        return await self._query(table, query, {"start": start, "end": end})

    async def tables(self, prefix: str) -> list[str]:
        """See the port."""
        query = "TableName ge @start and TableName lt @end"
        found = self._service.query_tables(query, parameters={"start": prefix, "end": prefix + "~"})
        with _translated("list of tables"):
            return sorted([table.name async for page in found.by_page() async for table in page])

    async def drop(self, table: str) -> None:
        """See the port. For about a minute the service refuses to make the table again."""
        with _translated(f"drop of {table}"):
            try:
                await self._service.delete_table(table)
            except HttpResponseError as error:
                if _code(error) != "TableBeingDeleted":
                    raise

    async def close(self) -> None:
        """See the port."""
        await self._service.close()
        if self._credential is not None:
            await self._credential.close()

    def _table(self, name: str) -> TableClient:
        """Clients are remembered: making one costs as much as a request."""
        if name not in self._clients:
            self._clients[name] = self._service.get_table_client(name)
        return self._clients[name]

    async def _submit(self, transaction: Transaction) -> None:
        table = transaction.table
        actions = [_action(transaction.partition, o) for o in transaction.operations]
        with _translated(f"write to {table} {transaction.partition}"):
            try:
                await self._table(table).submit_transaction(actions)
            except HttpResponseError as error:
                if _code(error) != "TableNotFound":
                    raise
                await self._service.create_table_if_not_exists(table)
                await self._table(table).submit_transaction(actions)

    async def _query(self, table: str, query: str, parameters: dict[str, object]) -> list[Row]:
        """By page: a page may be empty and still name a next one."""
        found = self._table(table).query_entities(query, parameters=parameters)
        with _translated(f"scan of {table}"):
            try:
                return [_row(e) async for page in found.by_page() async for e in page]
            except HttpResponseError as error:
                if _code(error) != "TableNotFound":
                    raise
        return []


@contextmanager
def _translated(doing: str) -> Generator[None]:
    """The client's errors as the port's, with what was being done."""
    try:
        yield
    except (AzureError, HTTPException, OSError) as error:
        first_line = str(error).partition("\n")[0]
        raise _meaning(error)(f"Table Storage, {doing}: {_code(error)}: {first_line}") from error


def _meaning(error: Exception) -> type[Exception]:
    """A condition that failed; a row that the service will never take; or not now."""
    in_transaction = isinstance(error, TableTransactionError)
    match getattr(error, "status_code", None), _code(error):
        case (404, "ResourceNotFound") | (409, "EntityAlreadyExists") | (412, _) if in_transaction:
            return ConflictError
        case (400 | 413, _):
            return ValueError
        case _:
            return StoreUnavailableError


def _code(error: Exception) -> str:
    """The service's error code; without one, what kind of error the client made of it."""
    code: object = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or type(error).__name__)


def _action(partition: str, operation: Operation) -> _Action:
    entity: dict[str, _Property] = {"PartitionKey": partition, "RowKey": operation.key}
    match = MatchConditions.IfNotModified if operation.etag else MatchConditions.Unconditionally
    condition: dict[str, object] = {"etag": operation.etag or None, "match_condition": match}
    if operation.kind == "delete":
        return "delete", entity, condition
    for name, value in operation.values.items():
        entity.update(_properties(f"{name}_" if name in _SYSTEM else name, value))
    if operation.kind == "insert":
        return "create", entity, {}
    if operation.kind == "upsert":
        return "upsert", entity, {"mode": "replace"}
    return "update", entity, {"mode": "replace", **condition}


def _properties(name: str, value: Value) -> Iterator[tuple[str, _Property]]:
    """One property, or the pieces of a long one. A plain int would be 32 bits."""
    if isinstance(value, str | bytes):
        size = _CHARACTERS if isinstance(value, str) else _BYTES
        for number, start in enumerate(range(0, len(value) or 1, size)):
            yield f"{name}_{number}" if number else name, value[start : start + size]
    elif isinstance(value, int) and not isinstance(value, bool):
        yield name, EntityProperty(value, EdmType.INT64)
    else:
        yield name, value


def _row(entity: TableEntity) -> Row:
    properties = cast("dict[str, _Property]", entity)
    names = [n for n in properties if n not in _SYSTEM and ("_" not in n or n.endswith("_"))]
    values = {n.removesuffix("_"): _value(properties, n) for n in names}
    etag = str(entity.metadata["etag"])
    return Row(str(properties["PartitionKey"]), str(properties["RowKey"]), values, etag)


def _value(properties: Mapping[str, _Property], name: str) -> Value:
    names = takewhile(properties.__contains__, (f"{name}_{n}" if n else name for n in count()))
    pieces = [properties[n] for n in names]
    first = pieces[0]
    if isinstance(first, EntityProperty):
        return int(first.value)
    if isinstance(first, bytes):
        return b"".join(p for p in pieces if isinstance(p, bytes))
    return "".join(map(str, pieces)) if isinstance(first, str) else first
