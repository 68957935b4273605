"""One structured line for each invocation, from its report; the alerts and the workbook read them.

Names are ADR 0002's. Never a query, title, address or name: a user is its hash.
"""

from collections.abc import Iterator, Mapping

from detector.core.episode import Episode, Transition
from detector.core.instant import SECOND
from detector.core.policy import Policy
from detector.core.rules import GATES, Verdict
from detector.dispatch import DispatchReport
from detector.evaluate import EvaluateReport
from detector.feedback import FeedbackReport
from detector.housekeep import HousekeepReport
from detector.ingest import IngestReport

Line = dict[str, object]


def ingested(
    report: IngestReport, *, partition: str, messages: int, gaps: int, lag: int, seconds: float
) -> Line:
    """One batch; `lag` is how long ago its newest message was enqueued, in ticks."""
    return {
        "event": "ingested",
        "partition": partition,
        "messages": messages,
        "records": report.records,
        "activities": report.activities,
        "rejected": report.rejected,
        "ignored": report.ignored,
        "unmapped": sum(report.unmapped.values()),
        "late": report.late,
        "skewed": report.skewed,
        "gaps": gaps,
        "lag_seconds": round(lag / SECOND, 1),
        "seconds": round(seconds, 3),
    }


def taken_out(messages: int, *, partition: str) -> Line:
    """Messages that could not be taken with their batch, nor alone: counted as rejected."""
    none = IngestReport(
        records=messages, activities=0, rejected=messages, ignored=0, late=0, too_old=0, skewed=0
    )
    return ingested(none, partition=partition, messages=0, gaps=0, lag=0, seconds=0)


def evaluated(report: EvaluateReport, *, backlog: int, oldest: int = 0, seconds: float) -> Line:
    """One round of evaluate; `backlog` are the marks that are left, the oldest so many ticks."""
    moved = report.transitions
    return {
        "event": "evaluated",
        "users": report.users,
        "hits": report.hits,
        "opened": moved[Transition.OPENED],
        "escalated": moved[Transition.ESCALATED],
        "closed": moved[Transition.CLOSED],
        "reopened": moved[Transition.REOPENED],
        "windows_changed": report.windows_changed,
        "failed": sum(report.failed.values()),
        "errors": dict(report.failed),
        "backlog": backlog,
        "oldest_backlog_seconds": round(oldest / SECOND),
        "newer_rows": report.newer_rows,
        "seconds": round(seconds, 3),
    }


def dispatched(report: DispatchReport, *, now: int, seconds: float) -> Line:
    """One round of dispatch."""
    oldest = report.oldest_unsent
    return {
        "event": "dispatched",
        "sent": report.sent,
        "failed": report.failed,
        "held": report.held,
        "throttled": report.throttled,
        "pending": report.pending,
        "oldest_unsent_seconds": round((now - oldest) / SECOND) if oldest is not None else 0,
        "seconds": round(seconds, 3),
    }


def housekept(report: HousekeepReport, *, dead_letters: int = 0, seconds: float) -> Line:
    """One round of housekeeping; `dead_letters` are those that are left."""
    return {
        "event": "housekept",
        "days_dropped": report.days_dropped,
        "rows_purged": report.rows_purged,
        "newer_schema_rows": report.newer_schema_rows,
        "dead_letters": dead_letters,
        "seconds": round(seconds, 3),
    }


def heard(report: FeedbackReport) -> Line:
    """One round of feedback."""
    return {
        "event": "feedback",
        "asked": report.asked,
        "failed": report.failed,
        "resolved": len(report.resolved),
        "muted": len(report.muted),
    }


def windows(report: EvaluateReport, policy: Policy) -> Iterator[Line]:
    """One line for each user that is a hit, with how far each gate is from its threshold."""
    for user, verdict in report.windows:
        gravest = verdict.passing[0]
        summary = gravest.summary
        yield {
            "event": "window",
            "user": user,
            "indicator": gravest.indicator,
            "gates": list(gravest.gates),
            "total_actions": summary.total_actions,
            "unique_spaces": summary.unique_spaces,
            "sensitive_search_count": summary.sensitive_search_count,
            "export_count": summary.export_count,
            "rate": summary.access_rate_per_minute,
            "distance": distances(verdict, policy),
        }


def distances(verdict: Verdict, policy: Policy) -> Mapping[str, float]:
    """For each gate of the policy the least of value / (threshold + 1): 1 and more passes."""
    summary = verdict.passing[0].summary
    found: dict[str, float] = {}
    for gate, conditions in GATES.items():
        numbers = [getattr(policy.access_threshold, c.threshold) for c in conditions]
        if any(number is None for number in numbers):
            continue
        ratios = (
            getattr(summary, condition.column) / (number + 1)
            for condition, number in zip(conditions, numbers, strict=True)
        )
        found[gate] = round(min(ratios), 2)
    return found


def episode(transition: Transition, changed: Episode) -> Line:
    """One change of an episode."""
    return {
        "event": "episode",
        "episode": changed.episode_id,
        "user": changed.user,
        "transition": transition.value,
        "severity": changed.severity,
        "indicator": changed.indicator,
        "total_actions": changed.total_actions,
    }
