"""Evidence: the facts of a window, every list bounded, nothing made up."""

from dataclasses import replace

import pytest

from detector.core.activity import Context, without_texts
from detector.core.episode import Ending, Transition, advance, close
from detector.core.evidence import Counted, Taken, revisions_until
from detector.core.freeze import (
    MOST_MINUTES,
    MOST_PAGES,
    MOST_SEARCHES,
    MOST_SESSIONS,
    MOST_SPACES,
    MOST_TAKEN,
    freeze,
)
from detector.core.instant import HOUR, MINUTE
from tests.support.activities import (
    ALICE,
    NOON,
    RECOMMENDED,
    SOURCE,
    WORDS,
    activity,
    frozen,
    judgement,
    search,
    tuned,
    views,
)

ELSEWHERE = ALICE._replace(ip_address="192.0.2.2", user_agent="curl/8.5.0")


def counted(**texts: int) -> tuple[Counted, ...]:
    return tuple(Counted(text=text, count=count) for text, count in texts.items())


def test_the_window_and_the_episode_are_frozen_as_they_are() -> None:
    made = [*views(40, space="S"), *views(2, start=NOON + MINUTE, space="T")]

    found = frozen(made)

    assert (found.transition, found.revision, found.number) == (Transition.OPENED, 1, 1)
    assert (found.frozen_at, found.opened_at, found.closed_at) == (NOON, NOON, 0)
    assert (found.policy, found.policy_fingerprint) == ("recommended", RECOMMENDED.fingerprint)
    assert found.time_window_hours == 24
    assert (found.account_object_id, found.account_display_name) == ALICE[:2]
    assert (found.total_actions, found.unique_pages, found.unique_spaces) == (42, 40, 2)
    assert found.access_rate_per_minute == 42
    assert (found.first_activity, found.last_activity) == (NOON, NOON + MINUTE + 10_000_000)
    assert found.minutes == ((NOON, 40), (NOON + MINUTE, 2))
    assert (found.peak_minute, found.peak_actions) == (NOON, 40)
    assert found.indicator == "Automated scraping detected — exceeds 10 pages/min"
    assert found.gates == ("bulk_access",)
    assert not found.truncated
    assert found.source_alone


def test_of_two_peaks_the_first_is_named() -> None:
    found = frozen([*views(30), *views(30, start=NOON + HOUR), activity(NOON + 2 * HOUR)])

    assert (found.peak_minute, found.peak_actions) == (NOON, 30)


def test_nothing_is_frozen_when_nothing_is_left_in_the_window() -> None:
    change = advance(None, judgement(views(41)))
    assert change is not None
    closed = close(change[0], NOON + 1, Ending.BELOW)

    empty = judgement([], NOON + 1)

    assert freeze(closed, Transition.CLOSED, empty, RECOMMENDED, WORDS["recommended"]) is None


def test_a_closing_freezes_what_is_left_without_findings() -> None:
    change = advance(None, judgement(views(41)))
    assert change is not None
    closed = close(change[0], NOON + 1, Ending.BELOW)
    rest = judgement(views(3), NOON + 1)

    found = freeze(closed, Transition.CLOSED, rest, RECOMMENDED, WORDS["recommended"])

    assert found is not None
    assert (found.total_actions, found.closed_at, found.revision) == (3, NOON + 1, 2)
    assert [c.gate for c in found.conditions if c.held] == []
    assert {c.gate for c in found.conditions} == {
        "bulk_access",
        "credential_hunting",
        "bulk_export",
        "space_enumeration",
        "space_export",
    }


def test_each_condition_is_a_value_and_its_threshold() -> None:
    made = [activity(NOON + i * 10 * MINUTE, space=f"S{i % 12}") for i in range(24)]

    found = frozen(made, SOURCE)

    assert [(c.gate, c.column, c.value, c.threshold, c.held) for c in found.conditions] == [
        ("bulk_access", "total_actions", 24, 40, False),
        ("credential_hunting", "sensitive_search_count", 0, 0, False),
        ("bulk_export", "export_count", 0, 5, False),
        ("space_enumeration", "unique_spaces", 12, 5, True),
        ("space_enumeration", "total_actions", 24, 20, True),
        ("indicator", "unique_spaces", 12, 10, True),
    ]


def test_elevated_access_has_no_condition_of_its_own() -> None:
    found = frozen(views(41, every=10 * MINUTE))

    assert "indicator" not in {c.gate for c in found.conditions}


def test_a_gate_that_is_switched_off_is_not_shown() -> None:
    found = frozen(views(41), tuned(exports=None, spaces=None))

    assert {(c.gate, c.column) for c in found.conditions} >= {("bulk_access", "total_actions")}
    assert "bulk_export" not in {c.gate for c in found.conditions}
    assert ("space_enumeration", "unique_spaces") not in {
        (c.gate, c.column) for c in found.conditions
    }


def test_conditions_are_those_of_the_gravest_finding() -> None:
    exports = [activity(action="ContentExported", title=f"{i}") for i in range(6)]
    found = frozen([*views(41, every=10 * MINUTE, session=ELSEWHERE), *exports], SOURCE)

    assert {c.column: c.value for c in found.conditions if c.held} == {"export_count": 6}


def test_who_and_where_are_counted_most_frequent_first() -> None:
    known = Context("alice@example.com", "no", "NL", "Example Networks")
    made = [
        *views(2, context=known),
        *views(39, session=ELSEWHERE, context=Context(account_id="a", country="BE")),
    ]

    found = frozen(made)

    assert found.ip_addresses == counted(**{"192.0.2.2": 39, "192.0.2.1": 2})
    assert found.user_agents == counted(**{"curl/8.5.0": 39, "Firefox": 2})
    assert found.countries == counted(BE=39, NL=2)
    assert found.providers == counted(**{"Example Networks": 2})
    assert found.account_ids == ("a", "alice@example.com")
    assert found.scripted_agent


