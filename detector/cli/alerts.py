"""`alerts list`, `alerts show ID`, `alerts resend ID`."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from detector.adapters.json_lines import alert_document
from detector.cli.common import (
    Format,
    FormatOption,
    PolicyOption,
    StoreOption,
    out,
    plain,
    policy_named,
    print_json,
    run_async,
    settings_to_read,
)
from detector.cli.inputs import InputError
from detector.core.episode import Episode
from detector.core.evidence import Evidence, revisions_until
from detector.core.instant import format_instant
from detector.core.report import clock_time, first_steps, held, story, title
from detector.dispatch import held_back
from detector.ports import ConflictError
from detector.state.episodes import StoredEpisode
from detector.state.store import State
from detector.wiring import opened

app = typer.Typer(help="List, show or send alerts again.", no_args_is_help=True)

Row = dict[str, str | int]

IdArgument = Annotated[str, typer.Argument(help="The id, or enough of its beginning.")]


@app.command("list")
def list_(
    store: StoreOption = None,
    policy: PolicyOption = None,
    unsent: Annotated[
        bool, typer.Option("--unsent", help="Only what waits or is held back, with the reason.")
    ] = False,
    format: FormatOption = Format.TABLE,  # noqa: A002
) -> None:
    """List the episodes, the newest first, with what became of each.

    Example:
      python -m detector alerts list --store sqlite:.detector/demo.db
    """
    rows = [row for row in run_async(_every(store, policy)) if not unsent or not row["sent"]]
    if format is Format.JSON:
        print_json(rows)
        return
    for row in rows:
        cells = {name: str(value) for name, value in row.items()}
        out.print(
            f"{cells['id'][:12]}  {cells['opened'][:16]}Z  {cells['state']:<7}"
            f"{cells['severity']:<14}{plain(cells['name']):<24} {cells['total_actions']:>6}  "
            f"{cells['indicator']}" + (f"  ({cells['held']})" if cells["held"] else ""),
            soft_wrap=True,
        )
    out.print("1 episode" if len(rows) == 1 else f"{len(rows)} episodes")


@app.command()
def show(
    id: IdArgument,  # noqa: A002
    store: StoreOption = None,
    policy: PolicyOption = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the evidence page to this file.")
    ] = None,
    format: FormatOption = Format.TABLE,  # noqa: A002
) -> None:
    """Show one episode's evidence; with --html as a page that needs nothing else.

    Example:
      python -m detector alerts show 948b8aa8 --html mallory.html
    """
    del policy
    episode, revisions = run_async(_one(store, id))
    if html is not None:
        _write_page(html, revisions)
    newest = revisions[-1]
    if format is Format.JSON:
        print_json({**_row(episode), **alert_document(newest)})
    else:
        _print(episode, newest)


@app.command()
def resend(
    id: IdArgument,  # noqa: A002
    store: StoreOption = None,
    policy: PolicyOption = None,
    format: FormatOption = Format.TABLE,  # noqa: A002
) -> None:
    """Have every sink told again at the next tick; an incident that exists is commented.

    Example:
      python -m detector alerts resend 948b8aa8 --store azure
    """
    episode, held = run_async(_resend(store, policy, id))
    if format is Format.JSON:
        print_json({"id": episode.episode_id, "revision": episode.revision, "held": held})
    else:
        why = f"is held back: {held}" if held else "waits to be sent"
        out.print(f"{episode.episode_id}: revision {episode.revision} {why}")


async def _every(store: str | None, policy_name: str | None) -> list[Row]:
    settings = settings_to_read(store)
    policy = policy_named(policy_name, "recommended", settings)
    now = time.time_ns() // 100
    async with opened(settings) as rows:
        state = State(rows)
        mutes = await state.mutes.every()
        episodes = [stored.episode for stored in await state.episodes.every()]
    return [
        _row(e, held_back(e, [m for m in mutes if m.user == e.user], policy, now)) for e in episodes
    ]


async def _one(store: str | None, identity: str) -> tuple[Episode, Sequence[Evidence]]:
    async with opened(settings_to_read(store)) as rows:
        state = State(rows)
        stored = await _find(state, identity)
        prepared = await state.evidence.of(stored.episode.episode_id)
        revisions = revisions_until(prepared, stored.episode.revision)
        if not revisions:
            raise InputError(f"{identity}: its evidence is no longer kept")
        return stored.episode, revisions


async def _resend(store: str | None, policy_name: str | None, identity: str) -> tuple[Episode, str]:
    settings = settings_to_read(store)
    policy = policy_named(policy_name, "recommended", settings)
    now = time.time_ns() // 100
    async with opened(settings) as rows:
        state = State(rows)
        stored = await _find(state, identity)
        ready = {
            name: replace(delivery, not_before=0)
            for name, delivery in stored.episode.deliveries.items()
        }
        again = replace(stored.episode, revision=stored.episode.revision + 1, deliveries=ready)
        try:
            await state.episodes.write(again, stored)
        except ConflictError as error:
            raise InputError(f"{identity}: it changed at this very moment; try again") from error
        await state.marks.set_outbox(again.user, again.number, now)
        return again, held_back(again, await state.mutes.of(again.user), policy, now)


async def _find(state: State, identity: str) -> StoredEpisode:
    every = await state.episodes.every()
    found = [s for s in every if s.episode.episode_id.startswith(identity.lower())]
    if len(found) == 1:
        return found[0]
    problem = "no such alert" if not found else f"{len(found)} alerts begin so"
    raise InputError(f"{identity}: {problem}")


def _row(episode: Episode, held: str = "") -> Row:
    deliveries = episode.deliveries
    return {
        "id": episode.episode_id,
        "user": episode.user,
        "name": episode.account_display_name or episode.account_object_id,
        "state": "open" if episode.is_open else "closed",
        "severity": episode.severity,
        "indicator": episode.indicator,
        "opened": format_instant(episode.opened_at),
        "closed": format_instant(episode.closed_at) if not episode.is_open else "",
        "ending": episode.ending.value,
        "classification": episode.classification,
        "total_actions": episode.total_actions,
        "revision": episode.revision,
        "sent": ", ".join(sorted(n for n, d in deliveries.items() if d.sent_revision)),
        "incident": next((d.incident_id for d in deliveries.values() if d.incident_id), ""),
        "error": next((d.error for d in deliveries.values() if d.error), ""),
        "held": held,
    }


def _print(episode: Episode, evidence: Evidence) -> None:
    out.print(f"[bold]{plain(title(evidence))}[/]", soft_wrap=True)
    state = "open" if episode.is_open else f"closed: {episode.ending.value}"
    lines = {
        "what": story(evidence),
        "why": f"{evidence.indicator} · {'; '.join(held(evidence))}",
        "when": f"{clock_time(evidence.first_activity)} to {clock_time(evidence.last_activity)}",
        "from": ", ".join(c.text for c in evidence.ip_addresses),
        "with": ", ".join(c.text for c in evidence.user_agents),
        "state": f"{state}, {episode.severity}, revision {episode.revision}",
        "sent": str(_row(episode)["sent"]) or "not yet",
    }
    for name, text in lines.items():
        out.print(f"  [dim]{name:<6}[/] {plain(text)}", soft_wrap=True)
    for number, step in enumerate(first_steps(evidence), 1):
        out.print(f"  {number}. {plain(step)}", soft_wrap=True)


def _write_page(path: Path, revisions: Sequence[Evidence]) -> None:
    from detector.page import render_page

    page = render_page(revisions, rendered_at=time.time_ns() // 100)
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
