"""An alert as createAlert takes it, within its limits; cut from the least important end."""

import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from detector.core.evidence import Counted, Evidence
from detector.core.instant import format_instant
from detector.core.plain import length, unmarked
from detector.core.playbook import DETECTION, hunting_queries, look_alikes, techniques
from detector.core.report import (
    clock_time,
    first_steps,
    held,
    story,
    surge_story,
    surge_title,
    title,
)
from detector.ports import Surge

TECHNIQUE = "T1213.001"
TAGS = ("confluence-mining", TECHNIQUE)

_DESCRIPTION, _TITLE, _ACTIONS, _COMMENT = 5_000, 200, 4_000, 1_000
_MOST_ADDRESSES = 50
_LINE = 400
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_UPN = re.compile(r"[A-Za-z0-9.'_!#^~+-]{1,200}@[A-Za-z0-9.-]{1,200}")
"""What Entra allows in a user principal name, a guest's #EXT# too."""


def marker(episode_id: str, part: str = "") -> str:
    """What an alert is found by again: Graph takes no key of ours."""
    return f"(ref:cfm-{episode_id}{f'-{part}' if part else ''})"


def alert_input(
    evidence: Evidence, reference: str, *, evidence_url: str = "", incident_id: str = ""
) -> dict[str, object]:
    """The createAlertInput of an episode; with `incident_id` the alert joins that incident."""
    given: dict[str, object] = {
        "title": unmarked(title(evidence), _TITLE),
        "severity": evidence.severity,
        "category": "Collection",
        "description": _fit(_paragraphs(evidence), _ending(evidence, reference, evidence_url)),
        "recommendedActions": _actions(evidence),
        "mitreTechniques": [TECHNIQUE],
        "isExcludedFromCorrelation": False,
        "entityDefinitions": entities(evidence),
    }
    if incident_id.isdigit():
        given["linkToIncident"] = int(incident_id)
    return given


def surge_input(surge: Surge, reference: str) -> dict[str, object]:
    """The createAlertInput of a surge: how many alerts wait, and the gravest of them."""
    titles = [f"- {a.severity}: {unmarked(title(a), _TITLE)}" for a in surge.alerts]
    return {
        "title": surge_title(surge.waiting),
        "severity": "high",
        "category": "Collection",
        "description": _fit([surge_story(surge.waiting), "\n".join(titles)], reference),
        "recommendedActions": "Look for one cause behind them: a shared address, a new client, "
        "a changed threshold.",
        "mitreTechniques": [TECHNIQUE],
        "isExcludedFromCorrelation": True,
        "entityDefinitions": [_entity("cloudApplication", "name", "Confluence", "impacted")],
    }


def change_comment(evidence: Evidence, *, evidence_url: str = "") -> str:
    """What an incident is told of a revision, always in the same words; at most 1,000 characters.

    Graph has no key for comments: the revision makes each different, the words keep it single.
    """
    change = f"Revision {evidence.revision}, {evidence.transition.value}"
    facts = f"{change} {clock_time(evidence.frozen_at)}, {evidence.severity}: {story(evidence)}"
    why = "; ".join(held(evidence))
    link = f"Evidence: {_page(evidence, evidence_url)}" if evidence_url else ""
    return _fit([unmarked(facts, 600), unmarked(why, 200)], link, most=_COMMENT)


def entities(evidence: Evidence) -> list[dict[str, str]]:
    """The user by object id, else by principal name, else nobody; the addresses; Confluence."""
    found: list[dict[str, str]] = []
    names = [n for n in (*evidence.account_ids, evidence.account_display_name) if _UPN.fullmatch(n)]
    if _GUID.fullmatch(evidence.account_object_id):
        found.append(_entity("user", "aadUserId", evidence.account_object_id, "impacted"))
    elif names:
        found.append(_entity("user", "userPrincipalName", names[0], "impacted"))
    addresses = dict.fromkeys(_address(c.text) for c in evidence.ip_addresses)
    known = [address for address in addresses if address]
    found += [_entity("ip", "address", a, "related") for a in known[:_MOST_ADDRESSES]]
    return [*found, _entity("cloudApplication", "name", "Confluence", "related")]


def _entity(kind: str, identifier: str, value: str, role: str) -> dict[str, str]:
    return {
        "entityType": kind,
        "entityIdentifier": identifier,
        "identifierValue": value,
        "role": role,
    }


