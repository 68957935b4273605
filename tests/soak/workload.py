"""A stream whose truth is known from how it was made, not from how the product reads it."""

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from detector.core.instant import HOUR, MINUTE, SECOND
from tests.support.events import a_record, message, user_id

QUIET, HITS, LATE = 8, 8, 4
"""Users exactly at the threshold, one event above it, and above it only thirty hours ago."""

THRESHOLD = 40
RECORDS = 20
"""In a message."""

_POISON = (b"", b"no JSON", b"\xff\xfe\x00", b"{" * 2_000)
_SPOILED = ({"Timestamp": "yesterday"}, {"ActionType": ""}, {"Timestamp": 7})

Fact = tuple[str, int]
"""The title, which no other event has, and the instant in ticks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What must be in the store in the end. `dead`: partition, sequence number, index."""

    facts: dict[str, set[Fact]] = field(default_factory=lambda: defaultdict(set))
    dead: set[tuple[int, int, int]] = field(default_factory=set)
    hits: set[str] = field(default_factory=set)
    """Object ids of the users with exactly one episode; the others have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The messages of each partition, and their truth; `copies` of records were sent again."""

    logs: dict[int, list[bytes]]
    truth: Truth
    copies: int

    @property
    def messages(self) -> int:
        """In all partitions."""
        return sum(map(len, self.logs.values()))


def make_workload(*, seed: int, events: int, users: int, partitions: int, now: int) -> Workload:
    """`events` distinct events of `users` busy users and the few around the threshold."""
    if events < 150 * users:
        raise ValueError(f"{users} users need {150 * users:,} events to be hits for certain")
    rng = random.Random(seed)
    truth = Truth()
    records = _shuffled(rng, [*_records(rng, events, users, now, truth)])
    logs: dict[int, list[bytes]] = {number: [] for number in range(partitions)}
    copies = 0
    sent: list[dict[str, object]] = []
    for number, start in enumerate(range(0, len(records), RECORDS)):
        batch = records[start : start + RECORDS]
        if rng.random() < 0.05:
            batch = [_without_report(record) for record in batch]
        else:
            sent += batch
        _send(rng, logs, batch)
        if sent and rng.random() < 0.08:
            again = rng.sample(sent, min(len(sent), rng.randrange(1, 2 * RECORDS)))
            copies += len(again)
            _send(rng, logs, again)
        if number % 40 == 7:
            _poison(rng, logs, truth)
    return Workload(logs=logs, truth=truth, copies=copies)


def _records(
    rng: random.Random, events: int, users: int, now: int, truth: Truth
) -> Iterator[dict[str, object]]:
    late = now - 30 * HOUR
    late -= late % HOUR  # within one hour, so that it is judged at one instant
    sizes = [THRESHOLD] * QUIET + [THRESHOLD + 1] * HITS + [THRESHOLD + 20] * LATE
    few = len(sizes)
    weights = [1 / (rank + 1) ** 0.8 for rank in range(users)]
    busy = rng.choices(range(few, few + users), weights, k=events - sum(sizes))
    everyone = [user for user, size in enumerate(sizes) for _ in range(size)] + busy
    for number, user in enumerate(everyone):
        title = f"Page {number}"
        at = now - rng.randrange(10 * MINUTE, 3 * HOUR)
        if QUIET + HITS <= user < few or (user >= few and rng.random() < 0.01):
            at = late + rng.randrange(5 * MINUTE, 55 * MINUTE)
        elif rng.random() < 0.01:
            at -= 17 * HOUR
        at -= at % SECOND
        truth.facts[user_id(user)].add((title, at))
        if user >= QUIET:
            truth.hits.add(user_id(user))
        yield _record(rng, at, user, title, number, is_busy=user >= few)


def _shuffled(rng: random.Random, records: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Ten by ten, so that a batch is of fewer users: a transaction on Azurite takes its time."""
    tens = [records[start : start + 10] for start in range(0, len(records), 10)]
    rng.shuffle(tens)
    return [record for ten in tens for record in ten]


def _record(
    rng: random.Random, at: int, user: int, title: str, number: int, *, is_busy: bool
) -> dict[str, object]:
    action = "PageViewed"
    if is_busy and rng.random() < 0.01:
        action = rng.choice(["AttachmentDownloaded", "ContentExported", "SpaceViewed"])
    about = {"title": title, "space": f"S{number % 3}", "report": f"r{number}"}
    return a_record(at, action, user=user, IPAddress=f"192.0.2.{rng.randrange(3)}", **about)


def _without_report(record: dict[str, object]) -> dict[str, object]:
    """Known by its position in the hub, so it is sent once only."""
    properties = record["properties"]
    assert isinstance(properties, dict)
    kept = {name: value for name, value in properties.items() if name != "ReportId"}
    return {**record, "properties": kept}


def _send(
    rng: random.Random, logs: dict[int, list[bytes]], records: Sequence[dict[str, object]]
) -> None:
    logs[rng.randrange(len(logs))].append(message([*records]))


def _poison(rng: random.Random, logs: dict[int, list[bytes]], truth: Truth) -> None:
    """A message that nobody can read, or one bad record among events of a table not ours."""
    partition = rng.randrange(len(logs))
    sequence, index, body = len(logs[partition]), 0, rng.choice(_POISON)
    if rng.random() < 0.5:
        index = rng.randrange(5)
        records = [a_record(0, user=0, Application="Exchange") for _ in range(5)]
        records[index] = a_record(0, user=0, **rng.choice(_SPOILED))
        body = json.dumps({"records": records}).encode()
    logs[partition].append(body)
    truth.dead.add((partition, sequence, index))
