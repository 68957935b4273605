"""The command line, run in this process where speed matters and as a program where it does not."""

import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from detector.cli.app import main
from detector.policies import load_policy

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Outcome:
    """What a person sees of a command."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a folder of its own; programs find the package all the same."""
    load_policy.cache_clear()  # files of the same name in different folders
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """`cli("score", …, stdin=…)` in this process."""

    def run(*arguments: object, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "argv", ["detector", *map(str, arguments)])
        reader = io.BufferedReader(io.BytesIO(stdin))  # type: ignore[arg-type]
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(reader))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def start():
    """`start("run", …)` starts the program and gives its process; nothing is left running."""
    processes: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: object, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "detector", *map(str, arguments)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=stdout, stderr=pipe)
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def program(start):
    """`program("score", …)` as a person starts it, to its end."""

    def run(*arguments: object, stdin: bytes = b"") -> Outcome:
        process = start(*arguments)
        out, err = process.communicate(stdin)
        return Outcome(process.returncode, out.decode(), err.decode())

    return run
