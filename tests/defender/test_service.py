"""The function app through the real worker library: pages, health and feedback."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detector.adapters.sqlite import SqliteRows
from detector.core.instant import HOUR, MINUTE
from detector.feedback import EVERY
from detector.ports import Operation, StoreUnavailableError, Transaction
from detector.service import Service
from detector.state.keys import WINDOWS
from detector.state.store import State
from tests.loopback.graph import LoopbackGraph, throttled, wall_clock
from tests.loopback.graph import Operation as GraphOperation
from tests.loopback.graph.identity import IDENTITY_HEADER, IDENTITY_PATH
from tests.support.events import a_search, message, views
from tests.support.worker import Worker

pytestmark = [
    # The SDK's own modules warn when the first builder is imported.
    pytest.mark.filterwarnings("ignore:GetQueryParameters is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning"),
]

ROOT = Path(__file__).parents[2]
SIGNED_IN = {"X-MS-CLIENT-PRINCIPAL-ID": "00000000-0000-0000-0000-000000000042"}


@pytest.fixture
def alerts(tmp_path: Path) -> Path:
    return tmp_path / "alerts.jsonl"


@pytest.fixture
def worker(store: Path, alerts: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    monkeypatch.setenv("DETECTOR_STORE", f"sqlite:{store}")
    monkeypatch.setenv("DETECTOR_ALERTS_FILE", str(alerts))
    with Worker(ROOT) as one:
        one.index()
        yield one


def now() -> int:
    """The machine's time in ticks: the app's clock is the real one."""
    return int(wall_clock().timestamp()) * 10**7


def in_store(store: Path, work: Callable[[State], Awaitable[Any]]) -> Any:
    """Do something in the app's store."""

    async def done() -> Any:
        rows = SqliteRows(store)
        try:
            return await work(State(rows))
        finally:
            await rows.close()

    return asyncio.run(done())


def lines(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    """The app's log lines of an event."""
    texts = [record.message for record in caplog.records if record.name == "detector"]
    return [line for line in map(json.loads, texts) if line["event"] == event]


# ── the evidence page ──


@pytest.mark.parametrize(
    ("is_on", "headers"),
    [
        pytest.param("", {}, id="no Easy Auth, nobody"),
        pytest.param("", SIGNED_IN, id="no Easy Auth, a forged header"),
        pytest.param("false", SIGNED_IN, id="Easy Auth off"),
        pytest.param("true", {}, id="Easy Auth, nobody"),
    ],
)
def test_the_page_is_refused_to_whom_easy_auth_has_not_let_in(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, is_on: str, headers: dict[str, str]
) -> None:
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", is_on)

    answer = worker.invoke_http("evidence", params={"episode": "0" * 32}, headers=headers)

    assert (answer.status_code, answer.body) == (401, b"Sign in.")


@pytest.mark.parametrize(
    "episode", ["0" * 32, "", "0" * 31, "G" * 32, "../../../etc/passwd", "0" * 32 + "\n", "~"]
)
def test_an_episode_that_is_none_is_not_found(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, episode: str
) -> None:
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "true")

    answer = worker.invoke_http("evidence", params={"episode": episode}, headers=SIGNED_IN)

    assert (answer.status_code, answer.body) == (404, b"No such episode.")


# ── health ──


def health(worker: Worker) -> tuple[int, dict[str, Any]]:
    """What the health page answers."""
    answer = worker.invoke_http("health")
    return answer.status_code, json.loads(answer.body)


def only_mark(worker: Worker, store: Path, *, ago: int) -> None:
    """Move the outbox's only mark into the past."""

    async def work(state: State) -> None:
        (stored,) = await state.episodes.every()
        for mark in await state.marks.outbox():
            await state.marks.clear(mark)
        await state.marks.set_outbox(stored.episode.user, stored.episode.number, now() - ago)

    in_store(store, work)


def test_health_is_red_when_an_alert_is_unsent_for_an_hour(
    worker: Worker, store: Path, alerts: Path
) -> None:
    alerts.mkdir()  # the file cannot be written
    worker.invoke_event_hub("ingest", [message(views(60, now() - MINUTE))])
    worker.invoke_timer("evaluate")
    before = health(worker)
    only_mark(worker, store, ago=HOUR + MINUTE)

    status, document = health(worker)

    assert (before[0], before[1]["unsent_alerts"]) == (200, 1)
    assert (status, document["status"]) == (503, "unhealthy")
    assert document["faults"][0].startswith("alerts: the oldest is unsent for 3,6")
    assert 3_600 < document["oldest_unsent_seconds"] < 3_800


def test_health_is_green_when_an_alert_is_only_held_back(worker: Worker, store: Path) -> None:
    worker.invoke_event_hub("ingest", [message([a_search(now() - MINUTE)])])
    worker.invoke_timer("evaluate")
    only_mark(worker, store, ago=2 * HOUR)

    status, document = health(worker)

    assert (status, document["unsent_alerts"], document["faults"]) == (200, 0, [])


