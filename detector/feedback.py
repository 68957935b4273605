"""Use case 5: what people made of the incidents is read back.

A resolved incident closes its episode; a false positive or expected activity also mutes the user
for the gates that held, for a set number of days. What happened before does not open it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from detector.core.episode import Delivery, Ending, Episode, close
from detector.core.instant import DAY, MINUTE
from detector.core.policy import Policy
from detector.ports import AlertSink, ConflictError, OutcomeUnknownError, Resolution
from detector.state.episodes import StoredEpisode
from detector.state.mutes import Mute
from detector.state.store import State

BENIGN = frozenset({"falsePositive", "informationalExpectedActivity"})
EVERY = 10 * MINUTE
"""How often people's classifications are read back."""

LOOK_AGAIN_AFTER = 5 * MINUTE
"""By then the close has been written."""

_ASKED_FOR = 7 * DAY
"""How long after its end an episode's incident is still asked about."""

_MOST_ASKED = 40
"""Questions in one round, so that they fit beside the alerts under Graph's limits."""


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
    """Ask about the incidents of episodes that are open, or closed within seven days.

    Where there are many, each round asks about the next 40. A question that fails is counted.
    """
    report = FeedbackReport()
    for sink in sinks:
        stored = [s for s in await state.episodes.every() if _is_asked_about(s.episode, sink, now)]
        for one in _turn(stored, now):
            try:
                resolution = await sink.resolution(one.episode.deliveries[sink.name])
            except Exception as error:  # noqa: BLE001 - one bad answer must not stop the others
                report.failed += 1
                if isinstance(error, OutcomeUnknownError) or getattr(error, "retry_after", None):
                    break
                continue
            report.asked += resolution is not None
            if resolution is not None and resolution.resolved:
                await _take(state, one, resolution, policy, now, report)
    return report


def _is_asked_about(episode: Episode, sink: AlertSink, now: int) -> bool:
    if episode.classification or (not episode.is_open and episode.closed_at < now - _ASKED_FOR):
        return False
    return bool(episode.deliveries.get(sink.name, Delivery()).incident_id)


def _turn(stored: Sequence[StoredEpisode], now: int) -> Sequence[StoredEpisode]:
    """Whose turn it is in this round; all of them where they are few."""
    if len(stored) <= _MOST_ASKED:
        return stored
    start = now // EVERY * _MOST_ASKED % len(stored)
    return [*stored[start:], *stored[:start]][:_MOST_ASKED]


async def _take(
    state: State,
    stored: StoredEpisode,
    resolution: Resolution,
    policy: Policy,
    now: int,
    report: FeedbackReport,
) -> None:
    """Close the episode; mute first, so that a crash between the two is repaired by the next.

    The mark is for what a clock ahead of ours has stamped later than the close.
    """
    episode = stored.episode
    if resolution.classification in BENIGN:
        report.muted += await _mute(state, episode, resolution, now, now + policy.mute_days * DAY)
    resolved = replace(
        close(episode, now, Ending.RESOLVED),
        revision=episode.revision,
        classification=resolution.classification or "resolved",
    )
    await state.marks.set_due(episode.user, now + LOOK_AGAIN_AFTER, now)
    try:
        await state.episodes.write(resolved, stored)
    except ConflictError:
        return
    report.resolved.append(resolved)


async def _mute(
    state: State, episode: Episode, resolution: Resolution, now: int, until: int
) -> list[Mute]:
    """Mute the gates that held; one that a person has muted for longer stays as it is."""
    known = {m.rule: m.expires_at for m in await state.mutes.of(episode.user)}
    muted = [
        Mute(
            user=episode.user,
            rule=gate,
            owner=f"incident {resolution.incident_id}",
            reason=resolution.classification,
            origin="classification",
            created_at=now,
            expires_at=until,
        )
        for gate in episode.gates
        if known.get(gate, 0) < until
    ]
    for mute in muted:
        await state.mutes.add(mute)
    return muted
