"""The words of an incident: title, story, conditions and first steps, from evidence alone."""

from detector.core.evidence import Condition, Evidence
from detector.core.instant import MINUTE, format_instant, minutes_between
from detector.core.plain import one_line

_LONGEST_NAME = 80
"""Characters: a name is anybody's text, and what was done must still fit behind it."""

COLUMN_WORDS = {
    "total_actions": "actions",
    "sensitive_search_count": "sensitive searches",
    "export_count": "exports",
    "download_count": "downloads",
    "space_export_count": "whole-space exports",
    "unique_spaces": "spaces",
    "unique_pages": "pages",
    "access_rate_per_minute": "actions a minute",
}


def who(evidence: Evidence) -> str:
    """The best name there is: display name, object id, account id, else the address; cut."""
    names = (evidence.account_display_name, evidence.account_object_id, *evidence.account_ids)
    addresses = tuple(c.text for c in evidence.ip_addresses)
    shown = (one_line(name, _LONGEST_NAME) for name in (*names, *addresses))
    return next((name for name in shown if name), "an unnamed session")


def title(evidence: Evidence) -> str:
    """One line with the gravest fact first, for a queue of incidents."""
    return (
        f"Confluence data mining by {who(evidence)}: {_at_least(evidence)}{_gravest_fact(evidence)}"
    )


def story(evidence: Evidence) -> str:
    """One sentence a manager can read, with numbers."""
    minutes = max(minutes_between(evidence.first_activity, evidence.last_activity), 1)
    read = f"{_many(evidence.unique_pages, 'page')} in {_many(evidence.unique_spaces, 'space')}"
    peak = f"(peak {evidence.peak_actions} in one minute)"
    actions = _at_least(evidence) + _many(evidence.total_actions, "action")
    facts = [f"{who(evidence)} made {actions} on {read} within {span(minutes)} {peak}"]
    if evidence.sensitive_search_count:
        words = ", ".join(search_terms(evidence)[:5])
        facts.append(f"searched {_times(evidence.sensitive_search_count)} for secrets ({words})")
    if evidence.opened_after_search:
        facts.append(f"opened {_many(evidence.opened_after_search, 'page')} right after")
    if evidence.space_export_count:
        facts.append(f"exported {_many(evidence.space_export_count, 'whole space')}")
    elif evidence.export_count:
        facts.append(f"exported {_many(evidence.export_count, 'item')}")
    if evidence.download_count:
        facts.append(f"downloaded {_many(evidence.download_count, 'attachment')}")
    addresses = len(evidence.ip_addresses)
    places = f", from {_many(addresses, 'address')}" if addresses else ""
    return f"{_listed(facts)}{places}."


def surge_title(waiting: int) -> str:
    """One line for the incident that announces a surge."""
    return f"Confluence data mining: surge of {waiting:,} alerts"


def surge_story(waiting: int) -> str:
    """What a surge means for who reads it."""
    return (
        f"{waiting:,} alerts wait to be sent because their number in a minute or an hour is "
        "limited. Each will follow as an incident of its own; none is dropped."
    )


def search_terms(evidence: Evidence) -> list[str]:
    """The sensitive terms that were searched for, each once."""
    return list(dict.fromkeys(term for s in evidence.searches for term in s.terms))


def condition_line(condition: Condition) -> str:
    """`412 actions > 40`: the value, its name, and the threshold."""
    words = COLUMN_WORDS[condition.column]
    if condition.value == 1:
        words = words.removesuffix("es") if words.endswith("ches") else words.removesuffix("s")
    return f"{_number(condition.value)} {words} > {_number(condition.threshold)}"


def held(evidence: Evidence) -> list[str]:
    """The gates that held, each with its conditions and by how much."""
    gates: dict[str, list[Condition]] = {}
    for condition in evidence.conditions:
        if condition.held:
            gates.setdefault(condition.gate, []).append(condition)
    return [
        f"{gate}: {' and '.join(map(condition_line, conditions))}"
        for gate, conditions in gates.items()
        if gate != "indicator"
    ]


def first_steps(evidence: Evidence) -> list[str]:
    """What to do first, in order: settle whether it is expected, then bound it, then stop it."""
    name = who(evidence)
    steps = [
        f"Ask {name} or their manager, out of band: is this work they were asked to do?",
        "Compare the addresses and agents with the account's sign-ins of the last 30 days.",
    ]
    if evidence.space_export_count:
        steps.append("Find the exported archive and who has it; restrict space export.")
    if evidence.sensitive_search_count:
        steps.append("List the secrets on the pages opened after the searches; rotate them.")
    if evidence.export_count or evidence.download_count:
        steps.append("List what was exported and downloaded; treat it as having left.")
    steps.append(
        "If it is not expected: export the audit log, then revoke sessions and API tokens."
    )
    return steps


def span(minutes: int) -> str:
    """`25 minutes`, `3 h 05 min`."""
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02d} min" if hours > 1 else _many(minutes, "minute")


def clock_time(ticks: int) -> str:
    """`2026-03-11 10:42Z`."""
    text = format_instant(ticks - ticks % MINUTE)
    return f"{text[:10]} {text[11:16]}Z"


def _gravest_fact(evidence: Evidence) -> str:
    if evidence.space_export_count:
        return f"{_many(evidence.space_export_count, 'whole space')} exported"
    if evidence.sensitive_search_count and evidence.taken_after_search:
        return (
            f"{_many(evidence.sensitive_search_count, 'search')} for secrets, "
            f"then {_many(evidence.taken_after_search, 'file')} taken"
        )
    if evidence.indicator.startswith("Automated"):
        pages = _many(evidence.unique_pages, "page")
        return f"{pages} read at {_number(evidence.access_rate_per_minute)} a minute"
    if evidence.sensitive_search_count:
        return f"{_many(evidence.sensitive_search_count, 'search')} for secrets"
    if evidence.indicator.startswith("Bulk content"):
        return f"{_many(evidence.export_count, 'export')}"
    if evidence.indicator.startswith("Multi-space"):
        return f"{_many(evidence.unique_spaces, 'space')} enumerated"
    return f"{_many(evidence.total_actions, 'action')} on {_many(evidence.unique_pages, 'page')}"


def _at_least(evidence: Evidence) -> str:
    return "at least " if evidence.unread else ""


def _many(count: int, noun: str) -> str:
    plural = noun + ("es" if noun.endswith(("ch", "ss")) else "s")
    return f"{count:,} {noun if count == 1 else plural}"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
