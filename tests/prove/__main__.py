"""`python -m tests.prove`: everything that is too long for `make test`, as one report.

Exit code 1 where a part failed, 2 for a commit with changes on top, unless --uncommitted. Every
part's output stays in .detector/prove. `--write` puts the report into docs/reliability.md.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
LOGS = ROOT / ".detector/prove"
DOCUMENT = ROOT / "docs/reliability.md"
BEGIN, END = "<!-- make prove -->", "<!-- end of make prove -->"

_LONGEST = 45


@dataclass(frozen=True, slots=True)
class Part:
    """One command; its report are the lines of its output that begin with one of `shown`."""

    name: str
    arguments: Sequence[str]
    shown: Sequence[str] = ("",)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a part ended."""

    part: Part
    code: int
    seconds: float
    output: str

    @property
    def report(self) -> str:
        """What it said, without what only a failure needs."""
        lines = [line.rstrip() for line in self.output.splitlines() if line.strip()]
        chosen = [line for line in lines if self.code or line.startswith(tuple(self.part.shown))]
        return "\n".join(chosen[-_LONGEST:])


def parts(options: argparse.Namespace) -> list[Part]:
    """The longest first, so that two at once end at about the same time."""
    half, events = options.seeds // 2, options.events
    fuzz = ("--seconds", str(options.fuzz_seconds), "--seed", str(options.seed))
    seeds = ("tests.simulation", "--processes", "1", "--seeds", str(half))
    kills = ("--kills-at-least", str(max(6, events // 7_500)))
    soak = ("tests.soak", "--seed", str(options.seed), "--events", str(events), *kills, "--store")
    tests = ("pytest", "-q", "-n", "0", "--timeout", "0", "--hypothesis-profile", "prove")
    return [
        Part("soak on Azurite", (*soak, "azurite")),
        Part("simulator", (*seeds, "--first", str(options.first)), ("seed",)),
        Part("simulator, second half", (*seeds, "--first", str(options.first + half)), ("seed",)),
        Part("mutants", ("tests.simulation", "--processes", "1", "--mutants")),
        Part("bounds", ("tests.bounds",)),
        Part("parity", (*tests, "tests/oracle/test_parity.py"), ("3 passed",)),
        Part("soak on SQLite", (*soak, "sqlite")),
        *(
            Part(f"fuzz {name}", ("tests.fuzz", name, "--engine", "atheris", *fuzz))
            for name in TARGETS
        ),
    ]


def run(part: Part) -> Outcome:
    """Run one part to its end."""
    began = time.monotonic()
    command = [sys.executable, "-m", *part.arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = done.stdout + (done.stderr if done.returncode else "")
    outcome = Outcome(part, done.returncode, time.monotonic() - began, said)
    LOGS.mkdir(parents=True, exist_ok=True)
    (LOGS / f"{part.name.replace(' ', '-')}.log").write_text(done.stdout + done.stderr)
    print(
        f"{part.name:<24} {'ok' if not done.returncode else 'FAILED':<7} {outcome.seconds:,.0f} s"
    )
    print(outcome.report, flush=True)
    return outcome


def written(outcomes: Sequence[Outcome], commit: str, seconds: float) -> str:
    """The report as Markdown."""
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    lines = [
        f"Commit `{commit}`, {machine}, {seconds / 60:,.0f} minutes for everything:",
        "",
        "| part | command | took | result |",
        "|---|---|---|---|",
    ]
    for o in outcomes:
        command = " ".join(["python -m", *o.part.arguments])
        result = f"exit {o.code}" if o.code else "passed"
        lines.append(f"| {o.part.name} | `{command}` | {o.seconds:,.0f} s | {result} |")
    for o in outcomes:
        lines += ["", f"**{o.part.name}**", "```text", o.report, "```"]
    return "\n".join(lines)


def main() -> int:
    """Run every part, or those that are named."""
    options = _options().parse_args()
    commit = _git("rev-parse", "--short=10", "HEAD")
    if _git("status", "--porcelain") and not options.uncommitted:
        print("prove: commit first, so that the report can say what it ran on", file=sys.stderr)
        return 2
    chosen = [p for p in parts(options) if not options.only or p.name.startswith(options.only)]
    began = time.monotonic()
    with ThreadPoolExecutor(options.at_once) as pool:
        outcomes = list(pool.map(run, chosen))
    report = written(outcomes, commit, time.monotonic() - began)
    (LOGS / "report.md").write_text(report + "\n")
    if options.write:
        before, _, rest = DOCUMENT.read_text().partition(BEGIN)
        DOCUMENT.write_text(f"{before}{BEGIN}\n{report}\n{END}{rest.partition(END)[2]}")
    failed = [o.part.name for o in outcomes if o.code]
    print(f"failed: {', '.join(failed)}" if failed else f"all {len(outcomes)} parts passed")
    return int(bool(failed))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m tests.prove",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=20_000, help="of the simulator (20000)")
    parser.add_argument("--events", type=int, default=300_000, help="of the soak (300000)")
    parser.add_argument("--seed", type=int, default=1, help="of fuzzers and soaks (1)")
    parser.add_argument("--first", type=int, default=0, help="the simulator's first seed (0)")
    parser.add_argument("--fuzz-seconds", type=int, default=600, help="for each target (600)")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1, help="parts at once")
    parser.add_argument("--only", default="", metavar="PREFIX", help="parts of this name")
    parser.add_argument("--write", action="store_true", help="into docs/reliability.md")
    parser.add_argument("--uncommitted", action="store_true", help="whatever git says")
    return parser


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
