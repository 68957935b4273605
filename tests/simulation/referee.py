"""The referee sees every write at the service and holds what must be true at each of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from detector.core.activity import Activity, union
from detector.core.episode import Ending, Episode
from detector.core.evidence import Evidence
from detector.core.policy import Policy
from detector.core.rules import Verdict, judge_user
from detector.core.vocabulary import Vocabulary
from detector.ports import Operation, Row, Transaction
from detector.state.keys import COUNTERS, DAYS_KEPT, EPISODES, counters_table
from detector.state.ledger import Loaded
from detector.state.segment import unpack
from tests.simulation.requests import Task
from tests.simulation.rows import Tables
from tests.simulation.scheduler import Scheduler

_decode_episode = msgspec.json.Decoder(Episode).decode


@dataclass(slots=True)
class Reading:
    """What one evaluation of a user has read so far."""

    since: int = 0
    known: int = 0
    activities: Sequence[Activity] = ()
    covered: set[bytes] = field(default_factory=set[bytes])


class Referee:
    """Keeps, beside the store, what was ever in it; collects violations."""

    def __init__(
        self, scheduler: Scheduler, tables: Tables, policy: Policy, vocabulary: Vocabulary
    ) -> None:
        self.violations: list[str] = []
        self.policy = policy
        self.vocabulary = vocabulary
        self.places: dict[tuple[str, str], Counter[bytes]] = {}
        self.durable: dict[str, list[Activity]] = {}
        self.episodes: dict[str, dict[int, Episode]] = {}
        self.revisions: dict[tuple[str, int], Episode] = {}
        self.taken: dict[str, int] = {}
        self.judged: dict[str, set[bytes]] = {}
        self._known: dict[str, dict[bytes, int]] = {}
        self._copies: set[Activity] = set()
        self._seen_at: dict[str, int] = {}
        self._segments: dict[bytes, list[Activity]] = {}
        self._readings: dict[Task, Reading] = {}
        self._scheduler = scheduler
        self.tables = tables
        tables.on_applied = self._applied
        tables.on_dropped = self._dropped

    @property
    def now(self) -> int:
        """The world's clock."""
        return self._scheduler.now

    def blame(self, *words: object) -> None:
        """Something that must never happen has happened."""
        text = " ".join(map(str, words))
        self._scheduler.log("VIOLATION", text)
        self.violations.append(text)

    def verdict(self, activities: Iterable[Activity], at: int, *, bounded: bool = False) -> Verdict:
        """What the query says, each event once."""
        each_once = list(union(activities).values())
        return judge_user(each_once, at, self.policy, self.vocabulary, bounded=bounded)

    def has(self, user: str, event_id: bytes) -> bool:
        """Whether some row holds the event now."""
        return any(event_id in ids for (_, u), ids in self.places.items() if u == user)

    def activities_in(self, row: Row | Operation) -> list[Activity]:
        """What a segment's row holds."""
        data = row.values["Data"]
        assert isinstance(data, bytes)
        if data not in self._segments:
            self._segments[data] = unpack(data)
        return self._segments[data]

    def settled_until(self, user: str) -> int:
        """What came before has been resolved by a person."""
        episodes = self.episodes.get(user, {}).values()
        ends = [e.closed_at for e in episodes if e.ending is Ending.RESOLVED]
        return max(ends, default=0)

    # What is written -------------------------------------------------------------------------

    def _applied(self, transaction: Transaction, before: dict[str, Row | None]) -> None:
        if transaction.table.startswith(COUNTERS):
            self._counters(transaction, before)
        elif transaction.table == EPISODES:
            for operation in transaction.operations:
                self._episode(operation, before[operation.key])

    def _counters(self, transaction: Transaction, before: dict[str, Row | None]) -> None:
        """I7: the union only ever grows."""
        gone: list[tuple[str, bytes]] = []
        for operation in transaction.operations:
            user = operation.key.partition("|")[0]
            replaced = before[operation.key]
            if replaced and replaced.values["Data"] == operation.values.get("Data"):
                continue
            ids = self.places.setdefault((transaction.table, user), Counter())
            if operation.kind != "delete":
                self._add(user, ids, self.activities_in(operation))
            if replaced is not None:
                ids.subtract(activity.event_id for activity in self.activities_in(replaced))
                empty = [event_id for event_id, rows in ids.items() if not rows]
                gone += [(user, event_id) for event_id in empty]
                for event_id in empty:
                    del ids[event_id]
        for user, event_id in gone:
            if event_id not in self.places[transaction.table, user]:
                self.blame("I7 an activity left the state:", user, event_id.hex())

    def _add(self, user: str, ids: Counter[bytes], activities: Iterable[Activity]) -> None:
        durable = self.durable.setdefault(user, [])
        known = self._known.setdefault(user, {})
        for activity in activities:
            ids[activity.event_id] += 1
            if activity not in self._copies:
                self._copies.add(activity)
                known[activity.event_id] = activity.at
                durable.append(activity)

    def _dropped(self, table: str) -> None:
        now = self._scheduler.now
        if table.startswith(COUNTERS) and table >= counters_table(now - DAYS_KEPT * 864 * 10**9):
            self.blame("I7 a day was dropped that is still kept:", table)
        for place in [place for place in self.places if place[0] == table]:
            del self.places[place]

    def _episode(self, operation: Operation, before: Row | None) -> None:
        user, number = operation.key.split("|")
        episodes = self.episodes.setdefault(user, {})
        was = episodes.get(int(number))
        if operation.kind == "delete":
            episodes.pop(int(number), None)
            return
        after = _decode_episode(str(operation.values["Body"]))
        episodes[int(number)] = after
        self.revisions.setdefault((after.episode_id, after.revision), after)
        self._scheduler.log("episode", user[:4], number, "open" if after.is_open else "closed")
        if was is not None and before is not None:
            self._changed(was, after)
        if sum(episode.is_open for episode in episodes.values()) > 1:
            self.blame("a second open episode of one user:", user)
        if after.is_open and not (was and was.is_open):
            self._opened(after)
        self._seen_at[user] = len(self.durable.get(user, ()))

    def _changed(self, was: Episode, after: Episode) -> None:
        if after.as_of < was.as_of or after.revision < was.revision:
            self.blame("an episode went back:", was.episode_id, was.as_of, after.as_of)
        if after.episode_id != was.episode_id:
            self.blame("an episode changed its id:", was.episode_id)
        if was.is_open and not after.is_open and after.ending is Ending.BELOW:
            settled = self.settled_until(was.user)
            known = self.durable[was.user][: self._seen_at[was.user]]
            known = [activity for activity in known if activity.at > settled]
            if self.verdict(known, after.as_of).is_hit:
                self.blame("a live episode was closed by a stale reader:", was.episode_id)

    def _opened(self, episode: Episode) -> None:
        known = self.durable.get(episode.user, [])
        if self.verdict(known, episode.as_of).is_hit:
            return
        if not any(self.verdict(known, a.at, bounded=True).is_hit for a in known):
            self.blame("an episode was opened without a hit:", episode.episode_id)

    def told(self, evidence: Evidence) -> None:
        """I4: a sink is told what an episode was when it was written, and nothing else."""
        episode = self.revisions.get((evidence.episode_id, evidence.revision))
        if episode is None:
            self.blame("I4 told of a revision that never was:", evidence.revision)
            return
        for name in ("severity", "indicator", "gates", "opened_at", "closed_at", "source_alone"):
            if getattr(evidence, name) != getattr(episode, name):
                said, was = getattr(evidence, name), getattr(episode, name)
                self.blame("I4 told another", name, "than the episode's:", said, was)

    def was_told(self, evidence: Evidence) -> None:
        """A sink has taken a revision."""
        known = self.taken.get(evidence.episode_id, 0)
        self.taken[evidence.episode_id] = max(known, evidence.revision)

    # What is read ----------------------------------------------------------------------------

    def durable_in(self, user: str, days: Sequence[str], since: int) -> set[bytes]:
        """What a reader who begins now must find in these tables."""
        self._reading().known = len(self.durable.get(user, ()))
        known = self._known.get(user, {})
        found: set[bytes] = set()
        for day in days:
            found.update(self.places.get((day, user), ()))
        return {event_id for event_id in found if known[event_id] > since}

    def has_read(self, user: str, since: int, wanted: set[bytes], loaded: Loaded) -> None:
        """I8: an evaluation reads every record that was durable at its start."""
        activities = loaded.activities
        missing = wanted - {activity.event_id for activity in activities}
        if missing:
            self.blame("I8 a reader missed", len(missing), "durable activities of", user)
        reading = self._reading()
        reading.since, reading.activities = since, activities

    def covered(self, first: int, last: int | None) -> None:
        """The current task has judged what it read last, after `first` and up to `last`."""
        reading = self._reading()
        reading.covered |= {
            a.event_id
            for a in reading.activities
            if a.at > first and (last is None or a.at <= last)
        }

    def last_in_hour(self, hour: int) -> int | None:
        """The instant at which a look back at the hour judged."""
        ends = [a.at for a in self._reading().activities if hour <= a.at < hour + 36 * 10**9]
        return max(ends, default=None)

    def since(self) -> int:
        """The lower bound of what the current task read last."""
        return self._reading().since

    def completed(self, user: str) -> None:
        """The current task's evaluation of the user is over, and its marks are cleared."""
        reading = self._reading()
        self.judged.setdefault(user, set()).update(reading.covered)
        self._seen_at[user] = max(self._seen_at.get(user, 0), reading.known)
        self._readings.pop(self._task(), None)

    def _reading(self) -> Reading:
        return self._readings.setdefault(self._task(), Reading())

    def _task(self) -> Task:
        task = self._scheduler.current
        assert task is not None
        return task
