"""Frozen evidence: one row per revision of an episode, at most 256 KiB, kept 90 days."""

import zlib
from contextlib import suppress
from dataclasses import replace
from typing import Literal

import msgspec

from detector.core.evidence import Evidence
from detector.core.instant import DAY, format_instant
from detector.ports import ConflictError, Operation, Row, Rows, Transaction, Values
from detector.state.keys import EVIDENCE, VERSION, bucket_of, decodable

KEPT = 90 * DAY
_LARGEST = 256 << 10
_INFLATED = 32 << 20

_decoder = msgspec.json.Decoder(Evidence)


class EvidenceStore:
    """Reads and writes the evidence table."""

    def __init__(self, rows: Rows) -> None:
        """Keep the rows."""
        self._rows = rows

    async def prepare(self, evidence: Evidence) -> None:
        """Write a revision that may come to nothing; one that is there already stays."""
        with suppress(ConflictError):
            await self._write("insert", evidence)

    async def freeze(self, evidence: Evidence) -> None:
        """Write a revision; the same one again changes nothing that matters."""
        await self._write("upsert", evidence)

    async def _write(self, kind: Literal["insert", "upsert"], evidence: Evidence) -> None:
        values: Values = {
            "V": VERSION,
            "FrozenAt": format_instant(evidence.frozen_at),
            "ExpiresAt": format_instant(evidence.frozen_at + KEPT),
            "Data": _fit(evidence),
        }
        key = f"{evidence.episode_id}|{evidence.revision:06d}"
        operation = Operation(kind, key, values)
        await self._rows.submit(Transaction(EVIDENCE, bucket_of(evidence.episode_id), [operation]))

    async def of(self, episode_id: str) -> list[Evidence]:
        """Every revision of an episode that was frozen, oldest first."""
        rows = await self._rows.scan(
            EVIDENCE, bucket_of(episode_id), start=f"{episode_id}|", end=f"{episode_id}|~"
        )
        return decodable(rows, _evidence)

    async def every_row(self) -> list[Row]:
        """Every row, for expiry."""
        return await self._rows.scan_all(EVIDENCE)

    async def rows_of(self, user: str) -> list[Row]:
        """Every row about a user, also those of episodes that were never written."""
        found = decodable(await self.every_row(), lambda row: (row, _evidence(row).user))
        return [row for row, about in found if about == user]

    async def delete(self, row: Row) -> None:
        """Remove one row."""
        delete = Operation("delete", row.key)
        await self._rows.submit(Transaction(EVIDENCE, row.partition, [delete]))


def _fit(evidence: Evidence) -> bytes:
    """Compressed JSON; over the limit the longest lists are halved until it fits."""
    while len(data := zlib.compress(msgspec.json.encode(evidence), 6)) > _LARGEST:
        evidence = _halved(evidence)
    return data


def _halved(evidence: Evidence) -> Evidence:
    """Every list of texts, so that it ends: without them it is far below the limit."""
    return replace(
        evidence,
        truncated=True,
        pages=evidence.pages[: len(evidence.pages) // 2],
        searches=evidence.searches[: len(evidence.searches) // 2],
        sessions=evidence.sessions[: len(evidence.sessions) // 2],
        taken=evidence.taken[: len(evidence.taken) // 2],
        spaces=evidence.spaces[: len(evidence.spaces) // 2],
        account_ids=evidence.account_ids[: len(evidence.account_ids) // 2],
        ip_addresses=evidence.ip_addresses[: len(evidence.ip_addresses) // 2],
        user_agents=evidence.user_agents[: len(evidence.user_agents) // 2],
        countries=evidence.countries[: len(evidence.countries) // 2],
        providers=evidence.providers[: len(evidence.providers) // 2],
    )


def _evidence(row: Row) -> Evidence:
    data = row.values["Data"]
    inflater = zlib.decompressobj()
    return _decoder.decode(inflater.decompress(data if isinstance(data, bytes) else b"", _INFLATED))
