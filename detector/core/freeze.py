"""Freezing: the evidence of an episode's revision, from the verdict that made it.

A responder on Monday sees Friday as it was, whatever has left the window since. Lists are bounded;
what was cut is counted.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from detector.core.activity import HASHED, Activity, kept
from detector.core.episode import Episode, Judgement, Transition
from detector.core.evidence import (
    Condition,
    Counted,
    Evidence,
    SearchEvidence,
    SessionEvidence,
    Taken,
)
from detector.core.policy import Policy
from detector.core.rules import GATES, INDICATORS, Finding, gates_passed
from detector.core.severity import measures
from detector.core.story import chains, per_minute
from detector.core.summary import Summary
from detector.core.vocabulary import Vocabulary

MOST_SESSIONS, MOST_SPACES, MOST_PAGES, MOST_SEARCHES, MOST_TAKEN = 20, 30, 100, 40, 60
MOST_MINUTES = 1_440

_OF_EPISODE = (
    "episode_id revision number user opened_at closed_at severity indicator gates source_alone"
    " account_object_id account_display_name"
).split()
_OF_WINDOW = (
    "first_activity last_activity total_actions unique_pages unique_spaces sensitive_search_count"
    " export_count download_count space_export_count"
).split()


def freeze(
    episode: Episode,
    transition: Transition,
    judgement: Judgement,
    policy: Policy,
    vocabulary: Vocabulary,
) -> Evidence | None:
    """The evidence of an episode's revision; None when nothing is left in the window."""
    verdict = judgement.verdict
    window = verdict.user_summary
    if window is None:
        return None
    seen = measures(window, policy, vocabulary)
    actions = window.in_time_order
    minutes = per_minute(actions)
    peak = max(minutes, key=lambda minute: (minutes[minute], -minute))
    rates = [f.summary.access_rate_per_minute for f in verdict.findings]
    return Evidence(
        **_copied(episode, _OF_EPISODE),
        **_copied(window, _OF_WINDOW),
        follows=episode.revision - 1,
        transition=transition,
        frozen_at=verdict.at,
        policy=policy.name,
        policy_fingerprint=policy.fingerprint,
        time_window_hours=policy.time_window_hours,
        account_ids=tuple(c.text for c in _counted(a.context.account_id for a in actions)),
        privileged=_privileged(actions),
        ip_addresses=_counted(a.session.ip_address for a in actions),
        user_agents=_counted(a.session.user_agent for a in actions),
        countries=_counted(a.context.country for a in actions),
        providers=_counted(a.context.isp for a in actions),
        access_rate_per_minute=max([window.access_rate_per_minute, *rates]),
        opened_after_search=int(seen["opened_after_search"]),
        taken_after_search=int(seen["taken_after_search"]),
        scripted_agent=bool(seen["scripted_agent"]),
        peak_minute=peak,
        peak_actions=minutes[peak],
        minutes=tuple(minutes.items())[-MOST_MINUTES:],
        conditions=_conditions(verdict.passing, window, policy),
        sessions=_sessions(judgement),
        session_count=len(verdict.sessions),
        spaces=_counted((a.space_key for a in actions), MOST_SPACES),
        pages=_counted((a.page_title for a in actions), MOST_PAGES),
        searches=_searches(actions, vocabulary),
        taken=_taken(actions, vocabulary),
        truncated=any(a.page_title[:1] == HASHED for a in actions),
        unread=verdict.unread,
    )


def ended(last: Evidence, episode: Episode) -> Evidence:
    """The evidence of a close that finds nothing left in the window: the last there was."""
    return replace(
        last,
        **_copied(episode, _OF_EPISODE),
        follows=last.revision,
        transition=Transition.CLOSED,
        frozen_at=episode.closed_at,
    )


def _copied(source: object, names: Iterable[str]) -> dict[str, Any]:
    """What evidence says with the same name and in the same words."""
    return {name: getattr(source, name) for name in names}


