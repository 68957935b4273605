"""The words of an incident: the gravest fact first, true numbers, one and many."""

from dataclasses import replace

import pytest

from detector.core.evidence import Condition, Counted, Evidence, SearchEvidence
from detector.core.instant import MINUTE
from detector.core.report import (
    clock_time,
    condition_line,
    first_steps,
    held,
    search_terms,
    span,
    story,
    title,
    who,
)
from detector.core.rules import ELEVATED, INDICATORS
from tests.support.activities import NOON, activity, frozen, search, views

BARE = replace(
    frozen(views(41, every=10 * MINUTE)),
    indicator=ELEVATED,
    total_actions=1_041,
    unique_pages=1,
    unique_spaces=2,
    first_activity=NOON,
    last_activity=NOON + 25 * MINUTE,
    peak_actions=7,
    ip_addresses=(Counted(text="192.0.2.1", count=41),),
)
EXPORT, SCRAPE, _, BULK, SPACES, VOLUME = INDICATORS
HUNT = SearchEvidence(
    text="vpn ***", terms=("vpn", "ssh"), times=1, first_at=NOON, opened=(), taken=()
)


def told(**facts: object) -> Evidence:
    return replace(BARE, **facts)


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        pytest.param({}, "Alice", id="display name"),
        pytest.param({"account_display_name": ""}, BARE.account_object_id, id="object id"),
        pytest.param(
            {
                "account_display_name": "",
                "account_object_id": "",
                "account_ids": ("a@example.com",),
            },
            "a@example.com",
            id="account id",
        ),
        pytest.param(
            {"account_display_name": "", "account_object_id": ""}, "192.0.2.1", id="address"
        ),
        pytest.param(
            {"account_display_name": "", "account_object_id": "", "ip_addresses": ()},
            "an unnamed session",
            id="nothing",
        ),
    ],
)
def test_a_person_is_called_by_the_best_name_there_is(facts: dict[str, object], name: str) -> None:
    assert who(told(**facts)) == name


@pytest.mark.parametrize(
    ("facts", "fact"),
    [
        pytest.param(
            {"space_export_count": 1, "sensitive_search_count": 9, "taken_after_search": 9},
            "1 whole space exported",
            id="a whole space before all else",
        ),
        pytest.param({"space_export_count": 2}, "2 whole spaces exported", id="whole spaces"),
        pytest.param(
            {"sensitive_search_count": 6, "taken_after_search": 6, "indicator": SCRAPE},
            "6 searches for secrets, then 6 files taken",
            id="hunting and taking before scraping",
        ),
        pytest.param(
            {"sensitive_search_count": 1, "taken_after_search": 1},
            "1 search for secrets, then 1 file taken",
            id="one of each",
        ),
        pytest.param(
            {"indicator": SCRAPE, "access_rate_per_minute": 11.5, "sensitive_search_count": 1},
            "1 page read at 11.50 a minute",
            id="scraping before hunting",
        ),
        pytest.param(
            {"indicator": SCRAPE, "unique_pages": 400, "access_rate_per_minute": 16.0},
            "400 pages read at 16 a minute",
            id="a whole rate",
        ),
        pytest.param({"sensitive_search_count": 1}, "1 search for secrets", id="hunting"),
        pytest.param({"indicator": BULK, "export_count": 6}, "6 exports", id="exports"),
        pytest.param({"indicator": SPACES}, "2 spaces enumerated", id="spaces"),
        pytest.param({"indicator": VOLUME}, "1,041 actions on 1 page", id="volume"),
        pytest.param({}, "1,041 actions on 1 page", id="elevated"),
    ],
)
def test_the_title_has_the_gravest_fact(facts: dict[str, object], fact: str) -> None:
    assert title(told(**facts)) == f"Confluence data mining by Alice: {fact}"


BEGIN = "Alice made 1,041 actions on 1 page in 2 spaces within 25 minutes (peak 7 in one minute)"


