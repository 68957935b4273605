"""The four attack tests the source detection names, each played by one stolen account.

Tests 1 and 2 pass exactly one gate of the source query, so that losing that gate is noticed;
test 3 passes two, the export none. Agents and pace are those of common scripts and tools, not of
a particular one.
"""

from collections.abc import Iterator
from random import Random

from detector.samples.member import (
    CREDENTIAL_HUNTING,
    ENUMERATION,
    HOUR,
    MINUTE,
    SCRAPING,
    SILENT,
    TICKS_PER_SECOND,
    Member,
    Part,
    Session,
    Step,
    paced,
)
from detector.samples.wiki import SPACES, some_pages, views

_CQL = (
    'type=page AND text ~ "password"',
    'type=page AND text ~ "vpn shared secret"',
    'type=page AND text ~ "aws access key"',
    'type=page AND text ~ "connection string"',
    'type=page AND text ~ "ssh private key"',
    'type=page AND text ~ "service account"',
)


def enumerate_spaces(member: Member, random: Random) -> Iterator[Step]:
    """14 spaces visited and 24 of their pages read over REST, 20:40-20:54."""
    session = Session(member=member, address="203.0.113.41", agent="curl/8.12.1")
    spaces = SPACES[:14]
    times = paced(random, 20 * HOUR + 40 * MINUTE, 4 * MINUTE, 14)
    for at, space in zip(times, spaces, strict=True):
        yield Step(at=at, session=session, verb="visit", space=space, title=f"{space} home")
    yield from views(
        random, session, spaces, paced(random, 20 * HOUR + 44 * MINUTE, 10 * MINUTE, 24)
    )


def hunt_credentials(member: Member, random: Random) -> Iterator[Step]:
    """Six CQL searches, each followed by two pages and an attachment it found, 19:30-20:00."""
    session = Session(
        member=member,
        address="203.0.113.42",
        agent="Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.22621.4391",
        spelling="snake",
    )
    found = some_pages(random, ("OPS", "INFRA", "DEV", "SEC"), 12)
    times = paced(random, 19 * HOUR + 30 * MINUTE, 30 * MINUTE, 6)
    for index, (start, search) in enumerate(zip(times, _CQL, strict=True)):
        yield Step(at=start, session=session, verb="search", search=search)
        first, second = found[2 * index : 2 * index + 2]
        for delay, (space, title) in ((20, first), (55, second)):
            at = start + delay * TICKS_PER_SECOND
            yield Step(at=at, session=session, verb="view", space=space, title=title)
        at = start + 75 * TICKS_PER_SECOND + random.randrange(TICKS_PER_SECOND)
        yield Step(at=at, session=session, verb="download", space=second[0], title=second[1])


def read_pages_in_bulk(member: Member, random: Random) -> Iterator[Step]:
    """400 pages of 20 spaces with their bodies in 25 minutes, 22:10-22:35."""
    session = Session(member=member, address="203.0.113.43", agent="python-requests/2.32.3")
    times = paced(random, 22 * HOUR + 10 * MINUTE, 25 * MINUTE, 400)
    return views(random, session, SPACES[:20], times)


def export_a_space(member: Member, random: Random) -> Iterator[Step]:
    """One whole space as XML, 23:05: a single event."""
    session = Session(member=member, address="203.0.113.44", spelling="snake")
    at = 23 * HOUR + 5 * MINUTE + random.randrange(MINUTE)
    yield Step(at=at, session=session, verb="export space", space="SEC", title="SEC")


ATTACKS: tuple[Part, ...] = (
    (
        Member(
            name="Trudy",
            number=41,
            role="attack",
            story="Test 1, space enumeration over REST with curl: 14 spaces visited, 24 pages "
            "read, 38 activities in 14 minutes from 20:40. Below the bulk threshold.",
            source_says=ENUMERATION,
        ),
        enumerate_spaces,
    ),
    (
        Member(
            name="Mallory",
            number=42,
            role="attack",
            story="Test 2, credential hunting by CQL search: 6 searches with sensitive terms from "
            "19:30, within two minutes of each 2 pages opened and an attachment downloaded.",
            source_says=CREDENTIAL_HUNTING,
        ),
        hunt_credentials,
    ),
    (
        Member(
            name="Eve",
            number=43,
            role="attack",
            story="Test 3, bulk page read with bodies by python-requests: 400 pages of 20 spaces "
            "in 25 minutes from 22:10.",
            source_says=SCRAPING,
        ),
        read_pages_in_bulk,
    ),
    (
        Member(
            name="Chuck",
            number=44,
            role="attack",
            story="Test 4, space XML export: one `space_exported` at 23:05. The query counts that "
            "name but filters it out first (and one export is not more than five), so it is "
            "silent; the `recommended` policy raises a whole-space export at once.",
            source_says=SILENT,
        ),
        export_a_space,
    ),
)
