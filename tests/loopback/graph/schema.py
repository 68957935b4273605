"""Small checks of JSON bodies: a check answers None, or the complaint in words."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Check: TypeAlias = Callable[[Json], str | None]


def text(*, longest: int | None = None, form: str | None = None, empty: bool = False) -> Check:
    """A string of at most `longest` characters, as .NET counts them, that matches all of `form`."""

    def check(value: Json) -> str | None:
        if not isinstance(value, str):
            return "must be a string"
        if not value and not empty:
            return "must not be empty"
        characters = len(value.encode("utf-16-le", "surrogatepass")) // 2
        if longest is not None and characters > longest:
            return f"must not exceed {longest} characters, has {characters}"
        if form is not None and not re.fullmatch(form, value):
            return f"must match {form}"
        return None

    return check


def one_of(values: Iterable[str]) -> Check:
    """One of the values, to the letter."""
    allowed = tuple(values)

    def check(value: Json) -> str | None:
        return None if value in allowed else f"must be one of {', '.join(allowed)}"

    return check


def flag(value: Json) -> str | None:
    """A boolean."""
    return None if isinstance(value, bool) else "must be a boolean"


def whole_number(value: Json) -> str | None:
    """An Int64 from 0 up."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return None
    return "must be an Int64, not negative"


def nullable(check: Check) -> Check:
    """Null, or what the check allows."""
    return lambda value: None if value is None else check(value)


def list_of(check: Check, *, least: int = 0, most: int | None = None) -> Check:
    """A list of `least` to `most` values, each of which passes."""

    def check_all(value: Json) -> str | None:
        if not isinstance(value, list):
            return "must be a collection"
        if len(value) < least or (most is not None and len(value) > most):
            return f"must have {least} to {most} items, has {len(value)}"
        complaints = (
            f"[{index}]: {complaint}"
            for index, item in enumerate(value)
            if (complaint := check(item)) is not None
        )
        return next(complaints, None)

    return check_all


def record(*, required: Mapping[str, Check], optional: Mapping[str, Check]) -> Check:
    """An object with all required fields and no field that is in neither table."""
    known = {**required, **optional}

    def check(value: Json) -> str | None:
        if not isinstance(value, dict):
            return "must be an object"
        for name in required:
            if name not in value:
                return f"{name} is required"
        for name, field in value.items():
            if name not in known:
                return f"{name} is not a property of this type"
            if (complaint := known[name](field)) is not None:
                return f"{name} {complaint}"
        return None

    return check


def every(*checks: Check) -> Check:
    """The first complaint of several checks of one value."""

    def check(value: Json) -> str | None:
        return next((said for one in checks if (said := one(value)) is not None), None)

    return check
