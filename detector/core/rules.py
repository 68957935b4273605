"""The query's `where` and `case` as tables, and the verdict on a user.

Read beside `detector kql`: a gate is a line of `where`, an indicator a line of `case`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from detector.core.activity import Activity, Sample, Session
from detector.core.policy import Policy
from detector.core.summary import Summary, by_session, summarise
from detector.core.vocabulary import Vocabulary


class Condition(NamedTuple):
    """A column of the summary is greater than the policy's number of that name."""

    column: str
    threshold: str


GATES: dict[str, tuple[Condition, ...]] = {
    "bulk_access": (Condition("total_actions", "bulk_access"),),
    "credential_hunting": (Condition("sensitive_search_count", "sensitive_searches"),),
    "bulk_export": (Condition("export_count", "exports"),),
    "space_enumeration": (
        Condition("unique_spaces", "spaces"),
        Condition("total_actions", "actions_with_spaces"),
    ),
    "space_export": (Condition("space_export_count", "space_exports"),),
}
"""`where`: a session passes when every condition of at least one gate holds. All are monotone."""

ELEVATED = "Elevated Confluence access above threshold"

INDICATORS: dict[str, Condition] = {
    "Whole-space export": Condition("space_export_count", "space_exports"),
    "Automated scraping detected — exceeds 10 pages/min": Condition(
        "access_rate_per_minute", "access_rate_per_minute"
    ),
    "Credential/secret hunting via search queries": Condition(
        "sensitive_search_count", "sensitive_searches"
    ),
    "Bulk content export activity": Condition("export_count", "exports"),
    "Multi-space enumeration pattern": Condition("unique_spaces", "spaces"),
    "High-volume bulk access": Condition("total_actions", "total_actions"),
}
"""`case`: the first whose condition holds is the indicator, else ELEVATED. Gravest first."""

_RANK = {label: rank for rank, label in enumerate((*INDICATORS, ELEVATED))}


def gravity(indicator: str) -> int:
    """0 is the gravest indicator; an unknown one is the least grave."""
    return _RANK.get(indicator, len(_RANK))


@dataclass(frozen=True, slots=True)
class Finding:
    """A summary that passes, the gates that let it pass, and the indicator that names it."""

    summary: Summary
    gates: tuple[str, ...]
    indicator: str


def holds(summary: Summary, condition: Condition, thresholds: object) -> bool:
    """Whether the condition holds; a threshold of None switches it off."""
    number: float | None = getattr(thresholds, condition.threshold)
    return number is not None and getattr(summary, condition.column) > number


def gates_passed(summary: Summary, policy: Policy) -> tuple[str, ...]:
    """The names of the gates that hold, in the table's order."""
    return tuple(
        name
        for name, conditions in GATES.items()
        if all(holds(summary, condition, policy.access_threshold) for condition in conditions)
    )


def indicator_of(summary: Summary, policy: Policy) -> str:
    """The query's `case` for one summary."""
    for label, condition in INDICATORS.items():
        if holds(summary, condition, policy.indicator_threshold):
            return label
    return ELEVATED


def judge(summary: Summary, policy: Policy) -> Finding | None:
    """The finding on one summary, or None when no gate holds."""
    gates = gates_passed(summary, policy)
    return Finding(summary, gates, indicator_of(summary, policy)) if gates else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one user's window says at one instant.

    `sessions` are all summaries, largest first; `findings` those that pass; `user_finding` is
    the user's merged window where the policy gates users and it passes. `unread` are activities
    that were too many to be looked at: where there are any, every count is a lower bound.
    """

    at: int
    user_summary: Summary | None
    sessions: tuple[Summary, ...]
    findings: tuple[Finding, ...]
    user_finding: Finding | None
    unread: int = 0

    @property
    def passing(self) -> tuple[Finding, ...]:
        """Every finding, the gravest first."""
        merged = (self.user_finding,) if self.user_finding else ()
        return tuple(sorted((*self.findings, *merged), key=lambda f: gravity(f.indicator)))

    def user_finding_under(self, policy: Policy) -> tuple[Finding, ...]:
        """The finding on the merged window, whether or not the policy gates users."""
        found = judge(self.user_summary, policy) if self.user_summary else None
        return (found,) if found else ()

    @property
    def is_hit(self) -> bool:
        """Whether the user is a hit: a session passes, or the gated user summary does."""
        return bool(self.findings or self.user_finding)

    @property
    def indicator(self) -> str | None:
        """The gravest indicator of those that pass."""
        passing = self.passing
        return passing[0].indicator if passing else None


def in_window(
    activities: Iterable[Activity], at: int, policy: Policy, *, bounded: bool = False
) -> list[Activity]:
    """Activities after `at` - TimeWindow, strictly; no upper bound, as the query, unless asked."""
    since = at - policy.time_window
    if bounded:
        return [a for a in activities if since < a.at <= at]
    return [a for a in activities if a.at > since]


def judge_sessions(
    activities: Iterable[Activity], at: int, policy: Policy, vocabulary: Vocabulary
) -> list[Finding]:
    """The query's rows for these activities at one instant, in no order."""
    groups = by_session(in_window(activities, at, policy))
    found = (summarise(session, group, vocabulary) for session, group in groups.items())
    judged = (judge(summary, policy) for summary in found if summary is not None)
    return [finding for finding in judged if finding is not None]


def judge_user(
    activities: Iterable[Activity],
    at: int,
    policy: Policy,
    vocabulary: Vocabulary,
    *,
    bounded: bool = False,
) -> Verdict:
    """The verdict on one user's activities at one instant; `bounded` also cuts what came after."""
    live = in_window(activities, at, policy, bounded=bounded)
    groups = by_session(live)
    found = [summarise(session, group, vocabulary) for session, group in groups.items()]
    sessions = sorted((s for s in found if s is not None), key=_largest_first)
    findings = [judge(summary, policy) for summary in sessions]
    merged = _merge(sessions, live, vocabulary)
    return Verdict(
        at=at,
        user_summary=merged,
        sessions=tuple(sessions),
        findings=tuple(f for f in findings if f is not None),
        user_finding=judge(merged, policy) if merged and policy.gate_users else None,
        unread=activities.unread if isinstance(activities, Sample) else 0,
    )


def _largest_first(summary: Summary) -> tuple[int, Session]:
    return (-summary.total_actions, summary.session)


def _merge(
    sessions: Sequence[Summary], live: Sequence[Activity], vocabulary: Vocabulary
) -> Summary | None:
    """The user summary, under the account of the largest session and no address or agent."""
    if not sessions:
        return None
    largest = sessions[0].session
    user = Session(largest.account_object_id, largest.account_display_name, "", "")
    return summarise(user if any(user) else largest, live, vocabulary)
