"""Instants: seven digits, zones, the calendar's edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.instant import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    InstantError,
    day_of,
    floor_minute,
    format_instant,
    hour_of,
    minutes_between,
    parse_instant,
)

FIRST, LAST = "0001-01-01T00:00:00.0000000Z", "9999-12-31T23:59:59.9999999Z"
ticks = st.integers(parse_instant(FIRST), parse_instant(LAST))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("1970-01-01T00:00:00Z", 0, id="the epoch"),
        pytest.param("1970-01-01T00:00:00.0000001Z", 1, id="one tick"),
        pytest.param("1970-01-01T00:00:00.1Z", SECOND // 10, id="one digit"),
        pytest.param("1970-01-01T00:00:00.123456789Z", 1_234_567, id="digits beyond the seventh"),
        pytest.param("1969-12-31T23:59:59.9999999Z", -1, id="before the epoch"),
        pytest.param("1970-01-01", 0, id="a date"),
        pytest.param("1970-01-02Z", DAY, id="a date with its zone"),
        pytest.param("1970-01-01T01:02", HOUR + 2 * MINUTE, id="without seconds"),
        pytest.param("1970-01-01 00:00:01", SECOND, id="a blank for T"),
        pytest.param("1970-01-01T00:00:00 z", 0, id="a blank and small z"),
        pytest.param("1970-01-01T02:00:00+02:00", 0, id="an offset east"),
        pytest.param("1969-12-31T19:30:00-0430", 0, id="an offset west without colon"),
        pytest.param("1970-01-01T14:59:00+14:59", 0, id="the largest offset"),
        pytest.param("1972-02-29T00:00:00Z", 789 * DAY, id="a leap day"),
    ],
)
def test_a_text_is_read_as_ticks(text: str, expected: int) -> None:
    assert parse_instant(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "not an ISO 8601 instant", id="nothing"),
        pytest.param("yesterday", "'yesterday' is not an ISO 8601 instant", id="a word"),
        pytest.param("11/03/2026", "not an ISO 8601 instant", id="another form"),
        pytest.param("2026-03-11T09", "not an ISO 8601 instant", id="an hour alone"),
        pytest.param("2026-03-11T09:30:00Zulu", "not an ISO 8601 instant", id="more after it"),
        pytest.param("２０２６-03-11", "not an ISO 8601 instant", id="wide digits"),
        pytest.param("2026-03-11T09:30:00." + "1" * 21, "not an ISO 8601", id="endless digits"),
        pytest.param("2026-02-29", "'2026-02-29' is not a date", id="no such day"),
        pytest.param("0000-01-01", "is not a date", id="year 0"),
        pytest.param("2026-03-11T24:00:00Z", "not a time of day", id="hour 24"),
        pytest.param("2026-03-11T23:60:00Z", "not a time of day", id="minute 60"),
        pytest.param("2026-03-11T23:59:60Z", "not a time of day", id="a leap second"),
        pytest.param("2026-03-11T12:00:00+15:00", "not an offset", id="offset of 15 hours"),
        pytest.param("2026-03-11T12:00:00+01:60", "not an offset", id="offset of 60 minutes"),
        pytest.param("0001-01-01T00:00:00+00:01", "years 1 to 9999", id="before year 1"),
        pytest.param("9999-12-31T23:59:59-00:01", "years 1 to 9999", id="after year 9999"),
    ],
)
def test_a_text_that_is_no_instant_is_quoted_in_the_error(text: str, says: str) -> None:
    with pytest.raises(InstantError, match=says):
        parse_instant(text)


def test_a_long_text_is_quoted_in_part() -> None:
    with pytest.raises(InstantError) as caught:
        parse_instant("x" * 1_000_000)

    assert len(str(caught.value)) < 120


def test_a_zone_may_be_asked_for() -> None:
    with pytest.raises(InstantError, match="has no zone"):
        parse_instant("2026-03-11T09:30:00", zone_required=True)

    assert parse_instant("1970-01-01T00:00:00Z", zone_required=True) == 0


@given(ticks)
def test_what_is_formatted_reads_as_the_same_tick(at: int) -> None:
    text = format_instant(at)

    assert parse_instant(text) == parse_instant(text, zone_required=True) == at
    assert len(text) == 28


@given(ticks, ticks)
def test_texts_sort_as_their_instants(one: int, other: int) -> None:
    assert (format_instant(one) < format_instant(other)) == (one < other)


@given(ticks, st.integers(-14 * 60, 14 * 60))
def test_a_zone_moves_the_instant_by_its_offset(at: int, minutes: int) -> None:
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    local = format_instant(at).removesuffix("Z") + f"{sign}{hours:02d}:{rest:02d}"
    moved = at - minutes * MINUTE

    if parse_instant(FIRST) <= moved <= parse_instant(LAST):
        assert parse_instant(local) == moved
    else:
        with pytest.raises(InstantError, match="years 1 to 9999"):
            parse_instant(local)


@pytest.mark.parametrize(
    ("beyond", "edge"),
    [(-DAY, FIRST), (-800_000 * DAY, FIRST), (4_000_000 * DAY, LAST)],
    ids=["a window before the first day", "long before", "long after"],
)
def test_an_instant_beyond_the_calendar_is_written_as_its_edge(beyond: int, edge: str) -> None:
    at = parse_instant(FIRST) + beyond

    assert format_instant(at) == edge
    assert day_of(at) == edge[:10].replace("-", "")


@pytest.mark.parametrize(
    ("text", "day", "hour"),
    [
        pytest.param("2026-03-11T23:59:59.9999999Z", "20260311", 23, id="the last tick of a day"),
        pytest.param("2026-03-12T00:00:00Z", "20260312", 0, id="midnight"),
        pytest.param("1969-12-31T23:59:59.9999999Z", "19691231", 23, id="before the epoch"),
        pytest.param("0800-02-03T04:05:06Z", "08000203", 4, id="a year of three digits"),
    ],
)
def test_an_instant_has_a_day_and_an_hour(text: str, day: str, hour: int) -> None:
    assert (day_of(parse_instant(text)), hour_of(parse_instant(text))) == (day, hour)


def test_minutes_between_counts_the_boundaries_that_are_crossed() -> None:
    ten = 10 * HOUR

    assert minutes_between(ten, ten + MINUTE - 1) == 0
    assert minutes_between(ten + MINUTE - 1, ten + MINUTE) == 1
    assert minutes_between(ten, ten + 2 * MINUTE - 1) == 1
    assert minutes_between(ten + MINUTE, ten) == -1
    assert minutes_between(-1, 0) == 1


@given(ticks)
def test_a_minute_begins_at_or_less_than_a_minute_before_its_instants(at: int) -> None:
    start = floor_minute(at)

    assert start % MINUTE == 0
    assert 0 <= at - start < MINUTE