@pytest.mark.parametrize(
    ("facts", "rest"),
    [
        pytest.param({}, ", from 1 address.", id="reading alone"),
        pytest.param({"ip_addresses": ()}, ".", id="from nowhere known"),
        pytest.param({"ip_addresses": BARE.ip_addresses * 2}, ", from 2 addresses.", id="from two"),
        pytest.param({"export_count": 1}, " and exported 1 item, from 1 address.", id="one export"),
        pytest.param(
            {"export_count": 2, "space_export_count": 1},
            " and exported 1 whole space, from 1 address.",
            id="a whole space stands for all exports",
        ),
        pytest.param(
            {
                "sensitive_search_count": 2,
                "searches": (HUNT,),
                "opened_after_search": 1,
                "export_count": 1_200,
                "download_count": 2,
            },
            ", searched twice for secrets (vpn, ssh), opened 1 page right after, "
            "exported 1,200 items and downloaded 2 attachments, from 1 address.",
            id="everything",
        ),
        pytest.param(
            {"sensitive_search_count": 1, "searches": (HUNT,)},
            " and searched once for secrets (vpn, ssh), from 1 address.",
            id="once",
        ),
        pytest.param(
            {
                "sensitive_search_count": 3,
                "searches": (replace(HUNT, terms=tuple("abcdefg")), HUNT),
                "download_count": 1,
            },
            ", searched 3 times for secrets (a, b, c, d, e) and downloaded 1 attachment, "
            "from 1 address.",
            id="at most five terms",
        ),
    ],
)
def test_the_story_is_one_sentence_with_numbers(facts: dict[str, object], rest: str) -> None:
    assert story(told(**facts)) == BEGIN + rest


def test_terms_are_named_once() -> None:
    assert search_terms(told(searches=(HUNT, replace(HUNT, terms=("ssh", "aws"))))) == [
        "vpn",
        "ssh",
        "aws",
    ]


@pytest.mark.parametrize(
    ("column", "value", "threshold", "line"),
    [
        ("total_actions", 1_412, 40, "1,412 actions > 40"),
        ("total_actions", 1, 0, "1 action > 0"),
        ("sensitive_search_count", 1, 0, "1 sensitive search > 0"),
        ("sensitive_search_count", 2, 0, "2 sensitive searches > 0"),
        ("export_count", 6, 5, "6 exports > 5"),
        ("download_count", 1, 0, "1 download > 0"),
        ("space_export_count", 1, 0, "1 whole-space export > 0"),
        ("unique_spaces", 6, 5, "6 spaces > 5"),
        ("unique_pages", 1, 0, "1 page > 0"),
        ("access_rate_per_minute", 10.01, 10.0, "10.01 actions a minute > 10"),
    ],
)
def test_a_condition_is_its_value_name_and_threshold(
    column: str, value: float, threshold: float, line: str
) -> None:
    condition = Condition(gate="g", column=column, value=value, threshold=threshold, held=True)

    assert condition_line(condition) == line


def test_the_gates_that_held_are_told_with_all_their_conditions() -> None:
    made = [activity(NOON + i * 10 * MINUTE, space=f"S{i % 12}") for i in range(41)]

    assert held(frozen(made)) == [
        "bulk_access: 41 actions > 40",
        "space_enumeration: 12 spaces > 5 and 41 actions > 20",
    ]


ASK, COMPARE, STOP = first_steps(BARE)
ARCHIVE = "Find the exported archive and who has it; restrict space export."
ROTATE = "List the secrets on the pages opened after the searches; rotate them."
LEFT = "List what was exported and downloaded; treat it as having left."


@pytest.mark.parametrize(
    ("facts", "between"),
    [
        pytest.param({}, [], id="reading alone"),
        pytest.param({"space_export_count": 1}, [ARCHIVE], id="a whole space"),
        pytest.param({"sensitive_search_count": 1}, [ROTATE], id="hunting"),
        pytest.param({"export_count": 1}, [LEFT], id="an export"),
        pytest.param({"download_count": 1}, [LEFT], id="a download"),
        pytest.param(
            {"space_export_count": 1, "sensitive_search_count": 1, "export_count": 1},
            [ARCHIVE, ROTATE, LEFT],
            id="everything",
        ),
    ],
)
def test_the_first_steps_fit_what_happened(facts: dict[str, object], between: list[str]) -> None:
    assert first_steps(told(**facts)) == [ASK, COMPARE, *between, STOP]
    assert ASK.startswith("Ask Alice or their manager")


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (0, "0 minutes"),
        (1, "1 minute"),
        (25, "25 minutes"),
        (119, "119 minutes"),
        (120, "2 h 00 min"),
        (185, "3 h 05 min"),
        (1_440, "24 h 00 min"),
    ],
)
def test_a_span_of_minutes_reads_well(minutes: int, text: str) -> None:
    assert span(minutes) == text


def test_a_clock_time_is_cut_to_its_minute() -> None:
    assert clock_time(NOON + MINUTE - 1) == "2026-03-11 12:00Z"


def test_a_hunt_reads_as_one_story() -> None:
    evidence = frozen([search(NOON), *views(3, start=NOON + 1, every=1)])

    assert title(evidence) == "Confluence data mining by Alice: 1 search for secrets"
    assert story(evidence) == (
        "Alice made 4 actions on 4 pages in 2 spaces within 1 minute (peak 4 in one minute), "
        "searched once for secrets (vpn) and opened 3 pages right after, from 1 address."
    )
