"""What else comes down the same stream: other tables, other apps, actions no table knows.

None of it counts. A file name that says "Confluence" is not Confluence.
"""

from collections.abc import Iterator
from random import Random

from detector.samples.member import HOUR, MINUTE, TICKS_PER_SECOND, Member, Session
from detector.samples.records import ATLASSIAN_ID, Properties, cloud_app_row, instant
from detector.samples.staff import STAFF
from detector.samples.wiki import SPACES, page_id, some_pages

Happening = tuple[int, str, Properties]
CLOUD_APP_EVENTS = "AdvancedHunting-CloudAppEvents"
EMAIL_EVENTS = "AdvancedHunting-EmailEvents"

_EVENING = 30
"""Automatic mails, one every ten minutes from 19:00: a stream is never silent for hours."""

_FILES = ("Offsite.pptx", "Confluence migration plan.docx", "Budget 2026.xlsx")
_UNLISTED = ("confluence_page_updated", "jira_issue_viewed", "confluence_space_permissions_changed")


def bystanders(random: Random) -> Iterator[Happening]:
    """About 190 records as (tick, category, properties), in no order of time."""
    for index in range(60):
        yield _an_email(random, index)
    for _ in range(60):
        yield _a_file(random)
    for _ in range(40):
        yield _an_unlisted_action(random)
    for index in range(60, 60 + _EVENING):
        yield _an_email(random, index, at=19 * HOUR + (index - 60) * 10 * MINUTE)


def _moment(random: Random) -> int:
    return 7 * HOUR + random.randrange(12 * HOUR // TICKS_PER_SECOND) * TICKS_PER_SECOND


def _someone(random: Random) -> Member:
    return random.choice(STAFF)[0]


def _an_email(random: Random, index: int, at: int | None = None) -> Happening:
    at = _moment(random) if at is None else at
    return (
        at,
        EMAIL_EVENTS,
        {
            "Timestamp": instant(at),
            "NetworkMessageId": f"00000000-0000-0000-0001-{index:012d}",
            "SenderFromAddress": f"{_someone(random).name.lower()}@example.com",
            "RecipientEmailAddress": f"{_someone(random).name.lower()}@example.com",
            "Subject": "Confluence digest",
            "EmailDirection": "Intra-org",
            "DeliveryAction": "Delivered",
            "ReportId": f"{random.getrandbits(64):016x}",
        },
    )


def _a_file(random: Random) -> Happening:
    at = _moment(random)
    member = _someone(random)
    row = cloud_app_row(
        random,
        at=at,
        session=Session(member=member, address=f"192.0.2.{member.number}"),
        action="FileAccessed",
        application=("Microsoft SharePoint Online", 20_892),
        raw={"Workload": "SharePoint", "Operation": "FileAccessed"},
    )
    row["ObjectName"], row["ObjectType"] = random.choice(_FILES), "File"
    return at, CLOUD_APP_EVENTS, row


def _an_unlisted_action(random: Random) -> Happening:
    at = _moment(random)
    member = _someone(random)
    action = random.choice(_UNLISTED)
    row = cloud_app_row(
        random,
        at=at,
        session=Session(member=member, address=f"192.0.2.{member.number}", agent=""),
        action=action,
        application=("Atlassian", ATLASSIAN_ID),
        raw={"type": "events", "attributes": {"action": action}},
    )
    if action == "confluence_page_updated":
        [(space, title)] = some_pages(random, (random.choice(SPACES),), 1)
        row["ObjectName"], row["ObjectType"], row["ObjectId"] = title, "page", page_id(space, title)
    if action == "confluence_space_permissions_changed":
        # Defender shows what the site does by itself under this name, without an Entra id.
        row |= {"AccountObjectId": None, "AccountId": None, "ActivityObjects": []}
        row["AccountDisplayName"] = "Atlassian Internal System"
    return at, CLOUD_APP_EVENTS, row