def test_equal_counts_are_in_order_of_the_text() -> None:
    found = frozen([activity(space=s) for s in "BACBAC" * 7])

    assert found.spaces == counted(A=14, B=14, C=14)


@pytest.mark.parametrize(
    ("said", "expected"),
    [(("no", "yes"), "yes"), (("no", ""), "no"), (("",), "unknown")],
    ids=["yes once", "no once", "never said"],
)
def test_a_privileged_account_is_yes_no_or_unknown(said: tuple[str, ...], expected: str) -> None:
    extra = [activity(context=Context(privileged=word)) for word in said]

    assert frozen([*views(41), *extra]).privileged == expected


def test_sessions_that_pass_come_first_with_their_gates() -> None:
    found = frozen([*views(41, session=ELSEWHERE), *views(50, every=0)])
    alone = frozen([*views(41, session=ELSEWHERE), *views(3)])

    assert [s.total_actions for s in found.sessions] == [50, 41]
    assert [(s.ip_address, s.gates != (), s.indicator != "") for s in alone.sessions] == [
        ("192.0.2.2", True, True),
        ("192.0.2.1", False, False),
    ]
    assert alone.session_count == 2


def test_a_search_tells_its_terms_and_what_followed_it() -> None:
    made = [
        search(NOON - HOUR, text="rota", terms=()),
        search(NOON, text="vpn ***"),
        activity(NOON + 1, title="VPN set-up"),
        activity(NOON + 2, "SpaceViewed", title=""),
        activity(NOON + 3, "AttachmentDownloaded", title="vpn.conf", space="OPS"),
        activity(NOON + 4, "PagePrinted", title=""),
        search(NOON + 5, text="vpn ***", terms=("vpn", "ssh")),
    ]

    found = frozen(made)

    first, second = found.searches
    assert (first.text, first.terms, first.times) == ("vpn ***", ("vpn", "ssh"), 2)
    assert (first.first_at, first.opened) == (NOON, ("VPN set-up",))
    assert first.taken == ("vpn.conf", "PagePrinted")
    assert (second.text, second.terms, second.opened) == ("rota", (), ())
    assert found.taken == (
        Taken(
            at=NOON + 3, action_type="AttachmentDownloaded", page_title="vpn.conf", space_key="OPS"
        ),
        Taken(at=NOON + 4, action_type="PagePrinted", page_title="", space_key="SPACE"),
    )
    assert (found.opened_after_search, found.taken_after_search) == (2, 2)
    assert found.sensitive_search_count == 2


def test_every_list_is_bounded() -> None:
    number = 160
    made = [
        activity(
            NOON - i * 10 * MINUTE // 2,
            "ContentExported",
            session=ALICE._replace(ip_address=f"192.0.2.{i}", user_agent=f"agent {i}"),
            title=f"Page {i}",
            space=f"S{i}",
            context=Context(f"id {i}", "", f"C{i}", f"P{i}"),
        )
        for i in range(number)
    ]
    made += [search(NOON - 9 * MINUTE, text=f"vpn {i}") for i in range(number)]

    found = frozen(made)

    assert len(found.sessions) == MOST_SESSIONS
    assert len(found.spaces) == MOST_SPACES
    assert len(found.pages) == MOST_PAGES
    assert len(found.searches) == MOST_SEARCHES
    assert len(found.taken) == MOST_TAKEN
    assert {len(s.opened) for s in found.searches} == {0}
    assert max(len(s.taken) for s in found.searches) <= 10
    assert {len(lists) for lists in (found.ip_addresses, found.user_agents, found.countries)} == {
        50
    }
    assert (found.session_count, found.unique_spaces) == (number + 1, number + 1)


def test_what_followed_a_search_is_at_most_ten_titles() -> None:
    (found,) = frozen([search(NOON), *views(30, start=NOON + 1)]).searches

    assert len(found.opened) == 10


def test_the_latest_day_of_minutes_is_kept() -> None:
    week = replace(RECOMMENDED, time_window_hours=168)
    made = views(MOST_MINUTES + 60, start=NOON - 1_500 * MINUTE + MINUTE, every=MINUTE)

    found = frozen(made, week)

    assert len(found.minutes) == MOST_MINUTES
    assert found.minutes[-1][0] == NOON
    assert found.total_actions == 1_500


def test_a_saturated_window_says_so_and_shows_no_hashes() -> None:
    made = [without_texts(a) for a in views(41)]

    found = frozen([*made, activity(title="Kept", space="KEPT")])

    assert found.truncated
    assert (found.pages, found.spaces) == (counted(Kept=1), counted(KEPT=1))
    assert found.unique_pages == 42


def test_what_a_loser_prepared_is_not_a_revision() -> None:
    first = frozen(views(41))
    lost = replace(first, revision=2, follows=1, total_actions=7)
    third = replace(first, revision=3, follows=1)
    ahead = replace(first, revision=4, follows=3)

    assert revisions_until([first, lost, third, ahead], 3) == [first, third]
    assert revisions_until([first, lost], 3) == [first, lost]  # the third cannot be read
    assert revisions_until([lost], 0) == []
    assert revisions_until([first, third], 10**20) == [first, third]  # a damaged episode
    odd = replace(third, follows=10**20)  # a damaged row of its own
    assert revisions_until([first, odd], 3) == [first, odd]
