"""Processes killed with SIGKILL lose no event, count none twice, and open one incident each."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.soak.plan import Plan
from tests.soak.run import ROOT, Report, soak
from tests.soak.workload import HITS, LATE
from tests.support.azurite import Azurite

KILLS, SECONDS = 7, 600

pytestmark = pytest.mark.timeout(SECONDS + 60)


def played(folder: Path, store: str, events: int, state: str = "") -> Report:
    users = events // 1_500
    plan = Plan(folder=str(folder), seed=11, events=events, users=users, store=store, state=state)
    return soak(plan, kills=KILLS, seconds=SECONDS, progress=lambda _: None)


def assert_nothing_is_lost(report: Report, events: int) -> None:
    assert report.is_clean, report
    assert (report.counts.events, report.counts.dead) == (events, events // 800)
    assert report.counts.episodes == events // 1_500 + HITS + LATE
    assert sum(report.kills.values()) >= 6
    assert min(report.kills["worker"], report.kills["timer"]) >= 2
    assert report.steals >= KILLS
    assert report.regressions == 1
    # What was killed, stolen, put back or refused has come again; and the producer's copies.
    assert report.redelivered > 30
    assert report.copies > 1_000
    assert report.sink_faults >= 2


def test_workers_and_timers_killed_over_azurite_lose_nothing(
    tmp_path: Path, azurite_server: Azurite
) -> None:
    state = azurite_server.connection_string(next(azurite_server.unused))

    report = played(tmp_path, "azure", 20_000, state)

    assert_nothing_is_lost(report, 20_000)


def test_workers_and_timers_killed_over_one_sqlite_file_lose_nothing(tmp_path: Path) -> None:
    report = played(tmp_path, f"sqlite:{tmp_path / 'state.db'}", 60_000)

    assert_nothing_is_lost(report, 60_000)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.soak", "--store", "sqlite", *arguments],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        timeout=SECONDS,
    )


def test_the_command_prints_a_report_and_no_progress_into_a_pipe() -> None:
    done = command("--events", "3000", "--kills-at-least", "1", "--seed", "5")

    assert (done.returncode, done.stderr) == (0, "")
    numbers = dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines())
    assert (numbers["events"], numbers["lost"], numbers["double"]) == ("3000", "0", "0")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--store", "floppy"], id="no such store"),
        pytest.param(["--events", "10"], id="too few events"),
        pytest.param(["--minutes", "0"], id="no time"),
    ],
)
def test_a_soak_that_cannot_be_run_to_its_end_says_so_with_2(arguments: list[str]) -> None:
    assert command(*arguments).returncode == 2
