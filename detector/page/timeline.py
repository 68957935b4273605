"""The geometry of the minute chart: bars, axes and the peak, in the units of its view box."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from detector.core.evidence import Evidence
from detector.core.instant import DAY, MINUTE, format_instant

HEIGHT = 210
LEFT, RIGHT, TOP, BOTTOM = 40, 14, 34, 26

_NARROWEST_BAR, _WIDEST_BAR = 4, 40
_NARROWEST_LABEL = 76
_PEAK_LABEL = 130
_TIME_LABEL = 40
_FEWEST_MINUTES = 10
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The actions from `start` on, for one step."""

    x: float
    y: float
    width: float
    height: float
    start: int
    actions: int
    is_peak: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark on an axis; `anchor` keeps its text inside the chart."""

    at: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A chart of `width` by HEIGHT; `step` is in minutes."""

    width: int
    step: int
    bars: tuple[Bar, ...]
    times: tuple[Tick, ...]
    actions: tuple[Tick, ...]
    peak_x: float
    peak_anchor: str


@dataclass(frozen=True, slots=True)
class _Span:
    """The time axis: from `first` to `last` across a chart of `width`, in steps of `step` ticks."""

    first: int
    last: int
    step: int
    width: int

    @property
    def minutes(self) -> float:
        return (self.last - self.first) / MINUTE

    @property
    def plot(self) -> int:
        return self.width - LEFT - RIGHT

    def x(self, at: float) -> float:
        return LEFT + (at - self.first) / (self.last - self.first) * self.plot


def timeline(evidence: Evidence, width: int) -> Timeline | None:
    """The chart of the evidence's minutes, or None where there are none.

    A step is as many minutes as keep a bar four units wide: 1 to a few hours, 10 or 30 to a day.
    """
    if not evidence.minutes:
        return None
    span = _span(evidence.minutes, width)
    counts = _counts(evidence.minutes, span.step)
    peak = evidence.peak_minute - evidence.peak_minute % span.step
    peak_x = span.x(peak + span.step / 2)
    top = _nice(max(counts.values()))
    return Timeline(
        width=width,
        step=span.step // MINUTE,
        bars=tuple(
            _bar(span, start, actions, actions / top, is_peak=start == peak)
            for start, actions in counts.items()
        ),
        times=tuple(_times(span)),
        actions=tuple(
            Tick(at=round(_y(actions / top), 1), text=f"{actions:,}")
            for actions in sorted({0, top // 2, top})
        ),
        peak_x=round(peak_x, 1),
        peak_anchor=_anchor(peak_x, width, _PEAK_LABEL),
    )


def _span(minutes: Sequence[tuple[int, int]], width: int) -> _Span:
    """All minutes, at least ten of them, begun and ended at whole steps."""
    first, last = minutes[0][0], minutes[-1][0] + MINUTE
    spare = max(_FEWEST_MINUTES - (last - first) // MINUTE, 0)
    span = _Span(first - spare // 2 * MINUTE, last + (spare + 1) // 2 * MINUTE, MINUTE, width)
    step = _step(span.minutes * _NARROWEST_BAR / span.plot) * MINUTE
    return _Span(span.first - span.first % step, span.last + -span.last % step, step, width)


def _bar(span: _Span, start: int, actions: int, share: float, *, is_peak: bool) -> Bar:
    slot = span.x(start + span.step) - span.x(start)
    width = min(slot - min(slot * 0.15, 2), _WIDEST_BAR)
    y = _y(share)
    return Bar(
        x=round(span.x(start) + (slot - width) / 2, 2),
        y=round(y, 1),
        width=round(width, 2),
        height=round(_y(0) - y, 1),
        start=start,
        actions=actions,
        is_peak=is_peak,
    )


def _times(span: _Span) -> Iterator[Tick]:
    """`22:10`; the date at midnight."""
    apart = _step(span.minutes * _NARROWEST_LABEL / span.plot) * MINUTE
    for at in range(span.first + -span.first % apart, span.last + 1, apart):
        text = format_instant(at)
        text = text[5:10] if at % DAY == 0 else text[11:16]
        x = span.x(at)
        yield Tick(at=round(x, 1), text=text, anchor=_anchor(x, span.width, _TIME_LABEL))


def _y(share: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)


def _counts(minutes: Sequence[tuple[int, int]], step: int) -> Counter[int]:
    counts = Counter[int]()
    for minute, actions in minutes:
        counts[minute - minute % step] += actions
    return counts


def _step(least: float) -> int:
    """The smallest usual number of minutes that is not less; beyond a day, whole days."""
    days = (day * 1_440 for day in count(2))
    return next(step for steps in (_STEPS, days) for step in steps if step >= least)


def _nice(highest: int) -> int:
    """The end of the scale: 1, or the next 2, 4, 6, 8 or 10 times a power of ten."""
    if highest <= 1:
        return 1
    power: int = 10 ** (len(str(highest)) - 1)
    return next(top for digit in (1, 2, 4, 6, 8, 10) if (top := digit * power) >= highest)


def _anchor(x: float, width: int, label: int) -> str:
    """Where the label's text begins, so that it ends inside the chart."""
    if x < label / 2:
        return "start"
    return "end" if x > width - label / 2 else "middle"
