"""Use case 3: the outbox. Each revision of an episode is sent once to each sink, under a lease."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from detector.core.episode import Delivery, Episode, Status
from detector.core.evidence import Evidence
from detector.core.instant import MINUTE, SECOND
from detector.core.policy import SEVERITIES, Policy
from detector.ports import AlertSink, DeliveryError, OutcomeUnknownError, Surge
from detector.state.marks import Mark
from detector.state.mutes import covers
from detector.state.store import State

LEASE = 5 * MINUTE
"""Longer than a request can stay in flight and become visible: then its marker is looked up."""

_BACKOFF = (MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE)
_LISTED_IN_SURGE = 50
_LONGEST_ERROR = 500

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pending:
    """An episode of the outbox with the newest evidence there is of it."""

    mark: Mark
    episode: Episode
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """Sends what the outbox holds to every sink."""

    state: State
    policy: Policy
    sinks: Sequence[AlertSink]

    async def dispatch(self, now: int) -> DispatchReport:
        """One round over the outbox, the gravest first, then the oldest.

        A sink's failure is recorded in the episode, never raised.
        """
        report = DispatchReport()
        waiting = await self._waiting(now, report)
        for sink in self.sinks:
            over_the_limit = [p for p in waiting if not await self._send(sink, p, now, report)]
            if over_the_limit and sink.limits is not None:
                await self._announce(sink, [p.evidence for p in over_the_limit], now)
        for pending in waiting:
            await self._settle(pending, report)
        return report

    async def _waiting(self, now: int, report: DispatchReport) -> list[_Pending]:
        found: list[_Pending] = []
        for mark in await self.state.marks.outbox():
            stored = await self.state.episodes.get(mark.user, int(mark.key.split("|")[1]))
            if stored is None:
                await self.state.marks.clear(mark)
                continue
            frozen = await self.state.evidence.of(stored.episode.episode_id)
            if await self._is_held(stored.episode, now):
                report.held += 1
            elif frozen:
                found.append(_Pending(mark=mark, episode=stored.episode, evidence=frozen[-1]))
        return sorted(found, key=lambda p: (_by_gravity[p.episode.severity], p.mark.since))

    async def _is_held(self, episode: Episode, now: int) -> bool:
        """Muted, or below the minimum severity; never once it has been sent."""
        if any(d.sent_revision for d in episode.deliveries.values()):
            return False
        rank = SEVERITIES.index
        if rank(episode.severity) < rank(self.policy.minimum_severity):
            return True
        return covers(await self.state.mutes.of(episode.user), episode.gates, now)

    async def _settle(self, pending: _Pending, report: DispatchReport) -> None:
        """Clear the mark when every sink has the episode's newest revision."""
        stored = await self.state.episodes.get(pending.episode.user, pending.episode.number)
        names = [sink.name for sink in self.sinks]
        if stored is None or not any(_is_owed(stored.episode, name) for name in names):
            await self.state.marks.clear(pending.mark)
            return
        report.pending += 1
        since = pending.mark.since
        report.oldest_unsent = min(report.oldest_unsent or since, since)

    async def _send(
        self, sink: AlertSink, pending: _Pending, now: int, report: DispatchReport
    ) -> bool:
        """Lease, deliver, record. False only when the sink's limits did not let it through."""
        episode = pending.episode
        before = episode.deliveries.get(sink.name, Delivery())
        due = 0 < before.reconcile_at <= now
        if max(before.lease_until, before.not_before) > now or not (
            due or before.sent_revision < episode.revision
        ):
            return True
        is_new = not before.alert_id and not due
        if is_new and sink.limits and not await self.state.outbox.take(sink.name, sink.limits, now):
            report.throttled += 1
            return False
        leased = replace(
            before, status=Status.LEASED, attempts=before.attempts + 1, lease_until=now + LEASE
        )
        if await self.state.outbox.record(episode, sink.name, before, leased):
            after = await self._deliver(sink, pending, leased, now, report)
            await self.state.outbox.record(episode, sink.name, leased, after)
        return True

    async def _deliver(
        self, sink: AlertSink, pending: _Pending, leased: Delivery, now: int, report: DispatchReport
    ) -> Delivery:
        """The delivery after one try, whatever came of it."""
        evidence, episode = pending.evidence, pending.episode
        try:
            if leased.sent_revision >= episode.revision:
                settled = await sink.reconcile(evidence, leased, now)
                return replace(settled, status=Status.SENT, lease_until=0, error="")
            taken = await sink.deliver(evidence, leased, now)
        except DeliveryError as error:
            report.failed += 1
            wait = int(error.retry_after * SECOND) if error.retry_after else _backoff(leased)
            return replace(
                error.progress or leased,
                status=Status.PENDING,
                lease_until=0,
                not_before=now + wait,
                error=str(error)[:_LONGEST_ERROR],
            )
        except OutcomeUnknownError as error:
            report.failed += 1
            return replace(error.progress or leased, error=str(error)[:_LONGEST_ERROR])
        report.sent += 1
        report.alerts.append(evidence)
        return replace(
            taken,
            status=Status.SENT,
            sent_revision=episode.revision,
            sent_severity=episode.severity,
            attempts=0,
            lease_until=0,
            not_before=0,
            error="",
        )

    async def _announce(self, sink: AlertSink, alerts: Sequence[Evidence], now: int) -> None:
        """One surge alert for what the limits hold back; the alerts themselves follow later."""
        before = await self.state.outbox.surge(sink.name, now)
        delivery = before.delivery
        if delivery.status is Status.SENT or max(delivery.lease_until, delivery.not_before) > now:
            return
        leased = replace(
            delivery, status=Status.LEASED, attempts=delivery.attempts + 1, lease_until=now + LEASE
        )
        held = replace(before, delivery=leased)
        if not await self.state.outbox.record_surge(sink.name, before, held):
            return
        surge = Surge(
            surge_id=before.surge_id,
            opened_at=before.opened_at,
            waiting=len(alerts),
            alerts=alerts[:_LISTED_IN_SURGE],
        )
        try:
            taken = await sink.announce(surge, leased, now)
            after = replace(taken, status=Status.SENT, lease_until=0, error="")
        except DeliveryError as error:
            wait = int(error.retry_after * SECOND) if error.retry_after else _backoff(leased)
            after = replace(leased, status=Status.PENDING, lease_until=0, not_before=now + wait)
        except OutcomeUnknownError:
            return
        await self.state.outbox.record_surge(sink.name, held, replace(held, delivery=after))


def _is_owed(episode: Episode, sink: str) -> bool:
    """Whether a sink still has to be told, or asked about duplicates."""
    delivery = episode.deliveries.get(sink, Delivery())
    return delivery.sent_revision < episode.revision or delivery.reconcile_at > 0


def _backoff(delivery: Delivery) -> int:
    return _BACKOFF[min(delivery.attempts, len(_BACKOFF)) - 1]
