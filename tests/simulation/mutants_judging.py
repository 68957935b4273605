"""Wrong variants of judging: episodes, evidence and windows."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from detector.core.episode import Episode, Judgement
from detector.core.evidence import Evidence
from detector.evaluate import Evaluator
from detector.ports import ConflictError, Operation, Row, Rows, Transaction
from detector.state.episodes import Episodes, StoredEpisode
from detector.state.evidence import EvidenceStore
from detector.state.keys import (
    EVIDENCE,
    WINDOWS,
    bucket_of,
)
from detector.state.marks import Marks
from detector.state.outbox import Outbox
from detector.state.store import State
from detector.state.windows import Windows, _values
from tests.simulation.changed import NoMarks, blind, with_parts
from tests.simulation.product import Product


class _WithEpisodes(Product):
    """Replaces the episodes."""

    episodes: type[Episodes] = Episodes

    def state(self, rows: Rows, merge_from: int) -> State:
        state = super().state(rows, merge_from)
        episodes = self.episodes(rows)
        return with_parts(state, episodes=episodes, outbox=Outbox(rows, episodes))


class EpisodeUnguarded(_WithEpisodes):
    """An episode is written whatever its row is now."""

    within = 20

    class episodes(Episodes):  # noqa: N801
        async def write(self, episode: Episode, read: StoredEpisode | None) -> None:
            await blind(self._rows, episode)


class OpenedWithoutTouch(_WithEpisodes):
    """A new episode is inserted without the guard of the latest one."""

    class episodes(Episodes):  # noqa: N801
        async def write(self, episode: Episode, read: StoredEpisode | None) -> None:
            is_new = read is None or read.episode.number != episode.number
            await super().write(episode, None if is_new else read)


class NothingWrittenWhereNothingChanged(_WithEpisodes):
    """A verdict that changes nothing does not move the episode's instant, so guards nothing."""

    class episodes(Episodes):  # noqa: N801
        async def write(self, episode: Episode, read: StoredEpisode | None) -> None:
            if read is None or replace(episode, as_of=read.episode.as_of) != read.episode:
                await super().write(episode, read)


class JudgedInThePast(Product):
    """An evaluation judges at its own clock, though the episode was judged later."""

    within = 30

    class evaluator(Evaluator):  # noqa: N801
        def judgement(
            self, user: str, activities: Any, at: int, *, bounded: bool = False
        ) -> Judgement:
            judged = super().judgement(user, activities, at, bounded=bounded)
            if bounded:
                return judged
            return replace(judged, verdict=replace(judged.verdict, at=at - 10**9))


class DueForgotten(Product):
    """Nobody comes back when the oldest activity leaves the window."""

    within = 20

    def state(self, rows: Rows, merge_from: int) -> State:
        class Forgetful(Marks):
            async def set_due(self, user: str, at: int, now: int) -> None:
                """Forget it."""

        return with_parts(super().state(rows, merge_from), marks=Forgetful(rows))


class EvidenceOverwritten(Product):
    """Evidence is frozen under a number that a loser may have used, or may still use."""

    within = 40

    def state(self, rows: Rows, merge_from: int) -> State:
        class Overwriting(EvidenceStore):
            async def freeze(self, evidence: Evidence) -> bool:
                key = f"{evidence.episode_id}|{evidence.revision:06d}"
                bucket = bucket_of(evidence.episode_id)
                with suppress(ConflictError):
                    await rows.submit(Transaction(EVIDENCE, bucket, [Operation("delete", key)]))
                return await super().freeze(evidence)

        return with_parts(super().state(rows, merge_from), evidence=Overwriting(rows))


class FirstEvidenceKept(Product):
    """The evidence of a revision is whoever's froze it first."""

    within = 80

    def state(self, rows: Rows, merge_from: int) -> State:
        class First(EvidenceStore):
            async def freeze(self, evidence: Evidence) -> bool:
                await super().freeze(evidence)
                return True

        return with_parts(super().state(rows, merge_from), evidence=First(rows))


class WindowUnguarded(Product):
    """The window row is written whatever another evaluation has written since."""

    within = 40

    def state(self, rows: Rows, merge_from: int) -> State:
        class Blind(Windows):
            async def put(
                self, user: str, verdict: Any, expires_at: int, before: Row | None
            ) -> bool:
                values = _values(verdict, expires_at)
                if values is None:
                    return False
                operation = Operation("upsert", user, values)
                await self._rows.submit(Transaction(WINDOWS, bucket_of(user), [operation]))
                return True

        return with_parts(super().state(rows, merge_from), windows=Blind(rows))


class NobodySweeps(Product):
    """Housekeeping does not have open episodes judged again."""

    async def housekeep(self, state: State, now: int) -> None:
        await super().housekeep(with_parts(state, marks=NoMarks(state.rows)), now)


class OutageForgotten(Product):
    """What left the window while no round was completed is not looked back at."""

    within = 80

    class evaluator(Evaluator):  # noqa: N801
        async def _missed_hours(self, now: int) -> set[int]:
            return set()
