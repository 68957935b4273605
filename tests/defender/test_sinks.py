"""One contract for every AlertSink: console, file, Defender, Sentinel, and the tests' own."""

import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from rich.console import Console

from detector.adapters.console import ConsoleSink
from detector.adapters.json_lines import JsonLinesSink
from detector.adapters.logs_ingestion import SentinelSink, Stream, connect
from detector.core.episode import Delivery, Transition
from detector.core.evidence import Counted, Evidence
from detector.core.instant import MINUTE
from detector.ports import AlertSink, DeliveryError, OutcomeUnknownError, Surge
from tests.defender.graph_product import defender_sink
from tests.loopback.graph import LoopbackGraph
from tests.loopback.logs import COLUMNS, SCOPE, LoopbackLogs
from tests.support.activities import NOON, frozen, views
from tests.support.memory_sink import MemorySink
from tests.support.product import DrivenClock

pytestmark = [
    # The SDK's own modules warn when the first builder is imported.
    pytest.mark.filterwarnings("ignore:GetQueryParameters is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning"),
]

NAMES = ["console", "file", "defender", "sentinel", "memory"]
FIRST = Delivery(attempts=1, tried_at=NOON)
SURGE = Surge(surge_id="5" * 32, opened_at=NOON, waiting=99, alerts=[])


def an_evidence(**changes: object) -> Evidence:
    """Evidence of sixty views, with changes."""
    return replace(frozen(views(60)), **changes)  # type: ignore[arg-type]


@dataclass
class Cast:
    """The sinks over their loopbacks, and a way to make each fail."""

    sinks: dict[str, AlertSink]
    breaks: dict[str, Callable[[], None]]


@pytest.fixture
def cast(clock: DrivenClock, graph: LoopbackGraph, tmp_path: Path) -> Iterator[Cast]:
    clock.advance(NOON - clock.ticks)
    memory, file = MemorySink(), tmp_path / "out" / "alerts.jsonl"
    with ExitStack() as stack:
        logs = stack.enter_context(LoopbackLogs(COLUMNS, clock=clock))

        async def open_stream() -> Stream:
            return connect(
                logs.endpoint, logs.credential(), rule_id=logs.rule_id, stream=logs.stream,
                scope=SCOPE, timeout_seconds=5,
            )  # fmt: skip

        sinks: list[AlertSink] = [
            ConsoleSink(Console(file=io.StringIO())),
            JsonLinesSink(file),
            defender_sink(graph),
            SentinelSink(open_stream),
            memory,
        ]
        yield Cast(
            sinks={sink.name: sink for sink in sinks},
            breaks={
                "file": lambda: file.parent.write_text("a file where the folder should be"),
                "defender": graph.__exit__,
                "sentinel": logs.__exit__,
                "memory": lambda: memory.failures.append(DeliveryError("full")),
            },
        )


@pytest.fixture(params=NAMES)
async def sink(request: pytest.FixtureRequest, cast: Cast) -> AsyncIterator[AlertSink]:
    chosen = cast.sinks[request.param]
    yield chosen
    await chosen.close()


def test_every_sink_has_a_name_of_its_own(cast: Cast) -> None:
    assert [*cast.sinks] == NAMES


async def test_a_delivery_gets_an_id_and_keeps_what_the_sink_does_not_own(sink: AlertSink) -> None:
    taken = await sink.deliver(an_evidence(), FIRST, NOON)

    assert taken.alert_id
    kept = replace(taken, alert_id="", incident_id="", sent_severity="", reconcile_at=0)
    assert kept == FIRST


async def test_the_same_revision_again_is_taken_and_stays_one_alert(
    sink: AlertSink, graph: LoopbackGraph
) -> None:
    taken = await sink.deliver(an_evidence(), FIRST, NOON)
    lost = await sink.deliver(an_evidence(), replace(FIRST, attempts=2), NOON + MINUTE)
    again = await sink.deliver(an_evidence(), replace(taken, attempts=2), NOON + MINUTE)

    assert taken.alert_id == lost.alert_id == again.alert_id
    assert len(graph.incidents) <= 1


