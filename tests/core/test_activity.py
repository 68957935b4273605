"""Who an activity belongs to, how it is identified, and which of two readings is kept."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.activity import Activity, Session, better, digest, user_of, users_named
from tests.support.activities import ALICE, NOON, activity

parts = st.lists(st.text(st.characters()), max_size=4)
readings = st.builds(
    activity,
    st.integers(NOON, NOON + 1),
    st.sampled_from(["PageViewed", "SpaceViewed"]),
    title=st.sampled_from(["", "A"]),
    terms=st.sampled_from([(), ("vpn",)]),
    event=st.just("one"),
    reader=st.integers(1, 3),
)


def test_a_digest_has_16_bytes_unless_asked_for_others() -> None:
    assert [len(digest("a")), len(digest("a", size=8))] == [16, 8]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(("a", "bc"), ("ab", "c"), id="a letter moved"),
        pytest.param(("a",), ("a", ""), id="an empty part more"),
        pytest.param(("",), (), id="no part"),
        pytest.param(("1:a",), ("a",), id="a part that looks like a length"),
        pytest.param(("a2:bc",), ("a", "bc"), id="a part that looks like two"),
    ],
)
def test_parts_are_told_apart_by_their_lengths(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assert digest(*one) != digest(*other)


@given(parts, parts)
def test_digests_are_equal_only_where_all_parts_are(one: list[str], other: list[str]) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)


def test_a_lone_surrogate_has_a_digest() -> None:
    assert digest("\ud800") != digest("\udc00")


def test_a_digest_stays_what_it_was_when_rows_were_written() -> None:
    assert digest("oid", "00000000-0000-0000-0000-000000000001").hex() == user_of(ALICE)
    assert user_of(ALICE) == "7f29a2c00a20f5327cbfbee11268443b"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param(("o", "n", "1", "x"), ("o", "m", "2", "y"), True, id="one object id"),
        pytest.param(("o", "n", "1", "x"), ("O", "n", "1", "x"), False, id="another case"),
        pytest.param(("", "n", "1", "x"), ("", "n", "2", "y"), True, id="one name without id"),
        pytest.param(("", "n", "1", "x"), ("o", "n", "1", "x"), False, id="with and without id"),
        pytest.param(("n", "", "1", "x"), ("", "n", "1", "x"), False, id="an id that is a name"),
        pytest.param(("", "", "1", "x"), ("", "", "1", "x"), True, id="one nameless session"),
        pytest.param(("", "", "1", "x"), ("", "", "1", "y"), False, id="two nameless sessions"),
        pytest.param(("", "", "1x", ""), ("", "", "1", "x"), False, id="address and agent apart"),
    ],
)
def test_a_user_is_the_object_id_else_the_name_else_the_session(
    one: tuple[str, ...], other: tuple[str, ...], *, same: bool
) -> None:
    assert (user_of(Session(*one)) == user_of(Session(*other))) is same


@pytest.mark.parametrize(
    "session",
    [ALICE, ALICE._replace(account_object_id="")],
    ids=["by object id", "by display name"],
)
def test_a_person_finds_a_user_by_what_names_it(session: Session) -> None:
    name = session.account_object_id or session.account_display_name

    assert user_of(session) in users_named(name)


def test_a_person_finds_a_user_by_its_key_in_any_case() -> None:
    key = user_of(ALICE)

    assert key in users_named(key.upper())
    assert len(users_named(key[:-1])) == len(users_named("Alice")) == 2


def test_the_newer_readers_reading_is_kept_whatever_it_says() -> None:
    old, new = activity(event="e", title="A", reader=1), activity(event="e", title="B", reader=2)

    assert better(old, new) == better(new, old) == new


def test_of_one_readers_readings_the_smaller_tuple_is_kept() -> None:
    a, b = activity(event="e", title="A"), activity(event="e", title="B")

    assert better(a, b) == better(b, a) == a


@given(readings, readings, readings)
def test_better_is_a_semilattice(a: Activity, b: Activity, c: Activity) -> None:
    assert better(a, a) == a
    assert better(a, b) == better(b, a)
    assert better(better(a, b), c) == better(a, better(b, c))


@given(st.lists(readings, min_size=2, max_size=5))
def test_better_picks_one_of_the_two(several: list[Activity]) -> None:
    assert all(better(a, b) in (a, b) for a, b in pairwise(several))
