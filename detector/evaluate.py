"""Use case 2: whoever changed is judged, and the episode written under the guard of DESIGN §5."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from detector.core.activity import Activity
from detector.core.episode import (
    Change,
    Delivery,
    Ending,
    Episode,
    Judgement,
    Transition,
    advance,
    look_back,
)
from detector.core.evidence import Evidence
from detector.core.freeze import ended, freeze
from detector.core.instant import HOUR
from detector.core.policy import Policy
from detector.core.rules import Verdict, judge_user
from detector.core.severity import severity_of
from detector.core.vocabulary import Vocabulary
from detector.ports import ConflictError, ForEach, Row, StoreUnavailableError, one_by_one
from detector.state.episodes import StoredEpisode
from detector.state.keys import NewerRowError
from detector.state.ledger import Loaded
from detector.state.marks import Mark
from detector.state.store import State

_TRIES = 8


@dataclass(slots=True, kw_only=True)
class EvaluateReport:
    """What one round did; `windows` are the verdicts on users that are hits."""

    at: int
    users: int = 0
    hits: int = 0
    windows_changed: int = 0
    newer_rows: int = 0
    transitions: Counter[Transition] = field(default_factory=Counter[Transition])
    episodes: list[tuple[Transition, Episode]] = field(
        default_factory=list[tuple[Transition, Episode]]
    )
    windows: list[tuple[str, Verdict]] = field(default_factory=list[tuple[str, Verdict]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    """Judges marked users under one policy; `source` is the query itself, for comparison."""

    state: State
    policy: Policy
    vocabulary: Vocabulary
    source: Policy
    source_vocabulary: Vocabulary
    sinks: tuple[str, ...]
    for_each: ForEach = one_by_one

    async def evaluate(self, now: int) -> EvaluateReport:
        """Judge everyone marked at `now`. Reads marks, then data; marks go last."""
        report = EvaluateReport(at=now)
        await self._notice_a_new_policy(now)
        by_user: dict[str, list[Mark]] = {}
        for mark in await self.state.marks.pending(now):
            by_user.setdefault(mark.user, []).append(mark)
        await self.for_each(self._user(u, marks, now, report) for u, marks in by_user.items())
        await self.state.meta.set_instant("tick", now)
        return report

    async def _notice_a_new_policy(self, now: int) -> None:
        """A policy with another fingerprint makes every user of its window news."""
        before = await self.state.meta.text("policy")
        if before == self.policy.fingerprint:
            return
        if before is not None:
            users = await self.state.ledger.user_keys(now - self.policy.time_window)
            await self.state.marks.set_dirty(users, now)
        await self.state.meta.set_text("policy", self.policy.fingerprint)

    async def _user(
        self, user: str, marks: Sequence[Mark], now: int, report: EvaluateReport
    ) -> None:
        hours = sorted({mark.hour for mark in marks if mark.hour is not None})
        newer = 0
        try:
            for hour in hours:
                newer += await self._look_back(user, hour, now, report)
            loaded = await self._judge(user, now, report)
        except NewerRowError:
            report.newer_rows += 1
            return
        report.users += 1
        report.newer_rows += newer + loaded.newer_rows
        await self.state.ledger.compact(loaded, self.vocabulary, self.policy.fingerprint)
        if newer + loaded.newer_rows == 0:
            for mark in marks:
                await self.state.marks.clear(mark)

    async def _judge(self, user: str, now: int, report: EvaluateReport) -> Loaded:
        """The live verdict. Episode and window are read, then the data, then they are written.

        Which days there are is data, too: one that ingest made since may hold what keeps it open.
        """
        for _ in range(_TRIES):
            history = await self.state.episodes.history(user)
            latest = history[-1] if history else None
            window = await self.state.windows.get(user)
            at = max(now, latest.episode.as_of) if latest else now
            days = await self.state.ledger.days()
            loaded = await self.state.ledger.load(user, at - self.policy.time_window, days)
            activities = loaded.activities
            verdict = judge_user(activities, at, self.policy, self.vocabulary)
            if (loaded.newer_rows or loaded.unread) and not verdict.is_hit:
                return loaded  # what was not read may be what keeps the episode open
            since = _unresolved_since(latest)
            judgement = self.judgement(user, activities.after(since), at)
            change = advance(latest.episode if latest else None, judgement)
            try:
                await self._write(change, judgement, latest, report)
                await self._after(user, verdict, change, latest, window, report)
            except ConflictError:
                continue
            return loaded
        message = f"user {user}: the episode changed under {_TRIES} evaluations in a row"
        raise StoreUnavailableError(message)

    async def _look_back(self, user: str, hour: int, now: int, report: EvaluateReport) -> int:
        """Judge late data at the last activity of the hour it touched; returns unreadable rows."""
        for _ in range(_TRIES):
            history = await self.state.episodes.history(user)
            days = await self.state.ledger.days()
            loaded = await self.state.ledger.load(user, hour - self.policy.time_window, days)
            ends = [a.at for a in loaded.activities if hour <= a.at < hour + HOUR]
            if not ends:
                return loaded.newer_rows
            judgement = self.judgement(user, loaded.activities, max(ends), bounded=True)
            change = look_back([s.episode for s in history], judgement, now)
            read = _row_of(change, history)
            try:
                await self._write(change, judgement, read, report)
            except ConflictError:
                continue
            return loaded.newer_rows
        message = f"user {user}: the episode changed under {_TRIES} look backs in a row"
        raise StoreUnavailableError(message)

    def judgement(
        self, user: str, activities: Sequence[Activity], at: int, *, bounded: bool = False
    ) -> Judgement:
        """The verdict, its severity, and whether the source query alone would have fired."""
        verdict = judge_user(activities, at, self.policy, self.vocabulary, bounded=bounded)
        alone = False
        if verdict.is_hit:
            sourced = judge_user(
                activities, at, self.source, self.source_vocabulary, bounded=bounded
            )
            alone = sourced.is_hit
        return Judgement(
            user=user,
            verdict=verdict,
            severity=severity_of(verdict, self.policy, self.vocabulary),
            source_alone=alone,
        )

    async def _write(
        self,
        change: Change | None,
        judgement: Judgement,
        read: StoredEpisode | None,
        report: EvaluateReport,
    ) -> None:
        """Freeze the evidence, write the episode under its guard, then ask for it to be sent.

        Evidence comes first, so that no revision is ever without; and again after the guard, so
        that it is the winner's where several prepared the same revision.
        """
        if change is None:
            return
        episode, transition = change
        evidence = None
        if transition is not None:
            evidence = await self._evidence(episode, transition, judgement)
        if evidence is not None:
            await self.state.evidence.prepare(evidence)
        await self.state.episodes.write(episode, read)
        if evidence is not None:
            await self.state.evidence.freeze(evidence)
        if _is_unsent(episode, self.sinks):
            await self.state.marks.set_outbox(episode.user, episode.number, judgement.verdict.at)
        if transition is not None:
            report.transitions[transition] += 1
            report.episodes.append((transition, episode))

    async def _evidence(
        self, episode: Episode, transition: Transition, judgement: Judgement
    ) -> Evidence | None:
        """The window as it is; where it is empty, the last evidence, closed."""
        evidence = freeze(episode, transition, judgement, self.policy, self.vocabulary)
        if evidence is not None:
            return evidence
        frozen = await self.state.evidence.of(episode.episode_id)
        return ended(frozen[-1], episode) if frozen else None

    async def _after(
        self,
        user: str,
        verdict: Verdict,
        change: Change | None,
        latest: StoredEpisode | None,
        before: Row | None,
        report: EvaluateReport,
    ) -> None:
        """The window row, and a mark for the instant at which the oldest activity leaves."""
        window = verdict.user_summary
        expires = (window.last_activity if window else verdict.at) + self.policy.time_window
        report.windows_changed += await self.state.windows.put(user, verdict, expires, before)
        episode = change[0] if change else latest.episode if latest else None
        if window is not None and (verdict.is_hit or (episode is not None and episode.is_open)):
            due = window.first_activity + self.policy.time_window
            await self.state.marks.set_due(user, due, verdict.at)
        if verdict.is_hit:
            report.hits += 1
            report.windows.append((user, verdict))


def _unresolved_since(latest: StoredEpisode | None) -> int:
    """What a person has resolved is settled: only later activities make a new episode."""
    if latest is None or latest.episode.ending is not Ending.RESOLVED:
        return -(1 << 62)
    return latest.episode.closed_at


def _row_of(change: Change | None, history: Sequence[StoredEpisode]) -> StoredEpisode | None:
    """The row a change follows from: its own, else the latest."""
    if change is None or not history:
        return None
    same = [s for s in history if s.episode.number == change[0].number]
    return same[0] if same else history[-1]


def _is_unsent(episode: Episode, sinks: Iterable[str]) -> bool:
    deliveries: Mapping[str, Delivery] = episode.deliveries
    return any(deliveries.get(sink, Delivery()).sent_revision < episode.revision for sink in sinks)
