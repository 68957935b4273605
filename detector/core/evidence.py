"""Evidence: the facts of a hit as they are kept. `core.freeze` makes them.

Only facts: the wording is `core.report`'s and `core.playbook`'s. Instants are ticks.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from detector.core.episode import Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One threshold of a gate or the indicator: `value` is above `threshold` where it `held`."""

    gate: str
    column: str
    value: float
    threshold: float
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvidence:
    """One session of the window; gates and indicator are empty where it passes none."""

    ip_address: str
    user_agent: str
    total_actions: int
    unique_pages: int
    unique_spaces: int
    sensitive_search_count: int
    export_count: int
    download_count: int
    access_rate_per_minute: float
    first_activity: int
    last_activity: int
    gates: tuple[str, ...]
    indicator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchEvidence:
    """A search text as masked, the sensitive terms in it, and what followed in ten minutes."""

    text: str
    terms: tuple[str, ...]
    times: int
    first_at: int
    opened: tuple[str, ...]
    taken: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One export or download."""

    at: int
    action_type: str
    page_title: str
    space_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A text and how many actions named it."""

    text: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything an incident and its page say, as facts. Instants are ticks.

    `follows` is the episode's revision before this one, 0 is none.
    """

    episode_id: str
    revision: int
    follows: int
    number: int
    user: str
    transition: Transition
    frozen_at: int
    opened_at: int
    closed_at: int
    severity: str
    indicator: str
    gates: tuple[str, ...]
    source_alone: bool
    policy: str
    policy_fingerprint: str
    time_window_hours: int
    account_object_id: str
    account_display_name: str
    account_ids: tuple[str, ...]
    privileged: str
    ip_addresses: tuple[Counted, ...]
    user_agents: tuple[Counted, ...]
    countries: tuple[Counted, ...]
    providers: tuple[Counted, ...]
    first_activity: int
    last_activity: int
    total_actions: int
    unique_pages: int
    unique_spaces: int
    sensitive_search_count: int
    export_count: int
    download_count: int
    space_export_count: int
    access_rate_per_minute: float
    opened_after_search: int
    taken_after_search: int
    scripted_agent: bool
    peak_minute: int
    peak_actions: int
    minutes: tuple[tuple[int, int], ...]
    conditions: tuple[Condition, ...]
    sessions: tuple[SessionEvidence, ...]
    session_count: int
    spaces: tuple[Counted, ...]
    pages: tuple[Counted, ...]
    searches: tuple[SearchEvidence, ...]
    taken: tuple[Taken, ...]
    truncated: bool
    unread: int = 0


def revisions_until(prepared: Iterable[Evidence], revision: int) -> list[Evidence]:
    """What an episode has been, oldest first, from its newest `revision` back.

    Not all that was prepared became a revision: who prepares it may lose the episode, or die.
    """
    found: list[Evidence] = []
    for evidence in sorted(prepared, key=lambda evidence: -evidence.revision):
        if evidence.revision <= revision:
            found.insert(0, evidence)
            revision = evidence.follows
    return found
