"""One case through ingest and evaluate in a process of its own; prints what it took as JSON."""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from detector.adapters.sqlite import SqliteRows
from detector.core.instant import MINUTE
from detector.core.reading import Reading
from detector.core.report import story
from detector.ingest import ingest
from detector.policies import load_policy
from detector.ports import Rows, Transaction
from detector.settings import Settings
from detector.state.keys import COUNTERS, WINDOWS
from detector.wiring import Detector, make_detector, open_rows
from tests.bounds.streams import SHAPES, START, Case, Shape


@dataclass(slots=True, kw_only=True)
class Measured:
    """What a case took. `written` are row operations, `rows` what stands there at the end."""

    shape: Shape
    events: int
    written: int = 0
    rows: int = 0
    seconds: float = 0.0
    batch_seconds: float = 0.0
    fold_seconds: float = 0.0
    peak_mb: int = 0
    hits: int = 0
    judged: int = 0
    total_actions: int = 0
    sessions: int = 0
    unique_pages: int = 0
    saturated: bool = False
    titles: tuple[str, ...] = ()
    indicator: str = ""
    unread: int = 0
    story: str = ""


class Counting:
    """The store, counting what is written to it."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.written = 0

    def __getattr__(self, name: str):
        return getattr(self._rows, name)

    async def submit(self, *transactions: Transaction) -> None:
        self.written += sum(len(t.operations) for t in transactions)
        await self._rows.submit(*transactions)


async def measure(case: Case, store: str, state: str = "") -> Measured:
    found = Measured(shape=case.shape, events=case.events)
    opened = (
        open_rows(store, Settings(store=store, state=state))
        if store == "azure"
        else SqliteRows(store.removeprefix("sqlite:"), durable=False)  # not the disk is measured
    )
    rows = Counting(opened)
    detector = make_detector(rows, load_policy("recommended"), [])
    started = time.perf_counter()
    tick = START + MINUTE
    for batch in case.batches():
        while batch[-1].at >= tick:
            await detector.evaluator.evaluate(tick)
            tick += max(MINUTE, case.span // 6 // MINUTE * MINUTE)
        began = time.perf_counter()
        await ingest(
            Reading(activities=batch, records=len(batch)),
            state=detector.state,
            policy=detector.policy,
            vocabulary=detector.vocabulary,
            now=batch[-1].at,
        )
        found.batch_seconds = max(found.batch_seconds, time.perf_counter() - began)
    now = START + case.span
    began = time.process_time()
    report = await detector.evaluator.evaluate(now)
    found.fold_seconds = time.process_time() - began
    found.seconds = time.perf_counter() - started
    found.written = rows.written
    found.peak_mb = _peak_mb()
    found.hits = report.hits
    found.judged = len(await rows.scan_all(WINDOWS))
    for table in await rows.tables(COUNTERS):
        found.rows += len(await rows.scan_all(table))
    if case.shape != "users":
        await _look_at_the_user(detector, now, found)
    await rows.close()
    return found


async def _look_at_the_user(detector: Detector, now: int, found: Measured) -> None:
    (row,) = await detector.state.windows.every()
    values = row.values
    found.total_actions = int(values["TotalActions"])
    found.sessions = int(values["SessionCount"])
    found.unique_pages = int(values["UniquePages"])
    found.indicator = str(values["ThreatIndicator"])
    found.titles = tuple(json.loads(str(values["SampleTitles"])))
    (stored,) = await detector.state.episodes.every()
    (*_, frozen) = await detector.state.evidence.of(stored.episode.episode_id)
    found.saturated = frozen.truncated
    found.unread = frozen.unread
    found.story = story(frozen)


def _peak_mb() -> int:
    """The most that this process has held; getrusage would count its parent's memory, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


if __name__ == "__main__":
    shape, events, store, state = sys.argv[1:]
    (chosen,) = (one for one in SHAPES if one == shape)
    case = Case(shape=chosen, events=int(events))
    print(json.dumps(asdict(asyncio.run(measure(case, store, state)))))
