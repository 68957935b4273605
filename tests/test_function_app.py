"""The app as the real worker library indexes and invokes it, over a real SQLite store."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from detector.adapters.sqlite import SqliteRows
from detector.core.instant import parse_instant
from detector.state.store import State
from tests.support.worker import Worker, event_hub_metadata

ROOT = Path(__file__).parents[1]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def alerts(tmp_path: Path) -> Path:
    return tmp_path / "alerts.jsonl"


@pytest.fixture
def worker(store: Path, alerts: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    monkeypatch.setenv("DETECTOR_STORE", f"sqlite:{store}")
    monkeypatch.setenv("DETECTOR_ALERTS_FILE", str(alerts))
    with Worker(ROOT) as worker:
        yield worker


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the app's clock is the real one


START = now() - timedelta(minutes=5)


def a_message(*numbers: int) -> bytes:
    """Page views of one reader in the streaming envelope, one for each number."""
    records = [
        {
            "time": now().isoformat(),
            "tenantId": "00000000-0000-0000-0000-000000000000",
            "category": "AdvancedHunting-CloudAppEvents",
            "properties": {
                "Timestamp": (START + timedelta(milliseconds=number)).isoformat(),
                "ActionType": "PageViewed",
                "Application": "Confluence",
                "AccountObjectId": "00000000-0000-0000-0000-000000000077",
                "AccountDisplayName": "Reader",
                "IPAddress": "192.0.2.77",
                "UserAgent": "curl/8.9",
                "ObjectName": f"Page {number}",
                "ReportId": f"r{number}",
                "RawEventData": {"spaceKey": "OPS"},
            },
        }
        for number in numbers
    ]
    return json.dumps({"records": records}).encode()


def read_store(store: Path, question: Any) -> Any:
    async def ask() -> Any:
        rows = SqliteRows(store)
        try:
            return await question(State(rows))
        finally:
            await rows.close()

    return asyncio.run(ask())


def test_the_host_reads_these_bindings(worker: Worker) -> None:
    functions = worker.index()

    bindings = {
        name: [{k: v for k, v in one.items() if k != "direction"} for one in function.bindings]
        for name, function in functions.items()
    }
    assert bindings == json.loads((ROOT / "tests/function_app.bindings.json").read_text())


def test_ingest_is_retried_for_ever_with_growing_waits(worker: Worker) -> None:
    retry = worker.index()["ingest"].retry

    assert retry is not None
    assert (retry.max_retry_count, retry.retry_strategy) == (-1, "exponential_backoff")


def test_a_miner_becomes_one_alert_within_a_tick(worker: Worker, alerts: Path) -> None:
    worker.invoke_event_hub("ingest", [a_message(*range(30)), a_message(*range(30, 60))])
    worker.invoke_event_hub("ingest", [a_message(*range(20, 60))], first_sequence=9)

    first = worker.invoke_timer("evaluate")
    second = worker.invoke_timer("evaluate", past_due=True)

    assert (first.succeeded, second.succeeded) == (True, True)
    (alert,) = [json.loads(line) for line in alerts.read_text().splitlines()]
    assert alert["evidence"]["total_actions"] == 60
    assert alert["evidence"]["indicator"].startswith("Automated scraping")


def test_health_tells_what_has_come_and_what_waits(worker: Worker) -> None:
    worker.invoke_event_hub(
        "ingest", [a_message(1)], partition="3", first_sequence=7, enqueued=now()
    )
    before = json.loads(worker.invoke_http("health").body)
    worker.invoke_timer("evaluate")

    answer = worker.invoke_http("health")

    document = json.loads(answer.body)
    assert (answer.status_code, document["status"]) == (200, "healthy")
    assert (before["dirty_backlog"], document["dirty_backlog"]) == (1, 0)
    assert document["windows_complete"] is False
    assert document["schema_version"] == 1
    (source,) = document["sources"]
    assert source["source"] == "example.servicebus.windows.net/cloudappevents/3"
    assert source["last_event_age_seconds"] < 60


def test_health_is_red_when_the_timer_is_dead(worker: Worker, store: Path) -> None:
    worker.invoke_timer("evaluate")
    read_store(store, lambda state: state.meta.set_instant("tick", parse_instant("2026-01-01")))

    answer = worker.invoke_http("health")

    assert answer.status_code == 503
    assert json.loads(answer.body)["faults"][0].startswith("timer: last evaluation")


def test_ingest_judges_itself_when_the_timer_is_dead(
    worker: Worker, store: Path, alerts: Path
) -> None:
    worker.invoke_timer("evaluate")
    read_store(store, lambda state: state.meta.set_instant("tick", parse_instant("2026-01-01")))

    worker.invoke_event_hub("ingest", [a_message(*range(60))])

    assert len(alerts.read_text().splitlines()) == 1


def test_housekeeping_publishes_a_cutoff(worker: Worker, store: Path) -> None:
    assert worker.invoke_timer("housekeep").succeeded

    cutoff = read_store(store, lambda state: state.meta.instant("cutoff"))
    assert cutoff is not None


@pytest.mark.parametrize(
    "body", [pytest.param(b"", id="empty"), pytest.param(b"no JSON", id="not JSON"),
             pytest.param(b"\xff\xfe\x00", id="binary"), pytest.param(b"{" * 2000, id="deep")]
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_a_dead_letter(
    worker: Worker, store: Path, body: bytes
) -> None:
    outcome = worker.invoke_event_hub("ingest", [body, a_message(1)], first_sequence=41)
    again = worker.invoke_event_hub("ingest", [body, a_message(1)], first_sequence=41)

    assert (outcome.succeeded, again.succeeded) == (True, True)
    (letter,) = read_store(store, lambda state: state.dead_letters.every())
    assert letter.rejected.sequence == 41
    assert letter.rejected.size == len(body)


def test_events_of_an_unknown_partition_are_taken(worker: Worker, store: Path) -> None:
    metadata = event_hub_metadata(1)
    del metadata["PartitionContext"], metadata["TriggerPartitionContext"]

    outcome = worker.invoke_event_hub("ingest", [a_message(1)], metadata=metadata)

    assert outcome.succeeded
    (source,) = read_store(store, lambda state: state.meta.sources())
    assert source.source == "?/?/?"


def test_a_time_without_zone_is_utc(worker: Worker, store: Path) -> None:
    moment = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)

    worker.invoke_event_hub("ingest", [a_message(1)], enqueued=moment)

    (source,) = read_store(store, lambda state: state.meta.sources())
    assert source.last_enqueued_at == parse_instant("2026-11-21T12:00:00.123456Z")


def test_a_store_that_does_not_answer_makes_the_host_try_again(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is not a database, and it is long enough to be read as one")
    monkeypatch.setenv("DETECTOR_STORE", f"sqlite:{broken}")

    outcome = worker.invoke_event_hub("ingest", [a_message(1)])

    assert not outcome.succeeded
    assert "cannot be opened as a detector store" in outcome.exception


def test_the_metadata_of_a_batch_is_read_once(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.index()
    reads: list[object] = []
    implementation = type(func.EventHubEvent(body=b"")).__mro__[0]
    original = implementation.metadata

    def counted(event: Any) -> Any:
        reads.append(event)
        return original.__get__(event)

    monkeypatch.setattr(implementation, "metadata", property(counted))

    worker.invoke_event_hub("ingest", [a_message(n) for n in range(50)])

    assert len(reads) == 1


def test_importing_the_app_does_not_import_graph() -> None:
    import subprocess
    import sys

    code = (
        "import sys, function_app; "
        "print([m for m in sys.modules if m.split('.')[0] in "
        "('msgraph', 'kiota_http', 'jinja2', 'typer', 'rich')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
