"""What the state writes at once is cut to what Table Storage takes at once."""

import pytest

from detector.ports import MOST_OPERATIONS, Operation, Rows
from detector.state.keys import transactions

TABLE = "counters20261122"
# As long as the columns of a segment's row are.
PLAIN = {"Total": 4_096, "First": "2026-11-22T00:00:00.0000000Z", "Policy": "0" * 16}


@pytest.mark.parametrize(
    ("count", "size"),
    [(1_000, 0), (300, 31_400), (5, 700 << 10)],
    ids=["1,000 small rows", "300 rows of 31 kB", "5 rows of 700 KiB"],
)
async def test_a_batch_of_any_rows_is_written(rows: Rows, count: int, size: int) -> None:
    # aiohttp warns of a body over 1 MiB, and a warning fails the test.
    data = bytes(n % 251 for n in range(size))
    writes = [("p", Operation("upsert", f"{n:04}", {**PLAIN, "Data": data})) for n in range(count)]

    await rows.submit(*transactions(TABLE, writes))

    found = await rows.scan(TABLE, "p")
    assert len(found) == count
    assert all(row.values["Data"] == data for row in found)


def test_long_texts_count_as_json_escapes_them() -> None:
    writes = [("p", Operation("upsert", str(n), {"Text": "ä" * 50_000})) for n in range(10)]

    cut = list(transactions(TABLE, writes))

    assert [len(t.operations) for t in cut] == [3, 3, 3, 1]


def test_a_transaction_has_at_most_100_operations() -> None:
    cut = list(transactions(TABLE, [("p", Operation("upsert", str(n))) for n in range(250)]))

    assert [len(t.operations) for t in cut] == [MOST_OPERATIONS, MOST_OPERATIONS, 50]


def test_a_row_that_is_written_twice_in_a_batch_is_written_once() -> None:
    writes = [("p", Operation("upsert", "a", {"N": n})) for n in range(3)]

    (cut,) = transactions(TABLE, writes)

    assert [operation.values for operation in cut.operations] == [{"N": 2}]
