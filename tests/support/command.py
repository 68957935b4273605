"""The command line: in this process where speed matters, as a program where it does not."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from detector.cli.app import main

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Result:
    """What a person sees of a command."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its output as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Command:
    """Runs commands over one store; `--store` is added to each."""

    store: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: object) -> Result:
        """Run in this process."""
        line = ["detector", *map(str, arguments), "--store", f"sqlite:{self.store}"]
        self.monkeypatch.setattr(sys, "argv", line)
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = self.capsys.readouterr()
        return Result(int(ended.value.code or 0), printed.out, printed.err)

    def as_program(self, *arguments: object, stdin: str = "", **environment: str) -> Result:
        """Run as a person starts it."""
        self.monkeypatch.setenv("PYTHONPATH", str(ROOT))
        for name, value in environment.items():
            self.monkeypatch.setenv(name, value)
        done = subprocess.run(
            [sys.executable, "-m", "detector", *map(str, arguments)],
            cwd=self.store.parent,
            input=stdin, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return Result(done.returncode, done.stdout, done.stderr)
