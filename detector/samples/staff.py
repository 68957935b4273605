"""Forty ordinary people: nobody of them may be a hit, alone or with their sessions merged."""

from collections.abc import Iterator
from random import Random

from detector.samples.member import (
    BROWSER,
    HOUR,
    SILENT,
    TICKS_PER_SECOND,
    Member,
    Part,
    Session,
    Spelling,
    Step,
    Verb,
)
from detector.samples.wiki import SPACES, some_pages

_NAMES = (
    "Alice Bob Carol Dave Erin Frank Grace Heidi Ivan Judy Karl Laura Mike Nora Oscar Peggy Quinn "
    "Rosa Sam Tina Uma Victor Wanda Xavier Yara Zoe Adam Bella Chris Dora Emil Fay Gus Hana Igor "
    "Jane Kurt Lena Max Nina"
).split()
_AGENTS = (
    BROWSER,
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:136.0) Gecko/20100101 Firefox/136.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:136.0) Gecko/20100101 Firefox/136.0",
)
_HARMLESS = (
    "holiday calendar",
    "meeting room booking",
    "release notes march",
    "how to file expenses",
    "sprint retrospective template",
    "style guide",
    "on-call rota",
    "customer survey results",
    "printer second floor",
    "roadmap 2026",
    "décision d'architecture",
    "lunch menu",
)


def a_working_day(member: Member, random: Random) -> Iterator[Step]:
    """5-30 activities in at most 4 spaces, 08:00-18:00, some of them from home in the evening."""
    count = min(random.randint(5, 30), random.randint(5, 30))
    homes = random.sample(SPACES, random.randint(2, 4))
    desk, sofa = _desk_and_sofa(member)
    times = sorted(_moment(random) for _ in range(count))
    verbs = _verbs(random, count, desk.spelling)
    for at, verb, (space, title) in zip(
        times, verbs, some_pages(random, homes, count), strict=True
    ):
        session = sofa if at > 17 * HOUR else desk
        if verb == "search":
            yield Step(at=at, session=session, verb=verb, search=random.choice(_HARMLESS))
        else:
            yield Step(at=at, session=session, verb=verb, space=space, title=title)


def _moment(random: Random) -> int:
    second = random.randrange(8 * 3600, 18 * 3600)
    return second * TICKS_PER_SECOND + random.randrange(TICKS_PER_SECOND)


def _desk_and_sofa(member: Member) -> tuple[Session, Session]:
    spellings: tuple[Spelling, ...] = ("camel", "camel", "snake", "connector")
    spelling = spellings[member.number % 4]
    # The app connector reads Atlassian's audit log, which has an address but no agent.
    agent = "" if spelling == "connector" else _AGENTS[member.number % len(_AGENTS)]
    desk = Session(
        member=member, address=f"192.0.2.{member.number}", agent=agent, spelling=spelling
    )
    sofa = Session(
        member=member, address=f"198.51.100.{member.number}", agent=agent, spelling=spelling
    )
    return desk, sofa


def _verbs(random: Random, count: int, spelling: Spelling) -> list[Verb]:
    verbs: list[Verb] = [_verb(index, count, spelling) for index in range(count)]
    random.shuffle(verbs)
    return verbs


def _verb(index: int, count: int, spelling: Spelling) -> Verb:
    if spelling == "connector":
        # No search or download in Atlassian Cloud's audit log was ever seen in a public source.
        return "view"
    if index < count // 6:
        return "search"
    if index < count // 6 + count // 12:
        return "download"
    return "print" if index == count - 1 and count % 2 else "view"


STAFF: tuple[Part, ...] = tuple(
    (
        Member(
            name=name,
            number=number,
            role="staff",
            story="An ordinary day: 5-30 page views and harmless searches in at most 4 spaces.",
            source_says=SILENT,
        ),
        a_working_day,
    )
    for number, name in enumerate(_NAMES, start=1)
)
