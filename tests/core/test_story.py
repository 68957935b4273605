"""What followed a sensitive search, and when things happened."""

import pytest

from detector.core.activity import Activity
from detector.core.instant import MINUTE
from detector.core.story import chains, per_minute
from tests.support.activities import NOON, WORDS, activity, search, views


def followers(after: Activity) -> tuple[list[str], list[str]]:
    """Titles opened and taken after a sensitive search at noon."""
    (chain,) = chains([search(NOON), after], WORDS["source"])
    return [a.page_title for a in chain.opened], [a.page_title for a in chain.taken]


@pytest.mark.parametrize(
    ("after", "opened", "taken"),
    [
        pytest.param(activity(title="p"), ["p"], [], id="a view"),
        pytest.param(activity(action="SpaceViewed", title="s"), ["s"], [], id="a space view"),
        pytest.param(activity(action="ContentExported", title="e"), [], ["e"], id="an export"),
        pytest.param(activity(action="PagePrinted", title="e"), [], ["e"], id="a print"),
        pytest.param(activity(action="AttachmentDownloaded", title="d"), [], ["d"], id="download"),
        pytest.param(activity(action="confluence_page_updated"), [], [], id="not counted"),
        pytest.param(search(text="rota", terms=()), [], [], id="a harmless search"),
        pytest.param(activity(NOON + 10 * MINUTE, title="p"), ["p"], [], id="ten minutes later"),
        pytest.param(activity(NOON + 10 * MINUTE + 1, title="p"), [], [], id="a tick too late"),
    ],
)
def test_what_follows_within_ten_minutes_is_opened_or_taken(
    after: Activity, opened: list[str], taken: list[str]
) -> None:
    assert followers(after) == (opened, taken)


def test_what_came_before_a_search_does_not_follow_it() -> None:
    (chain,) = chains([activity(NOON - 1), search(NOON)], WORDS["source"])

    assert (chain.opened, chain.taken) == ([], [])


def test_what_follows_two_searches_belongs_to_the_later_one() -> None:
    made = [search(NOON), activity(NOON + 1), search(NOON + 2), activity(NOON + 3)]

    assert [len(chain.opened) for chain in chains(made, WORDS["source"])] == [1, 1]


def test_a_harmless_search_starts_no_chain() -> None:
    made = [search(terms=()), search(terms=("a term of another policy",)), activity()]

    assert chains(made, WORDS["source"]) == []


def test_minutes_with_actions_are_counted_in_order() -> None:
    made = [*views(2, start=NOON + 2 * MINUTE), *views(3, start=NOON), activity(NOON - 1)]

    assert list(per_minute(made).items()) == [
        (NOON - MINUTE, 1),
        (NOON, 3),
        (NOON + 2 * MINUTE, 2),
    ]
