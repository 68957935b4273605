"""What every store of rows promises about reading: order, bounds, pages, and values."""

import pytest

from detector.ports import Operation, Row, Rows, Transaction, Value

TABLE = "windows"

pytestmark = pytest.mark.timeout(300)  # Azurite on a busy machine


def write(partition: str, *keys: str) -> Transaction:
    return Transaction(TABLE, partition, [Operation("upsert", key) for key in keys])


def places(found: list[Row]) -> list[tuple[str, str]]:
    return [(row.partition, row.key) for row in found]


async def round_trip(rows: Rows, value: Value) -> Value:
    columns = {"Column": value, "Column1": "beside", "Column12": "it"}
    await rows.submit(Transaction(TABLE, "p", [Operation("upsert", "k", columns)]))
    row = await rows.get(TABLE, "p", "k")
    assert row is not None
    assert {**row.values, "Column": value} == columns
    assert await rows.scan(TABLE, "p") == [row]
    return row.values["Column"]


async def test_a_scan_is_in_ordinal_order(rows: Rows) -> None:
    await rows.submit(write("p", "b", "B", "a|1", "a", "a|0|z", "A", "10", "9", "a|0"))

    found = await rows.scan(TABLE, "p")

    assert [key for _, key in places(found)] == "10 9 A B a a|0 a|0|z a|1 b".split()


async def test_a_scan_starts_at_its_start_and_ends_before_its_end(rows: Rows) -> None:
    await rows.submit(write("p", "a|1", "a|2", "a|3", "a|4"))

    assert places(await rows.scan(TABLE, "p", start="a|2", end="a|4")) == [
        ("p", "a|2"),
        ("p", "a|3"),
    ]
    assert places(await rows.scan(TABLE, "p", start="a|3\0")) == [("p", "a|4")]
    assert places(await rows.scan(TABLE, "p", end="a|1")) == []


async def test_a_scan_stays_in_its_partition(rows: Rows) -> None:
    await rows.submit(*(write(p, "a") for p in ("p", "p|", "P", "o", "q")))

    assert places(await rows.scan(TABLE, "p")) == [("p", "a")]


async def test_a_scan_of_all_is_in_order_of_both_keys(rows: Rows) -> None:
    await rows.submit(write("0b", "b", "a"), write("0a", "c", "d"), write("1", "a"))

    assert places(await rows.scan_all(TABLE)) == [
        ("0a", "c"),
        ("0a", "d"),
        ("0b", "a"),
        ("0b", "b"),
        ("1", "a"),
    ]


async def test_a_scan_of_all_has_bounds_on_the_partition(rows: Rows) -> None:
    partitions = ("dirty|00", "dirty|1f", "due", "late|00", "late|1f", "outbox")
    await rows.submit(*(write(partition, "k") for partition in partitions))

    found = await rows.scan_all(TABLE, start="dirty|1f", end="late|1f")

    assert [p for p, _ in places(found)] == ["dirty|1f", "due", "late|00"]


async def test_2500_rows_are_read_whole_and_in_order(rows: Rows) -> None:
    expected = [(f"{n % 2}", f"{n // 2:05}") for n in range(5_000)]
    batches = [
        write(partition, *(f"{n:05}" for n in range(start, start + 100)))
        for partition in "01"
        for start in range(0, 2_500, 100)
    ]
    await rows.submit(*reversed(batches))

    assert places(await rows.scan(TABLE, "1")) == [p for p in expected if p[0] == "1"]
    assert places(await rows.scan_all(TABLE)) == sorted(expected)


@pytest.mark.parametrize("bound", ["' or PartitionKey ne 'p", "@end", "p' or '1' eq '1"])
async def test_a_key_with_a_filter_in_it_is_only_a_key(rows: Rows, bound: str) -> None:
    await rows.submit(write("p", "k"), write("o' x", "k"))

    assert await rows.scan(TABLE, bound) == []
    assert await rows.scan(TABLE, "p", start=f"z{bound}") == []
    assert await rows.scan_all(TABLE, start=f"z{bound}") == []
    assert await rows.get(TABLE, bound, "k") is None
    assert await rows.tables(f"z{bound}") == []
    assert places(await rows.scan(TABLE, "o' x")) == [("o' x", "k")]


VALUES: dict[str, Value] = {
    "no text": "",
    "a text": "plain",
    "punctuation": "quote ' double \" back \\ slash / percent % hash # ?",
    "control characters": "line\r\nbreak\ttab\0nul\x7f",
    "any script": "grüße 漢字 😀 \u202e right to left",
    "JSON": '{"json": ["as", "text"]}',
    "an instant": "2026-11-22T00:00:00.0000000Z",
    "32 Ki characters": "x" * 32_768,
    "one more": "x" * 32_769,
    "80,000 UTF-16 units": "😀" * 40_000,
    "true": True,
    "false": False,
    "0": 0,
    "-1": -1,
    "2**31": 2**31,
    "2**62": 2**62,
    "the largest int": 2**63 - 1,
    "the smallest int": -(2**63),
    "0.0": 0.0,
    "1.0": 1.0,
    "-0.1": -0.1,
    "1e300": 1e300,
    "a whole float": 123_456_789_012.0,
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
async def test_a_value_comes_back_as_it_was(rows: Rows, value: Value) -> None:
    found = await round_trip(rows, value)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("size", [0, 1, 60 << 10, (60 << 10) + 1, 300_000, 700 << 10])
async def test_bytes_of_any_size_come_back_as_they_were(rows: Rows, size: int) -> None:
    value = bytes(range(251)) * (size // 251 + 1)

    assert await round_trip(rows, value[:size]) == value[:size]


async def test_a_lone_surrogate_comes_back_or_is_replaced(rows: Rows) -> None:
    assert await round_trip(rows, "a\ud800b") in ("a\ud800b", "a\ufffdb")


async def test_a_column_may_be_called_as_one_of_the_service_s_own(rows: Rows) -> None:
    columns: dict[str, Value] = {"Timestamp": "t", "PartitionKey": "p", "RowKey": "r"}
    await rows.submit(Transaction(TABLE, "p", [Operation("upsert", "k", columns)]))

    row = await rows.get(TABLE, "p", "k")

    assert row is not None
    assert (row.partition, row.key, row.values) == ("p", "k", columns)


async def test_a_row_without_columns_is_a_row(rows: Rows) -> None:
    await rows.submit(write("p", "k"))

    row = await rows.get(TABLE, "p", "k")

    assert row is not None
    assert row.values == {}
    assert row.etag
