"""Use case 3: the outbox. Each revision of an episode is sent once to each sink, under a lease."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from detector.core import delivery
from detector.core.episode import Delivery, Episode, Status
from detector.core.evidence import Evidence, revisions_until
from detector.core.instant import MINUTE, SECOND
from detector.core.policy import SEVERITIES, Policy
from detector.ports import AlertSink, DeliveryError, Limits, OutcomeUnknownError, Surge
from detector.state.marks import Mark
from detector.state.mutes import Mute, covers
from detector.state.store import State

LEASE = 5 * MINUTE
"""Longer than a request can stay in flight and become visible: then its marker is looked up."""

SURGE_LEASE = 20 * MINUTE
"""A surge is sent once more only when the first must have become visible: nobody waits for it."""

MUTED = "muted"
_LISTED_IN_SURGE = 50
_FEW = 50
"""Up to this many episodes are read one by one, more in one scan."""

_by_gravity = {severity: -rank for rank, severity in enumerate(SEVERITIES)}


@dataclass(slots=True, kw_only=True)
class DispatchReport:
    """What one round did; `held` are muted or below the minimum severity, `alerts` were sent."""

    sent: int = 0
    failed: int = 0
    held: int = 0
    throttled: int = 0
    pending: int = 0
    oldest_unsent: int | None = None
    alerts: list[Evidence] = field(default_factory=list[Evidence])


@dataclass(frozen=True, slots=True)
class _Pending:
    """An episode of the outbox."""

    mark: Mark
    episode: Episode


def held_back(episode: Episode, mutes: Iterable[Mute], policy: Policy, now: int) -> str:
    """Why an alert is not sent: `muted`, `below low`, "" where it is; never once it was sent."""
    if any(d.alert_id or d.sent_revision for d in episode.deliveries.values()):
        return ""
    if SEVERITIES.index(episode.severity) < SEVERITIES.index(policy.minimum_severity):
        return f"below {policy.minimum_severity}"
    return MUTED if covers(mutes, episode.gates, now) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """Sends what the outbox holds to every sink."""

    state: State
    policy: Policy
    sinks: Sequence[AlertSink]

    async def dispatch(self, now: int) -> DispatchReport:
        """One round over the outbox, the gravest first, then the oldest.

        A sink's failure is recorded in the episode, never raised. A sink that asks to wait, or does
        not answer, is left alone until the next round.
        """
        report = DispatchReport()
        waiting, held = await self._outbox(now)
        report.held = len(held)
        for pending, reason in held:
            if reason != MUTED:  # when it grows it is marked again; when a mute ends it is not
                await self.state.marks.clear(pending.mark)
        tried: set[str] = set()
        for sink in self.sinks:
            tried |= await self._round(sink, waiting, now, report)
        for pending in waiting:
            await self._settle(pending, report, tried=pending.mark.key in tried)
        return report

    async def unsent(self, now: int) -> list[Mark]:
        """The marks of alerts that should have been sent and are not, oldest first."""
        waiting, _ = await self._outbox(now)
        names = [sink.name for sink in self.sinks]
        late = [p for p in waiting if any(delivery.is_unsent(name, p.episode) for name in names)]
        return sorted((p.mark for p in late), key=lambda mark: mark.since)

    async def _outbox(self, now: int) -> tuple[list[_Pending], list[tuple[_Pending, str]]]:
        """What may be sent, in order, and what is held back with the reason."""
        marks = await self.state.marks.outbox()
        if not marks:
            return [], []
        mutes: dict[str, list[Mute]] = {}
        for mute in await self.state.mutes.every():
            mutes.setdefault(mute.user, []).append(mute)
        episodes = await self._episodes(marks)
        waiting: list[_Pending] = []
        held: list[tuple[_Pending, str]] = []
        for mark in marks:
            episode = episodes.get(mark.key)
            if episode is None:
                await self._forget(mark)
            elif reason := held_back(episode, mutes.get(mark.user, ()), self.policy, now):
                held.append((_Pending(mark, episode), reason))
            else:
                waiting.append(_Pending(mark, episode))
        return sorted(waiting, key=lambda p: (_by_gravity[p.episode.severity], p.mark.since)), held

    async def _episodes(self, marks: Sequence[Mark]) -> Mapping[str, Episode]:
        """The episodes of the marks by the marks' keys, read after the marks."""
        if len(marks) > _FEW:
            return {s.row.key: s.episode for s in await self.state.episodes.every()}
        found = [await self.state.episodes.get(mark.user, mark.number) for mark in marks]
        return {s.row.key: s.episode for s in found if s is not None}

    async def _forget(self, mark: Mark) -> None:
        """Clear the mark of an episode that is gone; one of a newer version is left alone."""
        if not await self.state.episodes.exists(mark.user, mark.number):
            await self.state.marks.clear(mark)

    async def _settle(self, pending: _Pending, report: DispatchReport, *, tried: bool) -> None:
        """Clear the mark when every sink has the newest revision; read again where one was told."""
        episode = pending.episode
        if tried:
            stored = await self.state.episodes.get(episode.user, episode.number)
            if stored is None:
                await self._forget(pending.mark)
                return
            episode = stored.episode
        if not any(delivery.is_owed(sink.name, episode) for sink in self.sinks):
            await self.state.marks.clear(pending.mark)
            return
        report.pending += 1
        report.oldest_unsent = min(report.oldest_unsent or pending.mark.since, pending.mark.since)

    async def _round(
        self, sink: AlertSink, waiting: Sequence[_Pending], now: int, report: DispatchReport
    ) -> set[str]:
        """Send what is due as far as the limits allow; returns the keys of what was tried."""
        due = [p for p in waiting if delivery.is_due(sink.name, p.episode, now)]
        creating = [p.episode for p in due if _creates(sink, p.episode)]
        left = len(creating)
        if sink.limits is not None:
            left = await self.state.outbox.left(sink.name, sink.limits, now)
            if len(creating) > left and await self._announce(sink, sink.limits, creating, now):
                left -= 1
        tried: set[str] = set()
        for pending in due:
            if sink.limits is not None and _creates(sink, pending.episode):
                if left <= 0 or not await self.state.outbox.take(sink.name, sink.limits, now):
                    report.throttled += 1
                    left = 0
                    continue
                left -= 1
            tried.add(pending.mark.key)
            if not await self._send(sink, pending.episode, now, report):
                break
        return tried

    async def _send(
        self, sink: AlertSink, episode: Episode, now: int, report: DispatchReport
    ) -> bool:
        """Lease, deliver, record. False when the sink is to be left alone."""
        evidence = await self._evidence(episode)
        before = delivery.delivery_to(sink.name, episode)
        leased = delivery.leased(before, now, LEASE)
        record = self.state.outbox.record
        if evidence is None or not await record(episode, sink.name, before, leased):
            return True
        try:
            after = await _deliver(sink, evidence, leased, now)
        except Exception as error:  # noqa: BLE001 - what breaks one alert must not stop the others
            report.failed += 1
            await record(episode, sink.name, leased, _failed(error, leased, now))
            return _goes_on(error)
        await record(episode, sink.name, leased, after)
        if leased.sent_revision < after.sent_revision:
            report.sent += 1
            if evidence not in report.alerts:
                report.alerts.append(evidence)
        return True

    async def _evidence(self, episode: Episode) -> Evidence | None:
        """The newest there is of the episode as it was read; None where it cannot be read."""
        known = revisions_until(await self.state.evidence.of(episode.episode_id), episode.revision)
        return replace(known[-1], revision=episode.revision) if known else None

    async def _announce(
        self, sink: AlertSink, limits: Limits, alerts: Sequence[Episode], now: int
    ) -> bool:
        """One surge alert for what the limits hold back, which follows later; True when sent."""
        outbox = self.state.outbox
        before = await outbox.surge(sink.name, now)
        last = before.delivery
        if last.status is Status.SENT or max(last.lease_until, last.not_before) > now:
            return False
        held = replace(before, delivery=delivery.leased(last, now, SURGE_LEASE))
        if not (
            await outbox.take(sink.name, limits, now)
            and await outbox.record_surge(sink.name, before, held)
        ):
            return False
        listed = [await self._evidence(episode) for episode in alerts[:_LISTED_IN_SURGE]]
        surge = Surge(
            surge_id=before.surge_id,
            opened_at=before.opened_at,
            waiting=len(alerts),
            alerts=[evidence for evidence in listed if evidence is not None],
        )
        try:
            after = delivery.settled(await sink.announce(surge, held.delivery, now))
        except Exception as error:  # noqa: BLE001 - the alerts themselves must go out
            after = _failed(error, held.delivery, now)
        await outbox.record_surge(sink.name, held, replace(held, delivery=after))
        return True


