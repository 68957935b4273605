"""What a responder checks, hunts and does: the playbook of an incident, from evidence alone.

Plain text: whoever shows it escapes it for where it goes. docs/response.md says the same at length.
"""

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from detector.core.evidence import Evidence
from detector.core.hunting import hunting_queries
from detector.core.report import clock_time, search_terms, who

__all__ = [
    "DETECTION",
    "Command",
    "Technique",
    "blind_spots",
    "hunting_queries",
    "look_alikes",
    "response_commands",
    "techniques",
]

DETECTION = ("DET0358", "AN1019")
"""MITRE ATT&CK's detection strategy for Confluence and its analytic, v18."""

_SCRIPTED_RATE = 10
"""Actions a minute above which the source query speaks of automated scraping."""

_ENTRA_ID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_ATLASSIAN_ID = re.compile(r"[0-9a-f]{24}|[0-9]{1,10}:[0-9a-f-]{36}")
_NAME = re.compile("<([A-Z]+)>")


class Technique(NamedTuple):
    """An ATT&CK technique, whether it was detected or is only possible, and what speaks for it."""

    identifier: str
    name: str
    certainty: Literal["detected", "possible"]
    why: str


class Command(NamedTuple):
    """A step of containment with the responder's own rights, and how to take it back."""

    title: str
    command: str
    undo: str


def look_alikes(evidence: Evidence) -> list[tuple[str, str]]:
    """The six known benign look-alikes, likeliest first: name, and the question that settles it."""
    hunted = evidence.sensitive_search_count > 0
    took = evidence.export_count + evidence.space_export_count > 0
    resembles = {
        "Content migration": _by_machine(evidence) and not hunted,
        "Documentation audit by writers": not _by_machine(evidence) and not hunted and not took,
        "Search indexing crawler": _by_machine(evidence) and not hunted and not took,
        "Onboarding": hunted and not _by_machine(evidence),
        "Backup or archival": took and not hunted,
        "Developer tooling": evidence.scripted_agent,
    }
    addresses, agents = evidence.ip_addresses, evidence.user_agents
    values = {
        "WHO": who(evidence),
        "FIRST": clock_time(evidence.first_activity),
        "LAST": clock_time(evidence.last_activity),
        "SPACES": "1 space"
        if evidence.unique_spaces == 1
        else f"{evidence.unique_spaces:,} spaces",
        "ADDRESS": addresses[0].text if addresses else "an unknown address",
        "AGENT": agents[0].text if agents else "an unknown agent",
    }
    likeliest_first = sorted(_LOOK_ALIKES, key=lambda name: not resembles[name])
    return [(name, _filled(_LOOK_ALIKES[name], values)) for name in likeliest_first]


def techniques(evidence: Evidence) -> list[Technique]:
    """T1213.001, which is what was detected, then what may go with it."""
    gates = ", ".join(evidence.gates)
    name = "Data from Information Repositories: Confluence"
    terms = ", ".join(search_terms(evidence)[:5])
    several = len(evidence.ip_addresses) > 1 or len(evidence.user_agents) > 1
    took = evidence.export_count + evidence.download_count + evidence.space_export_count
    possible = {
        ("T1078.004", "Valid Accounts: Cloud Accounts", "a working account was used"): True,
        ("T1552", "Unsecured Credentials", f"searched for {terms}"): terms,
        ("T1539", "Steal Web Session Cookie", "several addresses or agents"): several,
        ("T1119", "Automated Collection", "scripted agent or rate"): _by_machine(evidence),
        ("T1567", "Exfiltration Over Web Service", "content was exported or downloaded"): took,
    }
    found = [Technique("T1213.001", name, "detected", gates)]
    return found + [
        Technique(identifier, label, "possible", why)
        for (identifier, label, why), applies in possible.items()
        if applies
    ]


def blind_spots(evidence: Evidence) -> list[str]:
    """What the telemetry behind this evidence cannot show; what is missing here comes first."""
    agents = sum(agent.count for agent in evidence.user_agents)
    total = evidence.total_actions
    missing = {
        "No search was seen. Atlassian Cloud's audit log is not known to report searches: "
        "the account may have searched for anything.": not evidence.searches,
        "No user agent was recorded: a script cannot be told from a browser here.": not agents,
        f"{total - agents:,} of {total:,} actions have none of the user agents shown.": (
            0 < agents < total
        ),
        "No address was recorded: sign-ins cannot be compared.": not evidence.ip_addresses,
        "The account has no Entra object id: it may be a guest, a token, or known to Atlassian "
        "only.": not evidence.account_object_id,
        "The records do not say whether the account is privileged; the Atlassian connector "
        "never does.": evidence.privileged == "unknown",
        f"Too much to look at: {evidence.unread:,} actions were not. Every count is at least what "
        "it says; searches, exports and downloads were looked at first.": evidence.unread > 0,
        "More happened than is kept: counts are exact, lists are cut.": (
            evidence.truncated and not evidence.unread
        ),
    }
    return [text for text, applies in missing.items() if applies] + list(_ALWAYS_BLIND)


