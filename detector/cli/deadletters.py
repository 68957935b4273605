"""`deadletters list`, `deadletters show ID`, `deadletters replay`."""

import time
from pathlib import Path
from typing import Annotated

import typer

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
    settings_with,
)
from detector.cli.inputs import InputError
from detector.core.policy import Policy
from detector.core.reading import Message
from detector.ingest import ingest
from detector.settings import Settings, read_hub
from detector.state.dead_letters import DeadLetter
from detector.state.store import State
from detector.wiring import make_detector, make_source, opened

app = typer.Typer(help="What could not be read, and reading it again.", no_args_is_help=True)


_NAMESPACE_HUB_PARTITION = 2
"""Slashes in the source of what came from a hub."""


@app.command("list")
def list_(
    store: StoreOption = None,
    policy: PolicyOption = None,
    format: FormatOption = Format.TABLE,  # noqa: A002
) -> None:
    """List the dead letters: where each stood and why it was rejected.

    Example:
      python -m detector deadletters list --store azure
    """
    del policy
    letters = run_async(_every(store))
    if format is Format.JSON:
        print_json([_row(letter) for letter in letters])
        return
    for letter in letters:
        line = f"{letter.id}  {letter.rejected.where}  {letter.rejected.reason}"
        out.print(plain(line), soft_wrap=True)
    out.print(f"{len(letters)} dead letters")


@app.command()
def show(
    id: Annotated[str, typer.Argument(help="The id that `list` prints.")],  # noqa: A002
    store: StoreOption = None,
    policy: PolicyOption = None,
    format: FormatOption = Format.TABLE,  # noqa: A002
) -> None:
    """Show one dead letter: position, reason, size and hash; the body is not kept.

    Example:
      python -m detector deadletters show 0f4e2c…:00000000000000000041|000000|9c3b…
    """
    del policy
    found = [letter for letter in run_async(_every(store)) if letter.id == id]
    if not found:
        raise InputError(f"{id}: no such dead letter")
    row = _row(found[0])
    if format is Format.JSON:
        print_json(row)
        return
    for name, value in row.items():
        out.print(f"{name:<9} {plain(str(value))}", soft_wrap=True)


@app.command()
def replay(
    store: StoreOption = None,
    policy: PolicyOption = None,
    format: FormatOption = Format.TABLE,  # noqa: A002
) -> None:
    """Read every dead letter's original again, from its file or hub, while it is there.

    What can be read now is ingested and its dead letter removed; the rest stays, with the reason.

    Example:
      python -m detector deadletters replay --store sqlite:.detector/state.db
    """
    settings = settings_with(store)
    chosen = policy_named(policy, "recommended", settings)
    outcomes = run_async(_replay(settings, chosen))
    if format is Format.JSON:
        print_json([{"id": identity, "outcome": outcome} for identity, outcome in outcomes])
        return
    for identity, outcome in outcomes:
        out.print(plain(f"{identity}  {outcome}"), soft_wrap=True)
    done = sum(outcome == "replayed" for _, outcome in outcomes)
    out.print(f"{done} of {len(outcomes)} dead letters were replayed")


async def _every(store: str | None) -> list[DeadLetter]:
    async with opened(settings_with(store)) as rows:
        return await State(rows).dead_letters.every()


async def _replay(settings: Settings, policy: Policy) -> list[tuple[str, str]]:
    outcomes: list[tuple[str, str]] = []
    async with opened(settings) as rows:
        detector = make_detector(rows, policy, [])
        source = make_source(detector, settings)
        for letter in await detector.state.dead_letters.every():
            message = await _original(letter)
            if message is None:
                outcomes.append((letter.id, "the body is gone"))
                continue
            reading = source.read([message])
            if reading.rejected:
                outcomes.append((letter.id, reading.rejected[0].reason))
                continue
            await ingest(
                reading,
                state=detector.state,
                policy=policy,
                vocabulary=detector.vocabulary,
                now=time.time_ns() // 100,
            )
            await detector.state.dead_letters.delete(letter)
            outcomes.append((letter.id, "replayed"))
    return outcomes


async def _original(letter: DeadLetter) -> Message | None:
    """The message by its position in its file or hub, None when it is no longer there."""
    rejected = letter.rejected
    path = Path(rejected.source)
    if path.is_file():
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if number == rejected.sequence:
                    return Message(line.strip(), rejected.source, number)
        return None
    if rejected.source.count("/") != _NAMESPACE_HUB_PARTITION:
        return None
    from detector.adapters.event_hub.reader import read_one
    from detector.cli.eventhub import hub_address

    partition = rejected.source.rpartition("/")[2]
    group = read_hub().consumer_group
    found = await read_one(hub_address(None, None), partition, rejected.sequence, group=group)
    if found is None:
        return None
    enqueued = found.enqueued or time.time_ns() // 100
    return Message(found.body, rejected.source, found.sequence, enqueued)


def _row(letter: DeadLetter) -> dict[str, str | int]:
    rejected = letter.rejected
    return {
        "id": letter.id,
        "where": rejected.where,
        "reason": rejected.reason,
        "source": rejected.source,
        "sequence": rejected.sequence,
        "record": rejected.index,
        "bytes": rejected.size,
        "sha256": rejected.sha256,
        "received": letter.received_at,
    }
