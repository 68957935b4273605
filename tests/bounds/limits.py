"""The bounds that a case must keep, and how many events it has where."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from detector.state.ledger import MOST_LOADED
from tests.bounds.measure import Measured
from tests.bounds.streams import Shape

FULL: dict[Shape, int] = {
    "burst": 300_000,
    "agents": 1_000_000,
    "users": 200_000,
    "crawl": 1_000_000,
}
"""F30, F31 and issue 5: 1,000 events/s for 5 minutes; 1,000,000 sessions; 100,000 users in a day;
1,000,000 pages."""

SMALL: dict[Shape, int] = {"burst": 20_000, "agents": 8_000, "users": 2_000, "crawl": 15_000}

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """`rows` written for 1,000 events, memory in MB, CPU seconds of one evaluation of one user."""

    rows: float
    peak_mb: int
    fold_seconds: float
    batch_seconds: float = 5.0


BOUNDS: dict[Shape, Bounds] = {
    "burst": Bounds(rows=30, peak_mb=512, fold_seconds=2),
    "agents": Bounds(rows=30, peak_mb=512, fold_seconds=20),
    # Each of these users is a row of its own: the bound is not on rows for an event.
    "users": Bounds(rows=6_000, peak_mb=512, fold_seconds=600),
    "crawl": Bounds(rows=30, peak_mb=512, fold_seconds=3),
}


def run(shape: Shape, events: int, store: str, state: str = "", timeout: float = 1_800) -> Measured:
    """The case in a process of its own, so that its peak of memory is nobody else's."""
    command = [sys.executable, "-m", "tests.bounds.measure", shape, str(events), store, state]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=timeout
    )
    return Measured(**json.loads(done.stdout))


def broken(found: Measured) -> Sequence[str]:
    """The bounds that were not kept, in words."""
    bounds = BOUNDS[found.shape]
    measured = {
        "rows for 1,000 events": (found.written * 1_000 / found.events, bounds.rows),
        "MB": (found.peak_mb, bounds.peak_mb),
        "CPU seconds of one evaluation": (found.fold_seconds, bounds.fold_seconds),
        "seconds of one batch": (found.batch_seconds, bounds.batch_seconds),
    }
    wrong = [
        f"{value:,.1f} {what}, more than {most:,}"
        for what, (value, most) in measured.items()
        if value > most
    ]
    return [*wrong, *(_of_users(found) if found.shape == "users" else _of_one(found))]


def _of_one(found: Measured) -> Sequence[str]:
    """One user: a hit, counted exactly or said to be counted at least."""
    wrong = [] if found.hits == 1 else ["the user is no hit"]
    exact = found.events <= MOST_LOADED
    if exact and (found.total_actions, found.unread) != (found.events, 0):
        wrong.append(f"{found.total_actions:,} actions instead of {found.events:,}")
    if not exact:
        wrong += [] if found.unread else ["not all was looked at, and nothing says so"]
        wrong += [] if "at least" in found.story else ["the alert does not say >= N"]
        wrong += [] if found.total_actions >= MOST_LOADED * 3 // 4 else ["too few were looked at"]
    if any(title.startswith("\0") or not title for title in found.titles):
        wrong.append("a stand-in is shown as a title")
    if found.shape == "agents" and found.sessions != found.total_actions:
        wrong.append(f"{found.sessions:,} sessions of {found.total_actions:,} actions")
    return wrong


def _of_users(found: Measured) -> Sequence[str]:
    """Very many users with two actions each: nobody is a hit, and each is judged."""
    wrong = [] if found.hits == 0 else [f"{found.hits:,} users are hits"]
    if found.judged != found.events // 2:
        wrong.append(f"{found.judged:,} users judged instead of {found.events // 2:,}")
    return wrong
