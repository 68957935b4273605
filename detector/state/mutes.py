"""Mutes: a person's or a classification's wish not to hear of a user, owned, reasoned, expiring."""

from collections.abc import Iterable
from dataclasses import dataclass

from detector.core.instant import format_instant, parse_instant
from detector.ports import Operation, Row, Rows, Transaction, Values
from detector.state.keys import MUTES, VERSION, bucket_of, decodable

ANY_RULE = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """Holds back the sending of one user's alerts for one gate, or `any`, until `expires_at`."""

    user: str
    rule: str
    owner: str
    reason: str
    origin: str
    created_at: int
    expires_at: int


def covers(mutes: Iterable[Mute], gates: Iterable[str], now: int) -> bool:
    """Whether mutes that have not expired hold back every gate."""
    rules = {mute.rule for mute in mutes if now < mute.expires_at}
    return ANY_RULE in rules or (bool(rules) and rules.issuperset(gates))


class Mutes:
    """Reads and writes the mutes table."""

    def __init__(self, rows: Rows) -> None:
        """Keep the rows."""
        self._rows = rows

    async def add(self, mute: Mute) -> None:
        """Write a mute; the same user and rule again replaces it."""
        values: Values = {
            "V": VERSION,
            "Owner": mute.owner,
            "Reason": mute.reason,
            "Origin": mute.origin,
            "CreatedAt": format_instant(mute.created_at),
            "ExpiresAt": format_instant(mute.expires_at),
        }
        operation = Operation("upsert", f"{mute.user}|{mute.rule}", values)
        await self._rows.submit(Transaction(MUTES, bucket_of(mute.user), [operation]))

    async def of(self, user: str) -> list[Mute]:
        """The user's mutes, expired ones included."""
        rows = await self._rows.scan(MUTES, bucket_of(user), start=f"{user}|", end=f"{user}|~")
        return decodable(rows, _mute)

    async def every(self) -> list[Mute]:
        """Every mute, expired ones included."""
        return decodable(await self._rows.scan_all(MUTES), _mute)

    async def unreadable(self) -> int:
        """How many rows this version cannot read: they hold nothing back."""
        rows = await self._rows.scan_all(MUTES)
        return len(rows) - len(decodable(rows, _mute))

    async def remove(self, user: str, rule: str) -> None:
        """Remove a mute; raises ConflictError where there is none."""
        operation = Operation("delete", f"{user}|{rule}")
        await self._rows.submit(Transaction(MUTES, bucket_of(user), [operation]))


def _mute(row: Row) -> Mute:
    user, rule = row.key.split("|")
    values = row.values
    return Mute(
        user=user,
        rule=rule,
        owner=str(values["Owner"]),
        reason=str(values["Reason"]),
        origin=str(values["Origin"]),
        created_at=parse_instant(str(values["CreatedAt"])),
        expires_at=parse_instant(str(values["ExpiresAt"])),
    )
