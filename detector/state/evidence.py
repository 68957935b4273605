"""Frozen evidence: one row per revision of an episode, at most 256 KiB, kept 90 days."""

import zlib
from dataclasses import replace

import msgspec

from detector.core.episode import Episode, Judgement, Transition
from detector.core.evidence import Evidence, revisions_until
from detector.core.freeze import ended, freeze
from detector.core.instant import DAY, format_instant
from detector.core.policy import Policy
from detector.core.vocabulary import Vocabulary
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

    async def freeze(self, evidence: Evidence) -> bool:
        """Write a revision; False, and nothing is written, where there is other evidence of it.

        So no evaluation ever changes what another may send.
        """
        values: Values = {
            "V": VERSION,
            "FrozenAt": format_instant(evidence.frozen_at),
            "ExpiresAt": format_instant(evidence.frozen_at + KEPT),
            "Data": _fit(evidence),
        }
        operation = Operation("insert", f"{evidence.episode_id}|{evidence.revision:06d}", values)
        bucket = bucket_of(evidence.episode_id)
        try:
            await self._rows.submit(Transaction(EVIDENCE, bucket, [operation]))
        except ConflictError:
            there = await self._rows.get(EVIDENCE, bucket, operation.key)
            return there is not None and there.values == values
        return True

    async def freeze_next(
        self,
        episode: Episode,
        transition: Transition,
        judgement: Judgement,
        policy: Policy,
        vocabulary: Vocabulary,
    ) -> Episode:
        """The episode under a revision whose evidence is its own: what a loser froze is left.

        Where the window is empty, the last evidence is closed.
        """
        before = episode.revision - 1
        while True:
            evidence = freeze(episode, transition, judgement, policy, vocabulary)
            if evidence is None:
                known = revisions_until(await self.of(episode.episode_id), before)
                evidence = ended(known[-1], episode) if known else None
            if evidence is None or await self.freeze(replace(evidence, follows=before)):
                return episode
            episode = replace(episode, revision=episode.revision + 1)

    async def of(self, episode_id: str) -> list[Evidence]:
        """All that was frozen of an episode, by revision: `revisions_until` says what counts."""
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
