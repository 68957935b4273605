"""The SDK's checkpoint store on rows: who owns a partition, and how far it was read."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from azure.eventhub.aio import CheckpointStore

from detector.core.activity import digest
from detector.core.instant import SECOND, format_instant, parse_instant
from detector.ports import ConflictError, Operation, Row, Rows, Transaction, Value
from detector.state.keys import META, VERSION

Facts = Mapping[str, Any]
"""What the SDK's dictionaries hold: see `azure.eventhub.aio.CheckpointStore`."""

_OWNERS, _CHECKPOINTS = "owners", "checkpoints"
_NAMESPACE, _NAME, _GROUP = "fully_qualified_namespace", "eventhub_name", "consumer_group"


class RowsCheckpointStore(CheckpointStore):
    """Owners and checkpoints in the table `meta`, in the partitions `owners` and `checkpoints`.

    A claim is written under the etag it was read with, so of two claimants one wins. Any method
    may raise StoreUnavailableError; the SDK reports it and tries again when it next balances.
    """

    def __init__(self, rows: Rows, *, generation: str, clock: Callable[[], int]) -> None:
        """Keep the rows.

        `generation` is the hub's `created_at`: a hub deleted and made again counts from 0 once
        more, where the positions of its predecessor would skip events. `clock` gives ticks.
        """
        self._rows, self._generation, self._clock = rows, generation, clock

    async def list_ownership(
        self, fully_qualified_namespace: str, eventhub_name: str, consumer_group: str, **_: object
    ) -> list[dict[str, Any]]:
        """Every partition that had an owner; `owner_id` is empty where it was given up."""
        scope = _scope(fully_qualified_namespace, eventhub_name, consumer_group)
        return [_ownership(scope, row) for row in await self._scan(_OWNERS, scope)]

    async def claim_ownership(
        self, ownership_list: Iterable[Facts], **_: object
    ) -> list[dict[str, Any]]:
        """Claim, renew or (with an empty `owner_id`) give up; returns those that succeeded."""
        claims = await asyncio.gather(*map(self._claim, ownership_list))
        return [claim for claim in claims if claim is not None]

    async def list_checkpoints(
        self, fully_qualified_namespace: str, eventhub_name: str, consumer_group: str, **_: object
    ) -> list[dict[str, Any]]:
        """How far each partition was read."""
        scope = _scope(fully_qualified_namespace, eventhub_name, consumer_group)
        return [_checkpoint(scope, row) for row in await self._scan(_CHECKPOINTS, scope)]

    async def update_checkpoint(self, checkpoint: Facts, **_: object) -> None:
        """Remember a position; the last writer wins: going back only repeats events."""
        position: dict[str, Value] = {
            "Sequence": int(checkpoint["sequence_number"]),
            "Offset": str(checkpoint["offset"]),
        }
        await self._write(_CHECKPOINTS, "upsert", checkpoint, position)

    async def _claim(self, ownership: Facts) -> dict[str, Any] | None:
        kind: Literal["replace", "insert"] = "replace" if ownership.get("etag") else "insert"
        try:
            await self._write(_OWNERS, kind, ownership, {"Owner": str(ownership["owner_id"])})
        except ConflictError:
            return None
        row = await self._rows.get(META, _OWNERS, self._key(ownership))
        claimed = _ownership(ownership, row) if row else None
        return claimed if claimed and claimed["owner_id"] == ownership["owner_id"] else None

    async def _write(
        self,
        partition: str,
        kind: Literal["upsert", "insert", "replace"],
        facts: Facts,
        values: Mapping[str, Value],
    ) -> None:
        about: dict[str, Value] = {
            "V": VERSION,
            "Source": f"{facts[_NAMESPACE]}/{facts[_NAME]}",
            "Group": str(facts[_GROUP]),
            "Partition": str(facts["partition_id"]),
            "At": format_instant(self._clock()),
        }
        etag = str(facts["etag"]) if kind == "replace" else ""
        operation = Operation(kind, self._key(facts), {**about, **values}, etag)
        await self._rows.submit(Transaction(META, partition, [operation]))

    async def _scan(self, partition: str, scope: Facts) -> list[Row]:
        prefix = self._prefix(scope)
        return await self._rows.scan(META, partition, start=prefix, end=prefix + "~")

    def _key(self, facts: Facts) -> str:
        return self._prefix(facts) + str(facts["partition_id"])

    def _prefix(self, facts: Facts) -> str:
        names = [str(facts[name]).lower() for name in (_NAMESPACE, _NAME, _GROUP)]
        return digest(*names, self._generation, size=8).hex() + "|"


def _scope(namespace: str, name: str, group: str) -> Facts:
    return {_NAMESPACE: namespace, _NAME: name, _GROUP: group}


def _ownership(scope: Facts, row: Row) -> dict[str, Any]:
    return {
        **scope,
        "partition_id": row.values["Partition"],
        "owner_id": row.values["Owner"],
        "last_modified_time": parse_instant(str(row.values["At"])) / SECOND,
        "etag": row.etag,
    }


def _checkpoint(scope: Facts, row: Row) -> dict[str, Any]:
    return {
        **scope,
        "partition_id": row.values["Partition"],
        "sequence_number": row.values["Sequence"],
        "offset": row.values["Offset"],
    }
