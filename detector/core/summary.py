"""The query's `summarize`: one row of counters per session, and the same per user."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from detector.core.activity import HASHED, Activity, Session, hashed
from detector.core.instant import minutes_between
from detector.core.vocabulary import Vocabulary

_ACTION_TYPES, _SAMPLE_TITLES, _SEARCHES = 8, 10, 5
"""The caps of the query's three make_set calls."""

_by_time = attrgetter("at", "event_id")


def _first_distinct(values: Iterable[str], most: int) -> tuple[str, ...]:
    """make_set with the free choice fixed: the first distinct values in order of time."""
    return tuple(islice(dict.fromkeys(values), most))


@dataclass(frozen=True)
class Summary:
    """A row of the query before `where`: counters of `activities`, none of which is missing.

    Only made from at least one activity that counts and is inside the window.
    """

    session: Session
    total_actions: int
    unique_pages: int
    unique_spaces: int
    sensitive_search_count: int
    export_count: int
    download_count: int
    space_export_count: int
    first_activity: int
    last_activity: int
    activities: Sequence[Activity]

    @property
    def duration_minutes(self) -> int:
        """Minute boundaries between the first and the last activity, at least 1."""
        return max(minutes_between(self.first_activity, self.last_activity), 1)

    @property
    def access_rate_per_minute(self) -> float:
        """Actions per minute, rounded to two places before anything compares it.

        KQL scales, rounds and divides; Python's round(x, 2) differs in a few thousand cases.
        """
        return round(self.total_actions / self.duration_minutes * 100) / 100

    @cached_property
    def in_time_order(self) -> Sequence[Activity]:
        """The activities, oldest first."""
        return sorted(self.activities, key=_by_time)

    @cached_property
    def action_types(self) -> tuple[str, ...]:
        """At most 8 action names, in their original spelling."""
        return _first_distinct((a.action_type for a in self.in_time_order), _ACTION_TYPES)

    @cached_property
    def sample_titles(self) -> tuple[str, ...]:
        """At most 10 page titles; one of which only a stand-in was kept is no sample."""
        titles = (a.page_title for a in self.in_time_order if a.page_title[:1] != HASHED)
        return _first_distinct(titles, _SAMPLE_TITLES)

    @cached_property
    def sensitive_terms_found(self) -> tuple[str, ...]:
        """At most 5 search texts, harmless ones included: that is what the query collects."""
        return _first_distinct((a.search for a in self.in_time_order), _SEARCHES)


def _distinct(values: Iterable[str]) -> int:
    """dcount, exact: "" is a value; a text and the hash kept in its place are one."""
    distinct = set(values)
    if not any(value[:1] == HASHED for value in distinct):
        return len(distinct)
    return len(set(map(hashed, distinct)))


def summarise(
    session: Session, activities: Sequence[Activity], vocabulary: Vocabulary
) -> Summary | None:
    """The summary of the activities that count, or None when none does."""
    kind, is_sensitive = vocabulary.kind, vocabulary.is_sensitive
    kinds = [kind(a.action_type) for a in activities]
    counted = [a for a, k in zip(activities, kinds, strict=True) if k.counts]
    if not counted:
        return None
    moments = [a.at for a in counted]
    return Summary(
        session=session,
        total_actions=len(counted),
        unique_pages=_distinct([a.page_title for a in counted]),
        unique_spaces=_distinct([a.space_key for a in counted]),
        sensitive_search_count=sum(is_sensitive(a.terms) for a in counted if a.terms),
        export_count=sum(k.export for k in kinds),
        download_count=sum(k.download for k in kinds),
        space_export_count=sum(k.space_export for k in kinds),
        first_activity=min(moments),
        last_activity=max(moments),
        activities=counted,
    )


def by_session(activities: Iterable[Activity]) -> dict[Session, list[Activity]]:
    """The query's `by` clause."""
    groups: dict[Session, list[Activity]] = {}
    for activity in activities:
        groups.setdefault(activity.session, []).append(activity)
    return groups


class Counters(NamedTuple):
    """What the visible columns of a stored segment say; instants are 0 where nothing counts."""

    total: int
    sensitive: int
    exports: int
    downloads: int
    first: int
    last: int


def counters(activities: Iterable[Activity], vocabulary: Vocabulary) -> Counters:
    """The columns of a summary that may be added up over segments without an event twice."""
    kinds = [(a, vocabulary.kind(a.action_type)) for a in activities]
    counted = [(a, kind) for a, kind in kinds if kind.counts]
    moments = [a.at for a, _ in counted] or [0]
    return Counters(
        total=len(counted),
        sensitive=sum(vocabulary.is_sensitive(a.terms) for a, _ in counted if a.terms),
        exports=sum(kind.export for _, kind in counted),
        downloads=sum(kind.download for _, kind in counted),
        first=min(moments),
        last=max(moments),
    )
