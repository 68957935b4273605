"""Use case 3: the outbox. Each revision of an episode is sent once to each sink, under a lease."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from detector.core.episode import Delivery, Episode, Status
from detector.core.evidence import Evidence
from detector.core.instant import MINUTE, SECOND
from detector.core.policy import SEVERITIES, Policy
from detector.ports import (
    AlertSink,
    ConflictError,
    DeliveryError,
    OutcomeUnknownError,
    StoreUnavailableError,
)
from detector.state.episodes import StoredEpisode
from detector.state.marks import Mark
from detector.state.store import State

LEASE = 5 * MINUTE
"""Longer than a request can stay in flight and become visible: then its marker is looked up."""

_TRIES = 8
_BACKOFF = (MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE)


@dataclass(slots=True, kw_only=True)
class DispatchReport:
    """What one round did with the outbox; `held` are muted or below the minimum severity."""

    sent: int = 0
    failed: int = 0
    held: int = 0
    throttled: int = 0
    pending: int = 0
    oldest_unsent: int | None = None
    alerts: list[Evidence] = field(default_factory=list[Evidence])


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """Sends what the outbox holds to every sink."""

    state: State
    policy: Policy
    sinks: Sequence[AlertSink]

    async def dispatch(self, now: int) -> DispatchReport:
        """One round over the outbox. A sink's failure is recorded in the episode, never raised."""
        report = DispatchReport()
        for mark in await self.state.marks.outbox():
            done = await self._episode(mark, now, report)
            if done:
                await self.state.marks.clear(mark)
            else:
                report.pending += 1
                report.oldest_unsent = min(report.oldest_unsent or mark.since, mark.since)
        return report

    async def _episode(self, mark: Mark, now: int, report: DispatchReport) -> bool:
        number = int(mark.key.split("|")[1])
        stored = await self.state.episodes.get(mark.user, number)
        if stored is None:
            return True
        if await self._is_held(stored.episode, now):
            report.held += 1
            return False
        frozen = await self.state.evidence.of(stored.episode.episode_id)
        newest = [e for e in frozen if e.revision <= stored.episode.revision][-1:]
        done = True
        for sink in self.sinks:
            done &= await self._send(sink, stored.episode, newest, now, report)
        return done

    async def _is_held(self, episode: Episode, now: int) -> bool:
        """Muted, or below the minimum severity; never once it has been sent."""
        if any(d.sent_revision for d in episode.deliveries.values()):
            return False
        rank = SEVERITIES.index
        if rank(episode.severity) < rank(self.policy.minimum_severity):
            return True
        mutes = await self.state.mutes.of(episode.user)
        return any(mute.holds(episode.gates, now) for mute in mutes)

    async def _send(
        self,
        sink: AlertSink,
        episode: Episode,
        newest: Sequence[Evidence],
        now: int,
        report: DispatchReport,
    ) -> bool:
        """Lease, deliver, settle. True when the sink has taken the episode's newest revision."""
        before = episode.deliveries.get(sink.name, Delivery())
        if before.sent_revision >= episode.revision:
            return True
        if max(before.lease_until, before.not_before) > now or not newest:
            return False
        leased = replace(
            before, status=Status.LEASED, attempts=before.attempts + 1, lease_until=now + LEASE
        )
        if not await self._record(episode, sink.name, before, leased):
            return False
        try:
            taken = await sink.deliver(newest[0], leased, now)
        except DeliveryError as error:
            report.failed += 1
            wait = int(error.retry_after * SECOND) if error.retry_after else _backoff(leased)
            failed = replace(
                leased,
                status=Status.PENDING,
                lease_until=0,
                not_before=now + wait,
                error=str(error)[:500],
            )
            await self._record(episode, sink.name, leased, failed)
            return False
        except OutcomeUnknownError as error:
            report.failed += 1
            unknown = replace(leased, error=str(error)[:500])
            await self._record(episode, sink.name, leased, unknown)
            return False
        sent = replace(
            taken, status=Status.SENT, sent_revision=episode.revision, lease_until=0, error=""
        )
        await self._record(episode, sink.name, leased, sent)
        report.sent += 1
        report.alerts.append(newest[0])
        return True

    async def _record(self, episode: Episode, sink: str, before: Delivery, after: Delivery) -> bool:
        """Write the delivery into the episode's current row; False when another host was first.

        The row may have moved on meanwhile (worse, closed); only this sink's entry is changed.
        """
        for _ in range(_TRIES):
            stored = await self.state.episodes.get(episode.user, episode.number)
            if stored is None or stored.episode.deliveries.get(sink, Delivery()) != before:
                return False
            try:
                await self.state.episodes.write(_with(stored, sink, after), stored)
            except ConflictError:
                continue
            return True
        message = f"episode {episode.episode_id}: changed under {_TRIES} writes in a row"
        raise StoreUnavailableError(message)


def _with(stored: StoredEpisode, sink: str, delivery: Delivery) -> Episode:
    deliveries = {**stored.episode.deliveries, sink: delivery}
    return replace(stored.episode, deliveries=deliveries)


def _backoff(delivery: Delivery) -> int:
    return _BACKOFF[min(delivery.attempts, len(_BACKOFF)) - 1]
