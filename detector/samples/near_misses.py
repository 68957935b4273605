"""One ordinary person just under each threshold: the query must stay silent about all of them."""

from collections.abc import Iterator
from random import Random

from detector.samples.member import (
    HOUR,
    MINUTE,
    SILENT,
    Member,
    Part,
    Session,
    Step,
    paced,
)
from detector.samples.wiki import some_pages, views

# `has_any` matches whole terms: none of these contains one of the query's.
_ALMOST_SENSITIVE = (
    "passwords policy",
    "tokenizer",
    "secretary contact list",
    "credentials form for visitors",
    "openssh2 release notes",
    "api keys",
)


def five_spaces(member: Member, random: Random) -> Iterator[Step]:
    """5 spaces and 40 activities, both exactly at the threshold, 14:00-14:50."""
    session = Session(member=member, address="192.0.2.51", agent="curl/8.12.1")
    spaces = ("API", "ARCH", "DATA", "DEV", "INFRA")
    times = paced(random, 14 * HOUR, 5 * MINUTE, 5)
    for at, space in zip(times, spaces, strict=True):
        yield Step(at=at, session=session, verb="visit", space=space, title=f"{space} home")
    yield from views(
        random, session, spaces, paced(random, 14 * HOUR + 5 * MINUTE, 45 * MINUTE, 35)
    )


def almost_sensitive_searches(member: Member, random: Random) -> Iterator[Step]:
    """Six searches that only look sensitive, each with two pages opened, 10:20-11:00."""
    session = Session(member=member, address="192.0.2.52", spelling="snake")
    times = paced(random, 10 * HOUR + 20 * MINUTE, 40 * MINUTE, 18)
    for index, search in enumerate(_ALMOST_SENSITIVE):
        yield Step(at=times[3 * index], session=session, verb="search", search=search)
    read_at = [at for index, at in enumerate(times) if index % 3]
    yield from views(random, session, ("HR", "IT", "SEC"), read_at)


def forty_pages(member: Member, random: Random) -> Iterator[Step]:
    """40 pages of one space in three minutes: a scraper's rate, but not more than 40, 16:30."""
    session = Session(member=member, address="192.0.2.53", agent="python-requests/2.32.3")
    return views(random, session, ("QA",), paced(random, 16 * HOUR + 30 * MINUTE, 3 * MINUTE, 40))


def five_exports(member: Member, random: Random) -> Iterator[Step]:
    """5 content exports among 10 page views, 11:30-12:10."""
    session = Session(member=member, address="192.0.2.54")
    times = paced(random, 11 * HOUR + 30 * MINUTE, 40 * MINUTE, 15)
    yield from views(random, session, ("LEG", "ACC"), times[:10])
    for at, (space, title) in zip(times[10:], some_pages(random, ("LEG",), 5), strict=True):
        yield Step(at=at, session=session, verb="export", space=space, title=title)


NEAR_MISSES: tuple[Part, ...] = (
    (
        Member(
            name="Rupert",
            number=51,
            role="near miss",
            story="Of test 1: 5 spaces and 40 activities by curl; the gates want more than 5 "
            "spaces, or more than 40 activities.",
            source_says=SILENT,
        ),
        five_spaces,
    ),
    (
        Member(
            name="Sybil",
            number=52,
            role="near miss",
            story='Of test 2: searches like "passwords policy" and "tokenizer"; `has_any` matches '
            "whole terms, so none counts.",
            source_says=SILENT,
        ),
        almost_sensitive_searches,
    ),
    (
        Member(
            name="Walter",
            number=53,
            role="near miss",
            story="Of test 3: 40 pages in 3 minutes by python-requests; fast, but the gate wants "
            "more than 40.",
            source_says=SILENT,
        ),
        forty_pages,
    ),
    (
        Member(
            name="Pat",
            number=54,
            role="near miss",
            story="Of test 4: 5 content exports (pages, no space); the gate wants more than 5.",
            source_says=SILENT,
        ),
        five_exports,
    ),
)
