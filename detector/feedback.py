"""Use case 5: what people made of the incidents is read back.

A resolved incident closes its episode; a false positive or expected activity also mutes the user
for the gates that held, for a set number of days. What happened before does not open it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from detector.core.episode import Delivery, Ending, Episode, close
from detector.core.instant import DAY
from detector.core.policy import Policy
from detector.ports import (
    AlertSink,
    ConflictError,
    DeliveryError,
    OutcomeUnknownError,
    Resolution,
)
from detector.state.episodes import StoredEpisode
from detector.state.mutes import Mute
from detector.state.store import State

BENIGN = frozenset({"falsePositive", "informationalExpectedActivity"})
_ASKED_FOR = 7 * DAY
"""How long after its end an episode's incident is still asked about."""


@dataclass(slots=True, kw_only=True)
class FeedbackReport:
    """What one round learned."""

    asked: int = 0
    failed: int = 0
    resolved: list[Episode] = field(default_factory=list[Episode])
    muted: list[Mute] = field(default_factory=list[Mute])


async def feedback(
    state: State, sinks: Sequence[AlertSink], policy: Policy, now: int
) -> FeedbackReport:
    """Ask about the incidents of episodes that are open, or closed within seven days."""
    report = FeedbackReport()
    for stored in await state.episodes.every():
        episode = stored.episode
        if episode.classification or (not episode.is_open and episode.closed_at < now - _ASKED_FOR):
            continue
        for sink in sinks:
            delivery = episode.deliveries.get(sink.name, Delivery())
            try:
                resolution = await sink.resolution(delivery)
            except (DeliveryError, OutcomeUnknownError):
                report.failed += 1
                continue
            report.asked += resolution is not None
            if resolution is not None and resolution.resolved:
                await _take(state, stored, resolution, policy, now, report)
                break
    return report


async def _take(
    state: State,
    stored: StoredEpisode,
    resolution: Resolution,
    policy: Policy,
    now: int,
    report: FeedbackReport,
) -> None:
    """Close the episode; mute first, so that a crash between the two is repaired by the next."""
    episode = stored.episode
    if resolution.classification in BENIGN:
        for gate in episode.gates:
            mute = Mute(
                user=episode.user,
                rule=gate,
                owner=f"incident {resolution.incident_id}",
                reason=resolution.classification,
                origin="classification",
                created_at=now,
                expires_at=now + policy.mute_days * DAY,
            )
            await state.mutes.add(mute)
            report.muted.append(mute)
    resolved = replace(
        close(episode, now, Ending.RESOLVED),
        revision=episode.revision,
        classification=resolution.classification or "resolved",
    )
    try:
        await state.episodes.write(resolved, stored)
    except ConflictError:
        return
    report.resolved.append(resolved)
