"""What was delivered, and what must therefore be true when everything has settled."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from detector.core.activity import Activity, Rejected, Session, union, user_of
from detector.core.episode import Delivery, Episode, is_worse
from detector.core.instant import DAY, HOUR, parse_instant
from detector.core.reading import Message
from detector.core.rules import Verdict
from detector.ingest import _too_old
from detector.sources.cloud_app_events import CloudAppEvents
from detector.state.dead_letters import _letter
from detector.state.keys import (
    COUNTERS,
    DAYS_KEPT,
    DEAD_LETTERS,
    MARKS,
    META,
    MUTES,
    WINDOWS,
    bucket_of,
)
from detector.state.marks import DUE
from detector.state.mutes import _mute, covers
from detector.state.segment import unpack
from detector.state.windows import _MOMENTS, _values, columns
from tests.simulation.hub import Partition
from tests.simulation.referee import Referee

if TYPE_CHECKING:
    from tests.simulation.world import World

Place = tuple[str, int, int, str]


class Truth:
    """All delivered events and rejections, by a reading of its own."""

    def __init__(self, referee: Referee, reader: CloudAppEvents) -> None:
        self._referee = referee
        self._reader = reader
        self.users: dict[str, dict[bytes, Activity]] = {}
        self.rejected: set[Place] = set()
        self._read: dict[Message, tuple[list[Activity], list[Rejected]]] = {}
        self._checked: dict[tuple[str, int], int] = {}

    def delivered(self, message: Message, epoch: int) -> None:
        """A message has arrived at the hub."""
        del epoch
        reading = self._reader.read([message])
        assert message.enqueued is not None
        cutoff = message.enqueued - message.enqueued % DAY - DAYS_KEPT * DAY
        kept = [a for a in reading.activities if a.at >= cutoff]
        too_old = [_too_old(a) for a in reading.activities if a.at < cutoff]
        rejected = [*reading.rejected, *too_old]
        self._read[message] = kept, rejected
        self.rejected.update(map(_place, rejected))
        for activity in kept:
            known = self.users.setdefault(user_of(activity.session), {})
            known.update(union([activity, *filter(None, [known.get(activity.event_id)])]))

    def check_durable(self, partition: Partition) -> None:
        """I7: whatever is checkpointed is in the store."""
        place = (partition.name, partition.epoch)
        begin = self._checked.get(place, 0)
        letters = self._letters() if begin < partition.checkpoint else set()
        for message in partition.messages[begin : partition.checkpoint]:
            kept, rejected = self._read[message]
            for activity in kept:
                if not self._referee.has(user_of(activity.session), activity.event_id):
                    self._referee.blame(
                        "I7 checkpointed but not durable:", *place, message.sequence
                    )
            if not letters.issuperset(map(_place, rejected)):
                self._referee.blame("I7 checkpointed, no dead letter:", *place, message.sequence)
        self._checked[place] = max(begin, partition.checkpoint)

    def _letters(self) -> set[Place]:
        rows = self._referee.tables.rows(DEAD_LETTERS)
        return {_place(_letter(row).rejected) for row in rows}

    # Quiescence ------------------------------------------------------------------------------

    def check(self, world: "World") -> None:
        """Everything has been consumed, judged and sent."""
        self._check_union()
        self._check_dead_letters()
        self._check_coverage()
        self.check_verdicts(world)
        self._check_sent(world)

    def _check_union(self) -> None:
        """I1: the state is the union of what was delivered, no more and no less."""
        rows = [
            row
            for name in self._referee.tables.names(COUNTERS)
            for row in self._referee.tables.rows(name)
        ]
        found: dict[str, list[Activity]] = {}
        for row in rows:
            data = row.values["Data"]
            assert isinstance(data, bytes)
            found.setdefault(row.key.partition("|")[0], []).extend(unpack(data))
        for user in sorted({*found, *self.users}):
            if union(found.get(user, [])) != self.users.get(user, {}):
                self._referee.blame("I1 the union of the segments is not what came:", user)
            self._check_summaries(user, found.get(user, []), self.users.get(user, {}).values())

    def _check_summaries(
        self, user: str, found: Iterable[Activity], came: Iterable[Activity]
    ) -> None:
        """I1 as the query sees it: each session and the roll-up, at four instants."""
        for back in (0, HOUR, 6 * HOUR, 3 * DAY):
            at = self._referee.now - back
            kept, true = (self._referee.verdict(list(rows), at) for rows in (found, came))
            if _rows(kept) != _rows(true):
                self._referee.blame("I1 a summary is not the query's:", user, back)

    def _check_dead_letters(self) -> None:
        """I6: exactly what could not be read."""
        found = self._letters()
        if found != self.rejected:
            lost, more = len(self.rejected - found), len(found - self.rejected)
            self._referee.blame("I6 dead letters:", lost, "lost,", more, "too many")

    def _check_coverage(self) -> None:
        """I9: every event was judged at an instant at which the window held it."""
        for user, events in self.users.items():
            if missed := events.keys() - self._referee.judged.get(user, set()):
                ages = [(self._referee.now - events[e].at) / HOUR for e in sorted(missed)]
                self._referee.blame("I9 never judged:", user, [f"{age:.2f} h" for age in ages])

    def check_verdicts(self, world: "World") -> None:
        """I1, I2: sessions, user, window row and episode are those of all that was delivered."""
        for user, events in self.users.items():
            episodes = self._referee.episodes.get(user, {})
            latest = episodes[max(episodes)] if episodes else None
            self._check_window(user, events.values())
            self._check_episode(world, user, events.values(), latest)

    def _check_window(self, user: str, events: Iterable[Activity]) -> None:
        """The row says what the query would have said at its instant."""
        row = self._referee.tables.get(WINDOWS, bucket_of(user), user)
        if row is None:
            if self._referee.verdict(events, self._referee.now).user_summary is not None:
                self._referee.blame("I1 no window row:", user)
            return
        verdict = self._referee.verdict(events, parse_instant(str(row.values["AsOf"])))
        said = _values(verdict, 0) or {}
        told = {name: row.values[name] for name in said.keys() - _MOMENTS}
        if said.keys() - _MOMENTS != {n for n in said if said[n] == told.get(n)}:
            wrong = {n: (told.get(n), said[n]) for n in said if said[n] != told.get(n)}
            self._referee.blame("I1 the window row is not the query's:", user, wrong)

    def _check_episode(
        self, world: "World", user: str, events: Iterable[Activity], latest: Episode | None
    ) -> None:
        since = self._referee.settled_until(user)
        counted = [a for a in events if a.at > since]
        judgement = world.evaluator.judgement(user, counted, self._referee.now)
        is_open = latest is not None and latest.is_open
        if judgement.verdict.is_hit != is_open:
            self._referee.blame("I2 is a hit:", judgement.verdict.is_hit, "open:", is_open, user)
        elif latest is not None and is_open and is_worse(judgement, latest):
            self._referee.blame("I2 worse than its episode:", user)

    def _check_sent(self, world: "World") -> None:
        """I3, I4, I5."""
        held: set[str] = set()
        for episodes in self._referee.episodes.values():
            for episode in episodes.values():
                if self._is_held(episode):
                    held.add(f"{episode.user}|{episode.number:06d}")
                else:
                    self._check_delivery(world, episode)
        rows = [row for row in self._referee.tables.rows(MARKS) if row.key not in held]
        if left := dict(Counter(row.partition for row in rows if row.partition != DUE)):
            self._referee.blame("I5 marks left:", left)

    def _is_held(self, episode: Episode) -> bool:
        """Whether a person has muted the user, and nothing was sent before."""
        if any(delivery.sent_revision for delivery in episode.deliveries.values()):
            return False
        rows = [row for row in self._referee.tables.rows(MUTES) if row.key.startswith(episode.user)]
        return covers(map(_mute, rows), episode.gates, self._referee.now)

    def _check_delivery(self, world: "World", episode: Episode) -> None:
        delivery = episode.deliveries.get(world.sink.name, Delivery())
        if delivery.sent_revision != episode.revision:
            self._referee.blame("I4 not sent:", episode.episode_id, delivery.sent_revision)
            return
        if (taken := self._referee.taken.get(episode.episode_id, 0)) != episode.revision:
            self._referee.blame("I4 sent, but not told:", episode.episode_id, taken)
        incidents = world.graph.incidents_of(episode.episode_id)
        if len(incidents) != 1:
            self._referee.blame("I3 incidents of one episode:", len(incidents))

    def check_over(self, world: "World") -> None:
        """The window has passed: nobody is a hit, nothing waits."""
        self.check_verdicts(world)
        self._check_sent(world)
        if left := [row.key for row in self._referee.tables.rows(MARKS) if row.partition == DUE]:
            self._referee.blame("I5 marks left in the end:", left)

    def check_expired(self) -> None:
        """Nothing of a person is left; what is kept longer is nobody's data."""
        tables = self._referee.tables
        kept = [name for name in tables.names("") if tables.rows(name) and name != META]
        if kept:
            self._referee.blame("kept longer than it may be:", kept)


def _rows(verdict: Verdict) -> dict[Session | None, dict[str, object]]:
    """The query's columns of each session, and of the user as None."""
    of_user = {None: verdict.user_summary} if verdict.user_summary else {}
    summaries = {**of_user, **{summary.session: summary for summary in verdict.sessions}}
    return {key: columns(summary, "") for key, summary in summaries.items()}


def _place(rejected: Rejected) -> Place:
    return rejected.source, rejected.sequence, rejected.index, rejected.sha256
