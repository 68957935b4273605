"""What a seed streams: real CloudAppEvents messages of a few users, with all that goes wrong."""

from dataclasses import dataclass, field
from functools import lru_cache
from random import Random  # noqa: TID251 - everything random comes from the seed

import msgspec

from detector.core.instant import DAY, HOUR, MINUTE, SECOND, format_instant
from detector.core.policy import Policy
from detector.core.vocabulary import Vocabulary
from detector.policies import load_policy

Json = dict[str, object]

_VIEW, _SEARCH, _EXPORT, _DOWNLOAD, _SPACE = (
    "PageViewed",
    "SearchPerformed",
    "ContentExported",
    "AttachmentDownloaded",
    "SpaceExported",
)
_USERS: tuple[Json, ...] = (
    {
        "AccountObjectId": "00000000-0000-0000-0000-000000000001",
        "AccountDisplayName": "Alice",
        "AccountId": "alice@example.com",
    },
    {"AccountDisplayName": "bob@example.com"},
    {
        "AccountObjectId": "00000000-0000-0000-0000-000000000003",
        "AccountDisplayName": "Carol",
        "AccountType": "Admin",
    },
    {},
)
_PAGE_VIEW = (
    b'{"records":[{"category":"AdvancedHunting-CloudAppEvents","properties":'
    b'{"AppName":"Confluence","ActionType":"PageViewed","Timestamp":%s}}]}'
)
_POISON = (
    b"{",
    b"\xff\xfe",
    b"[]",
    b'{"records":[{}]}',
    _PAGE_VIEW % b'"yesterday"',
    _PAGE_VIEW % b"7",
    b"[" * 3000,
)
_LONG_AGO = 12 * DAY


@lru_cache(16)
def small_policy(hours: int, bulk: int) -> tuple[Policy, Vocabulary]:
    """The recommended policy with thresholds that a dozen events cross."""
    access = {"bulk_access": bulk, "exports": 2, "spaces": 3, "actions_with_spaces": 5}
    worse = {"exports": 3, "spaces": 4, "total_actions": 2 * bulk}
    overrides = {
        "time_window_hours": hours,
        "minimum_severity": "informational",
        "access_threshold": access,
        "indicator_threshold": worse,
    }
    policy = load_policy("recommended", msgspec.json.encode(overrides).decode())
    return policy, Vocabulary(policy)


@lru_cache(1)
def source_policy() -> tuple[Policy, Vocabulary]:
    """The query itself."""
    policy = load_policy("source")
    return policy, Vocabulary(policy)


@dataclass(slots=True)
class Workload:
    """Bodies of messages in the order in which they were produced."""

    bodies: list[bytes] = field(default_factory=list[bytes])


def generate(random: Random, now: int, window: int) -> Workload:
    """Between 30 and 100 events in messages of 1 to 12 records."""
    made = _Maker(random, now, window)
    workload = Workload()
    wanted = random.randrange(30, 90)
    produced: list[list[Json]] = []
    count = 0
    while count < wanted:
        records = [made.record() for _ in range(random.choice([1, 1, 2, 5, made.burst]))]
        produced.append(records)
        count += len(records)
        workload.bodies.append(_envelope(records))
        if random.random() < 0.2:  # the producer sends it again
            again = [made.copy(r) for r in random.choice(produced)]
            workload.bodies.append(_envelope(again))
        if random.random() < 0.08:  # and in another batch
            overlapping = records[:1] + random.choice(produced)[:2]
            workload.bodies.append(_envelope([made.copy(r) for r in overlapping]))
        if random.random() < 0.05:
            workload.bodies.append(random.choice(_POISON))
    return workload


class _Maker:
    """Draws records."""

    def __init__(self, random: Random, now: int, window: int) -> None:
        self.random = random
        self.now = now
        self.window = window
        self.users = random.sample(_USERS, random.choice([1, 1, 2, 3]))
        self.burst = random.choice([3, 12])
        self.searches = random.choice([0.0, 0.0, 0.02, 0.1])
        self.exports = random.choice([0.0, 0.05, 0.2])
        self.is_old = random.choice([0.0, 0.0, 0.1])
        self.number = 0

    def record(self) -> Json:
        """One record of the stream."""
        random = self.random
        self.number += 1
        roll = random.random()
        if roll < 0.02:
            return self._foreign()
        at = self.now + self._offset()
        row: Json = {
            "Timestamp": format_instant(at),
            "AppName": "Confluence",
            "ActionType": self._action(),
            "IPAddress": random.choice(["192.0.2.1", "198.51.100.7"]),
            "UserAgent": random.choice(["Mozilla/5.0", "curl/8.5"]),
            "ObjectName": f"Page {random.randrange(40)}",
            **random.choice(self.users),
        }
        raw: Json = {"spaceKey": f"S{random.randrange(8)}"}
        if row["ActionType"] == _SEARCH:
            raw["searchQuery"] = random.choice(["password for vpn", "lunch menu"])
        row["RawEventData"] = raw
        if random.random() < 0.93:
            row["ReportId"] = f"r{self.number}"
        elif random.random() < 0.3:  # never copied: the copies would count at two instants
            row["Timestamp"] = format_instant(at + 5 * HOUR)
        if roll > 0.99:
            row["Timestamp"] = format_instant(self.now - _LONG_AGO + self.number)
        return row

    def copy(self, record: Json) -> Json:
        """The same event again, perhaps enriched; one without a ReportId is a new event."""
        if "ReportId" not in record or "AccountObjectId" not in record:
            return record
        if self.random.random() < 0.3:
            return {**record, "CountryCode": "NL", "IPAddress": "203.0.113.9"}
        return record

    def _offset(self) -> int:
        """How long before, or after, the message was produced."""
        random = self.random
        window = self.window
        places = [0, 0, 0, -SECOND, -HOUR, -window // 2, MINUTE, 14 * MINUTE]
        if random.random() < self.is_old:
            places = [-window + 10 * SECOND, -window + 5 * MINUTE, -window - HOUR, -3 * DAY]
        return random.choice(places) + random.randrange(MINUTE)

    def _action(self) -> str:
        roll = self.random.random()
        if roll < self.searches:
            return _SEARCH
        if roll < self.searches + self.exports:
            return self.random.choice([_EXPORT, _EXPORT, _DOWNLOAD, _DOWNLOAD, _SPACE])
        return self.random.choice([_VIEW, _VIEW, _VIEW, _VIEW, "page_viewed", "confluence_poked"])

    def _foreign(self) -> Json:
        """A record of another app, which is nobody's business here."""
        return {
            "Timestamp": format_instant(self.now),
            "AppName": "Example Mail",
            "ActionType": "MailRead",
            "ReportId": f"r{self.number}",
        }


def _envelope(records: list[Json]) -> bytes:
    wrapped = [
        {"time": r["Timestamp"], "category": "AdvancedHunting-CloudAppEvents", "properties": r}
        for r in records
    ]
    return msgspec.json.encode({"records": wrapped})
