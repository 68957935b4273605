"""Drawn histories: the product survives them all, and the mutants do not."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.product import Product

SEEDS, CHUNKS = 2_000, 8
DRAWN = [mutant for mutant in MUTANTS if mutant.within]

pytestmark = pytest.mark.timeout(900)  # on a busy machine


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line, in a process whose lines coverage does not count: that takes twice as long.

    Directed interleavings go through the same code and are counted.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("COV")}  # noqa: TID251
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--processes", "1", *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_nothing_is_violated_whatever_happens(chunk: int) -> None:
    count = SEEDS // CHUNKS

    done = run("--first", chunk * count, "--seeds", count)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"seeds {chunk * count} to {chunk * count + count - 1}: 0 failed" in done.stdout


@pytest.mark.parametrize("mutant", DRAWN, ids=lambda mutant: mutant.__name__)
def test_a_mutant_is_caught_within_its_seeds(mutant: type[Product]) -> None:
    done = run("--mutant", mutant.__name__, "--until-caught", "--seeds", mutant.within)

    assert done.returncode == 1, done.stdout + done.stderr


def test_a_seed_is_one_history_on_every_machine() -> None:
    one, other = (run("--seed", 7, "--trace", PYTHONHASHSEED=seed) for seed in "12")

    assert one.returncode == 0, one.stdout + one.stderr
    assert len(one.stdout.splitlines()) > 500
    assert one.stdout == other.stdout


def test_a_failing_seed_prints_the_command_that_replays_it() -> None:
    failing = run("--mutant", "ErrorsSwallowed", "--until-caught", "--seeds", 20)

    command = re.search(r"^ +python -m tests\.simulation (.+)$", failing.stdout, re.MULTILINE)
    assert failing.returncode == 1
    assert command
    again = run(*arguments(command[1]))
    assert again.returncode == 1
    assert "VIOLATION" in again.stdout
    assert first_violation(failing.stdout) in again.stdout


def arguments(command: str) -> Sequence[str]:
    return command.split()


def first_violation(stdout: str) -> str:
    return stdout.splitlines()[0].partition(": ")[2]
