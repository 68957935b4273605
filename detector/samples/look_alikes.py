"""The source detection's six benign classes: each trips the query, which is its known noise.

Between them they show all six indicators of the query.
"""

from collections.abc import Iterator
from random import Random

from detector.samples.member import (
    BULK_EXPORT,
    CREDENTIAL_HUNTING,
    ELEVATED,
    ENUMERATION,
    HIGH_VOLUME,
    HOUR,
    MINUTE,
    SCRAPING,
    Member,
    Part,
    Session,
    Step,
    paced,
)
from detector.samples.wiki import SPACES, some_pages, views


def crawl_for_search(member: Member, random: Random) -> Iterator[Step]:
    """300 pages of every space in 24 minutes, 01:00-01:24."""
    session = Session(
        member=member, address="192.0.2.201", agent="search-crawler/4.2", spelling="snake"
    )
    return views(random, session, SPACES, paced(random, HOUR, 24 * MINUTE, 300))


def migrate_content(member: Member, random: Random) -> Iterator[Step]:
    """240 pages of 3 spaces in 30 minutes, 06:00-06:30."""
    session = Session(member=member, address="192.0.2.202", agent="space-migrator/1.4")
    return views(random, session, ("MKT", "PM", "SALES"), paced(random, 6 * HOUR, 30 * MINUTE, 240))


def audit_the_writing(member: Member, random: Random) -> Iterator[Step]:
    """96 pages of 12 spaces over a working day, 09:00-16:00."""
    session = Session(member=member, address="192.0.2.203")
    return views(random, session, SPACES[::2], paced(random, 9 * HOUR, 7 * HOUR, 96))


def read_the_first_week(member: Member, random: Random) -> Iterator[Step]:
    """44 pages of 4 spaces and 6 searches, half of them sensitive, 09:30-16:30."""
    session = Session(member=member, address="192.0.2.204")
    times = paced(random, 9 * HOUR + 30 * MINUTE, 7 * HOUR, 50)
    searches = (
        "vpn setup guide",
        "holiday calendar",
        "reset my password",
        "expense report",
        "aws onboarding",
        "lunch",
    )
    for at, search in zip(times[4::8], searches, strict=True):
        yield Step(at=at, session=session, verb="search", search=search)
    read_at = [at for at in times if at not in times[4::8]]
    yield from views(random, session, ("DEV", "HR", "IT", "FAC"), read_at)


def back_up(member: Member, random: Random) -> Iterator[Step]:
    """16 content exports of 8 spaces on a schedule, 03:00-03:40."""
    session = Session(
        member=member, address="192.0.2.205", agent="wiki-backup/2.0", spelling="snake"
    )
    times = paced(random, 3 * HOUR, 40 * MINUTE, 16)
    for at, (space, title) in zip(times, some_pages(random, SPACES[:8], 16), strict=True):
        yield Step(at=at, session=session, verb="export", space=space, title=title)


def build_the_docs(member: Member, random: Random) -> Iterator[Step]:
    """56 pages of 3 spaces read by builds and editors through the day, 07:00-19:00."""
    session = Session(
        member=member, address="192.0.2.206", agent="docs-in-ci/0.9", spelling="snake"
    )
    return views(random, session, ("API", "DEV", "DOCS"), paced(random, 7 * HOUR, 12 * HOUR, 56))


def _look_alike(name: str, number: int, story: str, source_says: str) -> Member:
    return Member(
        name=name, number=number, role="benign look-alike", story=story, source_says=source_says
    )


LOOK_ALIKES: tuple[Part, ...] = (
    (
        _look_alike(
            "svc-search-crawler",
            61,
            "Search crawler: a service account reads 300 pages of all 24 spaces in 24 minutes "
            "from 01:00.",
            SCRAPING,
        ),
        crawl_for_search,
    ),
    (
        _look_alike(
            "svc-migration",
            62,
            "Content migration: 240 pages of 3 spaces in 30 minutes from 06:00.",
            HIGH_VOLUME,
        ),
        migrate_content,
    ),
    (
        _look_alike(
            "Wendy",
            63,
            "Writers' audit: a technical writer reads 96 pages of 12 spaces from 09:00 to 16:00.",
            ENUMERATION,
        ),
        audit_the_writing,
    ),
    (
        _look_alike(
            "Newton",
            64,
            "Onboarding: a newcomer reads 44 pages and searches 6 times, three times for things "
            'like "vpn setup guide".',
            CREDENTIAL_HUNTING,
        ),
        read_the_first_week,
    ),
    (
        _look_alike(
            "svc-backup",
            65,
            "Backup: 16 scheduled content exports from 03:00 to 03:40.",
            BULK_EXPORT,
        ),
        back_up,
    ),
    (
        _look_alike(
            "svc-build",
            66,
            "CI and editor integration: 56 pages of 3 spaces read by programs from 07:00 to 19:00.",
            ELEVATED,
        ),
        build_the_docs,
    ),
)