def _counted(texts: Iterable[str], most: int = 50) -> tuple[Counted, ...]:
    """The most frequent texts that are not empty and were kept, most frequent first."""
    counts = Counter(text for text in texts if text and text[:1] != HASHED)
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(Counted(text=text, count=count) for text, count in ranked[:most])


def _privileged(actions: Iterable[Activity]) -> str:
    said = {a.context.privileged for a in actions}
    return "yes" if "yes" in said else "no" if "no" in said else "unknown"


def _conditions(
    findings: Sequence[Finding], window: Summary, policy: Policy
) -> tuple[Condition, ...]:
    """Each gate's conditions at the gravest finding, else at the window; the indicator last."""
    summary = findings[0].summary if findings else window
    passed = gates_passed(summary, policy)
    rows: list[tuple[str, str, str, object, bool]] = [
        (gate, column, threshold, policy.access_threshold, gate in passed)
        for gate, conditions in GATES.items()
        for column, threshold in conditions
    ]
    if findings and findings[0].indicator in INDICATORS:
        column, threshold = INDICATORS[findings[0].indicator]
        rows.append(("indicator", column, threshold, policy.indicator_threshold, True))
    return tuple(
        Condition(
            gate=gate,
            column=column,
            value=getattr(summary, column),
            threshold=getattr(thresholds, threshold),
            held=held,
        )
        for gate, column, threshold, thresholds, held in rows
        if getattr(thresholds, threshold) is not None
    )


def _sessions(judgement: Judgement) -> tuple[SessionEvidence, ...]:
    findings = {f.summary.session: f for f in judgement.verdict.findings}
    ordered = sorted(judgement.verdict.sessions, key=lambda s: s.session not in findings)
    return tuple(_session(s, findings.get(s.session)) for s in ordered[:MOST_SESSIONS])


def _session(summary: Summary, finding: Finding | None) -> SessionEvidence:
    return SessionEvidence(
        ip_address=summary.session.ip_address,
        user_agent=summary.session.user_agent,
        total_actions=summary.total_actions,
        unique_pages=summary.unique_pages,
        unique_spaces=summary.unique_spaces,
        sensitive_search_count=summary.sensitive_search_count,
        export_count=summary.export_count,
        download_count=summary.download_count,
        access_rate_per_minute=summary.access_rate_per_minute,
        first_activity=summary.first_activity,
        last_activity=summary.last_activity,
        gates=finding.gates if finding else (),
        indicator=finding.indicator if finding else "",
    )


def _searches(actions: Sequence[Activity], vocabulary: Vocabulary) -> tuple[SearchEvidence, ...]:
    """Distinct masked searches, sensitive ones first, each with what followed it."""
    followed: dict[str, tuple[list[str], list[str]]] = {}
    for chain in chains(actions, vocabulary):
        opened, taken = followed.setdefault(chain.search.search, ([], []))
        opened += [title for a in chain.opened if (title := kept(a.page_title))]
        taken += [kept(a.page_title) or a.action_type for a in chain.taken]
    found: dict[str, list[Activity]] = {}
    for action in actions:
        if action.search:
            found.setdefault(action.search, []).append(action)
    rows = [
        SearchEvidence(
            text=text,
            terms=tuple(dict.fromkeys(term for a in group for term in a.terms)),
            times=len(group),
            first_at=group[0].at,
            opened=tuple(dict.fromkeys(followed.get(text, ([], []))[0]))[:10],
            taken=tuple(dict.fromkeys(followed.get(text, ([], []))[1]))[:10],
        )
        for text, group in found.items()
    ]
    return tuple(sorted(rows, key=lambda row: not row.terms)[:MOST_SEARCHES])


def _taken(actions: Sequence[Activity], vocabulary: Vocabulary) -> tuple[Taken, ...]:
    kinds = [(a, vocabulary.kind(a.action_type)) for a in actions]
    return tuple(
        Taken(
            at=a.at,
            action_type=a.action_type,
            page_title=kept(a.page_title),
            space_key=kept(a.space_key),
        )
        for a, kind in kinds
        if kind.export or kind.download
    )[:MOST_TAKEN]
