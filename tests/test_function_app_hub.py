"""function_app.py fed from a hub over AMQP: sent, received, counted and told, as in Azure.

The clients, the worker library, Azurite, host.json and the example settings are the real ones; the
hub, Graph and the host's own loop (tests/support/trigger.py) are ours.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from detector.adapters.azure_tables import open_tables
from detector.adapters.event_hub import producer
from detector.adapters.event_hub.client import HubAddress, open_producer
from detector.core.instant import MINUTE
from detector.isolate import BATCH_SECONDS
from detector.service import EVALUATE_SECONDS, JUDGING_SECONDS
from detector.state.store import State
from tests.loopback.eventhub import LoopbackHub
from tests.loopback.graph import LoopbackGraph, wall_clock
from tests.loopback.graph.identity import IDENTITY_HEADER, IDENTITY_PATH
from tests.support.azurite import Azurite
from tests.support.beside import Beside, beside
from tests.support.events import message, user_id, views
from tests.support.faulty import Fault, Faulty, faulty
from tests.support.trigger import Trigger
from tests.support.worker import Worker

pytestmark = [
    # The SDK's own modules warn when the first builder is imported.
    pytest.mark.filterwarnings("ignore:GetQueryParameters is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning"),
]

T = TypeVar("T")

ROOT = Path(__file__).parents[1]
EXAMPLE = json.loads((ROOT / "local.settings.json.example").read_text())["Values"]
KEY = "SAS_KEY_VALUE"
HERE = "UseDevelopmentStorage=true"
DOWN = Fault("answer", headers={"Retry-After": "0.01"})


def now() -> int:
    """The machine's time in ticks: the app's clock is the real one."""
    return int(wall_clock().timestamp()) * 10**7


@pytest.fixture
def servers() -> Iterator[Beside]:
    with beside() as loop:
        yield loop


@pytest.fixture
def hub(servers: Beside) -> Iterator[LoopbackHub]:
    server = LoopbackHub(hub=EXAMPLE["EVENTHUB_NAME"], partitions=2, key=KEY)
    with servers.running(server) as running:
        yield running


@pytest.fixture
def account(azurite_account: str) -> str:
    """An empty storage account, for the state and for the host."""
    return azurite_account


@pytest.fixture
def tables(servers: Beside, azurite_server: Azurite) -> Iterator[Faulty]:
    """What stands before the account's tables, and lets everything through until it is told."""
    with servers.running(faulty(f"http://127.0.0.1:{azurite_server.ports['Table']}")) as server:
        yield server


@pytest.fixture
def settings(
    hub: LoopbackHub,
    tables: Faulty,
    account: str,
    azurite_server: Azurite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, str]:
    """The example's values; only addresses are replaced."""
    behind = f"http://127.0.0.1:{azurite_server.ports['Table']}"
    values = {**EXAMPLE, "DETECTOR_STATE": account.replace(behind, tables.url)}
    values["AzureWebJobsStorage"] = account
    values["EVENTHUB"] = EXAMPLE["EVENTHUB"].replace("//localhost;", f"//localhost:{hub.port};")
    assert (EXAMPLE["DETECTOR_STATE"], EXAMPLE["AzureWebJobsStorage"]) == (HERE, HERE)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)  # the example's alerts file is relative
    return values


@pytest.fixture
def worker(settings: dict[str, str]) -> Iterator[Worker]:
    with Worker(ROOT) as one:
        one.index()
        yield one
        for service in one.app._services.values():
            for sink in service.detector.sinks:
                one._loop.run(sink.close())
            one._loop.run(service.detector.state.rows.close())


@pytest.fixture
def trigger(worker: Worker, settings: dict[str, str]) -> Trigger:
    return a_trigger(worker, settings)


def a_trigger(worker: Worker, settings: dict[str, str]) -> Trigger:
    return Trigger(
        worker=worker,
        connection_string=settings["EVENTHUB"],
        hub=settings["EVENTHUB_NAME"],
        group=settings["EVENTHUB_CONSUMER_GROUP"],
        storage=settings["AzureWebJobsStorage"],
        host_json=ROOT / "host.json",
    )


