"""Reads the store in the end, row by row, and compares it with the truth of the workload."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, fields

from detector.adapters.graph.payload import marker
from detector.core.activity import user_of
from detector.core.episode import Episode
from detector.core.instant import DAY, parse_instant
from detector.ports import Row, Rows
from detector.state.episodes import Episodes
from detector.state.keys import COUNTERS, MARKS, WINDOWS
from detector.state.segment import unpack
from detector.state.store import State
from tests.soak.hub import SOURCE
from tests.soak.workload import THRESHOLD, Fact, Truth

Active = Callable[[str], int]
"""Incidents in the responders' queue with this marker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is wrong: every number is 0 where nothing is.

    lost: produced and not stored. double: stored more than once. strange: stored, never produced.
    windows_wrong: users whose window row says another total, or another verdict, than the truth.
    """

    lost: int
    double: int
    strange: int
    dead_missing: int
    dead_strange: int
    marks_left: int
    outbox_left: int
    windows_wrong: int
    episodes_missing: int
    episodes_strange: int
    revisions_unsent: int
    incidents_not_one: int

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not any(getattr(self, one.name) for one in fields(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How much was looked at; `gaps` are messages that health believes to be missing."""

    events: int
    rows: int
    dead: int
    episodes: int
    gaps: int


async def referee(rows: Rows, truth: Truth, active: Active, now: int) -> tuple[Verdict, Counts]:
    """Judge the store at `now`; `active` answers for the sink."""
    stored, segments = await _stored(rows)
    dead = await _dead(rows)
    marks = await rows.scan_all(MARKS)
    left = [mark for mark in marks if mark.partition not in {"due", "outbox"}]
    outbox = [mark for mark in marks if mark.partition == "outbox"]
    episodes = [one.episode for one in await Episodes(rows).every()]
    opened = Counter(episode.account_object_id for episode in episodes)
    produced = sum(map(len, truth.facts.values()))
    found = {user: set(facts) for user, facts in stored.items()}
    verdict = Verdict(
        lost=sum(len(facts - found.get(user, set())) for user, facts in truth.facts.items()),
        double=sum(facts.total() - len(facts) for facts in stored.values()),
        strange=sum(len(facts - truth.facts.get(user, set())) for user, facts in found.items()),
        dead_missing=len(truth.dead - dead.keys()),
        dead_strange=dead.total() - len(truth.dead & dead.keys()),
        marks_left=len(left),
        outbox_left=len(outbox),
        windows_wrong=await _windows_wrong(rows, truth, now),
        episodes_missing=len(truth.hits - opened.keys()),
        episodes_strange=opened.total() - len(truth.hits & opened.keys()),
        revisions_unsent=sum(map(_is_unsent, episodes)),
        incidents_not_one=sum(active(marker(e.episode_id)) != 1 for e in episodes),
    )
    counts = Counts(
        events=produced,
        rows=segments,
        dead=len(truth.dead),
        episodes=len(truth.hits),
        gaps=sum(source.gaps for source in await State(rows).meta.sources()),
    )
    return verdict, counts


async def _stored(rows: Rows) -> tuple[dict[str, Counter[Fact]], int]:
    """Every event of every row by user, once for each event id; and how many rows there are."""
    events: dict[bytes, tuple[str, Fact]] = {}
    count = 0
    for table in await rows.tables(COUNTERS):
        for row in await rows.scan_all(table):
            count += 1
            data = row.values["Data"]
            assert isinstance(data, bytes)
            for activity in unpack(data):
                fact = (activity.page_title, activity.at)
                events[activity.event_id] = (activity.session.account_object_id, fact)
                assert row.key.startswith(f"{user_of(activity.session)}|")
    stored: defaultdict[str, Counter[Fact]] = defaultdict(Counter)
    for user, fact in events.values():
        stored[user][fact] += 1
    return stored, count


async def _dead(rows: Rows) -> Counter[tuple[int, int, int]]:
    letters = [letter.rejected for letter in await State(rows).dead_letters.every()]
    return Counter((_partition(one.source), one.sequence, one.index) for one in letters)


def _partition(source: str) -> int:
    name = source.removeprefix(f"{SOURCE}/")
    return int(name) if name.isdigit() else -1


async def _windows_wrong(rows: Rows, truth: Truth, now: int) -> int:
    """Users whose row does not say what the truth says of the instant it was judged at."""
    windows = {str(row.values["AccountObjectId"]): row for row in await rows.scan_all(WINDOWS)}
    return sum(not _agrees(windows.get(user), facts, now) for user, facts in truth.facts.items())


def _agrees(row: Row | None, facts: set[Fact], now: int) -> bool:
    """A user whose events are all older than the window has no row."""
    at = parse_instant(str(row.values["AsOf"])) if row else now
    total = sum(moment > at - DAY for _, moment in facts)
    if row is None:
        return total == 0
    return row.values["TotalActions"] == total and row.values["IsHit"] == (total > THRESHOLD)


def _is_unsent(episode: Episode) -> bool:
    delivery = episode.deliveries.get("defender")
    return delivery is None or delivery.sent_revision != episode.revision
