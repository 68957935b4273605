"""What a user's window tells beyond the query's counters: what followed a search, and when."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from detector.core.activity import Activity
from detector.core.instant import MINUTE, floor_minute
from detector.core.vocabulary import Vocabulary

FOLLOWED_WITHIN = 10 * MINUTE
"""What happens this long after a sensitive search is taken as its consequence."""


@dataclass(frozen=True, slots=True)
class Chain:
    """One sensitive search and what the user did within ten minutes, up to the next such search."""

    search: Activity
    opened: list[Activity] = field(default_factory=list[Activity])
    taken: list[Activity] = field(default_factory=list[Activity])


def chains(ordered: Sequence[Activity], vocabulary: Vocabulary) -> list[Chain]:
    """Each sensitive search of activities in time order, with what was opened and taken next.

    Taken: exports and downloads. Opened: every other counted activity that is not a search. Each
    follows the latest search only, so the work grows with the activities, not with their square.
    """
    found: list[Chain] = []
    for activity in ordered:
        if vocabulary.is_sensitive(activity.terms):
            found.append(Chain(activity))
        elif found and activity.at - found[-1].search.at <= FOLLOWED_WITHIN:
            kind = vocabulary.kind(activity.action_type)
            if kind.export or kind.download:
                found[-1].taken.append(activity)
            elif kind.counts and not activity.search:
                found[-1].opened.append(activity)
    return found


def per_minute(activities: Sequence[Activity]) -> dict[int, int]:
    """Actions in each minute that has any, keyed by the minute's start in ticks, in order."""
    return dict(sorted(Counter(floor_minute(a.at) for a in activities).items()))
