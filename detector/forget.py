"""Use case 6: everything about one person is erased; an audit line without a name stays."""

from collections.abc import Iterable

from detector.ports import Operation, Row, Transaction
from detector.state.keys import (
    EPISODES,
    EVIDENCE,
    MARKS,
    MUTES,
    WINDOWS,
    bucket_of,
    transactions,
)
from detector.state.store import State


async def forget(state: State, user: str, now: int) -> int:
    """Erase a user's activities, window, episodes, evidence, marks and mutes; returns the rows.

    The audit line says when, how many rows, and the user's key: a hash. What is redelivered from
    the hub afterwards is taken again.
    """
    erased = await _erase(state, EVIDENCE, await state.evidence.rows_of(user))
    for table, row in await state.ledger.rows_of(user):
        erased += await _erase(state, table, [row])
    for table in (EPISODES, WINDOWS, MUTES):
        rows = await state.rows.scan(table, bucket_of(user), start=user, end=f"{user}~")
        erased += await _erase(state, table, rows)
    marks = [row for row in await state.rows.scan_all(MARKS) if user in row.key.split("|")]
    erased += await _erase(state, MARKS, marks)
    await state.meta.add_audit("forget", user, erased, now)
    return erased


async def _erase(state: State, table: str, rows: Iterable[Row]) -> int:
    writes = [(row.partition, Operation("delete", row.key)) for row in rows]
    batches: list[Transaction] = list(transactions(table, writes))
    await state.rows.submit(*batches)
    return len(writes)
