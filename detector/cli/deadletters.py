"""`deadletters list`, `deadletters show ID`, `deadletters replay`."""

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
    policy_named,
    print_json,
    run_async,
    settings_to_read,
)
from detector.cli.inputs import InputError
from detector.cli.originals import original
from detector.core.policy import Policy
from detector.ingest import ingest
from detector.settings import Settings
from detector.sources.cloud_app_events import CloudAppEvents
from detector.state.dead_letters import DeadLetter
from detector.state.store import State
from detector.wiring import Detector, bodies_opened, make_detector, make_source, opened

app = typer.Typer(help="What could not be read, and reading it again.", no_args_is_help=True)


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
    body: Annotated[bool, typer.Option("--body", help="Also its raw body, if kept.")] = False,
    store: StoreOption = None,
    policy: PolicyOption = None,
    format: FormatOption = Format.TABLE,  # noqa: A002
) -> None:
    """Show one dead letter: position, reason, size and hash.

    Its raw body is kept only where DETECTOR_DEAD_LETTER_BODIES says so; a search in it is not
    masked.

    Example:
      python -m detector deadletters show 0f4e2c…:00000000000000000041|000000|9c3b…
    """
    del policy
    row = run_async(_one(store, id, with_body=body))
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
    """Read every dead letter again: the body that was kept, else its place in file or hub.

    What can be read now is ingested and its dead letter removed; the rest stays, with the reason.

    Example:
      python -m detector deadletters replay --store sqlite:.detector/state.db
    """
    settings = settings_to_read(store)
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
    async with opened(settings_to_read(store)) as rows:
        return await State(rows).dead_letters.every()


async def _one(store: str | None, identity: str, *, with_body: bool) -> dict[str, str | int]:
    settings = settings_to_read(store)
    async with opened(settings) as rows, bodies_opened(settings) as bodies:
        letters = State(rows, bodies).dead_letters
        found = [letter for letter in await letters.every() if letter.id == identity]
        if not found:
            raise InputError(f"{identity}: no such dead letter")
        row = _row(found[0])
        if with_body:
            content = await letters.body(found[0])
            if content is None:
                raise InputError(f"{identity}: the body is gone, or was never kept")
            row["content"] = content.decode("utf-8", "backslashreplace")
        return row


async def _replay(settings: Settings, policy: Policy) -> list[tuple[str, str]]:
    async with opened(settings) as rows, bodies_opened(settings) as bodies:
        detector = make_detector(rows, policy, [], bodies)
        source = make_source(detector, settings)
        letters = await detector.state.dead_letters.every()
        return [(letter.id, await _again(letter, detector, source)) for letter in letters]


async def _again(letter: DeadLetter, detector: Detector, source: CloudAppEvents) -> str:
    """Read one again; its neighbours in the message were counted then, and are no news."""
    letters = detector.state.dead_letters
    message = await original(letter, letters)
    if message is None:
        return "the body is gone"
    reading = source.read([message])
    still = [r.reason for r in reading.rejected if r.index == letter.rejected.index]
    if still:
        return still[0]
    await ingest(
        reading,
        state=detector.state,
        policy=detector.policy,
        vocabulary=detector.vocabulary,
        now=time.time_ns() // 100,
    )
    await letters.delete(letter)
    return "replayed"


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
        "body": letter.body,
    }