def _creates(sink: AlertSink, episode: Episode) -> bool:
    return delivery.needs_alert(delivery.delivery_to(sink.name, episode), episode.severity)


async def _deliver(sink: AlertSink, evidence: Evidence, leased: Delivery, now: int) -> Delivery:
    """The delivery after a success; what was sent before is only rid of its duplicates."""
    if leased.sent_revision >= evidence.revision:
        return delivery.settled(await sink.reconcile(evidence, leased, now))
    answer = await sink.deliver(evidence, leased, now)
    return delivery.taken(answer, evidence.revision, evidence.severity)


def _failed(error: Exception, leased: Delivery, now: int) -> Delivery:
    """Where nothing was done it waits its time, else for the lease to end."""
    text = str(error) or type(error).__name__
    if isinstance(error, DeliveryError):
        wait = int(error.retry_after * SECOND) if error.retry_after else None
        return delivery.put_off(error.progress or leased, now, text, wait)
    progress = error.progress if isinstance(error, OutcomeUnknownError) else None
    return delivery.in_doubt(progress or leased, text)


def _goes_on(error: Exception) -> bool:
    """Whether the failure is of one alert, and the sink itself can be expected to work."""
    if isinstance(error, DeliveryError):
        return error.retry_after is None
    return not isinstance(error, OutcomeUnknownError)
