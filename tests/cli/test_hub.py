"""`send` and `run --eventhub` against a loopback hub, with the real azure-eventhub client."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.loopback.eventhub import LoopbackHub

ROOT = Path(__file__).parents[2]
HUB = "cloudappevents"


def detector(*arguments: str, hub: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "detector", *arguments],
        cwd=ROOT,
        env={**os.environ, "EVENTHUB": hub},  # noqa: TID251 - a child inherits it
        capture_output=True,
        check=False,
        text=True,
        timeout=100,
    )


def a_day(folder: Path) -> Path:
    """Sixty page views within the last minutes, and a line that no reader takes."""
    start = datetime.now(UTC) - timedelta(minutes=5)  # noqa: TID251 - the hub's clock is real
    rows = [
        {
            "Timestamp": (start + timedelta(seconds=n)).isoformat(),
            "ActionType": "PageViewed",
            "Application": "Confluence",
            "AccountObjectId": "00000000-0000-0000-0000-000000000077",
            "AccountDisplayName": "Reader",
            "ReportId": f"r{n}",
        }
        for n in range(60)
    ]
    path = folder / "day.jsonl"
    path.write_text("\n".join([*map(json.dumps, rows), "no JSON"]) + "\n")
    return path


async def test_a_file_goes_through_a_hub_to_an_incident(tmp_path: Path) -> None:
    import asyncio

    day, store = a_day(tmp_path), f"sqlite:{tmp_path / 'hub.db'}"
    async with LoopbackHub(hub=HUB, partitions=2, groups=("detector",)) as hub:
        address = hub.connection_string
        sent = await asyncio.to_thread(detector, "send", str(day), "--eventhub", hub=address)
        command = ("run", "--eventhub", "--stop-after-idle", "3", "--store", store)
        ran = await asyncio.to_thread(detector, *command, hub=address)
        replayed = await asyncio.to_thread(
            detector, "deadletters", "replay", "--store", store, "--format", "json", hub=address
        )

    assert (sent.returncode, sent.stdout) == (0, "61 events in 1 batches are sent\n")
    assert ran.returncode == 0, ran.stderr
    assert "Confluence data mining by Reader" in ran.stdout
    ((outcome),) = json.loads(replayed.stdout)
    assert "invalid" in outcome["outcome"].lower() or "JSON" in outcome["outcome"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["send", "examples/day.jsonl"], 2, "no Event Hub", id="no address"),
        pytest.param(["send", "nofile", "--eventhub"], 2, "no such file", id="no file"),
        pytest.param(["run", "--eventhub"], 2, "no Event Hub", id="no address to consume"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], code: int, words: str) -> None:
    done = detector(*arguments)

    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert words in done.stderr


def test_a_hub_that_does_not_answer_ends_with_3_and_says_where_to_resume() -> None:
    nobody = (
        "Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=k;SharedAccessKey=a2V5;"
        f"EntityPath={HUB};UseDevelopmentEmulator=true"
    )

    done = detector("send", "examples/day.jsonl", hub=nobody)

    assert done.returncode == 3
    assert "resume with --resume-from 0" in done.stderr
