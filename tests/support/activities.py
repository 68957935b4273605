"""Activities, windows and verdicts for tests: what a test does not name does not matter to it."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from detector.core.activity import Activity, Context, Session, digest, user_of
from detector.core.episode import Judgement, Transition, advance
from detector.core.evidence import Evidence
from detector.core.freeze import freeze
from detector.core.instant import SECOND, parse_instant
from detector.core.policy import Policy
from detector.core.rules import Verdict, judge_user
from detector.core.severity import severity_of
from detector.core.summary import Summary, summarise
from detector.core.vocabulary import Vocabulary
from detector.policies import load_policy

NOON = parse_instant("2026-03-11T12:00:00Z")
ALICE = Session("00000000-0000-0000-0000-000000000001", "Alice", "192.0.2.1", "Firefox")
SOURCE, RECOMMENDED = load_policy("source"), load_policy("recommended")
WORDS = {policy.name: Vocabulary(policy) for policy in (SOURCE, RECOMMENDED)}

_numbers = count()


def activity(
    at: int = NOON,
    action: str = "PageViewed",
    *,
    session: Session = ALICE,
    title: str = "Page",
    space: str = "SPACE",
    search: str = "",
    terms: tuple[str, ...] = (),
    context: Context = Context(),  # noqa: B008 - a tuple
    event: str = "",
    reader: int = 1,
) -> Activity:
    """One activity; without `event` it is an event of its own."""
    return Activity(
        digest(event or f"unnamed {next(_numbers)}"),
        at,
        session,
        action,
        title,
        space,
        search,
        terms,
        context,
        reader,
    )


def search(
    at: int = NOON, *, text: str = "vpn", terms: tuple[str, ...] = ("vpn",), **fields: object
) -> Activity:
    """A search, sensitive unless said otherwise."""
    about = {"title": "", "space": "", "search": text, "terms": terms, **fields}
    return activity(at, "SearchPerformed", **about)


def views(
    number: int, *, start: int = NOON, every: int = SECOND, **fields: object
) -> list[Activity]:
    """That many page views, one every `every` ticks, each of another page."""
    return [activity(start + i * every, **{"title": f"Page {i}", **fields}) for i in range(number)]


def summary(activities: Sequence[Activity], policy: Policy = SOURCE) -> Summary:
    """The summary of activities of one session, at least one of which counts."""
    found = summarise(activities[0].session, activities, WORDS[policy.name])
    assert found is not None
    return found


def verdict(
    activities: Sequence[Activity], at: int = NOON, policy: Policy = RECOMMENDED
) -> Verdict:
    """What the policy says of these activities of one user at the instant."""
    return judge_user(activities, at, policy, Vocabulary(policy))


def judgement(
    activities: Sequence[Activity], at: int = NOON, policy: Policy = RECOMMENDED
) -> Judgement:
    """The verdict with its severity; the source policy is taken to have fired too."""
    found = verdict(activities, at, policy)
    user = user_of(activities[0].session if activities else ALICE)
    severity = severity_of(found, policy, Vocabulary(policy))
    return Judgement(user=user, verdict=found, severity=severity, source_alone=True)


def tuned(policy: Policy = RECOMMENDED, **access: int | None) -> Policy:
    """The policy with other access thresholds."""
    return replace(policy, access_threshold=replace(policy.access_threshold, **access))


def frozen(made: Sequence[Activity], policy: Policy = RECOMMENDED) -> Evidence:
    """The evidence of the episode that these activities open at noon."""
    judged = judgement(made, policy=policy)
    change = advance(None, judged)
    assert change is not None
    evidence = freeze(change[0], Transition.OPENED, judged, policy, Vocabulary(policy))
    assert evidence is not None
    return evidence