def send(settings: dict[str, str], *lines: bytes) -> None:
    """Send with the product's own producer."""
    address = HubAddress(connection_string=settings["EVENTHUB"], name=settings["EVENTHUB_NAME"])
    asyncio.run(producer.send(lines, producer_factory=lambda: open_producer(address)))


def send_file(folder: Path, *lines: bytes) -> None:
    """Send with the product's own command, under the settings that the app has."""
    path = folder / "export.jsonl"
    path.write_bytes(b"\n".join(lines))
    done = subprocess.run(
        [sys.executable, "-m", "detector", "send", str(path), "--eventhub"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},  # noqa: TID251 - a child inherits it
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def a_stream(*, miner: int = 60, others: int = 190) -> list[bytes]:
    """One message for each record: a miner's between those of twenty readers."""
    at = now() - 30 * MINUTE
    records = views(miner, at, user=77, name="Miner")
    for reader in range(others):
        records += views(1, at, user=reader % 20, title=f"Own page {reader}")
    return [message([record]) for record in sorted(records, key=lambda r: r["time"])]


def alerts(folder: Path) -> list[dict[str, Any]]:
    """What the example's sink has been told."""
    path = folder / EXAMPLE["DETECTOR_ALERTS_FILE"]
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def in_store(settings: dict[str, str], question: Callable[[State], Awaitable[T]]) -> T:
    async def asked() -> T:
        rows = open_tables(settings["AzureWebJobsStorage"])
        try:
            return await question(State(rows))
        finally:
            await rows.close()

    return asyncio.run(asked())


def tick(worker: Worker) -> None:
    assert worker.invoke_timer("evaluate").succeeded


def test_a_file_that_is_sent_becomes_one_alert(
    trigger: Trigger, worker: Worker, settings: dict[str, str], tmp_path: Path
) -> None:
    send_file(tmp_path, *a_stream(), b"no JSON")

    batches = trigger.receive()
    for batch in batches:
        assert trigger.invoke(batch).succeeded
        trigger.checkpoint(batch)
    tick(worker)
    tick(worker)

    sizes = [len(batch.events) for batch in batches]
    assert (sum(sizes), max(sizes)) == (251, trigger.settings["maxEventBatchSize"])
    (alert,) = alerts(tmp_path)
    assert alert["evidence"]["total_actions"] == 60
    assert alert["evidence"]["account_object_id"] == user_id(77)
    (letter,) = in_store(settings, lambda state: state.dead_letters.every())
    assert (letter.rejected.sequence, letter.rejected.size) == (250, len(b"no JSON"))
    assert trigger.receive() == []


def test_what_a_dead_host_did_not_checkpoint_comes_again_and_counts_once(
    trigger: Trigger, worker: Worker, settings: dict[str, str], tmp_path: Path
) -> None:
    send(settings, *a_stream(), b"no JSON")
    first, second, third = trigger.receive()
    for batch in (first, second, third):
        assert trigger.invoke(batch).succeeded
    trigger.checkpoint(first)
    tick(worker)

    again = a_trigger(worker, settings).receive(most=37)  # with other bounds
    for batch in again:
        assert trigger.invoke(batch).succeeded
        trigger.checkpoint(batch)
    tick(worker)

    assert again[0].sequences[0] == second.sequences[0]
    assert sum(len(batch.events) for batch in again) == 151
    assert max(len(batch.events) for batch in again) == 37
    (alert,) = alerts(tmp_path)
    assert alert["evidence"]["total_actions"] == 60
    assert len(in_store(settings, lambda state: state.dead_letters.every())) == 1
    windows = in_store(settings, lambda state: state.windows.every())
    assert sum(int(row.values["TotalActions"]) for row in windows) == 250


def test_the_producer_may_send_everything_twice(
    trigger: Trigger, worker: Worker, settings: dict[str, str], tmp_path: Path
) -> None:
    stream = a_stream(miner=40)
    send(settings, *stream)
    send(settings, *reversed(stream))

    trigger.drain()
    tick(worker)

    sources = in_store(settings, lambda state: state.meta.sources())
    assert {one.source[-1] for one in sources} == {"0", "1"}  # they went to both partitions
    windows = in_store(settings, lambda state: state.windows.every())
    assert sum(int(row.values["TotalActions"]) for row in windows) == 230
    assert alerts(tmp_path) == []  # 40 actions are not bulk access; 80 would be


def test_while_the_store_is_away_the_host_gives_the_batch_again_and_nothing_is_lost(
    trigger: Trigger, worker: Worker, tables: Faulty, settings: dict[str, str], tmp_path: Path
) -> None:
    send(settings, *a_stream(miner=60, others=0))
    (batch,) = trigger.receive()
    retried = worker.index()["ingest"].retry
    tables.faults = [DOWN] * 4

    outcome = trigger.invoke(batch)
    tick(worker)

    assert retried is not None
    assert retried.max_retry_count == -1
    assert [one.succeeded for one in trigger.outcomes] == [False, True]
    assert "StoreUnavailableError" in trigger.outcomes[0].exception
    assert outcome.succeeded
    assert len(alerts(tmp_path)) == 1


def test_whichever_answer_is_lost_the_batch_comes_again_and_counts_once(
    trigger: Trigger, worker: Worker, tables: Faulty, settings: dict[str, str], tmp_path: Path
) -> None:
    send(settings, *a_stream(miner=40, others=0))
    batches = trigger.receive(most=1)
    trigger.invoke(batches[0])  # makes the tables
    before = len(tables.seen)
    trigger.invoke(batches[0])
    requests = len(tables.seen) - before

    for number, batch in enumerate(batches):
        tables.faults = [None] * (number % requests) + [Fault("hang_up")]
        assert trigger.invoke(batch).succeeded
    tables.faults = []
    tick(worker)

    assert len(batches) > 2 * requests
    assert sum(not one.succeeded for one in trigger.outcomes) > requests
    (window,) = in_store(settings, lambda state: state.windows.every())
    assert window.values["TotalActions"] == 40
    assert alerts(tmp_path) == []


def test_the_function_ends_before_the_host_ends_it(
    trigger: Trigger,
    worker: Worker,
    tables: Faulty,
    settings: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send(settings, *a_stream(miner=60, others=0))
    (batch,) = trigger.receive()
    tables.faults = [Fault("never")]
    monkeypatch.setattr(worker.app, "_LAST_RESORT_SECONDS", 0.5)

    first = trigger.invoke(batch, tries=1)
    monkeypatch.undo()
    second = trigger.invoke(batch)

    assert (first.succeeded, "TimeoutError" in first.exception) == (False, True)
    assert second.succeeded


@pytest.fixture
def graph(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackGraph]:
    assert settings["DETECTOR_SINK"] == "none"  # the one value that is not the example's
    with LoopbackGraph(clock=wall_clock) as server:
        monkeypatch.setenv("DETECTOR_SINK", "defender")
        monkeypatch.setenv("DETECTOR_GRAPH_ROOT", server.root)
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.root}{IDENTITY_PATH}")
        monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
        yield server


def test_with_defender_as_the_sink_it_becomes_one_incident(
    trigger: Trigger, worker: Worker, graph: LoopbackGraph, settings: dict[str, str], tmp_path: Path
) -> None:
    send(settings, *a_stream())

    trigger.drain()
    tick(worker)
    tick(worker)

    (incident,) = graph.incidents.values()
    assert incident.is_active
    assert "Miner" in incident.title
    assert len(alerts(tmp_path)) == 1


def test_host_json_says_what_the_code_relies_on() -> None:
    import function_app

    host = json.loads((ROOT / "host.json").read_text())
    hours, minutes, seconds = map(int, host["functionTimeout"].split(":"))
    hubs = host["extensions"]["eventHubs"]

    assert "retry" not in host  # it is the function's own, and only for ingest
    timeout = (hours * 60 + minutes) * 60 + seconds
    # A batch, then judging for a dead timer, end by themselves; then comes our last resort, and
    # only then the host's, which checkpoints. The timer has as long to send as it had to judge.
    assert BATCH_SECONDS + JUDGING_SECONDS < function_app._LAST_RESORT_SECONDS < timeout
    assert timeout > 2 * EVALUATE_SECONDS
    assert hubs["batchCheckpointFrequency"] == 1
    assert hubs["initialOffsetOptions"] == {"type": "fromStart"}
    assert hubs["maxEventBatchSize"] <= hubs["prefetchCount"]
