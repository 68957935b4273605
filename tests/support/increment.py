"""Adds one to a row's counter, again and again: what each of several processes does to a store."""

import asyncio
import sys

from detector.adapters.sqlite import SqliteRows
from detector.ports import ConflictError, Operation, Rows, Transaction


async def increment(rows: Rows) -> None:
    """One more, by compare-and-set."""
    row = await rows.get("t", "p", "n")
    if row is None:
        operation = Operation("insert", "n", {"Count": 1})
    else:
        operation = Operation("replace", "n", {"Count": int(row.values["Count"]) + 1}, row.etag)
    try:
        await rows.submit(Transaction("t", "p", [operation]))
    except ConflictError:
        await increment(rows)


async def main(path: str, times: int) -> None:
    """Open the store, add, and say so after each that was acknowledged."""
    rows = SqliteRows(path)
    for _ in range(times):
        await increment(rows)
        print(flush=True)
    await rows.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
