"""Use case 2: whoever changed is judged, and the episode written under the guard of DESIGN §5."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from detector.core.activity import Activity
from detector.core.delivery import is_unsent
from detector.core.episode import Change, Episode, Judgement, Transition, advance, look_back
from detector.core.instant import DAY, HOUR, MINUTE
from detector.core.policy import SEVERITIES, Policy
from detector.core.rules import Verdict, judge_user
from detector.core.severity import severity_of
from detector.core.vocabulary import Vocabulary
from detector.ports import ConflictError, ForEach, Row, StoreUnavailableError, one_by_one
from detector.state.episodes import StoredEpisode, row_of, settled_until
from detector.state.keys import DAYS_KEPT, NewerRowError
from detector.state.ledger import Loaded
from detector.state.marks import Mark
from detector.state.store import State

OUTAGE = 30 * MINUTE
"""A longer time without a completed round may let activities leave the window unjudged."""

_TRIES = 8


@dataclass(slots=True, kw_only=True)
class EvaluateReport:
    """What one round did; `windows` are the verdicts on users that are hits.

    `ended` are those it reached; `failed`, by the error's name, those it could not judge.
    """

    at: int
    ended: int = 0
    users: int = 0
    hits: int = 0
    windows_changed: int = 0
    newer_rows: int = 0
    failed: Counter[str] = field(default_factory=Counter[str])
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
        missed = await self._missed_hours(now)
        by_user: dict[str, list[Mark]] = {}
        for mark in await self.state.marks.pending(now):
            by_user.setdefault(mark.user, []).append(mark)
        users = by_user.items()
        await self.for_each(self._one(user, of, missed, now, report) for user, of in users)
        if report.ended == len(users):
            await self.state.meta.set_instant("judged", now)
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

    async def _missed_hours(self, now: int) -> set[int]:
        """The hours that left the window while no round reached everyone: nobody judged them."""
        last = await self.state.meta.instant("judged") or 0
        if now - last <= OUTAGE:
            return set()
        window = self.policy.time_window
        first, end = max(last, now - DAYS_KEPT * DAY) - window, now - window
        return {hour * HOUR for hour in range(first // HOUR, end // HOUR + 1)}

    async def _one(
        self, user: str, marks: Sequence[Mark], missed: set[int], now: int, report: EvaluateReport
    ) -> None:
        """What breaks one user's evaluation must not stop the others; its marks stay."""
        try:
            await self._user(user, marks, missed, now, report)
        except StoreUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - its data makes the code raise
            report.failed[type(error).__name__] += 1
        report.ended += 1

    async def _user(
        self, user: str, marks: Sequence[Mark], missed: set[int], now: int, report: EvaluateReport
    ) -> None:
        ledger, newer = self.state.ledger, 0
        hours = {mark.hour for mark in marks if mark.hour is not None}
        try:
            if missed:
                before = await ledger.load(user, min(missed), await ledger.days())
                hours |= missed & {a.at - a.at % HOUR for a in before.activities}
            for hour in sorted(hours):
                newer += await self._look_back(user, hour, now, report)
            loaded = await self._judge(user, now, report)
        except NewerRowError:
            report.newer_rows += 1
            return
        report.users += 1
        report.newer_rows += newer + loaded.newer_rows
        await ledger.compact(loaded, self.vocabulary, self.policy.fingerprint)
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
            judgement = self.judgement(user, activities.after(settled_until(history, at)), at)
            change = advance(latest.episode if latest else None, judgement)
            try:
                await self._write(change, judgement, latest, report)
                await self._after(user, verdict, change, latest, window, report)
            except ConflictError:
                continue
            await self._ask_to_send(history, change, at)
            return loaded
        raise StoreUnavailableError(f"user {user}: the episode changed under {_TRIES} evaluations")

    async def _look_back(self, user: str, hour: int, now: int, report: EvaluateReport) -> int:
        """Judge late data at the last activity of the hour it touched; returns unreadable rows."""
        for _ in range(_TRIES):
            history = await self.state.episodes.history(user)
            days = await self.state.ledger.days()
            loaded = await self.state.ledger.load(user, hour - self.policy.time_window, days)
            ends = [a.at for a in loaded.activities if hour <= a.at < hour + HOUR]
            if not ends:
                return loaded.newer_rows
            unsettled = loaded.activities.after(settled_until(history, max(ends)))
            judgement = self.judgement(user, unsettled, max(ends), bounded=True)
            change = look_back([s.episode for s in history], judgement, now)
            try:
                read = row_of(change[0].number, history) if change else None
                await self._write(change, judgement, read, report)
            except ConflictError:
                continue
            return loaded.newer_rows
        raise StoreUnavailableError(f"user {user}: the episode changed under {_TRIES} look backs")

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
        """Write the episode under its guard; evidence of what is to be told is there before."""
        if change is None:
            return
        episode, transition = change
        if transition is not None:
            episode = await self.state.evidence.freeze_next(
                episode, transition, judgement, self.policy, self.vocabulary
            )
        await self.state.episodes.write(episode, read)
        if transition is not None:
            report.transitions[transition] += 1
            report.episodes.append((transition, episode))

    async def _ask_to_send(
        self, history: Sequence[StoredEpisode], change: Change | None, now: int
    ) -> None:
        """Mark what a sink has yet to be told, also where a crash came after an earlier write."""
        episodes = {stored.episode.number: stored.episode for stored in history}
        if change is not None:
            episodes[change[0].number] = change[0]
        news = change[0] if change and change[1] else None
        least = SEVERITIES.index(self.policy.minimum_severity)
        for episode in episodes.values():
            grave = SEVERITIES.index(episode.severity) >= least
            unsent = any(is_unsent(sink, episode) for sink in self.sinks)
            if unsent and (grave or episode.deliveries or episode is news):
                await self.state.marks.set_outbox(episode.user, episode.number, now)

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
