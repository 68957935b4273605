"""Where Azurite is not Table Storage, so that a new Azurite that changes any of it fails loudly.

What the service does is taken from its documentation; none of it was run against live Azure.
The adapter and the state rely on neither side of a difference.
"""

from collections.abc import Generator
from http.client import BadStatusLine
from pathlib import Path

import pytest
from azure.core.exceptions import HttpResponseError
from azure.data.tables import TableClient, TableServiceClient, TableTransactionError, UpdateMode

from tests.support.azurite import running_azurite


@pytest.fixture
def table(azurite_account: str) -> Generator[TableClient]:
    with TableServiceClient.from_connection_string(azurite_account, retry_total=0) as service:
        yield service.create_table("differs")


def row(key: str = "k", **columns: object) -> dict[str, object]:
    return {"PartitionKey": "p", "RowKey": key, **columns}


def status_of(refused: pytest.ExceptionInfo[HttpResponseError]) -> tuple[int | None, str]:
    code = getattr(refused.value, "error_code", "")
    return refused.value.status_code, getattr(code, "value", code)


def survivors_of_a_kill(location: Path) -> list[str]:
    """The tables that are back after Azurite was killed, right after an acknowledged write."""
    with running_azurite(location) as server:
        with TableServiceClient.from_connection_string(server.connection_string()) as service:
            service.create_table("differs").upsert_entity(row())
        server.process.kill()
        server.process.wait()
    with (
        running_azurite(location) as server,
        TableServiceClient.from_connection_string(server.connection_string()) as service,
    ):
        return [table.name for table in service.list_tables()]


def test_it_forgets_acknowledged_writes_when_it_is_killed(tmp_path: Path) -> None:
    """The service is durable. Azurite saves every five seconds, so tests of ours never kill it."""
    # Once in a few hundred times the save falls between the write and the kill.
    assert any(survivors_of_a_kill(tmp_path / attempt) == [] for attempt in ("one", "two"))


def test_it_answers_101_operations_with_what_is_no_answer(table: TableClient) -> None:
    """The service: 400 InvalidInput. `Transaction` refuses to be that large."""
    with pytest.raises(BadStatusLine):
        table.submit_transaction([("upsert", row(str(n))) for n in range(101)])

    assert list(table.list_entities()) == []


def test_it_takes_more_than_252_columns(table: TableClient) -> None:
    """The service: 400 TooManyProperties. The widest row of ADR 0001 has 24, and its pieces."""
    table.upsert_entity(row(**{f"Column{n:03}x": n for n in range(300)}))

    assert len(table.get_entity("p", "k")) == 302


@pytest.mark.parametrize("name", ["a-b", "a b", "1a", "a.b"])
def test_it_takes_names_of_columns_that_are_no_identifiers(table: TableClient, name: str) -> None:
    """The service: 400 PropertyNameInvalid. Ours are identifiers."""
    table.upsert_entity(row(**{name: 1}))

    assert table.get_entity("p", "k")[name] == 1


def test_it_counts_bytes_as_base64(table: TableClient) -> None:
    """The service takes 1 MiB of bytes. Our rows stay within 700 KiB."""
    pieces = {f"Data{n}x": b"x" * 60_000 for n in range(15)}

    with pytest.raises(HttpResponseError) as refused:
        table.upsert_entity(row(**pieces))

    assert status_of(refused) == (400, "EntityTooLarge")


def test_it_counts_characters_once(table: TableClient) -> None:
    """The service counts UTF-16, two bytes a character: 400 EntityTooLarge above 1 MiB."""
    table.upsert_entity(row(**{f"Text{n}x": "x" * 32_000 for n in range(17)}))

    assert len(table.get_entity("p", "k")) == 19


def test_it_lets_a_merge_grow_a_row_past_1_mib(table: TableClient) -> None:
    """The service: 400 EntityTooLarge. We replace rows, never merge."""
    for half in "ab":
        pieces = {f"{half}{n}x": b"x" * 64_000 for n in range(10)}
        table.upsert_entity(row(**pieces), mode=UpdateMode.MERGE)

    assert (
        sum(len(v) for v in table.get_entity("p", "k").values() if isinstance(v, bytes)) > 1 << 20
    )


def test_it_fails_at_a_slash_in_a_key(table: TableClient) -> None:
    """The service: 400. Our keys are hashes, digits and bars."""
    with pytest.raises(HttpResponseError) as refused:
        table.upsert_entity(row("a/b"))

    assert refused.value.status_code == 500


def test_it_calls_a_long_key_invalid(table: TableClient) -> None:
    """The service: 400 KeyValueTooLarge. Ours are under 512 characters."""
    with pytest.raises(HttpResponseError) as refused:
        table.create_entity(row("k" * 513))

    assert refused.value.status_code == 400
    assert "KeyValueTooLarge" not in str(refused.value)


def test_it_takes_a_key_that_it_cannot_give_back(table: TableClient) -> None:
    """A lone surrogate in a key; the service's answer is unknown. Ours are ASCII."""
    table.create_entity(row("a\ud800b"))

    with pytest.raises((HttpResponseError, UnicodeEncodeError)):
        table.get_entity("p", "a\ud800b")


def test_it_makes_a_deleted_table_again_at_once(azurite_account: str) -> None:
    """The service: 409 TableBeingDeleted for about a minute. No day's table is made again."""
    with TableServiceClient.from_connection_string(azurite_account) as service:
        service.create_table("differs").upsert_entity(row())
        service.delete_table("differs")

        assert list(service.create_table("differs").list_entities()) == []


def test_it_gives_rows_of_one_transaction_the_same_etag(table: TableClient) -> None:
    """Unknown of the service. An etag is compared for one key only."""
    for _ in range(20):  # on a busy machine a clock tick may pass between any two rows
        table.submit_transaction([("upsert", row(f"{n:03}")) for n in range(100)])
        if len({entity.metadata["etag"] for entity in table.list_entities()}) < 100:
            return

    pytest.fail("100 etags in each of 20 transactions: Azurite has changed")


def test_it_refuses_a_row_twice_in_a_transaction_as_the_service_does(table: TableClient) -> None:
    with pytest.raises(TableTransactionError) as refused:
        table.submit_transaction([("upsert", row()), ("upsert", row())])

    assert status_of(refused) == (400, "InvalidDuplicateRow")


def test_it_refuses_more_than_4_mib_as_the_service_does(table: TableClient) -> None:
    rows = [("upsert", row(str(n), Data=b"x" * 60_000)) for n in range(60)]

    with pytest.raises(HttpResponseError) as refused:
        table.submit_transaction(rows)

    assert refused.value.status_code == 413
