"""`where` and `case`: every threshold on both sides, and who is a hit."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.activity import Activity
from detector.core.instant import DAY, HOUR, MINUTE
from detector.core.policy import Policy
from detector.core.rules import (
    ELEVATED,
    GATES,
    INDICATORS,
    gates_passed,
    gravity,
    in_window,
    indicator_of,
    judge,
)
from tests.support.activities import (
    ALICE,
    NOON,
    RECOMMENDED,
    SOURCE,
    activity,
    search,
    summary,
    tuned,
    verdict,
    views,
)

LABELS = (*INDICATORS, ELEVATED)
EXPORTED, SCRAPED, HUNTED, TAKEN, ENUMERATED, VOLUME, _ = LABELS
OFF = dict.fromkeys(
    "bulk_access sensitive_searches exports spaces actions_with_spaces space_exports".split()
)


def slow(number: int, action: str = "PageViewed", *, spaces: int = 1) -> list[Activity]:
    """That many actions, one in ten minutes, over that many spaces."""
    return [
        activity(NOON + i * 10 * MINUTE, action, title=f"P{i}", space=f"S{i % spaces}")
        for i in range(number)
    ]


@pytest.mark.parametrize(
    ("made", "gates"),
    [
        pytest.param(slow(40), (), id="40 actions"),
        pytest.param(slow(41), ("bulk_access",), id="41 actions"),
        pytest.param([search(terms=())], (), id="a harmless search"),
        pytest.param([search()], ("credential_hunting",), id="a sensitive search"),
        pytest.param(slow(5, "ContentExported"), (), id="5 exports"),
        pytest.param(slow(6, "ContentExported"), ("bulk_export",), id="6 exports"),
        pytest.param(slow(41, "AttachmentDownloaded"), ("bulk_access",), id="downloads only add"),
        pytest.param(slow(21, spaces=5), (), id="5 spaces in 21 actions"),
        pytest.param(slow(20, spaces=6), (), id="6 spaces in 20 actions"),
        pytest.param(slow(21, spaces=6), ("space_enumeration",), id="6 spaces in 21 actions"),
        pytest.param(
            [*slow(41, "ContentExported", spaces=6), search()],
            ("bulk_access", "credential_hunting", "bulk_export", "space_enumeration"),
            id="every gate of the query",
        ),
    ],
)
def test_a_session_passes_the_gates_of_the_source(
    made: list[Activity], gates: tuple[str, ...]
) -> None:
    assert gates_passed(summary(made), SOURCE) == gates


@pytest.mark.parametrize(
    ("policy", "gates"),
    [(SOURCE, ()), (RECOMMENDED, ("space_export",)), (tuned(space_exports=1), ())],
    ids=["source", "recommended", "recommended from the second on"],
)
def test_a_whole_space_export_is_decisive_where_the_policy_says_so(
    policy: Policy, gates: tuple[str, ...]
) -> None:
    assert gates_passed(summary([activity(action="space_exported")], RECOMMENDED), policy) == gates


@pytest.mark.parametrize("gate", GATES)
def test_a_gate_whose_number_is_null_never_opens(gate: str) -> None:
    everything = [*slow(50, "SpaceExported", spaces=50), search()]
    found = summary(everything, RECOMMENDED)

    assert gate in gates_passed(found, RECOMMENDED)
    for condition in GATES[gate]:
        assert gate not in gates_passed(found, tuned(**{condition.threshold: None}))


def test_without_any_gate_nobody_is_a_hit() -> None:
    assert judge(summary(slow(500)), tuned(**OFF)) is None
    assert not verdict(slow(500), policy=tuned(**OFF)).is_hit


@pytest.mark.parametrize(
    ("made", "label"),
    [
        pytest.param([*views(10, every=0), activity(NOON + MINUTE)], SCRAPED, id="11 a minute"),
        pytest.param([*views(9, every=0), activity(NOON + MINUTE)], ELEVATED, id="10 a minute"),
        pytest.param([*slow(9), search()], HUNTED, id="a sensitive search"),
        pytest.param(slow(6, "ContentExported"), TAKEN, id="6 exports"),
        pytest.param(slow(5, "ContentExported"), ELEVATED, id="5 exports"),
        pytest.param(slow(22, spaces=11), ENUMERATED, id="11 spaces"),
        pytest.param(slow(20, spaces=10), ELEVATED, id="10 spaces"),
        pytest.param(slow(101), VOLUME, id="101 actions"),
        pytest.param(slow(100), ELEVATED, id="100 actions"),
        pytest.param([*views(11, every=0), search()], SCRAPED, id="scraping before hunting"),
        pytest.param([*slow(6, "PagePrinted"), search()], HUNTED, id="hunting before export"),
        pytest.param(slow(101, "PagePrinted", spaces=11), TAKEN, id="export before spaces"),
        pytest.param(slow(101, spaces=11), ENUMERATED, id="spaces before volume"),
    ],
)
def test_the_first_number_that_is_exceeded_names_the_indicator(
    made: list[Activity], label: str
) -> None:
    assert indicator_of(summary(made), SOURCE) == label


def test_a_whole_space_export_is_graver_than_all_else_under_recommended() -> None:
    made = [*views(11, every=0), activity(action="space_exported")]

    assert indicator_of(summary(made, RECOMMENDED), RECOMMENDED) == EXPORTED
    assert indicator_of(summary(made, RECOMMENDED), SOURCE) == SCRAPED


def test_gravity_is_the_order_of_the_query_and_unknown_labels_come_last() -> None:
    assert sorted(LABELS, key=gravity) == list(LABELS)
    assert gravity("a label of another version") == gravity("") > gravity(ELEVATED)


def test_the_window_is_strict_at_100_nanoseconds_and_has_no_upper_bound() -> None:
    edge, inside, later = activity(NOON - DAY), activity(NOON - DAY + 1), activity(NOON + DAY)

    assert in_window([edge, inside, later], NOON, SOURCE) == [inside, later]


def test_a_look_back_also_cuts_what_came_after() -> None:
    inside, at, later = activity(NOON - DAY + 1), activity(NOON), activity(NOON + 1)
    edge = activity(NOON - DAY)

    assert in_window([edge, inside, at, later], NOON, SOURCE, bounded=True) == [inside, at]
    assert verdict([*views(21), *views(20, start=NOON - HOUR)], policy=SOURCE).is_hit
    assert verdict([*views(41, start=NOON + 1)], policy=SOURCE).is_hit


def test_the_window_is_as_long_as_the_policy_says() -> None:
    hour = replace(SOURCE, time_window_hours=1)

    assert in_window([activity(NOON - HOUR)], NOON, hour) == []
    assert len(in_window([activity(NOON - HOUR + 1)], NOON, hour)) == 1


ELSEWHERE = ALICE._replace(ip_address="192.0.2.2")


def test_sessions_are_judged_apart_and_come_largest_first() -> None:
    found = verdict([*views(30), *views(41, session=ELSEWHERE)], policy=SOURCE)

    assert [s.total_actions for s in found.sessions] == [41, 30]
    assert [f.summary.session for f in found.findings] == [ELSEWHERE]
    assert found.user_finding is None
    assert found.is_hit


def test_equal_sessions_come_in_order_of_their_columns() -> None:
    found = verdict([*views(3, session=ELSEWHERE), *views(3)])

    assert [s.session for s in found.sessions] == [ALICE, ELSEWHERE]


def test_a_user_who_rotates_addresses_is_a_hit_only_where_users_are_gated() -> None:
    spread = [
        a._replace(session=ALICE._replace(ip_address=f"192.0.2.{i}"))
        for i, a in enumerate(slow(41))
    ]
    gated, ungated = verdict(spread), verdict(spread, policy=SOURCE)

    assert gated.is_hit
    assert gated.findings == ()
    assert [f.summary.total_actions for f in gated.passing] == [41]
    assert not ungated.is_hit
    assert ungated.indicator is None
    assert [f.gates for f in ungated.user_finding_under(SOURCE)] == [("bulk_access",)]


def test_the_merged_window_stands_under_the_largest_sessions_account() -> None:
    named = ELSEWHERE._replace(account_display_name="Alice Example")
    found = verdict([*views(2), *views(3, session=named)])

    assert found.user_summary is not None
    assert found.user_summary.session == named._replace(ip_address="", user_agent="")
    assert found.user_summary.total_actions == 5


def test_a_nameless_session_keeps_its_address_when_merged() -> None:
    nameless = ALICE._replace(account_object_id="", account_display_name="")
    found = verdict(views(2, session=nameless))

    assert found.user_summary is not None
    assert found.user_summary.session == nameless


def test_a_user_without_activities_in_the_window_has_no_verdict() -> None:
    found = verdict(views(99, start=NOON - 2 * DAY))

    assert (found.user_summary, found.sessions, found.passing) == (None, (), ())
    assert found.user_finding_under(SOURCE) == ()
    assert not found.is_hit


def test_the_gravest_of_those_that_pass_is_the_indicator() -> None:
    made = [*slow(41), *(a._replace(session=ELSEWHERE) for a in slow(6, "ContentExported"))]
    found = verdict(made, policy=SOURCE)

    assert [f.indicator for f in found.passing] == [TAKEN, ELEVATED]
    assert found.indicator == TAKEN


ANY_ACTIVITY = st.builds(
    activity,
    st.integers(NOON - DAY, NOON),
    st.sampled_from("PageViewed ContentExported SpaceExported space_exported Other".split()),
    session=st.sampled_from([ALICE, ELSEWHERE]),
    title=st.sampled_from("ABC"),
    space=st.sampled_from([f"S{n}" for n in range(12)]),
    terms=st.sampled_from([(), (), ("vpn",)]),
)
SMALL = tuned(bulk_access=4, exports=2, spaces=2, actions_with_spaces=3, space_exports=1)


@given(st.lists(ANY_ACTIVITY, max_size=9), st.lists(ANY_ACTIVITY, max_size=5))
def test_more_events_never_close_a_gate(some: list[Activity], more: list[Activity]) -> None:
    before, after = verdict(some, policy=SMALL), verdict([*some, *more], policy=SMALL)

    now = {f.summary.session: set(f.gates) for f in after.findings}
    assert all(set(f.gates) <= now.get(f.summary.session, set()) for f in before.findings)
    merged = after.user_finding.gates if after.user_finding else ()
    assert before.user_finding is None or set(before.user_finding.gates) <= set(merged)
