"""`counters USER`: a user's hourly counters and window, as they are stored."""

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
    run_async,
    settings_with,
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

      python -m detector counters mallory@example.com --store sqlite:.detector/demo.db
    """
    del policy  # every command takes it; stored counters do not depend on it
    key, hours, window = run_async(_read(user, store))
    if not hours and window is None:
        message = f"{user}: no such user in the store"
        raise InputError(message)
    if format is Format.JSON:
        out.print_json(data={"user": key, "hours": hours, "window": window})
        return
    table = Table(title=f"{user} · {key}", title_justify="left")
    table.add_column("Hour (UTC)")
    for name in ("Segments", *_SUMMED):
        table.add_column(name, justify="right")
    for hour in hours:
        table.add_row(*(plain(str(value)) for value in hour.values()))
    out.print(table)
    for name, value in (window or {}).items():
        if name not in {"V", "Sessions"}:
            out.print(f"{name:<21} {value}", markup=False)


async def _read(
    user: str, store: str | None
) -> tuple[str, list[dict[str, str | int]], dict[str, Value] | None]:
    settings = settings_with(store)
    async with opened(settings) as rows:
        state = State(rows)
        for key in users_named(user):
            found = await state.ledger.rows_of(key)
            window = await state.windows.get(key)
            if found or window:
                return key, _by_hour(found), dict(window.values) if window else None
    return "", [], None


def _by_hour(found: list[tuple[str, Row]]) -> list[dict[str, str | int]]:
    hours: dict[str, dict[str, str | int]] = {}
    for table, row in found:
        day, hour = table.removeprefix("counters"), row.key.split("|")[1]
        name = f"{day[:4]}-{day[4:6]}-{day[6:]} {hour}:00"
        line = hours.setdefault(name, {"hour": name, "segments": 0} | dict.fromkeys(_SUMMED, 0))
        line["segments"] = int(line["segments"]) + 1
        for column in _SUMMED:
            value = row.values[column]
            line[column] = int(line[column]) + (value if isinstance(value, int) else 0)
    return [hours[name] for name in sorted(hours)]
