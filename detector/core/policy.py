"""Every number and term of the detection, named as ATT&CK's AN1019 names what may be tuned."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from math import inf
from typing import ClassVar

from detector.core.activity import digest
from detector.core.instant import HOUR

SEVERITIES = ("informational", "low", "medium", "high")
_DAYS_KEPT = 8
_LONGEST_MUTE = 365
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_NAME = r"[^.\[\]]+(?:\[[0-9]{1,6}\])*"
_PATH = re.compile(rf"{_NAME}(?:\.{_NAME})*")


class PolicyError(ValueError):
    """A policy that cannot work; the message names the key."""


def _require(condition: object, message: str) -> None:
    if not condition:
        raise PolicyError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessThreshold:
    """The query's `where`: a gate opens when a column is greater than its number; null never.

    AN1019 AccessThreshold: how much one user reads, searches or exports before it counts.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    bulk_access: int | None = 40
    sensitive_searches: int | None = 0
    exports: int | None = 5
    spaces: int | None = 5
    actions_with_spaces: int | None = 20
    space_exports: int | None = None
    """Not in the query: whole-space exports. 0 makes the first one decisive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorThreshold:
    """The query's `case`: the first number that its column exceeds names the indicator."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    access_rate_per_minute: float | None = 10.0
    sensitive_searches: int | None = 0
    exports: int | None = 5
    spaces: int | None = 10
    total_actions: int | None = 100
    space_exports: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """Where a record's RawEventData may hold each text: dotted paths, `name[0]` for an element.

    The first path that yields a text that is not empty wins, as KQL's coalesce.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    search_query: tuple[str, ...] = ("searchQuery",)
    space_key: tuple[str, ...] = ("spaceKey",)
    page_title: tuple[str, ...] = ("pageTitle",)

    def __post_init__(self) -> None:
        """Refuse what is no path, naming the key."""
        for key, paths in asdict(self).items():
            for path in paths:
                is_path = _PATH.fullmatch(path) is not None
                _require(is_path, f"fields.{key}: {path[:80]!r} is no path such as a.b[0].c")


@lru_cache(256)
def steps(path: str) -> tuple[str | int, ...]:
    """A path of `Fields`, taken apart: names of properties, and places of elements from 0."""
    return tuple(int(place) if place else name for name, place in _STEP.findall(path))


MEASURES = frozenset(
    (
        "total_actions unique_pages unique_spaces sensitive_search_count export_count"
        " download_count space_export_count access_rate_per_minute opened_after_search"
        " taken_after_search scripted_agent privileged"
    ).split()
)
"""What a severity rule may ask about; `core.severity.measures` computes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityRule:
    """Holds when every named measure of the user's window is above its number."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str
    severity: str
    above: Mapping[str, float]

    def __post_init__(self) -> None:
        """Refuse unknown severities and measures."""
        where = f"severity_rules {self.name!r}"
        _require(self.severity in SEVERITIES, f"{where}: {self.severity!r} is no severity")
        unknown = sorted(set(self.above) - MEASURES)
        _require(not unknown, f"{where}: no such measure: {', '.join(unknown)}")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What counts, how much of it is a finding, and from which severity an incident is sent."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str
    apps: tuple[str, ...]
    actions: tuple[str, ...]
    """The action names that count, compared as KQL's `in~`."""
    export_actions: tuple[str, ...]
    download_actions: tuple[str, ...]
    space_export_actions: tuple[str, ...] = ()
    known_actions: tuple[str, ...] = ()
    """Action names that do not count and are no news either: not reported as unmapped."""
    sensitive_search_terms: tuple[str, ...]
    time_window_hours: int = 24
    access_threshold: AccessThreshold = field(default_factory=AccessThreshold)
    indicator_threshold: IndicatorThreshold = field(default_factory=IndicatorThreshold)
    fields: Fields = field(default_factory=Fields)
    gate_users: bool = False
    """Whether the user's merged window must pass the gates too (an address rotated per request)."""
    severity_rules: tuple[SeverityRule, ...] = ()
    """The first that holds gives the severity; none: informational."""
    minimum_severity: str = "informational"
    mute_days: int = 30
    """How long a person's classification as benign mutes the user for the gates that held."""
    user_context: tuple[str, ...] = ()
    """AN1019 UserContext: account types (AccountType) that are privileged."""
    agent_filter: tuple[str, ...] = ()
    """AN1019 AgentFilter: words in a user agent that tell of a script."""

    def __post_init__(self) -> None:
        """Refuse what could never work, naming the key."""
        longest = (_DAYS_KEPT - 1) * 24
        _require(
            1 <= self.time_window_hours <= longest,
            f"time_window_hours: {self.time_window_hours} is not in 1 to {longest}",
        )
        for key in ("apps", "actions"):
            _require(getattr(self, key), f"{key}: empty, so nothing could ever count")
        for key in ("apps", "actions", "sensitive_search_terms"):
            _require(all(getattr(self, key)), f"{key}: has an empty text, which nothing can have")
        _require(
            self.minimum_severity in SEVERITIES,
            f"minimum_severity: {self.minimum_severity!r} is not one of {', '.join(SEVERITIES)}",
        )
        _require(
            1 <= self.mute_days <= _LONGEST_MUTE,
            f"mute_days: {self.mute_days} is not in 1 to {_LONGEST_MUTE}",
        )
        for group in ("access_threshold", "indicator_threshold"):
            for key, value in asdict(getattr(self, group)).items():
                in_range = value is None or 0 <= value < inf
                _require(in_range, f"{group}.{key}: {value} is no number from 0 up")

    @property
    def time_window(self) -> int:
        """AN1019 TimeWindow in ticks."""
        return self.time_window_hours * HOUR

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that change with any number or term."""
        return digest(json.dumps(asdict(self), sort_keys=True), size=8).hex()
