"""Episodes: a user's continuous run of being a hit. Pure transitions; the row is the outbox.

none -> open -> (escalated) open -> closed -> reopened within two hours, else a new number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from detector.core.activity import digest
from detector.core.instant import DAY, HOUR
from detector.core.policy import SEVERITIES
from detector.core.rules import Verdict, gravity

REOPEN_WITHIN = 2 * HOUR
LONGEST = 7 * DAY


class Transition(StrEnum):
    """What a verdict did to a user's episode."""

    OPENED = "opened"
    ESCALATED = "escalated"
    REOPENED = "reopened"
    CLOSED = "closed"


class Ending(StrEnum):
    """Why an episode is closed; only one that fell below may be reopened."""

    NONE = ""
    BELOW = "below the thresholds"
    AGE = "open for seven days"
    RESOLVED = "resolved by a person"


class Status(StrEnum):
    """How far an alert is on its way to one sink."""

    PENDING = "pending"
    LEASED = "leased"
    SENT = "sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The outbox entry of one sink: `sent_revision` is the newest revision it has taken.

    `tried_at` is when the first of the tries began whose outcome may still be unknown, 0 is never.
    """

    status: Status = Status.PENDING
    sent_revision: int = 0
    attempts: int = 0
    tried_at: int = 0
    lease_until: int = 0
    not_before: int = 0
    reconcile_at: int = 0
    alert_id: str = ""
    incident_id: str = ""
    sent_severity: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One row, one deterministic id, one incident.

    `as_of` is the latest instant that was judged and never decreases. `revision` grows with
    everything a sink should be told; `told_actions` is the total it was told of last. The measures
    are the worst seen while the episode lasted.
    """

    episode_id: str
    user: str
    number: int
    is_open: bool
    opened_at: int
    as_of: int
    closed_at: int = 0
    ending: Ending = Ending.NONE
    first_activity: int
    last_activity: int
    account_object_id: str
    account_display_name: str
    indicator: str
    gates: tuple[str, ...]
    sessions: int
    total_actions: int
    told_actions: int
    severity: str
    source_alone: bool
    revision: int = 1
    deliveries: Mapping[str, Delivery] = field(default_factory=dict[str, Delivery])
    classification: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict with what the policy makes of it."""

    user: str
    verdict: Verdict
    severity: str
    source_alone: bool

    @property
    def total_actions(self) -> int:
        """Actions of the user in the window."""
        summary = self.verdict.user_summary
        return summary.total_actions if summary else 0


Change = tuple[Episode, Transition | None]
"""An episode to be written, and what happened to it; None where only `as_of` moved."""


def episode_id(user: str, number: int, opened_at: int) -> str:
    """32 hex digits, the same for everyone who opens this episode at this instant."""
    return digest("episode", user, str(number), str(opened_at)).hex()


def is_worse(judgement: Judgement, episode: Episode) -> bool:
    """A graver indicator or severity, more sessions, or a total past the next power of two."""
    return (
        gravity(judgement.verdict.indicator or "") < gravity(episode.indicator)
        or SEVERITIES.index(judgement.severity) > SEVERITIES.index(episode.severity)
        or len(judgement.verdict.findings) > episode.sessions
        or judgement.total_actions.bit_length() > episode.told_actions.bit_length()
    )


def advance(episode: Episode | None, judgement: Judgement) -> Change | None:
    """The user's latest episode after a live verdict; None where nothing is to be written."""
    at = judgement.verdict.at
    if episode is not None and at < episode.as_of:
        message = f"judged at {at}, before the episode's as_of {episode.as_of}"
        raise ValueError(message)
    if not judgement.verdict.is_hit:
        if episode is None or not episode.is_open:
            return None
        return close(episode, at, Ending.BELOW), Transition.CLOSED
    if episode is None or not (episode.is_open or _may_reopen(episode, at)):
        return _open(episode.number + 1 if episode else 1, judgement), Transition.OPENED
    if not episode.is_open:
        reopened = replace(episode, is_open=True, closed_at=0, ending=Ending.NONE)
        return _worsen(reopened, judgement), Transition.REOPENED
    if at - episode.opened_at > LONGEST:
        return close(episode, at, Ending.AGE), Transition.CLOSED
    if is_worse(judgement, episode):
        return _worsen(episode, judgement), Transition.ESCALATED
    return _grown(episode, judgement), None


