"""The Azure adapter under faults: what is sent again, and what an error means."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest
from azure.data.tables.aio import TableServiceClient

from detector.adapters.azure_tables import AzureTableRows, at_once, open_tables
from detector.ports import ConflictError, Operation, Row, Rows, StoreUnavailableError, Transaction
from tests.support.azurite import KEY, running_azurite
from tests.support.faulty import Fault, Faulty, faulty

SOON = {"Retry-After": "0.01"}
CALLS: dict[str, Callable[[Rows], Awaitable[object]]] = {
    "write to marks p": lambda rows: rows.submit(write(Operation("upsert", "k"))),
    "get of marks p": lambda rows: rows.get("marks", "p", "k"),
    "scan of marks": lambda rows: rows.scan("marks", "p"),
    "list of tables": lambda rows: rows.tables(""),
    "drop of marks": lambda rows: rows.drop("marks"),
}


def write(*operations: Operation) -> Transaction:
    return Transaction("marks", "p", operations)


@pytest.fixture
async def loopback(azurite_account: str) -> AsyncGenerator[Faulty]:
    endpoint = re.search(r"TableEndpoint=(http://[^/]+)", azurite_account)
    assert endpoint
    async with faulty(endpoint[1]) as loopback:
        yield loopback


@pytest.fixture
def address(azurite_account: str, loopback: Faulty) -> str:
    return re.sub(r"(TableEndpoint=)http://[^/]+", rf"\g<1>{loopback.url}", azurite_account)


@pytest.fixture
async def rows(address: str) -> AsyncGenerator[AzureTableRows]:
    rows = open_tables(address)
    await rows.submit(write(Operation("upsert", "there", {"N": 0})))
    yield rows
    await rows.close()


@pytest.mark.parametrize("doing", CALLS)
@pytest.mark.parametrize("status", [500, 503, 504])
async def test_a_passing_fault_of_the_service_is_not_noticed(
    rows: Rows, loopback: Faulty, doing: str, status: int
) -> None:
    loopback.faults = [Fault("answer", status, headers=SOON)] * 3

    await CALLS[doing](rows)

    assert not loopback.faults


@pytest.mark.parametrize("doing", CALLS)
async def test_a_fault_that_stays_is_raised_after_three_more_sendings(
    rows: Rows, loopback: Faulty, doing: str
) -> None:
    loopback.faults = [Fault("answer", 503, headers=SOON)] * 9
    loopback.seen.clear()

    with pytest.raises(StoreUnavailableError, match=f"{doing}: ServerBusy"):
        await CALLS[doing](rows)

    assert len(loopback.seen) == 4


@pytest.mark.parametrize("doing", CALLS)
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "InvalidAuthenticationInfo"),
        (403, "AuthorizationFailure"),
        (409, "AccountBeingCreated"),
        (410, "Gone"),
        (429, "TooManyRequests"),
    ],
)
async def test_lost_access_and_throttling_are_for_now(
    rows: Rows, loopback: Faulty, doing: str, status: int, code: str
) -> None:
    loopback.faults = [Fault("answer", status, code, headers={} if status != 429 else SOON)] * 9

    with pytest.raises(StoreUnavailableError, match=f"{doing}: {code}"):
        await CALLS[doing](rows)


@pytest.mark.parametrize("doing", ["write to marks p", "get of marks p", "scan of marks"])
async def test_a_table_that_is_being_deleted_is_for_now(
    rows: Rows, loopback: Faulty, doing: str
) -> None:
    loopback.faults = [Fault("answer", 409, "TableBeingDeleted")] * 9

    with pytest.raises(StoreUnavailableError, match="TableBeingDeleted"):
        await CALLS[doing](rows)


async def test_a_table_that_is_being_deleted_cannot_be_made_again_for_now(
    rows: Rows, loopback: Faulty
) -> None:
    loopback.faults = [
        Fault("answer", 404, "TableNotFound"),
        Fault("answer", 409, "TableBeingDeleted"),
    ]

    with pytest.raises(StoreUnavailableError, match="write to marks p: TableBeingDeleted"):
        await rows.submit(write(Operation("upsert", "k")))


async def test_a_table_that_is_being_deleted_is_dropped(rows: Rows, loopback: Faulty) -> None:
    loopback.faults = [Fault("answer", 409, "TableBeingDeleted")]

    await rows.drop("marks")

    assert not loopback.faults


async def test_a_table_that_somebody_else_made_first_is_written_to(
    rows: Rows, loopback: Faulty
) -> None:
    loopback.faults = [Fault("answer", 404, "TableNotFound")]

    await rows.submit(write(Operation("upsert", "k")))

    assert await rows.get("marks", "p", "k") is not None


@pytest.mark.parametrize(("status", "code"), [(400, "PropertyValueTooLarge"), (413, "TooLarge")])
async def test_a_row_that_will_never_be_taken_is_no_outage(
    rows: Rows, loopback: Faulty, status: int, code: str
) -> None:
    loopback.faults = [Fault("answer", status, code)]

    with pytest.raises(ValueError, match="write to marks p"):
        await rows.submit(write(Operation("upsert", "k")))


@pytest.mark.parametrize("status", [404, 412])
async def test_only_a_write_can_meet_a_conflict(rows: Rows, loopback: Faulty, status: int) -> None:
    loopback.faults = [Fault("answer", status, "ResourceNotFound")]

    with pytest.raises(StoreUnavailableError):
        await rows.scan("marks", "p")


@pytest.mark.parametrize("kind", ["insert", "replace", "delete"])
async def test_a_write_that_met_its_own_effect_is_a_conflict(
    rows: Rows, loopback: Faulty, kind
) -> None:
    there = await rows.get("marks", "p", "there")
    assert there is not None
    key, etag = ("new", "") if kind == "insert" else ("there", there.etag)
    loopback.faults = [Fault("lost", 500, headers=SOON)]

    with pytest.raises(ConflictError):
        await rows.submit(write(Operation(kind, key, {"N": 1}, etag)))

    row = await rows.get("marks", "p", key)
    assert (row and row.values) == (None if kind == "delete" else {"N": 1})


async def test_an_upsert_that_was_applied_twice_is_applied(rows: Rows, loopback: Faulty) -> None:
    loopback.faults = [Fault("lost", 500, headers=SOON)] * 2

    await rows.submit(write(Operation("upsert", "there", {"N": 1})))

    row = await rows.get("marks", "p", "there")
    assert row is not None
    assert row.values == {"N": 1}


async def test_a_write_without_an_answer_is_not_sent_again(rows: Rows, loopback: Faulty) -> None:
    loopback.faults = [Fault("hang_up")]
    loopback.seen.clear()

    with pytest.raises(StoreUnavailableError, match="write to marks p"):
        await rows.submit(write(Operation("insert", "k")))

    assert len(loopback.seen) == 1
    assert await rows.get("marks", "p", "k") is not None


async def test_an_answer_that_never_comes_is_an_outage(address: str, loopback: Faulty) -> None:
    client = TableServiceClient.from_connection_string(address, read_timeout=0.1, retry_total=0)
    rows = AzureTableRows(client)
    loopback.faults = [Fault("never")] * 9

    for doing, call in CALLS.items():
        with pytest.raises(StoreUnavailableError, match=doing):
            await call(rows)

    await rows.close()


async def test_an_answer_that_is_no_answer_is_an_outage(rows: Rows, loopback: Faulty) -> None:
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    body = "--b\r\nContent-Type: application/http\r\n\r\nnonsense\r\n--b--\r\n"
    loopback.faults = [Fault("answer", 202, headers=headers, body=body)]

    with pytest.raises(StoreUnavailableError, match="write to marks p"):
        await rows.submit(write(Operation("upsert", "k")))


async def test_a_page_without_rows_is_not_the_last(rows: Rows, loopback: Faulty) -> None:
    headers = {
        "x-ms-continuation-NextPartitionKey": "1!4!cA--",
        "x-ms-continuation-NextRowKey": "1!4!YQ--",
    }
    empty = Fault("answer", 200, headers=headers, body='{"value": []}')
    full = '{"value": [{"odata.etag": "W/x", "PartitionKey": "p", "RowKey": "k", "Word": "found"}]}'
    loopback.faults = [*[empty] * 3, Fault("answer", 200, body=full)]

    found = await rows.scan("marks", "p")

    assert found == [Row("p", "k", {"Word": "found"}, "W/x")]
    assert ["NextRowKey=1!4!YQ--" in seen for seen in loopback.seen[-4:]] == [False] + [True] * 3


async def test_a_list_of_tables_is_followed_too(rows: Rows, loopback: Faulty) -> None:
    headers = {"x-ms-continuation-NextTableName": "a"}
    loopback.faults = [Fault("answer", 200, headers=headers, body='{"value": []}')]

    assert await rows.tables("") == ["marks"]


async def test_a_store_that_is_gone_is_unavailable() -> None:
    with running_azurite() as server:
        rows = open_tables(server.connection_string())
        await rows.submit(write(Operation("upsert", "k")))

    errors = await asyncio.gather(*(f(rows) for f in CALLS.values()), return_exceptions=True)

    assert [type(error) for error in errors] == [StoreUnavailableError] * len(CALLS)
    await rows.close()


def test_retries_and_waits_are_bounded(address: str) -> None:
    client = open_tables(address)._service

    (retries,) = [p for p in client._policies if hasattr(p, "total_retries")]
    waits = client._client._client._pipeline._transport.connection_config
    assert (retries.total_retries, retries.backoff_max) == (3, 5)
    assert (waits.timeout, waits.read_timeout) == (5, 20)


@pytest.mark.parametrize(
    "state", ["", "nonsense", f"AccountKey={KEY}", f"AccountName=a;AccountKey={KEY};TableEndpoint"]
)
def test_what_is_no_account_is_refused_without_telling_the_key(state: str) -> None:
    with pytest.raises(ValueError, match="endpoint") as refused:
        open_tables(state)

    assert KEY not in str(refused.value)


async def test_an_https_endpoint_is_opened_as_the_entra_identity() -> None:
    rows = open_tables("https://example.table.core.windows.net")

    assert type(rows._credential).__name__ == "DefaultAzureCredential"
    await rows.close()


async def test_at_most_eight_things_are_done_at_once() -> None:
    doing, most = 0, 0

    async def work() -> None:
        nonlocal doing, most
        doing += 1
        most = max(most, doing)
        await asyncio.sleep(0.001)
        doing -= 1

    await at_once(work() for _ in range(100))

    assert (doing, most) == (0, 8)


async def test_an_outage_is_graver_than_a_conflict() -> None:
    done: list[int] = []

    async def work(number: int) -> None:
        if number == 3:
            raise ConflictError
        if number == 7:
            raise StoreUnavailableError
        done.append(number)

    with pytest.raises(StoreUnavailableError):
        await at_once(work(number) for number in range(20))

    assert done == [n for n in range(20) if n not in {3, 7}]