def response_commands(evidence: Evidence) -> list[Command]:
    """Containment in safe order, for the responder's own rights; nothing of it is done by us.

    Where an id is unknown, or has not the form of one, a name in capitals stands in its place.
    """
    entra = evidence.account_object_id
    ours = (account for account in evidence.account_ids if _ATLASSIAN_ID.fullmatch(account))
    user = f"https://api.atlassian.com/users/{next(ours, 'ATLASSIAN-ACCOUNT-ID')}/manage"
    values = {
        "EPISODE": evidence.episode_id,
        "ENTRA": entra if _ENTRA_ID.fullmatch(entra) else "ENTRA-OBJECT-ID",
        "CURL": "curl --fail-with-body --header "
        '"Authorization: Bearer $ATLASSIAN_API_KEY" --request',
        "USER": user,
    }
    return [Command(*(_filled(part, values) for part in command)) for command in _COMMANDS]


def _by_machine(evidence: Evidence) -> bool:
    return evidence.scripted_agent or evidence.access_rate_per_minute > _SCRIPTED_RATE


def _filled(template: str, values: Mapping[str, str]) -> str:
    """One pass over the template: a value that looks like a name stays as it is."""
    return _NAME.sub(lambda match: values[match[1]], template)


_LOOK_ALIKES = {
    "Content migration": "Which approved migration names <WHO> and <FIRST> to <LAST>?",
    "Documentation audit by writers": "Can the lead of <WHO> name the audit or link check that "
    "covers <SPACES>, and did edits go with the reading?",
    "Search indexing crawler": "Is <WHO> the account of the search connector, does <ADDRESS> "
    "belong to it, and is this its schedule?",
    "Onboarding": "Did <WHO> join or change team in the last 30 days, for work these pages serve?",
    "Backup or archival": "Which scheduled backup runs as <WHO>, and is this export in its store?",
    "Developer tooling": "Can <WHO> show the editor plug-in, pipeline or assistant that runs as "
    "<AGENT> from <ADDRESS>, and does its own log have these calls?",
}

_ALWAYS_BLIND = (
    (
        "Reading through the API can be invisible: one list request returns up to 250 pages with "
        "their bodies and is no page view. More may have been read than is counted."
    ),
    (
        "Views and exports are reported only with some Atlassian plans (Guard Standard with a "
        "Premium or Enterprise product, Guard Premium, Cloud Enterprise), or by a Defender session "
        "policy, which sees proxied browsers only."
    ),
    "Records can arrive hours late: the numbers may still grow.",
    "Search texts are masked: the policy's terms are kept, every other word is ***.",
)

_COMMANDS = (
    Command(
        "Keep the evidence before anything changes",
        "python -m detector alerts show <EPISODE> --html evidence.html",
        "nothing to undo",
    ),
    Command(
        "End the Entra sessions",
        "Connect-MgGraph -Scopes User.RevokeSessions.All\n"
        "Revoke-MgUserSignInSession -UserId '<ENTRA>'",
        "nothing to undo: the person signs in again",
    ),
    Command(
        "Deactivate the managed Atlassian account: its sessions there are not Entra's",
        "<CURL> POST '<USER>/lifecycle/disable' --json '{\"message\": \"Under investigation\"}'",
        "<CURL> POST '<USER>/lifecycle/enable'",
    ),
    Command(
        "Block sign-in to Entra, once compromise is confirmed",
        "Connect-MgGraph -Scopes User.EnableDisableAccount.All, User.Read.All\n"
        "Update-MgUser -UserId '<ENTRA>' -AccountEnabled:$false",
        "Update-MgUser -UserId '<ENTRA>' -AccountEnabled:$true",
    ),
    Command(
        "Delete its Atlassian API tokens, which pass by single sign-on: list them, then each by id",
        "<CURL> GET '<USER>/api-tokens'\n<CURL> DELETE '<USER>/api-tokens/TOKEN-ID'",
        "cannot be undone: the owner makes new tokens",
    ),
)
