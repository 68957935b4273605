"""The severity table of both policies: each rule on both sides of each of its numbers."""

from dataclasses import replace

import pytest

from detector.core.activity import Activity, Context
from detector.core.instant import HOUR, MINUTE, SECOND
from detector.core.policy import SeverityRule
from detector.core.severity import measures, severity_of
from detector.core.vocabulary import Vocabulary
from tests.support.activities import (
    ALICE,
    NOON,
    RECOMMENDED,
    WORDS,
    activity,
    search,
    summary,
    verdict,
    views,
)

FAR = 20 * MINUTE
ELSEWHERE = ALICE._replace(ip_address="192.0.2.2")


def severity(made: list[Activity]) -> str:
    return severity_of(verdict(made), RECOMMENDED, WORDS["recommended"])


def wide(number: int, spaces: int, every: int = FAR // 10) -> list[Activity]:
    """Views of that many spaces, one in two minutes unless said otherwise."""
    return [
        activity(NOON + i * every, title=f"P{i}", space=f"S{i % spaces}") for i in range(number)
    ]


def searches(number: int, *, every: int = HOUR // 4) -> list[Activity]:
    return [search(NOON + i * every) for i in range(number)]


def of(action: str, number: int) -> list[Activity]:
    return [activity(NOON + i * FAR, action, title=f"P{i}") for i in range(number)]


OPEN = activity(NOON + MINUTE)
TAKE = activity(NOON + 2 * MINUTE, "AttachmentDownloaded")
SPARED = activity(NOON - FAR)
FAST = SECOND


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        pytest.param([search(), OPEN, TAKE], "high", id="hunting, then opening and taking"),
        pytest.param([search(), TAKE], "informational", id="hunting, then taking unopened"),
        pytest.param([search(), OPEN], "informational", id="hunting, then opening"),
        pytest.param([OPEN, TAKE], "informational", id="opening and taking without hunting"),
        pytest.param([activity(action="SpaceExported")], "high", id="a whole space"),
        pytest.param([activity(action="ContentExported")], "informational", id="not a whole space"),
        pytest.param(wide(41, 11, FAST), "high", id="scripted, 41 actions in 11 spaces"),
        pytest.param(wide(41, 10, FAST), "medium", id="scripted, 41 actions in 10 spaces"),
        pytest.param(wide(40, 11, FAST), "medium", id="scripted, 40 actions in 11 spaces"),
        pytest.param(wide(40, 10, FAST), "low", id="scripted, 40 actions in 10 spaces"),
        pytest.param(wide(1_001, 1), "high", id="1001 actions"),
        pytest.param(wide(1_000, 1), "medium", id="1000 actions"),
        pytest.param(of("ContentExported", 6), "medium", id="6 exports"),
        pytest.param(of("ContentExported", 5), "informational", id="5 exports"),
        pytest.param(of("AttachmentDownloaded", 21), "medium", id="21 downloads"),
        pytest.param(of("AttachmentDownloaded", 20), "informational", id="20 downloads"),
        pytest.param([*searches(5), OPEN], "medium", id="5 searches, then opening"),
        pytest.param([*searches(4), OPEN], "low", id="4 searches, then opening"),
        pytest.param([*searches(5), SPARED], "low", id="5 searches, nothing opened"),
        pytest.param(wide(21, 11), "medium", id="11 spaces in 21 actions"),
        pytest.param(wide(21, 10), "low", id="10 spaces in 21 actions"),
        pytest.param(wide(20, 11), "informational", id="11 spaces in 20 actions"),
        pytest.param(wide(101, 1), "medium", id="101 actions"),
        pytest.param(wide(100, 1), "low", id="100 actions"),
        pytest.param(searches(2), "low", id="2 searches"),
        pytest.param(searches(1), "informational", id="one sensitive search alone"),
        pytest.param(wide(41, 1), "low", id="41 actions"),
        pytest.param(wide(40, 1), "informational", id="40 actions"),
        pytest.param(wide(21, 6), "low", id="6 spaces in 21 actions"),
        pytest.param(wide(21, 5), "informational", id="5 spaces in 21 actions"),
        pytest.param(wide(20, 6), "informational", id="6 spaces in 20 actions"),
        pytest.param([], "informational", id="nothing at all"),
    ],
)
def test_the_first_rule_that_holds_gives_the_severity(made: list[Activity], expected: str) -> None:
    assert severity(made) == expected


