"""Use case 1: what was read becomes segments, then marks. It writes and never judges."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from detector.core.activity import Activity, Rejected, user_of
from detector.core.instant import DAY, HOUR
from detector.core.policy import Policy
from detector.core.reading import Reading
from detector.core.vocabulary import Vocabulary
from detector.state.keys import DAYS_KEPT
from detector.state.segment import cut
from detector.state.store import State

SOON = HOUR
"""What leaves the window within this time is judged like what has left it: a round may be late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """What one batch was made of; `users` are those whose data changed."""

    records: int
    activities: int
    rejected: int
    ignored: int
    late: int
    too_old: int
    skewed: int
    unmapped: Mapping[str, int] = field(default_factory=dict[str, int])
    users: frozenset[str] = frozenset()


async def ingest(
    reading: Reading, *, state: State, policy: Policy, vocabulary: Vocabulary, now: int
) -> IngestReport:
    """Write a batch: segments, dead letters, then marks. Any part of it may be done again.

    The marks come after the data is acknowledged, so whoever sees a mark can read the data.
    Raises StoreUnavailableError only; then the whole batch must be given again.
    """
    cutoff = await _cutoff(state, now)
    old = [a for a in reading.activities if a.at < cutoff]
    kept = [a for a in reading.activities if a.at >= cutoff] if old else reading.activities
    late = [a for a in kept if a.at <= now - policy.time_window + SOON]
    await state.ledger.append(cut(kept), vocabulary, policy.fingerprint)
    await state.dead_letters.add([*reading.rejected, *map(_too_old, old)], now)
    users = frozenset({user_of(session) for session in {a.session for a in kept}})
    await state.marks.set_late(late, now)
    await state.marks.set_dirty(sorted(users), now)
    await state.meta.add_unmapped(reading.unmapped, now)
    return IngestReport(
        records=reading.records,
        activities=len(kept),
        rejected=len(reading.rejected),
        ignored=reading.ignored,
        late=len(late),
        too_old=len(old),
        skewed=reading.skewed,
        unmapped=reading.unmapped,
        users=users,
    )


async def _cutoff(state: State, now: int) -> int:
    """Days before this are dropped, or about to be; the published one never goes back."""
    oldest = now - now % DAY - DAYS_KEPT * DAY
    published = await state.meta.instant("cutoff")
    return oldest if published is None else max(published, oldest)


def _too_old(activity: Activity) -> Rejected:
    return Rejected(
        reason=f"older than the {DAYS_KEPT} days that are kept",
        where=f"event {activity.event_id.hex()}",
        source="too old",
        sequence=max(activity.at, 0),
        index=int.from_bytes(activity.event_id[:2]),
        size=0,
        sha256="",
    )


def total(reports: Sequence[IngestReport]) -> IngestReport:
    """The sum of several batches."""
    unmapped: Counter[str] = Counter()
    for report in reports:
        unmapped.update(report.unmapped)
    return IngestReport(
        records=sum(r.records for r in reports),
        activities=sum(r.activities for r in reports),
        rejected=sum(r.rejected for r in reports),
        ignored=sum(r.ignored for r in reports),
        late=sum(r.late for r in reports),
        too_old=sum(r.too_old for r in reports),
        skewed=sum(r.skewed for r in reports),
        unmapped=unmapped,
        users=frozenset(user for r in reports for user in r.users),
    )
