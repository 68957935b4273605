"""The query's `summarize`: counters, distinct values, sets, minutes and the rounded rate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.activity import Activity, hashed, without_texts
from detector.core.instant import DAY, MINUTE
from detector.core.summary import by_session, summarise
from tests.support.activities import ALICE, NOON, WORDS, activity, search, summary, views

BOB = ALICE._replace(account_display_name="Bob")


def test_activities_of_which_none_counts_have_no_summary() -> None:
    assert summarise(ALICE, [], WORDS["source"]) is None
    assert summarise(ALICE, [activity(action="jira_issue_viewed")], WORDS["source"]) is None


def test_what_does_not_count_is_in_no_column() -> None:
    counted = activity(NOON, "PageViewed", title="A", space="S")
    other = activity(NOON + DAY, "confluence_page_updated", title="B", space="T", terms=("vpn",))

    found = summary([counted, other])

    assert (found.total_actions, found.unique_pages, found.unique_spaces) == (1, 1, 1)
    assert (found.sensitive_search_count, found.last_activity) == (0, NOON)
    assert found.action_types == ("PageViewed",)


def test_each_counter_counts_its_own_actions() -> None:
    actions = "ContentExported page_viewed PagePrinted AttachmentDownloaded SpaceExported".split()
    found = summary([search(), search(terms=()), *(activity(action=a) for a in actions)])

    assert found.total_actions == 7
    assert found.export_count == 3
    assert found.download_count == 1
    assert found.sensitive_search_count == 1


def test_a_sensitive_text_counts_on_any_action() -> None:
    assert summary([activity(action="PageViewed", terms=("vpn",))]).sensitive_search_count == 1


def test_whole_space_exports_count_where_the_policy_names_them() -> None:
    exports = [activity(action="SpaceExported"), activity(action="space_exported")]

    recommended = summarise(ALICE, exports, WORDS["recommended"])

    assert summary(exports).space_export_count == 0
    assert recommended is not None
    assert recommended.space_export_count == 2


def test_an_empty_text_is_one_distinct_value() -> None:
    found = summary([activity(title="", space=""), activity(title="A", space="")])

    assert (found.unique_pages, found.unique_spaces) == (2, 1)


def test_distinct_values_keep_their_case() -> None:
    assert summary([activity(space="a"), activity(space="A")]).unique_spaces == 2


def test_a_text_and_the_hash_in_its_place_are_one_value() -> None:
    kept = [activity(title=t, space=t) for t in ("A", "B", "")]
    dropped = [without_texts(activity(title=t, space=t)) for t in ("B", "C", "")]

    found = summary([*kept, *dropped])

    assert (found.unique_pages, found.unique_spaces) == (4, 4)
    assert hashed(hashed("A")) == hashed("A") != "A"


@given(st.lists(st.tuples(st.text(max_size=2), st.booleans()), min_size=1))
def test_dropping_texts_changes_no_count(pages: list[tuple[str, bool]]) -> None:
    full = [activity(title=text, space=text) for text, _ in pages]
    partly = [without_texts(a) if drop else a for a, (_, drop) in zip(full, pages, strict=True)]

    one, other = summary(full), summary(partly)

    assert (one.unique_pages, one.unique_spaces) == (other.unique_pages, other.unique_spaces)


def test_sets_take_the_first_distinct_values_in_order_of_time() -> None:
    names = "PageViewed pageviewed PAGEVIEWED SpaceViewed spaceviewed PagePrinted".split()
    names += "pageprinted SearchPerformed ContentViewed".split()
    made = [activity(NOON + i, name, title=f"T{i}", search=f"q{i}") for i, name in enumerate(names)]
    made += [activity(NOON + 50 + i, title=f"T{i}", search="q0") for i in range(20)]

    found = summary(made[::-1])

    assert found.action_types == tuple(names[:8])
    assert found.sample_titles == tuple(f"T{i}" for i in range(10))
    assert found.sensitive_terms_found == tuple(f"q{i}" for i in range(5))


def test_the_search_set_holds_harmless_and_empty_texts_as_the_query_does() -> None:
    made = [activity(NOON), search(NOON + 1, text="rota", terms=()), search(NOON + 2)]

    assert summary(made).sensitive_terms_found == ("", "rota", "vpn")


@pytest.mark.parametrize(
    ("last", "minutes"),
    [
        pytest.param(NOON, 1, id="one instant"),
        pytest.param(NOON + MINUTE - 1, 1, id="inside a minute"),
        pytest.param(NOON + MINUTE, 1, id="one boundary"),
        pytest.param(NOON + 2 * MINUTE - 1, 1, id="a tick before the second boundary"),
        pytest.param(NOON + 2 * MINUTE, 2, id="two boundaries"),
        pytest.param(NOON + DAY, 1_440, id="a day"),
    ],
)
def test_minutes_are_boundaries_and_at_least_one(last: int, minutes: int) -> None:
    assert summary([activity(NOON), activity(last)]).duration_minutes == minutes


@pytest.mark.parametrize(
    ("actions", "minutes", "rate"),
    [
        pytest.param(41, 8, 5.12, id="a tie goes to the even"),
        pytest.param(2_011, 201, 10.0, id="rounded down to 10"),
        pytest.param(2_012, 201, 10.01, id="rounded up from 10"),
        pytest.param(2, 3, 0.67, id="two thirds"),
    ],
)
def test_the_rate_is_rounded_to_two_places(actions: int, minutes: int, rate: float) -> None:
    made = [*views(actions - 1, every=0), activity(NOON + minutes * MINUTE)]

    assert summary(made).access_rate_per_minute == rate


def test_activities_are_ordered_by_time_then_event() -> None:
    a, b, c = activity(NOON, event="a"), activity(NOON, event="b"), activity(NOON - 1)

    ordered = summary([a, b, c]).in_time_order

    assert list(ordered) == [c, *sorted((a, b), key=lambda x: x.event_id)]


def test_sessions_are_the_four_columns_to_the_letter() -> None:
    mine, his, mine_too = activity(), activity(session=BOB), activity()

    assert by_session([mine, his, mine_too]) == {ALICE: [mine, mine_too], BOB: [his]}


@given(st.permutations([*views(5), search(NOON + 9), activity(action="ContentExported")]))
def test_the_order_of_activities_does_not_matter(made: list[Activity]) -> None:
    columns = "total_actions unique_pages unique_spaces sensitive_search_count export_count"
    columns += " sample_titles action_types sensitive_terms_found first_activity last_activity"
    found, ordered = summary(made), summary(sorted(made))

    assert [getattr(found, c) for c in columns.split()] == [
        getattr(ordered, c) for c in columns.split()
    ]
