"""The minute chart: steps, bars, axes and the peak, from one action to a full day."""

import pytest

from detector.core.instant import DAY, HOUR, MINUTE, parse_instant
from detector.page.timeline import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, timeline
from tests.support.evidence import make_evidence

MIDNIGHT = parse_instant("2026-03-11T00:00:00Z")


def chart(minutes, width=960):
    peak = max(minutes, key=lambda pair: pair[1])
    evidence = make_evidence(minutes=tuple(minutes), peak_minute=peak[0], peak_actions=peak[1])
    drawn = timeline(evidence, width)
    assert drawn is not None
    return drawn


def every_minute(count, start=MIDNIGHT + 9 * HOUR):
    return [(start + number * MINUTE, 1 + number % 7) for number in range(count)]


def test_no_minutes_make_no_chart():
    assert timeline(make_evidence(minutes=()), 960) is None


def test_one_action_is_one_bar_of_a_readable_width():
    drawn = chart([(MIDNIGHT + 9 * HOUR, 1)])

    assert len(drawn.bars) == 1
    assert drawn.bars[0].width == 40
    assert drawn.step == 1
    assert [tick.text for tick in drawn.actions] == ["0", "1"]


@pytest.mark.parametrize(
    ("minutes", "width", "step"),
    [
        (1, 960, 1),
        (226, 960, 1),
        (227, 960, 2),
        (1_440, 960, 10),
        (1_440, 380, 30),
        (2 * 1_440, 960, 15),
    ],
    ids=["a minute", "just fits", "one too many", "a day", "a day, narrow", "two days"],
)
def test_a_step_is_as_many_minutes_as_keep_bars_visible(minutes, width, step):
    assert chart(every_minute(minutes), width).step == step


def test_a_year_is_drawn_in_whole_days():
    drawn = chart([(MIDNIGHT, 1), (MIDNIGHT + 364 * DAY, 5)])

    assert drawn.step == 2 * 1_440


@pytest.mark.parametrize("width", [960, 380], ids=["wide", "narrow"])
@pytest.mark.parametrize("minutes", [1, 2, 9, 10, 61, 500, 1_440], ids=str)
def test_everything_is_inside_the_chart(minutes, width):
    drawn = chart(every_minute(minutes), width)

    for bar in drawn.bars:
        assert bar.x >= LEFT
        assert bar.x + bar.width <= width - RIGHT + 0.01
        assert bar.y >= TOP
        assert bar.y + bar.height == pytest.approx(HEIGHT - BOTTOM, abs=0.11)
        assert bar.width >= 3
    for tick in drawn.times:
        assert LEFT <= tick.at <= width - RIGHT


@pytest.mark.parametrize("minutes", [1, 61, 500, 1_440], ids=str)
def test_no_action_is_lost_between_the_steps(minutes):
    drawn = chart(every_minute(minutes))

    assert sum(bar.actions for bar in drawn.bars) == sum(n for _, n in every_minute(minutes))


def test_the_bar_of_the_peak_minute_is_marked_even_where_another_step_has_more():
    quiet = [(MIDNIGHT + number * MINUTE, 2) for number in range(20)]
    loud = (MIDNIGHT + 12 * HOUR, 9)
    drawn = chart([*quiet, loud, (MIDNIGHT + 23 * HOUR, 1)])
    [peak] = [bar for bar in drawn.bars if bar.is_peak]

    assert peak.start == loud[0]
    assert peak.actions < max(bar.actions for bar in drawn.bars)
    assert peak.x < drawn.peak_x < peak.x + peak.width


@pytest.mark.parametrize(
    ("at", "anchor"), [(0, "start"), (30, "middle"), (59, "end")], ids=["first", "mid", "last"]
)
def test_the_label_of_the_peak_stays_inside(at, anchor):
    minutes = [(MIDNIGHT + number * MINUTE, 9 if number == at else 1) for number in range(60)]

    assert chart(minutes).peak_anchor == anchor


def test_the_last_time_ends_at_the_edge():
    assert chart(every_minute(30), width=380).times[-1].anchor == "end"


def test_midnight_is_labelled_with_its_date():
    texts = [tick.text for tick in chart(every_minute(120, MIDNIGHT - HOUR)).times]

    assert texts == "23:00 23:15 23:30 23:45 03-11 00:15 00:30 00:45 01:00".split()


@pytest.mark.parametrize(
    ("highest", "marks"),
    [
        (1, ["0", "1"]),
        (2, ["0", "1", "2"]),
        (3, ["0", "2", "4"]),
        (9, ["0", "5", "10"]),
        (10, ["0", "5", "10"]),
        (11, ["0", "10", "20"]),
        (1_234, ["0", "1,000", "2,000"]),
    ],
    ids=str,
)
def test_the_scale_ends_at_a_round_number(highest, marks):
    drawn = chart([(MIDNIGHT, highest)])

    assert [tick.text for tick in drawn.actions] == marks
