"""The sample day, played through the real pipeline: who is raised, when, and what happens then."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypedDict

from rich.console import Console

from detector.adapters.console import ConsoleSink
from detector.adapters.sqlite import SqliteRows
from detector.core.episode import Episode, Transition
from detector.core.instant import format_instant
from detector.core.reading import Message
from detector.dispatch import DispatchReport
from detector.evaluate import EvaluateReport
from detector.policies import load_policy
from detector.replay import Replay
from detector.samples.day import CAST, company_day
from detector.settings import Settings
from detector.wiring import make_detector, make_source

HERE = Path(__file__).parent
POLICIES = ("source", "recommended")
MEMBERS = {member.object_id: member for member in CAST}


class Raised(TypedDict):
    """What became of one account; minutes are of 2026-03-11, UTC.

    `raised` is the minute of the first alert, later than `opened` where the severity was too low
    to send one. `indicator`, `gates` and `severity` are those of the first alert.
    """

    role: str
    opened: str
    raised: str
    indicator: str
    gates: list[str]
    severity: str
    query_alone: bool
    then: list[str]


class Outcome(TypedDict):
    """Who is raised, in order of time, and who stays silent."""

    policy: str
    raised: dict[str, Raised]
    opened_but_not_sent: list[str]
    silent: list[str]


async def play(
    policy_name: str, folder: Path, batches: Iterable[Sequence[bytes]] | None = None
) -> Outcome:
    """Play lines, in these batches, into a new store in the folder; by default the sample day."""
    policy = load_policy(policy_name)
    transitions: list[tuple[Transition, Episode]] = []
    raised: dict[str, Raised] = {}

    async def on_tick(evaluated: EvaluateReport, dispatched: DispatchReport) -> None:
        transitions.extend(evaluated.episodes)
        for alert in dispatched.alerts:
            member = MEMBERS[alert.account_object_id]
            minute = _minute(alert.frozen_at)
            if member.name in raised:
                told = f"{minute} {alert.transition}: {alert.indicator}, {alert.severity}"
                raised[member.name]["then"].append(told)
                continue
            raised[member.name] = Raised(
                role=member.role,
                opened=_minute(alert.opened_at),
                raised=minute,
                indicator=alert.indicator,
                gates=list(alert.gates),
                severity=alert.severity,
                query_alone=alert.source_alone,
                then=[],
            )

    rows = SqliteRows(folder / "state.db", durable=False)
    try:
        detector = make_detector(rows, policy, [ConsoleSink(Console(quiet=True))])
        source = make_source(detector, Settings(), clocked=True)
        replay = Replay(
            state=detector.state,
            policy=policy,
            vocabulary=detector.vocabulary,
            evaluator=detector.evaluator,
            dispatcher=detector.dispatcher,
            on_tick=on_tick,
        )
        await replay.begin()
        for batch in [list(company_day())] if batches is None else batches:
            await replay.feed(source.read(Message(b, "day", n) for n, b in enumerate(batch, 1)))
        await replay.finish()
    finally:
        await rows.close()
    opened = {MEMBERS[episode.account_object_id].name for _, episode in transitions}
    return Outcome(
        policy=policy_name,
        raised=raised,
        opened_but_not_sent=sorted(opened - set(raised)),
        silent=[member.name for member in CAST if member.name not in opened],
    )


def golden_file(policy_name: str) -> Path:
    """Where the accepted outcome is kept."""
    return HERE / f"{policy_name}.json"


def golden(policy_name: str) -> Outcome:
    """The accepted outcome."""
    outcome: Outcome = json.loads(golden_file(policy_name).read_bytes())
    return outcome


def _minute(ticks: int) -> str:
    text = format_instant(ticks)
    assert text[:10] == "2026-03-11"
    return text[11:16]
