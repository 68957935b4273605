"""What a user's window tells beyond the query's counters: what followed a search, and when."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from detector.core.activity import Activity
from detector.core.instant import MINUTE, floor_minute
from detector.core.vocabulary import Vocabulary

FOLLOWED_WITHIN = 10 * MINUTE
"""What happens this long after a sensitive search is taken as its consequence."""


@dataclass(frozen=True, slots=True)
class Chain:
    """One sensitive search and what the same user did within ten minutes after it."""

    search: Activity
    opened: tuple[Activity, ...]
    taken: tuple[Activity, ...]


def chains(ordered: Sequence[Activity], vocabulary: Vocabulary) -> Iterator[Chain]:
    """Each sensitive search of activities in time order, with what was opened and taken next.

    Taken: exports and downloads. Opened: every other counted activity that is not a search.
    """
    for position, search in enumerate(ordered):
        if not vocabulary.is_sensitive(search.terms):
            continue
        opened: list[Activity] = []
        taken: list[Activity] = []
        for after in ordered[position + 1 :]:
            if after.at - search.at > FOLLOWED_WITHIN:
                break
            kind = vocabulary.kind(after.action_type)
            if kind.export or kind.download:
                taken.append(after)
            elif kind.counts and not after.search:
                opened.append(after)
        yield Chain(search, tuple(opened), tuple(taken))


def per_minute(activities: Sequence[Activity]) -> dict[int, int]:
    """Actions in each minute that has any, keyed by the minute's start in ticks, in order."""
    return dict(sorted(Counter(floor_minute(a.at) for a in activities).items()))
