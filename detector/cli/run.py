"""`run`: the main job. A stream through ingest, evaluate and dispatch."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console

from detector.adapters.console import ConsoleSink
from detector.adapters.json_lines import alert_document
from detector.cli.common import (
    Format,
    FormatOption,
    PolicyOption,
    StoreOption,
    err,
    out,
    plain,
    policy_named,
    print_json,
    run_async,
    settings_with,
)
from detector.cli.hub import HubOption, NamespaceOption
from detector.cli.inputs import STANDARD_INPUT, batches, check_inputs, followed
from detector.core.episode import Transition
from detector.core.evidence import Evidence
from detector.core.instant import format_instant
from detector.core.policy import Policy
from detector.core.report import clock_time
from detector.dispatch import DispatchReport
from detector.evaluate import EvaluateReport
from detector.ingest import IngestReport, total
from detector.replay import Replay
from detector.settings import Settings
from detector.wiring import bodies_opened, closing, make_detector, make_sinks, make_source, opened

_LINES = 2_000


def run(
    files: Annotated[
        list[str] | None, typer.Argument(help="NDJSON files; - (the default) is standard input.")
    ] = None,
    store: StoreOption = None,
    policy: PolicyOption = None,
    follow: Annotated[
        bool,
        typer.Option("--follow", help="Wait for more lines of the last file until interrupted."),
    ] = False,
    eventhub: Annotated[
        bool, typer.Option("--eventhub", help="Consume an Event Hub, in a container, say.")
    ] = False,
    namespace: NamespaceOption = None,
    hub: HubOption = None,
    stop_after_idle: Annotated[
        float | None,
        typer.Option("--stop-after-idle", help="With --eventhub: end after so many idle seconds."),
    ] = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Play a stream into the store and print each incident as it is raised.

    The clock is the stream's own. Playing the same file again changes nothing.

    Examples:
      python -m detector run examples/day.jsonl

      tail -F events.jsonl | python -m detector run - --follow --store sqlite:live.db

      EVENTHUB="Endpoint=sb://…" python -m detector run --eventhub --store azure
    """
    paths = files or ["-"]
    settings = settings_with(store)
    chosen = policy_named(policy, "recommended", settings)
    if eventhub:
        from detector.cli.eventhub import hub_address, run_hub

        address = hub_address(namespace, hub)
        run_async(run_hub(settings, chosen, address, stop_after_idle=stop_after_idle))
        return
    check_inputs(paths)
    run_async(_run(paths, settings, chosen, follow=follow, form=format))


async def _run(
    paths: Sequence[str], settings: Settings, policy: Policy, *, follow: bool, form: Format
) -> None:
    console = out if form is Format.TABLE else Console(quiet=True)
    alerts: list[Evidence] = []
    transitions: Counter[Transition] = Counter()

    async def on_tick(evaluated: EvaluateReport, dispatched: DispatchReport) -> None:
        alerts.extend(dispatched.alerts)
        transitions.update(evaluated.transitions)

    sinks = [ConsoleSink(console), *make_sinks(settings)]
    async with opened(settings) as rows, bodies_opened(settings) as bodies, closing(sinks):
        detector = make_detector(rows, policy, sinks, bodies)
        source = make_source(detector, settings, clocked=True)
        replay = Replay(
            state=detector.state,
            policy=policy,
            vocabulary=detector.vocabulary,
            evaluator=detector.evaluator,
            dispatcher=detector.dispatcher,
            on_tick=on_tick,
        )
        await replay.begin()
        live = follow and paths[-1] != STANDARD_INPUT
        whole = paths[:-1] if live else paths
        for batch in batches(whole, lines=_LINES, console=err, eager=STANDARD_INPUT in whole):
            await replay.feed(source.read(batch))
            if follow and not live:
                await replay.catch_up()
        for batch in followed(paths[-1], lines=_LINES) if live else ():
            await replay.feed(source.read(batch))
            await replay.catch_up()
        clock = await replay.finish()
        _summarise(replay, clock, transitions, alerts, form, settings.store)


def _summarise(
    replay: Replay,
    clock: int | None,
    transitions: Counter[Transition],
    alerts: Sequence[Evidence],
    form: Format,
    store: str,
) -> None:
    """What the stream held and what came of it; says so when nothing did."""
    read = total(replay.reports)
    changed = bool(transitions or alerts or replay.windows_changed)
    if form is Format.JSON:
        summary = _counts(read) | {
            "clock": format_instant(clock) if clock is not None else None,
            "changed": changed,
        }
        incidents = [alert_document(alert) for alert in alerts]
        print_json({"incidents": incidents, "summary": summary})
        return
    out.print(
        f"{read.records:,} records, {read.activities:,} Atlassian activities of "
        f"{len(read.users):,} users, {read.rejected:,} rejected, {read.too_old:,} too old; "
        f"{transitions[Transition.OPENED]:,} episodes opened, "
        f"{transitions[Transition.CLOSED]:,} closed"
        + (f"; the clock stands at {clock_time(clock)}" if clock is not None else ""),
        soft_wrap=True,
    )
    for action, count in sorted(read.unmapped.items(), key=lambda pair: -pair[1])[:5]:
        out.print(f"  not in any table of the policy: {plain(action)} ({count:,})", soft_wrap=True)
    if alerts:
        shown = alerts[-1].episode_id[:8]
        out.print(
            f"Look closer: python -m detector alerts show {shown} --store {store}", soft_wrap=True
        )
    if not read.records:
        out.print("Nothing came: the stream is empty.")
    elif not changed:
        out.print("Nothing changed: every window, episode and alert is as it was.")


def _counts(read: IngestReport) -> dict[str, object]:
    return {
        "records": read.records,
        "activities": read.activities,
        "rejected": read.rejected,
        "ignored": read.ignored,
        "late": read.late,
        "too_old": read.too_old,
        "unmapped": dict(read.unmapped),
        "users": len(read.users),
    }