def test_health_is_red_when_a_source_is_silent(worker: Worker, store: Path) -> None:
    worker.invoke_event_hub("ingest", [message(views(1, now()))])

    async def long_ago(state: State) -> None:
        (source,) = await state.meta.sources()
        silent = replace(source, received_at=now() - 7 * HOUR)
        await state.meta.change_source(source.source, lambda _: silent)

    in_store(store, long_ago)

    status, document = health(worker)

    (source,) = document["sources"]
    said = f"{source['source']}: no event for {source['received_seconds_ago']:,} s"
    assert (status, document["faults"]) == (503, [said])


def test_health_is_red_when_rows_are_of_a_newer_version(worker: Worker, store: Path) -> None:
    newer = Operation("upsert", "0" * 32, {"V": 2, "ExpiresAt": "9999"})
    in_store(store, lambda state: state.rows.submit(Transaction(WINDOWS, "00", [newer])))
    worker.invoke_timer("housekeep")

    status, document = health(worker)

    assert (status, document["faults"]) == (
        503,
        ["schema: 1 rows of a newer version than 1, or damaged"],
    )


def test_health_is_red_when_the_store_does_not_answer(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: object, **__: object) -> None:
        raise StoreUnavailableError("the account is gone")

    monkeypatch.setattr(SqliteRows, "get", down)

    status, document = health(worker)

    assert (status, document["faults"]) == (503, ["store: the account is gone"])


# ── Defender, through settings and managed identity ──


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackGraph]:
    with LoopbackGraph(clock=wall_clock) as server:
        monkeypatch.setenv("DETECTOR_SINK", "defender")
        monkeypatch.setenv("DETECTOR_GRAPH_ROOT", server.root)
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.root}{IDENTITY_PATH}")
        monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
        yield server


@pytest.fixture
def app(graph: LoopbackGraph, worker: Worker) -> Iterator[Worker]:
    """The app with Defender as its sink; what it opened is closed in its own event loop."""
    yield worker
    for service in worker.app._services.values():
        for sink in service.detector.sinks:
            worker._loop.run(sink.close())


def set_clock(worker: Worker, monkeypatch: pytest.MonkeyPatch, ticks: int) -> None:
    """Stop the app's clock at an instant."""
    monkeypatch.setattr(worker.app.time, "time_ns", lambda: ticks * 100)


def a_round(*, of_feedback: bool) -> int:
    """An instant near now at which people are asked, or a minute before it."""
    return now() // EVERY * EVERY - (0 if of_feedback else MINUTE)


def test_a_miner_becomes_one_incident_in_defender(
    app: Worker, graph: LoopbackGraph, alerts: Path
) -> None:
    app.invoke_event_hub("ingest", [message(views(60, now() - MINUTE))])

    outcomes = [app.invoke_timer("evaluate").succeeded for _ in range(3)]

    assert outcomes == [True] * 3
    (incident,) = graph.incidents.values()
    assert (incident.is_active, len(incident.comments)) == (True, 1)
    assert len(alerts.read_text().splitlines()) == 1


def test_a_false_positive_is_read_back_at_the_next_tenth_minute_and_mutes(
    app: Worker,
    graph: LoopbackGraph,
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "detector")
    set_clock(app, monkeypatch, a_round(of_feedback=False))
    app.invoke_event_hub("ingest", [message(views(60, a_round(of_feedback=False) - MINUTE))])
    app.invoke_timer("evaluate")
    graph.classify(next(iter(graph.incidents)), "falsePositive")

    app.invoke_timer("evaluate")
    too_early = lines(caplog, "feedback")
    set_clock(app, monkeypatch, a_round(of_feedback=True))
    outcome = app.invoke_timer("evaluate")

    assert (too_early, outcome.succeeded) == ([], True)
    assert lines(caplog, "feedback") == [
        {"event": "feedback", "asked": 1, "failed": 0, "resolved": 1, "muted": 1}
    ]
    (mute,) = in_store(store, lambda state: state.mutes.every())
    assert (mute.rule, mute.reason) == ("bulk_access", "falsePositive")


def test_a_question_that_fails_does_not_fail_the_tick(
    app: Worker,
    graph: LoopbackGraph,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "detector")
    set_clock(app, monkeypatch, a_round(of_feedback=False))
    app.invoke_event_hub("ingest", [message(views(60, a_round(of_feedback=False) - MINUTE))])
    app.invoke_timer("evaluate")
    graph.fault(GraphOperation.GET_INCIDENT, throttled(60))
    set_clock(app, monkeypatch, a_round(of_feedback=True))

    outcome = app.invoke_timer("evaluate")

    assert outcome.succeeded
    assert [line["failed"] for line in lines(caplog, "feedback")] == [1]


def test_ingest_leaves_what_it_cannot_judge_to_the_next_tick(
    worker: Worker,
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "detector")

    async def down(*_: object) -> None:
        raise StoreUnavailableError("busy")

    in_store(store, lambda state: state.meta.set_instant("tick", now() - HOUR))
    monkeypatch.setattr(Service, "tick", down)

    outcome = worker.invoke_event_hub("ingest", [message(views(1, now()))])

    assert outcome.succeeded
    assert lines(caplog, "unavailable") == [{"event": "unavailable", "reason": "busy"}]


def test_an_invocation_without_events_does_nothing(worker: Worker, store: Path) -> None:
    assert worker.invoke_event_hub("ingest", []).succeeded
    assert not store.exists()
