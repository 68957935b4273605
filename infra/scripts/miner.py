"""A synthetic miner: one account that reads sixty pages in five minutes, and says it is a test."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SPACES = 6
PAGES = 60
SECONDS_BETWEEN = 5
RECORDS_PER_MESSAGE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Miner:
    """A test account. Its run number makes it somebody new every time."""

    run: int
    """0 to 2^48 - 1; the start in seconds since 1970 does."""

    @property
    def account_object_id(self) -> str:
        """Object id no real account has."""
        return f"00000000-0000-4000-8000-{self.run:012x}"

    @property
    def display_name(self) -> str:
        """Name that stands in the title of its incident."""
        return f"Smoke test {self.run:x}"


def record(miner: Miner, number: int, at: datetime, tenant_id: str) -> dict[str, object]:
    """One page view as the Defender stream writes it."""
    space = f"SMOKE{number % SPACES}"
    title = f"Smoke page {number}"
    stamp = at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {
        "time": stamp,
        "tenantId": tenant_id,
        "operationName": "Publish",
        "category": "AdvancedHunting-CloudAppEvents",
        "properties": {
            "Timestamp": stamp,
            "ActionType": "PageViewed",
            "Application": "Atlassian",
            "AccountObjectId": miner.account_object_id,
            "AccountDisplayName": miner.display_name,
            "IPAddress": "192.0.2.10",
            "UserAgent": "confluence-mining-smoke/1",
            "ObjectName": title,
            "ObjectType": "page",
            "RawEventData": {"spaceKey": space, "pageTitle": title},
            "ReportId": f"smoke_{miner.run:x}_{number}",
        },
    }


def messages(miner: Miner, *, now: datetime, tenant_id: str) -> list[bytes]:
    """The miner's messages, oldest first; the last record is of `now`. Each is below 64 KiB."""
    first = now - timedelta(seconds=SECONDS_BETWEEN * (PAGES - 1))
    records = [
        record(miner, number, first + timedelta(seconds=SECONDS_BETWEEN * number), tenant_id)
        for number in range(PAGES)
    ]
    return [
        json.dumps({"records": records[start : start + RECORDS_PER_MESSAGE]}).encode()
        for start in range(0, PAGES, RECORDS_PER_MESSAGE)
    ]
