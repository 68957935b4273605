"""How often a batch, or one message of it, was begun and never ended: it survives the process."""

from contextlib import suppress

from detector.core.activity import digest
from detector.ports import ConflictError, Operation, Rows, Transaction, Values
from detector.state.keys import META, VERSION

_ATTEMPTS = "attempts"


class Attempts:
    """Counts beginnings. What ends, well or with a fault of the store, is not counted."""

    def __init__(self, rows: Rows) -> None:
        """Keep the rows."""
        self._rows = rows

    async def begin(self, source: str, name: str) -> int:
        """Note that the work `name` of a source begins; the number of this try, from 1.

        One row for each source: other work of the same source starts a new count.
        """
        row = await self._rows.get(META, _ATTEMPTS, _key(source))
        same = row is not None and row.values.get("Name") == name
        before = row.values.get("Count") if row is not None and same else 0
        tries = 1 + (before if isinstance(before, int) else 0)
        values: Values = {"V": VERSION, "Source": source, "Name": name, "Count": tries}
        operation = Operation("upsert", _key(source), values)
        await self._rows.submit(Transaction(META, _ATTEMPTS, [operation]))
        return tries

    async def end(self, source: str) -> None:
        """The work is done, or failed for a reason that is not its own."""
        with suppress(ConflictError):
            delete = Operation("delete", _key(source))
            await self._rows.submit(Transaction(META, _ATTEMPTS, [delete]))


def _key(source: str) -> str:
    return digest("attempts", source, size=8).hex()
