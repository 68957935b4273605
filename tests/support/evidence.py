"""Evidence made to order: a credential hunter at example.com, with what a test changes."""

from dataclasses import fields, replace
from typing import Any

from detector.core.episode import Transition
from detector.core.evidence import (
    Condition,
    Counted,
    Evidence,
    SearchEvidence,
    SessionEvidence,
    Taken,
)
from detector.core.instant import MINUTE, parse_instant

START = parse_instant("2026-03-11T19:30:00Z")
AGENT = "python-requests/2.32.3"


def make_evidence(**changes: Any) -> Evidence:
    """A plausible hit: 48 actions of one person in 30 minutes, searches, downloads, an export."""
    return replace(HUNTER, **changes)


def empty_evidence() -> Evidence:
    """Evidence in which every text and list is empty and every number is zero."""
    empty = {str: "", int: 0, float: 0.0, bool: False}
    values = {
        field.name: empty.get(type(getattr(HUNTER, field.name)), ()) for field in fields(HUNTER)
    }
    return Evidence(**values | {"transition": Transition.OPENED})


def hostile_evidence(text: str) -> Evidence:
    """Evidence that has the text wherever the telemetry can put one."""
    return make_evidence(
        account_object_id=text,
        account_display_name=text,
        account_ids=(text,),
        severity="high",
        ip_addresses=(Counted(text=text, count=2), Counted(text="192.0.2.7", count=1)),
        user_agents=(Counted(text=text, count=1),),
        countries=(Counted(text=text, count=1),),
        providers=(Counted(text=text, count=1),),
        spaces=(Counted(text=text, count=1),),
        pages=(Counted(text=text, count=1),),
        searches=(
            SearchEvidence(
                text=f"*** {text} password",
                terms=("password", text),
                times=1,
                first_at=START,
                opened=(text,),
                taken=(text,),
            ),
        ),
        taken=(Taken(at=START, action_type=text, page_title=text, space_key=text),),
        sessions=(replace(SESSION, ip_address=text, user_agent=text),),
    )


SESSION = SessionEvidence(
    ip_address="203.0.113.42",
    user_agent=AGENT,
    total_actions=46,
    unique_pages=30,
    unique_spaces=4,
    sensitive_search_count=3,
    export_count=1,
    download_count=4,
    access_rate_per_minute=1.59,
    first_activity=START,
    last_activity=START + 29 * MINUTE,
    gates=("bulk_access", "credential_hunting"),
    indicator="Credential/secret hunting via search queries",
)

HUNTER = Evidence(
    episode_id="0123456789abcdef0123456789abcdef",
    revision=1,
    follows=0,
    number=1,
    user="fedcba9876543210fedcba9876543210",
    transition=Transition.OPENED,
    frozen_at=START + 31 * MINUTE,
    opened_at=START + 30 * MINUTE,
    closed_at=0,
    severity="high",
    indicator="Credential/secret hunting via search queries",
    gates=("bulk_access", "credential_hunting"),
    source_alone=True,
    policy="recommended",
    policy_fingerprint="00112233445566ff",
    time_window_hours=24,
    account_object_id="00000000-0000-0000-0000-000000000042",
    account_display_name="Mallory",
    account_ids=("mallory@example.com",),
    privileged="unknown",
    ip_addresses=(Counted(text="203.0.113.42", count=46), Counted(text="2001:db8::7", count=2)),
    user_agents=(Counted(text=AGENT, count=46),),
    countries=(Counted(text="NL", count=48),),
    providers=(Counted(text="Example Networks", count=48),),
    first_activity=START,
    last_activity=START + 29 * MINUTE,
    total_actions=48,
    unique_pages=32,
    unique_spaces=4,
    sensitive_search_count=3,
    export_count=1,
    download_count=4,
    space_export_count=0,
    access_rate_per_minute=1.59,
    opened_after_search=6,
    taken_after_search=4,
    scripted_agent=True,
    peak_minute=START + 10 * MINUTE,
    peak_actions=9,
    minutes=tuple((START + m * MINUTE, 9 if m == 10 else 2) for m in (*range(18), 25, 29)),
    conditions=(
        Condition(
            gate="bulk_access", column="total_actions", value=48.0, threshold=40.0, held=True
        ),
        Condition(
            gate="credential_hunting",
            column="sensitive_search_count",
            value=3.0,
            threshold=0.0,
            held=True,
        ),
        Condition(
            gate="space_enumeration", column="unique_spaces", value=4.0, threshold=5.0, held=False
        ),
        Condition(
            gate="space_enumeration", column="total_actions", value=48.0, threshold=20.0, held=False
        ),
        Condition(
            gate="indicator",
            column="sensitive_search_count",
            value=3.0,
            threshold=0.0,
            held=True,
        ),
    ),
    sessions=(SESSION,),
    session_count=2,
    spaces=(Counted(text="OPS", count=30), Counted(text="SEC", count=15)),
    pages=(Counted(text="Clusters runbook", count=3), Counted(text="Key rotation", count=1)),
    searches=(
        SearchEvidence(
            text="*** *** vpn *** Secret",
            terms=("secret", "vpn"),
            times=2,
            first_at=START + MINUTE,
            opened=("Key rotation",),
            taken=("Clusters runbook.pdf",),
        ),
        SearchEvidence(
            text="*** ***", terms=(), times=1, first_at=START + 2 * MINUTE, opened=(), taken=()
        ),
    ),
    taken=(
        Taken(
            at=START + 3 * MINUTE,
            action_type="attachment_downloaded",
            page_title="Clusters runbook.pdf",
            space_key="OPS",
        ),
    ),
    truncated=False,
)
