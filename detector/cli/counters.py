"""`counters USER`: a user's hourly counters and window, as they are stored."""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.table import Table

from detector.cli.common import (
    Format,
    FormatOption,
    PolicyOption,
    StoreOption,
    out,
    plain,
    print_json,
    run_async,
    settings_to_read,
)
from detector.cli.inputs import InputError
from detector.core.activity import users_named
from detector.ports import Row, Value
from detector.state.store import State
from detector.wiring import opened

_SUMMED = ("Activities", "Total", "Sensitive", "Exports", "Downloads")


def counters(
    user: Annotated[str, typer.Argument(help="Object id, display name, or the user's key.")],
    store: StoreOption = None,
    policy: PolicyOption = None,
    format: FormatOption = Format.TABLE,  # noqa: A002
) -> None:
    """Print a user's counters by event-time hour, and the window as last judged.

    Example:
      python -m detector counters Mallory --store sqlite:.detector/demo.db
    """
    del policy  # every command takes it; stored counters do not depend on it
    key, hours, window = run_async(_read(user, store))
    if not hours and window is None:
        message = f"{user}: no such user in the store"
        raise InputError(message)
    if format is Format.JSON:
        print_json({"user": key, "hours": hours, "window": window})
        return
    table = Table(title=f"{plain(user)} · {key}", title_justify="left")
    table.add_column("Hour (UTC)", no_wrap=True)
    for name in ("Segments", *_SUMMED):
        table.add_column(name, justify="right")
    for hour in hours:
        table.add_row(*(plain(str(value)) for value in hour.values()))
    out.print(table)
    for name, value in (window or {}).items():
        if name not in {"V", "Sessions"}:
            out.print(f"{name:<21} {plain(str(value))}", soft_wrap=True)


async def _read(
    user: str, store: str | None
) -> tuple[str, list[dict[str, str | int]], Mapping[str, Value] | None]:
    settings = settings_to_read(store)
    async with opened(settings) as rows:
        state = State(rows)
        for key in (*users_named(user), *await state.windows.users_shown_as(user)):
            found = await state.ledger.rows_of(key)
            window = await state.windows.get(key)
            if found or window:
                return key, _by_hour(found), window.values if window else None
    return "", [], None


def _by_hour(found: list[tuple[str, Row]]) -> list[dict[str, str | int]]:
    """One line for each event-time hour: the visible columns of its segments, added up."""
    hours: dict[str, Counter[str]] = {}
    for table, row in found:
        day, hour = table.removeprefix("counters"), row.key.split("|")[1]
        counts = hours.setdefault(f"{day[:4]}-{day[4:6]}-{day[6:]} {hour}:00", Counter())
        counts["Segments"] += 1
        for column in _SUMMED:
            value = row.values[column]
            counts[column] += value if isinstance(value, int) else 0
    return [
        {"hour": name, "segments": counts["Segments"], **{c: counts[c] for c in _SUMMED}}
        for name, counts in sorted(hours.items())
    ]
