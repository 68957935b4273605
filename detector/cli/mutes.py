"""`mutes list`, `mutes add`, `mutes remove`."""

import time
from typing import Annotated

import typer

from detector.cli.common import (
    Format,
    FormatOption,
    PolicyOption,
    StoreOption,
    out,
    plain,
    print_json,
    run_async,
    settings_with,
)
from detector.cli.inputs import InputError
from detector.cli.users import find_user
from detector.core.instant import InstantError, format_instant, parse_instant
from detector.core.rules import GATES
from detector.ports import ConflictError
from detector.state.mutes import ANY_RULE, Mute
from detector.state.store import State
from detector.wiring import opened

app = typer.Typer(
    help="Hold back a user's alerts, with an owner, a reason and an end.", no_args_is_help=True
)

UserArgument = Annotated[str, typer.Argument(help="Object id, display name, or the user's key.")]
RuleOption = Annotated[
    str, typer.Option("--rule", help=f"One of {', '.join(GATES)}, or {ANY_RULE}.")
]


@app.command("list")
def list_(
    store: StoreOption = None,
    policy: PolicyOption = None,
    format: FormatOption = Format.TABLE,  # noqa: A002
) -> None:
    """List every mute, expired ones included.

    Example:
      python -m detector mutes list
    """
    del policy
    now = time.time_ns() // 100
    rows = [_row(mute, now) for mute in run_async(_every(store))]
    if format is Format.JSON:
        print_json(rows)
        return
    for row in rows:
        out.print(plain("  ".join(str(value) for value in row.values())), soft_wrap=True)
    out.print(f"{len(rows)} mutes")


@app.command()
def add(
    user: UserArgument,
    owner: Annotated[str, typer.Option("--owner", help="Who answers for it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; a ticket is best.")],
    expires: Annotated[str, typer.Option("--expires", help="When it ends, with its zone.")],
    rule: RuleOption = ANY_RULE,
    store: StoreOption = None,
    policy: PolicyOption = None,
    format: FormatOption = Format.TABLE,  # noqa: A002
) -> None:
    """Hold back a user's alerts for one gate, or any, until a date. Episodes open all the same.

    Example:
      python -m detector mutes add svc-search-crawler --rule bulk_access
      --owner search-team@example.com --reason "contract 12" --expires 2026-12-31T00:00:00Z
    """
    del policy
    now = time.time_ns() // 100
    mute = run_async(_add(user, rule, owner, reason, _end(expires, now), now, store))
    if format is Format.JSON:
        print_json(_row(mute, now))
    else:
        out.print(f"muted {mute.rule} of {mute.user} until {expires}", markup=False)


@app.command()
def remove(
    user: UserArgument,
    rule: RuleOption = ANY_RULE,
    store: StoreOption = None,
    policy: PolicyOption = None,
    format: FormatOption = Format.TABLE,  # noqa: A002
) -> None:
    """Remove a mute.

    Example:
      python -m detector mutes remove svc-search-crawler --rule bulk_access
    """
    del policy
    key = run_async(_remove(user, _rule(rule), store))
    if format is Format.JSON:
        print_json({"user": key, "rule": rule})
    else:
        out.print(f"removed {rule} of {key}")


async def _every(store: str | None) -> list[Mute]:
    async with opened(settings_with(store)) as rows:
        return await State(rows).mutes.every()


async def _add(
    user: str, rule: str, owner: str, reason: str, expires_at: int, now: int, store: str | None
) -> Mute:
    for name, text in (("--owner", owner), ("--reason", reason)):
        if not text.strip():
            raise InputError(f"{name}: empty; a mute without it is forgotten by everyone")
    async with opened(settings_with(store)) as rows:
        state = State(rows)
        mute = Mute(
            user=await find_user(state, user),
            rule=_rule(rule),
            owner=owner,
            reason=reason,
            origin="person",
            created_at=now,
            expires_at=expires_at,
        )
        await state.mutes.add(mute)
        return mute


async def _remove(user: str, rule: str, store: str | None) -> str:
    async with opened(settings_with(store)) as rows:
        state = State(rows)
        key = await find_user(state, user)
        try:
            await state.mutes.remove(key, rule)
        except ConflictError as error:
            raise InputError(f"{user}: no mute of {rule}") from error
        return key


def _rule(rule: str) -> str:
    if rule not in {*GATES, ANY_RULE}:
        raise InputError(f"--rule {rule}: not one of {', '.join((*GATES, ANY_RULE))}")
    return rule


def _end(expires: str, now: int) -> int:
    try:
        end = parse_instant(expires, zone_required=True)
    except InstantError as error:
        raise typer.BadParameter(str(error), param_hint="--expires") from error
    if end <= now:
        raise typer.BadParameter(f"{expires} has passed", param_hint="--expires")
    return end


def _row(mute: Mute, now: int) -> dict[str, str | bool]:
    return {
        "user": mute.user,
        "rule": mute.rule,
        "owner": mute.owner,
        "reason": mute.reason,
        "origin": mute.origin,
        "created": format_instant(mute.created_at),
        "expires": format_instant(mute.expires_at),
        "active": now < mute.expires_at,
    }
