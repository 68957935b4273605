"""What every store of rows promises: the `Rows` port, sentence by sentence."""

import asyncio

import pytest

from detector.ports import ConflictError, Operation, Row, Rows, Transaction, Value

TABLE, PARTITION = "marks", "dirty|0f"

pytestmark = pytest.mark.timeout(300)  # Azurite on a busy machine


def write(*operations: Operation, table: str = TABLE, partition: str = PARTITION) -> Transaction:
    return Transaction(table, partition, operations)


def upsert(key: str, **values: Value) -> Operation:
    return Operation("upsert", key, values)


async def fill(rows: Rows, *places: tuple[str, str]) -> None:
    await rows.submit(*(write(upsert(key), partition=partition) for partition, key in places))


async def read(rows: Rows, key: str) -> Row:
    row = await rows.get(TABLE, PARTITION, key)
    assert row is not None
    return row


def keys(found: list[Row]) -> list[str]:
    return [row.key for row in found]


class TestTables:
    async def test_a_table_that_does_not_exist_reads_as_empty(self, rows: Rows) -> None:
        assert await rows.get(TABLE, PARTITION, "a") is None
        assert await rows.scan(TABLE, PARTITION) == []
        assert await rows.scan_all(TABLE) == []
        assert await rows.tables("") == []

    async def test_a_table_is_made_by_the_first_write(self, rows: Rows) -> None:
        await rows.submit(write(upsert("a", Word="x")))

        assert (await read(rows, "a")).values == {"Word": "x"}
        assert await rows.tables("") == [TABLE]

    async def test_first_writes_of_many_at_once_all_succeed(
        self, rows: Rows, other_host: Rows
    ) -> None:
        writes = [write(upsert(str(n)), partition=str(n % 7)) for n in range(20)]

        await asyncio.gather(rows.submit(*writes[:10]), other_host.submit(*writes[10:]))

        assert len(await rows.scan_all(TABLE)) == 20

    async def test_tables_are_listed_by_prefix_in_order(self, rows: Rows) -> None:
        names = ("counters20261122", "counters20261121", "counters20261130", "counts", "windows")
        await rows.submit(*(write(upsert("a"), table=name) for name in names))

        assert await rows.tables("counters") == sorted(names[:3])
        assert await rows.tables("counters202612") == []
        assert await rows.tables("") == sorted(names)

    async def test_a_dropped_table_is_gone_with_its_rows(self, rows: Rows) -> None:
        tables = ("counters20261121", "counters20261122")
        await rows.submit(*(write(upsert("a"), table=name) for name in tables))

        await rows.drop(tables[0])

        assert await rows.get(tables[0], PARTITION, "a") is None
        assert await rows.scan_all(tables[0]) == []
        assert await rows.tables("counters") == [tables[1]]
        assert keys(await rows.scan(tables[1], PARTITION)) == ["a"]

    async def test_dropping_what_does_not_exist_is_fine(self, rows: Rows) -> None:
        await rows.drop("counters20261121")

        assert await rows.tables("") == []


class TestConditions:
    async def test_an_upsert_replaces_all_columns(self, rows: Rows) -> None:
        await rows.submit(write(upsert("a", Old=1, Data=b"x" * 200_000, Text="y" * 50_000)))

        await rows.submit(write(upsert("a", New=2, Data=b"z", Text="")))

        assert (await read(rows, "a")).values == {"New": 2, "Data": b"z", "Text": ""}

    async def test_an_insert_needs_the_row_to_be_absent(self, rows: Rows) -> None:
        await rows.submit(write(Operation("insert", "a", {"Word": "first"})))

        with pytest.raises(ConflictError):
            await rows.submit(write(Operation("insert", "a", {"Word": "second"})))

        assert (await read(rows, "a")).values == {"Word": "first"}

    async def test_a_replace_needs_the_etag(self, rows: Rows) -> None:
        await rows.submit(write(upsert("a", Word="first", Other=1)))
        before = await read(rows, "a")

        await rows.submit(write(Operation("replace", "a", {"Word": "second"}, before.etag)))
        with pytest.raises(ConflictError):
            await rows.submit(write(Operation("replace", "a", {"Word": "third"}, before.etag)))

        assert (await read(rows, "a")).values == {"Word": "second"}

    async def test_a_replace_needs_the_row(self, rows: Rows) -> None:
        await rows.submit(write(upsert("a")))
        before = await read(rows, "a")

        for etag in (before.etag, ""):
            with pytest.raises(ConflictError):
                await rows.submit(write(Operation("replace", "b", {}, etag)))

    async def test_a_delete_needs_the_row(self, rows: Rows) -> None:
        await rows.submit(write(upsert("a")))

        await rows.submit(write(Operation("delete", "a")))
        with pytest.raises(ConflictError):
            await rows.submit(write(Operation("delete", "a")))

        assert await rows.get(TABLE, PARTITION, "a") is None

    async def test_a_delete_needs_the_etag_where_one_is_given(self, rows: Rows) -> None:
        await rows.submit(write(upsert("a")))
        before = await read(rows, "a")
        await rows.submit(write(upsert("a")))

        with pytest.raises(ConflictError):
            await rows.submit(write(Operation("delete", "a", etag=before.etag)))
        await rows.submit(write(Operation("delete", "a", etag=(await read(rows, "a")).etag)))

        assert await rows.get(TABLE, PARTITION, "a") is None

    @pytest.mark.parametrize("kind", ["replace", "delete"])
    async def test_a_condition_fails_in_a_table_that_does_not_exist(self, rows: Rows, kind) -> None:
        with pytest.raises(ConflictError):
            await rows.submit(write(Operation(kind, "a")))

    async def test_a_key_never_gets_the_same_etag_again(self, rows: Rows) -> None:
        seen: list[str] = []
        for _ in range(100):
            await rows.submit(write(upsert("a")))
            seen.append((await read(rows, "a")).etag)
            await rows.submit(write(Operation("delete", "a")))
            await rows.submit(write(Operation("insert", "a")))
            seen.append((await read(rows, "a")).etag)

        assert len(set(seen)) == 200

    async def test_an_etag_from_before_a_deletion_does_not_fit(self, rows: Rows) -> None:
        await rows.submit(write(upsert("a", Word="same")))
        before = await read(rows, "a")
        await rows.submit(write(Operation("delete", "a")))
        await rows.submit(write(upsert("a", Word="same")))

        with pytest.raises(ConflictError):
            await rows.submit(write(Operation("delete", "a", etag=before.etag)))

        assert (await read(rows, "a")).etag != before.etag

    async def test_a_scan_and_a_get_tell_the_same_etag(self, rows: Rows) -> None:
        await rows.submit(write(upsert("a", Word="x")))

        row = await read(rows, "a")

        assert await rows.scan(TABLE, PARTITION) == [row]
        assert await rows.scan_all(TABLE) == [row]
        assert (row.partition, row.key) == (PARTITION, "a")