def look_back(episodes: Sequence[Episode], judgement: Judgement, now: int) -> Change | None:
    """What late data, judged at a past instant, adds: it may open or escalate, never close.

    `episodes` are all of the user's, oldest first. One that is open, or covers the instant, is
    escalated at most, and not even that where a person has resolved it; where none does, a new one
    opens, dated now.
    """
    if not judgement.verdict.is_hit:
        return None
    for episode in reversed(episodes):
        end = episode.closed_at or now
        if episode.is_open or episode.first_activity <= judgement.verdict.at <= end:
            if episode.ending is Ending.RESOLVED or not is_worse(judgement, episode):
                return None
            worse = _worsen(episode, judgement)
            return worse, Transition.ESCALATED
    number = episodes[-1].number + 1 if episodes else 1
    identity = episode_id(judgement.user, number, now)
    opened = replace(_open(number, judgement), opened_at=now, as_of=now, episode_id=identity)
    return opened, Transition.OPENED


def close(episode: Episode, at: int, ending: Ending) -> Episode:
    """The episode, closed. Closing here never resolves anything at a sink."""
    return replace(
        episode,
        is_open=False,
        closed_at=at,
        ending=ending,
        as_of=max(at, episode.as_of),
        revision=episode.revision + 1,
    )


def _may_reopen(episode: Episode, at: int) -> bool:
    return episode.ending is Ending.BELOW and at - episode.closed_at <= REOPEN_WITHIN


def _grown(episode: Episode, judgement: Judgement) -> Episode:
    """The episode with what the verdict adds to its measures; nobody needs to be told."""
    verdict = judgement.verdict
    summary = verdict.user_summary
    first = summary.first_activity if summary else verdict.at
    return replace(
        episode,
        as_of=max(verdict.at, episode.as_of),
        gates=_gates(verdict, episode.gates),
        total_actions=max(episode.total_actions, judgement.total_actions),
        first_activity=min(episode.first_activity, first),
        last_activity=max(episode.last_activity, summary.last_activity if summary else 0),
        source_alone=episode.source_alone or judgement.source_alone,
    )


def _worsen(episode: Episode, judgement: Judgement) -> Episode:
    """A revision that every sink is told."""
    grown = _grown(episode, judgement)
    return replace(
        grown,
        revision=episode.revision + 1,
        told_actions=grown.total_actions,
        indicator=min(episode.indicator, judgement.verdict.indicator or "", key=gravity),
        sessions=max(episode.sessions, len(judgement.verdict.findings)),
        severity=max(episode.severity, judgement.severity, key=SEVERITIES.index),
    )


def _open(number: int, judgement: Judgement) -> Episode:
    verdict = judgement.verdict
    gravest = verdict.passing[0].summary
    summary = verdict.user_summary or gravest
    return Episode(
        episode_id=episode_id(judgement.user, number, verdict.at),
        user=judgement.user,
        number=number,
        is_open=True,
        opened_at=verdict.at,
        as_of=verdict.at,
        first_activity=summary.first_activity,
        last_activity=summary.last_activity,
        account_object_id=gravest.session.account_object_id,
        account_display_name=gravest.session.account_display_name,
        indicator=verdict.indicator or "",
        gates=_gates(verdict, ()),
        sessions=len(verdict.findings),
        total_actions=judgement.total_actions,
        told_actions=judgement.total_actions,
        severity=judgement.severity,
        source_alone=judgement.source_alone,
    )


def _gates(verdict: Verdict, before: tuple[str, ...]) -> tuple[str, ...]:
    held = (gate for finding in verdict.passing for gate in finding.gates)
    return tuple(dict.fromkeys((*before, *held)))
