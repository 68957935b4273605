"""Instants as integers: ticks of 100 ns since 1970-01-01 UTC, the grain of a KQL datetime.

Python's datetime keeps microseconds; an event one tick inside the window's edge would be lost.
"""

import re
from datetime import date
from functools import lru_cache

SECOND = 10_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_UNIX_EPOCH = date(1970, 1, 1).toordinal()
_FIRST = (1 - _UNIX_EPOCH) * DAY
_LAST = (date.max.toordinal() + 1 - _UNIX_EPOCH) * DAY - 1
_FORM = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,20}))?)?)?"
    r"\s?(Z|z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)


class InstantError(ValueError):
    """The text is not an ISO 8601 instant; the message quotes it and says what is missing."""


@lru_cache(1024)
def _day_ticks(day: str) -> int:
    try:
        return (date.fromisoformat(day).toordinal() - _UNIX_EPOCH) * DAY
    except ValueError as error:
        message = f"{day!r} is not a date"
        raise InstantError(message) from error


def _offset_ticks(zone: str) -> int:
    if zone in {"Z", "z"}:
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 14 or minutes > 59:
        message = f"{zone!r} is not an offset from UTC"
        raise InstantError(message)
    return (1 if zone[0] == "+" else -1) * (hours * HOUR + minutes * MINUTE)


def parse_instant(text: str, *, zone_required: bool = False) -> int:
    """Ticks of an ISO 8601 instant; without a zone it is UTC, as in KQL.

    Digits beyond the seventh of the fraction are cut off. Raises InstantError for anything else,
    and for a missing zone where `zone_required`.
    """
    second = _second_ticks(text[:19])
    fraction = text[20:-1]
    if second is not None and text[19:20] == "." and text[-1:] == "Z" and _digits(fraction):
        return second + int(fraction[:7].ljust(7, "0"))
    return _any_form(text, zone_required=zone_required)


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


@lru_cache(131_072)
def _second_ticks(text: str) -> int | None:
    """Ticks of `2026-03-11T09:30:00`; streams repeat their seconds. None for any other form."""
    try:
        return _any_form(text + "Z", zone_required=False) if "T" in text[10:11] else None
    except InstantError:
        return None


def _any_form(text: str, *, zone_required: bool) -> int:
    match = _FORM.fullmatch(text)
    if match is None:
        message = f"{text[:40]!r} is not an ISO 8601 instant such as 2026-03-11T09:30:00Z"
        raise InstantError(message)
    day, hour, minute, second, fraction, zone = match.groups()
    ticks = _day_ticks(day)
    if hour is not None:
        h, m, s = int(hour), int(minute), int(second or 0)
        if h > 23 or m > 59 or s > 59:
            message = f"{text[:40]!r} is not a time of day"
            raise InstantError(message)
        ticks += h * HOUR + m * MINUTE + s * SECOND
        if fraction is not None:
            ticks += int(fraction[:7].ljust(7, "0"))
    if zone is not None:
        ticks -= _offset_ticks(zone)
        if not _FIRST <= ticks <= _LAST:
            message = f"{text!r} is not in the years 1 to 9999 of UTC"
            raise InstantError(message)
    elif zone_required:
        message = f"{text!r} has no zone; write 2026-03-11T09:30:00Z or +01:00"
        raise InstantError(message)
    return ticks


def _in_calendar(ticks: int) -> int:
    """The instant, or the calendar's first or last: the edge of a window may lie beyond."""
    return min(max(ticks, _FIRST), _LAST)


def day_of(ticks: int) -> str:
    """The UTC day as yyyymmdd; the suffix of a counters table."""
    return _day_text(_in_calendar(ticks) // DAY).replace("-", "")


def hour_of(ticks: int) -> int:
    """The hour of the UTC day, 0 to 23."""
    return ticks % DAY // HOUR


@lru_cache(1024)
def _day_text(day: int) -> str:
    return date.fromordinal(_UNIX_EPOCH + day).isoformat()


def format_instant(ticks: int) -> str:
    """ISO 8601 UTC with seven fractional digits and Z; sorts like the number it is made from.

    Beyond the years 1 to 9999 it is the first or the last instant of them.
    """
    ticks = _in_calendar(ticks)
    seconds, fraction = divmod(ticks % DAY, SECOND)
    return (
        f"{_day_text(ticks // DAY)}"
        f"T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{fraction:07d}Z"
    )


def minutes_between(first: int, last: int) -> int:
    """Minute boundaries crossed, as KQL's datetime_diff('minute', last, first) counts them."""
    return last // MINUTE - first // MINUTE


def floor_minute(ticks: int) -> int:
    """The last minute boundary at or before the instant."""
    return ticks - ticks % MINUTE
