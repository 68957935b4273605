"""The report of `make prove` says what was run, on what, and what failed."""

import subprocess
import sys
from pathlib import Path

from tests.prove.__main__ import BEGIN, DOCUMENT, END, Outcome, Part, written

ROOT = Path(__file__).parents[2]


def test_a_part_that_is_named_is_run_and_reported() -> None:
    command = [sys.executable, "-m", "tests.prove", "--only", "simulator", "--seeds", "4"]
    done = subprocess.run(
        [*command, "--uncommitted"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "seeds 0 to 1: 0 failed" in done.stdout
    assert "seeds 2 to 3: 0 failed" in done.stdout
    assert done.stdout.endswith("all 2 parts passed\n")


def test_the_report_of_a_part_are_the_lines_that_count_and_all_of_a_failure() -> None:
    said = "noise\nseeds 0 to 9: 0 failed\nnoise\n"
    part = Part("simulator", ("tests.simulation",), ("seed",))

    passed, failed = (Outcome(part, code, 7.4, said) for code in (0, 1))

    assert passed.report == "seeds 0 to 9: 0 failed"
    assert failed.report == said.strip()
    lines = written([passed, failed], "0123456789", 90).splitlines()
    assert lines[0].startswith("Commit `0123456789`, ")
    assert "| simulator | `python -m tests.simulation` | 7 s | passed |" in lines
    assert "| simulator | `python -m tests.simulation` | 7 s | exit 1 |" in lines


def test_the_document_has_a_place_for_the_report() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")

    assert (text.count(BEGIN), text.count(END)) == (1, 1)
    assert text.index(BEGIN) < text.index(END)