@pytest.mark.parametrize("transition", Transition)
@pytest.mark.parametrize("severity", ["informational", "low", "medium", "high"])
async def test_every_later_revision_is_taken_under_the_same_ids(
    sink: AlertSink, transition: Transition, severity: str
) -> None:
    first = await sink.deliver(an_evidence(severity="low"), FIRST, NOON)
    told = replace(first, sent_revision=1, sent_severity="low")

    later = an_evidence(revision=2, transition=transition, severity=severity)
    taken = await sink.deliver(later, told, NOON + MINUTE)

    assert (taken.alert_id, taken.incident_id) == (first.alert_id, first.incident_id)


async def test_reconciling_ends_the_doubt(sink: AlertSink) -> None:
    taken = await sink.deliver(an_evidence(), FIRST, NOON)

    after = await sink.reconcile(an_evidence(), replace(taken, reconcile_at=NOON), NOON)

    assert (after.reconcile_at, after.alert_id) == (0, taken.alert_id)


async def test_a_surge_can_be_announced_twice_and_is_one_alert(
    sink: AlertSink, graph: LoopbackGraph
) -> None:
    first = await sink.announce(SURGE, FIRST, NOON)
    again = await sink.announce(SURGE, replace(FIRST, attempts=2), NOON + MINUTE)

    assert first.alert_id == again.alert_id
    assert len(graph.alerts) <= 1


async def test_nothing_is_known_of_an_incident_that_was_never_made(sink: AlertSink) -> None:
    assert await sink.resolution(Delivery()) is None


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b[2J\x1b]0;owned\x07", "[red]markup[/]", "<img src=x onerror=alert(1)>",
        "\u202e", "a\nb", "x" * 100_000, "\U0001f4a9" * 1_000, "",
    ],
    ids=["escape", "rich", "html", "bidi", "lines", "long", "emoji", "empty"],
)  # fmt: skip
async def test_hostile_text_is_taken(sink: AlertSink, hostile: str) -> None:
    places = (Counted(text=hostile, count=1),)
    evidence = an_evidence(
        account_display_name=hostile, account_object_id=hostile, account_ids=(hostile,),
        user_agents=places, ip_addresses=places, pages=places, spaces=places,
    )  # fmt: skip

    taken = await sink.deliver(evidence, FIRST, NOON)

    assert taken.alert_id


@pytest.mark.parametrize("name", ["file", "defender", "sentinel", "memory"])
async def test_a_sink_that_fails_raises_what_the_outbox_understands(cast: Cast, name: str) -> None:
    cast.breaks[name]()

    with pytest.raises((DeliveryError, OutcomeUnknownError)) as caught:
        await cast.sinks[name].deliver(an_evidence(), FIRST, NOON)

    assert str(caught.value)
    await cast.sinks[name].close()


async def test_a_sink_that_was_never_used_can_be_closed_and_closed_again(sink: AlertSink) -> None:
    await sink.close()
    await sink.close()


async def test_the_file_holds_every_revision_as_a_line_of_json(tmp_path: Path) -> None:
    sink = JsonLinesSink(tmp_path / "new" / "alerts.jsonl")

    await sink.deliver(an_evidence(), FIRST, NOON)
    await sink.deliver(an_evidence(revision=2), FIRST, NOON)

    lines = (tmp_path / "new" / "alerts.jsonl").read_text().splitlines()
    documents = [json.loads(line) for line in lines]
    assert [d["evidence"]["revision"] for d in documents] == [1, 2]
    assert documents[0]["at"] == "2026-03-11T12:00:00.0000000Z"
    assert documents[0]["title"].startswith("Confluence data mining by Alice")


async def test_the_console_shows_no_control_character_of_a_record() -> None:
    shown = io.StringIO()

    await ConsoleSink(Console(file=shown)).deliver(
        an_evidence(account_display_name="\x1b[2Jroot[bold]"), FIRST, NOON
    )

    assert "\x1b" not in shown.getvalue()
    assert "[bold]" in shown.getvalue()
