"""`python -m tests.soak --store azurite --events 20000 --kills-at-least 6 --seed 1`.

Ends with 0 where nothing was lost or double, 1 where the referee found something, 2 where the soak
could not be run to its end.
"""

import argparse
import dataclasses
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.soak.plan import Plan
from tests.soak.run import Report, StuckError, soak
from tests.support.azurite import running_azurite


def main() -> int:
    """Run one soak and print its report."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--store", choices=["azurite", "sqlite"], default="azurite")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--users", type=int, help="busy users; default: one for 5,000 events")
    parser.add_argument("--kills-at-least", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="give up after so long")
    parser.add_argument("--folder", type=Path, help="keep the logs and the hub here")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # as Ctrl-C: what was started is ended
    with ExitStack() as stack:
        folder = str(options.folder or stack.enter_context(tempfile.TemporaryDirectory()))
        Path(folder).mkdir(parents=True, exist_ok=True)
        state = ""
        if options.store == "azurite":
            state = stack.enter_context(running_azurite()).connection_string()
        plan = Plan(
            folder=folder,
            seed=options.seed,
            events=options.events,
            users=options.users or max(13, options.events // 5_000),
            store="azure" if state else f"sqlite:{folder}/state.db",
            state=state,
            batch=40 if options.events < 100_000 else 100,  # the kills are further apart, too
        )
        minutes = 5 + options.events / 10_000 if options.minutes is None else options.minutes
        try:
            report = soak(plan, kills=options.kills_at_least, seconds=60 * minutes, progress=show)
        except (StuckError, ValueError) as error:
            print(f"soak: {error}", file=sys.stderr)
            return 2
    print_report(report)
    return 0 if report.is_clean else 1


def show(line: str) -> None:
    """On a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


def print_report(report: Report) -> None:
    """One line for each number."""
    show("")
    nested = {"counts", "verdict"}
    lines = {k: v for k, v in dataclasses.asdict(report).items() if k not in nested}
    found = dataclasses.asdict(report.verdict)
    for name, value in {**lines, **dataclasses.asdict(report.counts), **found}.items():
        shown = f"{value:,.2f}" if isinstance(value, float) else value
        print(f"{name.replace('_', ' '):<20} {shown}")
    print("nothing lost, nothing double" if report.is_clean else "NOT CLEAN")


if __name__ == "__main__":
    sys.exit(main())
