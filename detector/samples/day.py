"""A Wednesday of a small company, 2026-03-11 UTC, as Defender XDR would stream it."""

import json
from collections.abc import Iterable, Iterator
from random import Random

from detector.samples.attacks import ATTACKS
from detector.samples.bystanders import CLOUD_APP_EVENTS, Happening, bystanders
from detector.samples.look_alikes import LOOK_ALIKES
from detector.samples.member import MINUTE, TICKS_PER_SECOND, Member, Part, guid
from detector.samples.near_misses import NEAR_MISSES
from detector.samples.records import Properties, confluence_row, instant
from detector.samples.staff import STAFF

PARTS: tuple[Part, ...] = ATTACKS + NEAR_MISSES + LOOK_ALIKES + STAFF
CAST: tuple[Member, ...] = tuple(member for member, _ in PARTS)

TENANT = guid(0)
MOST_RECORDS_A_MESSAGE = 20
_LONGEST_MESSAGE = MINUTE

# When it arrives, in ticks since midnight; the table's category; the row.
_Arrival = tuple[int, str, Properties]


def company_day(seed: int = 1213) -> Iterator[bytes]:
    """The day as NDJSON lines, each one Event Hub message `{"records":[…]}`, in arrival order.

    About 2,000 records. A record arrives 10 s to 3 min after its `Timestamp`, so rows are not in
    the order of their timestamps; 1 % arrive a second time one to six minutes later, identical
    but for the envelope's `time`. The same seed gives the same bytes on every Python.
    """
    random = Random(f"{seed}/stream")
    arrivals = sorted(_arrivals(_happenings(seed), random), key=lambda arrival: arrival[0])
    for message in _messages(arrivals, random):
        random.shuffle(message)
        yield _dump({"records": [_enveloped(arrival) for arrival in message]})


def flat_rows(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The `CloudAppEvents` rows of streamed messages as NDJSON, without envelope.

    Every row as it came, duplicates and other apps too; records of other tables are left out.
    """
    for line in lines:
        for record in json.loads(line)["records"]:
            if record["category"] == CLOUD_APP_EVENTS:
                yield _dump(record["properties"])


def _happenings(seed: int) -> Iterator[Happening]:
    for member, script in PARTS:
        # Each member has dice of their own: a changed script changes nobody else's day.
        random = Random(f"{seed}/{member.object_id}")
        for step in script(member, random):
            yield step.at, CLOUD_APP_EVENTS, confluence_row(step, random)
    yield from bystanders(Random(f"{seed}/bystanders"))


def _arrivals(happenings: Iterable[Happening], random: Random) -> Iterator[_Arrival]:
    for at, category, properties in happenings:
        arrives = at + random.randint(10 * TICKS_PER_SECOND, 180 * TICKS_PER_SECOND)
        yield arrives, category, properties
        if random.random() < 0.01:
            again = random.randint(60 * TICKS_PER_SECOND, 360 * TICKS_PER_SECOND)
            yield arrives + again, category, properties


def _messages(arrivals: Iterable[_Arrival], random: Random) -> Iterator[list[_Arrival]]:
    message: list[_Arrival] = []
    size = 0
    for arrival in arrivals:
        if message and (len(message) >= size or arrival[0] - message[0][0] > _LONGEST_MESSAGE):
            yield message
            message = []
        if not message:
            size = random.randint(1, MOST_RECORDS_A_MESSAGE)
        message.append(arrival)
    yield message


def _enveloped(arrival: _Arrival) -> Properties:
    arrives, category, properties = arrival
    return {
        "time": instant(arrives),
        "tenantId": TENANT,
        "category": category,
        "operationName": "Publish",
        "properties": properties,
    }


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
