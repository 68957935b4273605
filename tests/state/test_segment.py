"""Segments: equal sets are equal bytes, union is a join, nothing but SegmentError is raised."""

import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.activity import Activity, Context, Session, better, union, user_of
from detector.core.instant import HOUR, format_instant, parse_instant
from detector.state import segment as module
from detector.state.segment import (
    FULL_TEXTS,
    MOST_ACTIVITIES,
    Segment,
    SegmentError,
    cut,
    merge,
    seal,
    unpack,
)
from tests.support.activities import ALICE, NOON, activity, search, summary, views

BOB = ALICE._replace(account_object_id="00000000-0000-0000-0000-000000000002")
USER = user_of(ALICE)

# Half a surrogate cannot be packed; the readers write U+FFFD for it.
lone = st.sampled_from(["\0", "\0\0", '"\\', "\u2028", "{}", "\x1b[31m"])
hostile = st.text(st.characters(codec="utf-8"), max_size=6) | lone
sessions = st.builds(Session, hostile, hostile, hostile, hostile)
contexts = st.builds(Context, hostile, hostile, hostile, hostile)
activities = st.builds(
    activity,
    st.integers(-(2**63), 2**63 - 1),
    hostile,
    session=sessions,
    title=hostile,
    space=hostile,
    search=hostile,
    terms=st.lists(hostile, max_size=3).map(tuple),
    context=contexts,
    event=st.sampled_from([f"event {n}" for n in range(6)]),
    reader=st.integers(1, 3),
)
batches = st.lists(activities, min_size=1, max_size=8)


@given(batches)
def test_what_is_packed_is_unpacked_to_the_letter(batch: list[Activity]) -> None:
    sealed = seal(USER, NOON, 0, batch)

    assert unpack(sealed.data) == list(sealed.activities)
    assert {a.event_id: a for a in sealed.activities} == union(batch)


@given(batches.flatmap(lambda batch: st.tuples(st.just(batch), st.permutations(batch * 2))))
def test_equal_sets_are_equal_bytes_whatever_their_order(
    both: tuple[list[Activity], list[Activity]],
) -> None:
    one, other = (seal(USER, NOON, 0, batch) for batch in both)

    assert (one.name, one.data) == (other.name, other.data)


@given(batches, batches, batches)
def test_union_is_a_join(a: list[Activity], b: list[Activity], c: list[Activity]) -> None:
    assert union([*a, *b]) == union([*b, *a])
    assert union([*union([*a, *b]).values(), *c]) == union([*a, *union([*b, *c]).values()])
    assert union([*a, *a]) == union(a)


@given(batches, batches)
def test_union_keeps_the_better_of_two_readings(a: list[Activity], b: list[Activity]) -> None:
    one, other = union(a), union(b)

    assert union([*a, *b]) == {
        event: better(one.get(event, known), other.get(event, known))
        for event, known in (one | other).items()
    }


def test_another_set_has_another_name() -> None:
    one = activity(title="A")

    names = {
        seal(USER, NOON, 0, [one._replace(**c)]).name for c in ({}, {"at": 1}, {"search": "x"})
    }

    assert len(names) == 3


def test_small_payloads_stay_raw_and_large_ones_are_compressed() -> None:
    few, many = seal(USER, NOON, 0, views(1)), seal(USER, NOON, 0, views(500))

    assert few.data[:1] == b"p"
    assert many.data[:1] == b"z"
    assert len(many.data) < 500 * 40
    assert len(unpack(many.data)) == 500


def test_a_batch_is_cut_by_user_and_hour() -> None:
    late = NOON + HOUR - 1
    batch = [activity(NOON), activity(late), activity(late + 1), activity(NOON, session=BOB)]

    segments = {(s.user, s.hour): len(s.activities) for s in cut(batch)}

    assert segments == {(USER, NOON): 2, (USER, NOON + HOUR): 1, (user_of(BOB), NOON): 1}
    assert {s.level for s in cut(batch)} == {0}


def test_an_hour_before_the_epoch_begins_where_hours_begin() -> None:
    (found,) = cut([activity(-1)])

    assert format_instant(found.hour) == "1969-12-31T23:00:00.0000000Z"


def test_a_very_large_batch_is_cut_into_several_segments() -> None:
    sizes = [len(s.activities) for s in cut(views(MOST_ACTIVITIES + 1, every=0))]

    assert sizes == [MOST_ACTIVITIES, 1]


def test_nothing_is_cut_from_nothing() -> None:
    assert cut([]) == []


def test_a_merge_is_the_union_one_level_up() -> None:
    a, b, c = views(3)
    one, other = seal(USER, NOON, 2, [a, b]), seal(USER, NOON, 2, [b, c])

    merged = merge([one, other])

    assert (merged.user, merged.hour, merged.level) == (USER, NOON, 3)
    assert set(merged.activities) == {a, b, c}