def _address(text: str) -> str:
    """The address in its one form, "" where it is none; a zone behind % may hold any text."""
    try:
        return "" if "%" in text else str(ip_address(text))
    except ValueError:
        return ""


def _paragraphs(evidence: Evidence) -> list[str]:
    """Sections of the description, the most important first."""
    alone = "would have fired too" if evidence.source_alone else "would have stayed silent"
    sections = [
        unmarked(story(evidence), 800),
        _section("Why it fired", [evidence.indicator, *held(evidence), f"The query alone {alone}"]),
        _section("Who", _identity(evidence)),
        _section("From where", _counted(evidence.ip_addresses, evidence.user_agents)),
        _section("When", _moments(evidence)),
        _section("Searches (masked) and what followed", _searches(evidence)),
        _section("Exported and downloaded", _taken(evidence)),
        _section("Spaces", _counted(evidence.spaces)),
        _section("Benign look-alikes to rule out", [f"{n}: {q}" for n, q in look_alikes(evidence)]),
        _section("Pages", _counted(evidence.pages)),
        _section("ATT&CK", _techniques(evidence)),
    ]
    return [section for section in sections if section]


def _section(heading: str, lines: Iterable[str]) -> str:
    bullets = [f"- {unmarked(line, _LINE)}" for line in lines if line]
    return "\n".join([f"{heading}:", *bullets]) if bullets else ""


def _identity(evidence: Evidence) -> list[str]:
    names = (evidence.account_display_name, evidence.account_object_id, *evidence.account_ids[:3])
    known = " · ".join(dict.fromkeys(name for name in names if name)) or "no account in the records"
    return [known, f"privileged: {evidence.privileged}"]


def _counted(*groups: Sequence[Counted]) -> list[str]:
    return [f"{counted.text} ({counted.count})" for group in groups for counted in group[:8]]


def _moments(evidence: Evidence) -> list[str]:
    return [
        f"first {format_instant(evidence.first_activity)}",
        f"last {format_instant(evidence.last_activity)}",
        f"peak minute {clock_time(evidence.peak_minute)} with {evidence.peak_actions} actions",
    ]


def _searches(evidence: Evidence) -> list[str]:
    sensitive = [s for s in evidence.searches if s.terms][:10]
    return [
        f"{s.text} (x{s.times})"
        + (f"; then opened {', '.join(s.opened[:3])}" if s.opened else "")
        + (f"; took {', '.join(s.taken[:3])}" if s.taken else "")
        for s in sensitive
    ]


def _techniques(evidence: Evidence) -> list[str]:
    found = [
        f"{t.identifier} {t.name}" + (f" (possible: {t.why})" if t.certainty == "possible" else "")
        for t in techniques(evidence)
    ]
    return [*found, f"detection strategy {DETECTION[0]}, analytic {DETECTION[1]}"]


def _taken(evidence: Evidence) -> list[str]:
    return [
        f"{clock_time(t.at)} {t.action_type} {t.page_title or t.space_key}"
        for t in evidence.taken[:12]
    ]


def _ending(evidence: Evidence, reference: str, url: str) -> str:
    link = f"Evidence: {_page(evidence, url)}\n" if url else ""
    return f"{link}{reference}"


def _page(evidence: Evidence, url: str) -> str:
    return f"{url.rstrip('/')}/{evidence.episode_id}"


def _actions(evidence: Evidence) -> str:
    """The first steps, then as many whole hunting queries as fit."""
    steps = [f"{n}. {unmarked(step, _LINE)}" for n, step in enumerate(first_steps(evidence), 1)]
    text = "\n".join(steps)
    for heading, query in hunting_queries(evidence):
        # A record's text stands in quoted literals only, where KQL reads the escapes.
        escaped = query.replace("<", "\\u003c").replace("://", ":\\u002f/")
        section = f"\n\n{heading}:\n{escaped}"
        if length(text) + length(section) <= _ACTIONS:
            text += section
    return text


def _fit(sections: Sequence[str], ending: str, *, most: int = _DESCRIPTION) -> str:
    """As many whole lines of the sections, in order, as leave room for the ending."""
    room = most - length(ending) - 4
    kept: list[str] = []
    for section in sections:
        for line in ("", *section.split("\n")) if kept else section.split("\n"):
            if length(line) + 1 > room:
                return "\n".join([*kept, "…", ending]).strip()
            kept.append(line)
            room -= length(line) + 1
    return "\n".join([*kept, "", ending]).strip()
