"""`forget USER`."""

import time
from typing import Annotated

import typer

from detector.cli.common import (
    Format,
    FormatOption,
    PolicyOption,
    StoreOption,
    out,
    print_json,
    run_async,
    settings_to_read,
)
from detector.cli.users import find_user
from detector.forget import forget as forget_user
from detector.state.store import State
from detector.wiring import opened, scrub


def forget(
    user: Annotated[str, typer.Argument(help="Object id, display name, or the user's key.")],
    store: StoreOption = None,
    policy: PolicyOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    format: FormatOption = Format.TABLE,  # noqa: A002
) -> None:
    """Erase everything about one person; an audit line without a name stays.

    Example:
      python -m detector forget 00000000-0000-0000-0000-000000000042 --yes
    """
    del policy
    if not yes:
        typer.confirm(f"Erase everything about {user}?", abort=True)
    key, erased = run_async(_forget(user, store))
    if format is Format.JSON:
        print_json({"user": key, "rows": erased})
    else:
        out.print(f"{erased} rows of {key} are erased")


async def _forget(user: str, store: str | None) -> tuple[str, int]:
    async with opened(settings_to_read(store)) as rows:
        state = State(rows)
        key = await find_user(state, user)
        erased = await forget_user(state, key, time.time_ns() // 100)
        await scrub(rows)
        return key, erased
