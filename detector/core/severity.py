"""Severity from the evidence: the first rule of the policy's table whose conditions all hold."""

from detector.core.policy import Policy
from detector.core.rules import Verdict
from detector.core.story import chains
from detector.core.summary import Summary
from detector.core.vocabulary import Vocabulary


def measures(summary: Summary, policy: Policy, vocabulary: Vocabulary) -> dict[str, float]:
    """What a severity rule may ask of a window: the query's columns and four of our own.

    `opened_after_search` and `taken_after_search` count distinct activities within ten minutes
    of a sensitive search; `scripted_agent` and `privileged` are 1 or 0.
    """
    opened: set[bytes] = set()
    taken: set[bytes] = set()
    for chain in chains(summary.in_time_order, vocabulary):
        opened.update(a.event_id for a in chain.opened)
        taken.update(a.event_id for a in chain.taken)
    agents = {a.session.user_agent.lower() for a in summary.activities}
    scripted = any(word.lower() in agent for agent in agents for word in policy.agent_filter)
    return {
        "total_actions": summary.total_actions,
        "unique_pages": summary.unique_pages,
        "unique_spaces": summary.unique_spaces,
        "sensitive_search_count": summary.sensitive_search_count,
        "export_count": summary.export_count,
        "download_count": summary.download_count,
        "space_export_count": summary.space_export_count,
        "access_rate_per_minute": summary.access_rate_per_minute,
        "opened_after_search": len(opened),
        "taken_after_search": len(taken),
        "scripted_agent": scripted,
        "privileged": any(a.context.privileged == "yes" for a in summary.activities),
    }


def severity_of(verdict: Verdict, policy: Policy, vocabulary: Vocabulary) -> str:
    """The severity of a hit: over all its passing windows and the user's, the worst one."""
    if verdict.user_summary is None:
        return "informational"
    seen = measures(verdict.user_summary, policy, vocabulary)
    for finding in verdict.findings:
        rate = finding.summary.access_rate_per_minute
        seen["access_rate_per_minute"] = max(seen["access_rate_per_minute"], rate)
    for rule in policy.severity_rules:
        if all(seen[column] > number for column, number in rule.above.items()):
            return rule.severity
    return "informational"