def test_every_rule_of_the_table_is_the_first_to_hold_for_someone() -> None:
    shown = {
        "credential hunting, then opening and taking": [search(), OPEN, TAKE],
        "a whole space left": [activity(action="SpaceExported")],
        "scripted reading across many spaces": wide(41, 11, FAST),
        "very large volume": wide(1_001, 1),
        "scripted reading": wide(41, 10, FAST),
        "bulk export": of("ContentExported", 6),
        "many attachments": of("AttachmentDownloaded", 21),
        "repeated credential searches, then opening": [*searches(5), OPEN],
        "many spaces": wide(21, 11),
        "high volume": wide(101, 1),
        "repeated credential searches": searches(2),
        "elevated volume": wide(41, 1),
        "several spaces": wide(21, 6),
    }
    assert list(shown) == [rule.name for rule in RECOMMENDED.severity_rules]

    for made, rule in zip(shown.values(), RECOMMENDED.severity_rules, strict=True):
        assert holding(made)[0] == rule
        assert severity(made) == rule.severity


def holding(made: list[Activity]) -> list[SeverityRule]:
    """The rules that hold, read from the table by hand."""
    seen = measures(summary(made, RECOMMENDED), RECOMMENDED, WORDS["recommended"])
    return [
        rule
        for rule in RECOMMENDED.severity_rules
        if not [column for column, number in rule.above.items() if seen[column] <= number]
    ]


def test_without_rules_everything_is_informational() -> None:
    bare = replace(RECOMMENDED, severity_rules=())

    assert severity_of(verdict(wide(2_000, 20)), bare, Vocabulary(bare)) == "informational"


def test_the_fastest_session_that_passes_counts_and_not_only_the_merged_window() -> None:
    scripted = wide(41, 1, FAST)
    idle = [activity(NOON + 20 * HOUR, session=ELSEWHERE)]

    assert severity([*scripted, *idle]) == "medium"
    assert severity([*wide(41, 1), *idle]) == "low"


def test_what_followed_several_searches_is_counted_once() -> None:
    made = [search(NOON), search(NOON + 1), OPEN, OPEN._replace(event_id=b"o" * 16), TAKE]

    seen = measures(summary(made), RECOMMENDED, WORDS["recommended"])

    assert (seen["opened_after_search"], seen["taken_after_search"]) == (2, 1)


@pytest.mark.parametrize(
    ("agent", "scripted"),
    [
        pytest.param("Python-Requests/2.32.0", 1, id="a script"),
        pytest.param("Mozilla/5.0 (X11; Linux x86_64) Firefox/136.0", 0, id="a browser"),
        pytest.param("", 0, id="no agent"),
    ],
)
def test_an_agent_of_the_filter_is_a_script(agent: str, scripted: int) -> None:
    made = views(1, session=ALICE._replace(user_agent=agent))

    seen = measures(summary(made), RECOMMENDED, WORDS["recommended"])

    assert seen["scripted_agent"] == scripted


@pytest.mark.parametrize(
    ("said", "privileged"),
    [(("yes", "no"), 1), (("no", ""), 0), (("",), 0)],
    ids=["once", "never", "unknown"],
)
def test_a_user_is_privileged_when_any_record_says_so(
    said: tuple[str, ...], privileged: int
) -> None:
    made = [activity(context=Context(privileged=word)) for word in said]

    seen = measures(summary(made), RECOMMENDED, WORDS["recommended"])

    assert seen["privileged"] == privileged