@given(st.lists(batches, min_size=1, max_size=4))
def test_merging_in_any_grouping_gives_one_name(groups: list[list[Activity]]) -> None:
    segments = [seal(USER, NOON, 0, group) for group in groups]

    at_once = merge(segments)
    in_steps = merge([seal(USER, NOON, 0, merge(segments[:1]).activities), *segments[1:]])

    assert at_once.name == in_steps.name


def saturated() -> list[Activity]:
    made = views(FULL_TEXTS - 1, every=1)
    return [*made, search(NOON), activity(NOON, "ContentExported", title="", space="")]


def test_beyond_20000_activities_texts_are_dropped_and_every_count_stays() -> None:
    full = saturated()
    half = [seal(USER, NOON, 0, full[:10_000]), seal(USER, NOON, 0, full[10_000:])]

    merged = merge(half)

    counts = "total_actions unique_pages unique_spaces sensitive_search_count export_count".split()
    before, after = summary(full), summary(merged.activities)
    assert [getattr(after, c) for c in counts] == [getattr(before, c) for c in counts]
    assert {a.search for a in merged.activities} == {""}
    assert {a.page_title[:1] for a in merged.activities} == {"\0"}
    assert merge([merged, merged]).name == merged.name


def test_20000_activities_keep_their_texts() -> None:
    merged = merge([seal(USER, NOON, 0, saturated()[1:])])

    assert "vpn" in {a.search for a in merged.activities}


GOOD = [seal(USER, NOON, 0, views(3)).data, seal(USER, NOON, 0, views(60)).data]


def raw(packed: object) -> bytes:
    return b"p" + msgspec.msgpack.encode(packed)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"z", id="a compressed nothing"),
        pytest.param(b"q" + GOOD[0][1:], id="another first byte"),
        pytest.param(b"znonsense", id="not compressed"),
        pytest.param(b"z" + zlib.compress(b"x" * 99)[:-1], id="cut off"),
        pytest.param(b"z" + zlib.compress(bytes(module._LARGEST + 1)), id="a bomb"),
        pytest.param(seal(USER, NOON, 0, views(2)).data[:-1], id="a byte short"),
        pytest.param(raw({"1": 1}), id="an object"),
        pytest.param(raw(None), id="null"),
        pytest.param(raw([[[]], [], [], []]), id="a session without columns"),
        pytest.param(raw([[], [], [], [[b"", 1, 0, 0, "", "", "", [], 0, 1]]]), id="an index"),
        pytest.param(raw([[], [], [], [[]]]), id="a row without columns"),
        pytest.param(b"p" + b"\x91" * 200_000, id="nested deep"),
        pytest.param(b"p\xff\xfe", id="no MessagePack"),
    ],
)
def test_what_was_never_packed_is_a_segment_error(data: bytes) -> None:
    with pytest.raises(SegmentError, match="cannot be read"):
        unpack(data)


def read_or_refuse(data: bytes) -> list[Activity] | SegmentError:
    try:
        return unpack(data)
    except SegmentError as error:
        return error


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=10) | st.dictionaries(st.text("ab", max_size=1), inner),
    max_leaves=12,
)


@given(
    st.binary(max_size=300)
    | st.builds(raw, json_values)
    | st.builds(raw, st.lists(json_values, min_size=4, max_size=4))
)
def test_bytes_of_others_raise_nothing_but_segment_errors(data: bytes) -> None:
    assert isinstance(read_or_refuse(data), list | SegmentError)


@given(st.sampled_from(GOOD), st.integers(0), st.integers(0, 255), st.booleans())
def test_damaged_bytes_raise_nothing_but_segment_errors(
    data: bytes, at: int, byte: int, short: bool
) -> None:
    at %= len(data)
    damaged = data[:at] if short else data[:at] + bytes([byte]) + data[at + 1 :]

    assert isinstance(read_or_refuse(damaged), list | SegmentError)
    assert isinstance(read_or_refuse(data), list)


def test_a_segment_written_before_is_read_as_it_was() -> None:
    """The stored format: changing it needs a new row version and a reader of both."""
    data = bytes.fromhex(
        "70949194d92430303030303030302d303030302d303030302d303030302d30303030303030303030"
        "3031a5416c696365a93139322e302e322e31a746697265666f7891af536561726368506572666f72"
        "6d65649194b1616c696365406578616d706c652e636f6da26e6fa24e4cb04578616d706c65204e65"
        "74776f726b73919ac410000102030405060708090a0b0c0d0e0fcf003eff5acc9ff2870000a0a553"
        "50414345a776706e202a2a2a91a376706e0001"
    )

    assert unpack(data) == [
        Activity(
            bytes(range(16)),
            parse_instant("2026-03-11T09:30:00.1234567Z"),
            ALICE,
            "SearchPerformed",
            "",
            "SPACE",
            "vpn ***",
            ("vpn",),
            Context("alice@example.com", "no", "NL", "Example Networks"),
        )
    ]
    assert isinstance(seal(USER, NOON, 0, unpack(data)), Segment)
    assert seal(USER, NOON, 0, unpack(data)).data == data