class TestTransactions:
    async def test_a_hundred_operations_of_every_kind_happen(self, rows: Rows) -> None:
        old = [f"{n:03}" for n in range(50)]
        await rows.submit(write(*(upsert(key, N=0) for key in old)))
        etags = {row.key: row.etag for row in await rows.scan(TABLE, PARTITION)}
        operations = [
            *(Operation("replace", key, {"N": 1}, etags[key]) for key in old[:25]),
            *(Operation("delete", key, etag=etags[key]) for key in old[25:]),
            *(Operation("insert", f"new{n:03}", {"N": 1}) for n in range(25)),
            *(upsert(f"put{n:03}", N=1) for n in range(25)),
        ]

        await rows.submit(write(*operations))

        found = await rows.scan(TABLE, PARTITION)
        assert len(found) == 75
        assert {row.values["N"] for row in found} == {1}

    @pytest.mark.parametrize(
        "last",
        [
            Operation("insert", "there", {"N": 9}),
            Operation("replace", "there", {"N": 9}, "changed since"),
            Operation("replace", "absent", {"N": 9}),
            Operation("delete", "there", etag="changed since"),
            Operation("delete", "absent"),
        ],
        ids=["insert", "stale replace", "replace", "stale delete", "delete"],
    )
    async def test_nothing_happens_when_the_last_of_a_hundred_fails(
        self, rows: Rows, last: Operation
    ) -> None:
        await rows.submit(write(*(upsert(f"{n:03}", N=0) for n in range(50)), upsert("there", N=0)))
        stale = await read(rows, "there")
        await rows.submit(write(upsert("there", N=0)))
        before = await rows.scan(TABLE, PARTITION)
        if last.etag:
            last = Operation(last.kind, last.key, last.values, stale.etag)
        others = [
            *(upsert(f"{n:03}", N=1) for n in range(30)),
            *(Operation("delete", f"{n:03}") for n in range(30, 50)),
            *(Operation("insert", f"new{n:03}") for n in range(49)),
        ]

        with pytest.raises(ConflictError):
            await rows.submit(write(*others, last))

        assert await rows.scan(TABLE, PARTITION) == before

    @pytest.mark.parametrize(
        "operations",
        [[], [upsert(str(n)) for n in range(101)], [upsert("a"), upsert("a")]],
        ids=["none", "101", "two on one row"],
    )
    def test_what_table_storage_would_refuse_cannot_be_made(self, operations) -> None:
        with pytest.raises(ValueError, match="a transaction has 1 to 100, each on its own row"):
            write(*operations)

    async def test_transactions_on_many_tables_and_partitions_all_happen(self, rows: Rows) -> None:
        places = [(f"table{n % 3}", f"{n % 5:02}", f"{n:03}") for n in range(60)]

        await rows.submit(*(write(upsert(k), table=t, partition=p) for t, p, k in places))

        found = [await rows.get(*place) for place in places]
        assert [row and row.key for row in found] == [key for _, _, key in places]

    async def test_no_transaction_is_fine(self, rows: Rows) -> None:
        await rows.submit()

        assert await rows.tables("") == []

    async def test_a_conflict_in_one_of_many_transactions_is_raised(self, rows: Rows) -> None:
        await fill(rows, ("a", "there"))
        writes = [write(Operation("insert", "there"), partition=p) for p in "bcdefghijkl"]

        with pytest.raises(ConflictError):
            await rows.submit(*writes, write(Operation("insert", "there"), partition="a"))

    async def test_a_write_is_seen_by_another_host(self, rows: Rows, other_host: Rows) -> None:
        await rows.submit(write(upsert("a", Word="x")))

        assert await other_host.get(TABLE, PARTITION, "a") == await read(rows, "a")

    async def test_no_increment_of_eight_concurrent_writers_is_lost(
        self, rows: Rows, other_host: Rows
    ) -> None:
        await rows.submit(write(upsert("n", Count=0)))

        async def increment(store: Rows, writer: int) -> None:
            row = await store.get(TABLE, PARTITION, "n")
            assert row is not None
            values = {"Count": int(row.values["Count"]) + 1}
            try:
                await store.submit(write(Operation("replace", "n", values, row.etag)))
            except ConflictError:
                await asyncio.sleep(0.02 * writer)
                await increment(store, writer)

        async def increment_25_times(writer: int) -> None:
            for _ in range(25):
                await increment((rows, other_host)[writer % 2], writer)

        await asyncio.gather(*map(increment_25_times, range(8)))

        assert (await read(rows, "n")).values == {"Count": 200}
