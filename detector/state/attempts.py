"""How often a batch, or one message of it, was begun and never ended: it survives the process."""

from contextlib import suppress
from dataclasses import dataclass

from detector.core.activity import digest
from detector.ports import ConflictError, Operation, Rows, Transaction, Values
from detector.state.keys import META, VERSION

_ATTEMPTS = "attempts"


@dataclass(frozen=True, slots=True)
class Attempt:
    """Work that has begun: `failures` are the tries before it that came to nothing.

    `apart` work is too slow to be done at once; `done` names the last part that is done.
    """

    source: str
    name: str
    failures: int = 0
    apart: bool = False
    done: str = ""


class Attempts:
    """Remembers failures. What ends well, or with a fault of the store, is none."""

    def __init__(self, rows: Rows) -> None:
        """Keep the rows."""
        self._rows = rows

    async def begin(self, source: str, name: str, host: str) -> Attempt:
        """Note that a process begins the work `name` of a source.

        If another one has begun it and never ended, that one died at it: a failure. What this
        process did not end, it knows to have lived through. One row for each source: other work
        of the same source starts a new count.
        """
        row = await self._rows.get(META, _ATTEMPTS, _key(source))
        attempt = Attempt(source, name)
        if row is not None and row.values.get("Name") == name:
            died = row.values.get("Host", "") not in {"", host}
            count, apart = row.values.get("Count"), row.values.get("Apart") is True
            failures = (count if isinstance(count, int) else 0) + died
            attempt = Attempt(source, name, failures, apart, str(row.values.get("Done", "")))
        await self.save(attempt, host)
        return attempt

    async def save(self, attempt: Attempt, host: str = "") -> None:
        """Remember how far the work has come, and who is at it: "" is nobody."""
        values: Values = {
            "V": VERSION,
            "Source": attempt.source,
            "Name": attempt.name,
            "Count": attempt.failures,
            "Host": host,
            "Apart": attempt.apart,
            "Done": attempt.done,
        }
        operation = Operation("upsert", _key(attempt.source), values)
        await self._rows.submit(Transaction(META, _ATTEMPTS, [operation]))

    async def end(self, source: str) -> None:
        """The work is done, or failed for a reason that is not its own."""
        with suppress(ConflictError):
            delete = Operation("delete", _key(source))
            await self._rows.submit(Transaction(META, _ATTEMPTS, [delete]))


def _key(source: str) -> str:
    return digest("attempts", source, size=8).hex()
