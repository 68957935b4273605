"""What becomes of an episode's delivery to one sink: pure transitions of the outbox entry."""

from dataclasses import replace

from detector.core.episode import Delivery, Episode, Status
from detector.core.instant import MINUTE
from detector.core.policy import SEVERITIES

_BACKOFF = (MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE)
_LONGEST_ERROR = 500


def delivery_to(sink: str, episode: Episode) -> Delivery:
    """The sink's entry; a new one where there is none."""
    return episode.deliveries.get(sink, Delivery())


def needs_alert(delivery: Delivery, severity: str) -> bool:
    """Whether telling of this severity takes an alert: the first one, or a graver one."""
    rank = SEVERITIES.index
    return not delivery.alert_id or rank(severity) > rank(delivery.sent_severity or SEVERITIES[0])


def is_unsent(sink: str, episode: Episode) -> bool:
    """Whether the sink has yet to be told of the episode's revision."""
    return delivery_to(sink, episode).sent_revision < episode.revision


def is_owed(sink: str, episode: Episode) -> bool:
    """Whether the sink has yet to be told, or to be asked about duplicates."""
    return is_unsent(sink, episode) or delivery_to(sink, episode).reconcile_at > 0


def is_due(sink: str, episode: Episode, now: int) -> bool:
    """Whether something is owed now, and nobody is at it."""
    delivery = delivery_to(sink, episode)
    owed = is_unsent(sink, episode) or 0 < delivery.reconcile_at <= now
    return owed and max(delivery.lease_until, delivery.not_before) <= now


def leased(before: Delivery, now: int, lease: int) -> Delivery:
    """One more try, nobody else's for the length of the lease."""
    return replace(
        before,
        status=Status.LEASED,
        attempts=before.attempts + 1,
        tried_at=before.tried_at or now,
        lease_until=now + lease,
    )


def taken(delivery: Delivery, revision: int, severity: str) -> Delivery:
    """The sink has the revision; tries are remembered only where duplicates may yet appear."""
    return replace(
        delivery,
        status=Status.SENT,
        sent_revision=revision,
        sent_severity=severity,
        attempts=0,
        tried_at=delivery.tried_at if delivery.reconcile_at else 0,
        lease_until=0,
        not_before=0,
        error="",
    )


def settled(delivery: Delivery) -> Delivery:
    """The sink was asked about duplicates."""
    return replace(delivery, status=Status.SENT, attempts=0, tried_at=0, lease_until=0, error="")


def put_off(delivery: Delivery, now: int, error: str, wait: int | None) -> Delivery:
    """Certainly nothing was done: again after `wait` ticks, else after longer and longer."""
    backoff = _BACKOFF[min(delivery.attempts, len(_BACKOFF)) - 1]
    return replace(
        delivery,
        status=Status.PENDING,
        lease_until=0,
        not_before=now + (wait or backoff),
        error=error[:_LONGEST_ERROR],
    )


def in_doubt(delivery: Delivery, error: str) -> Delivery:
    """It may have been done: the lease stays, and when it ends the sink is asked first."""
    return replace(delivery, error=error[:_LONGEST_ERROR])
