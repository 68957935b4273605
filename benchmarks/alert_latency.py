"""From the decisive event to the sink's call, and what importing the function app costs.

    python benchmarks/alert_latency.py --seconds 240 --tick 60

A stream of 200 events a second goes in real time through the service, its SQLite store and
msgraph-sdk to the loopback Graph in the same process. Readers view six pages and go; every five
seconds an account makes its 41st view, which is decisive. Goal: at most one tick + 15 s at the
95th percentile.
Importing function_app: CPU of fresh processes, the best of several, beside azure.functions in the
same run. Goal: at most 2.5 times, and msgraph is not imported.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import quantiles
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from detector.adapters.sqlite import SqliteRows  # noqa: E402
from detector.core.episode import Delivery  # noqa: E402
from detector.core.evidence import Evidence  # noqa: E402
from detector.core.instant import SECOND  # noqa: E402
from detector.core.reading import Message  # noqa: E402
from detector.policies import load_policy  # noqa: E402
from detector.service import Service  # noqa: E402
from detector.settings import Settings  # noqa: E402
from detector.wiring import make_detector, make_source  # noqa: E402
from tests.defender.graph_product import defender_sink  # noqa: E402
from tests.loopback.graph import LoopbackGraph, wall_clock  # noqa: E402
from tests.support.events import a_record, message, user_id, views  # noqa: E402

EVENTS_A_SECOND, MINER_EVERY, DECISIVE, VISIT, READERS = 200, 5, 41, 6, 50_000


def now() -> int:
    """Ticks since 1970 by the machine's clock."""
    return time.time_ns() // 100  # noqa: TID251


def a_second(second: int, at: int) -> list[dict[str, Any]]:
    """200 events; every fifth second 41 of them are one account's."""
    miner = READERS + second
    mined = views(DECISIVE, at, every=1, user=miner) if second % MINER_EVERY == 0 else []
    first = second * EVENTS_A_SECOND
    rest = range(first, first + EVENTS_A_SECOND - len(mined))
    return mined + [a_record(at, user=n // VISIT % READERS, title=f"Page {n}") for n in rest]


async def stream(service: Service, decisive: dict[str, float], seconds: int) -> None:
    """Deliver a batch every second, at the time it is stamped."""
    start = time.monotonic()
    for second in range(seconds):
        await asyncio.sleep(max(0.0, start + second - time.monotonic()))
        at = now()
        if second % MINER_EVERY == 0:
            decisive[user_id(READERS + second)] = at / SECOND
        body = message(a_second(second, at))
        await service.ingest([Message(body, "loopback/hub/0", second, at)])


async def ticks(service: Service, tick: float, seconds: int) -> None:
    """The timer, until a tick after the stream has ended."""
    start = time.monotonic()
    number = 1
    while (number - 1) * tick <= seconds + tick:
        await asyncio.sleep(max(0.0, start + number * tick - time.monotonic()))
        await service.tick()
        number += 1


def watch(sink: Any, called: dict[str, float]) -> None:
    """Note when the sink is first called for an account."""
    deliver: Callable[[Evidence, Delivery, int], Awaitable[Delivery]] = sink.deliver

    async def noted(evidence: Evidence, delivery: Delivery, at: int) -> Delivery:
        called.setdefault(evidence.account_object_id, now() / SECOND)
        return await deliver(evidence, delivery, at)

    sink.deliver = noted


async def latencies(seconds: int, tick: float, folder: Path) -> list[float]:
    """Seconds from each decisive event to the sink's call."""
    decisive: dict[str, float] = {}
    called: dict[str, float] = {}
    with LoopbackGraph(clock=wall_clock) as graph:
        sink = defender_sink(graph)
        watch(sink, called)
        rows = SqliteRows(folder / "state.db")
        detector = make_detector(rows, load_policy("recommended"), [sink])
        source = make_source(detector, Settings())
        service = Service(
            detector=detector, source=source, clock=now, log=lambda _: None, host="one"
        )
        await asyncio.gather(stream(service, decisive, seconds), ticks(service, tick, seconds))
        await sink.close()
        await rows.close()
        if len(graph.incidents) != len(decisive):
            raise SystemExit(f"{len(graph.incidents)} incidents of {len(decisive)} miners")
    return sorted(called[user] - at for user, at in decisive.items())


def import_seconds(code: str) -> float:
    """CPU of a fresh process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def imports(rounds: int) -> dict[str, float]:
    """The best of several rounds of each, in turns."""
    check = "import sys, function_app; assert 'msgraph' not in sys.modules"
    pairs = [(import_seconds("import azure.functions"), import_seconds(check))
             for _ in range(rounds)]  # fmt: skip
    library, app = (min(column) for column in zip(*pairs, strict=True))
    return {"azure_functions_s": library, "function_app_s": app, "ratio": app / library}


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--tick", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(latencies(options.seconds, options.tick, Path(folder)))
    cuts = quantiles(found, n=20)
    latency = {
        "events": options.seconds * EVENTS_A_SECOND,
        "incidents": len(found),
        "tick_s": options.tick,
        "p50_s": cuts[9],
        "p95_s": cuts[18],
        "max_s": found[-1],
        "p95_goal_s": options.tick + 15,
    }
    result = {"latency": latency, "imports": {**imports(options.rounds), "ratio_goal": 2.5}}
    rounded = {
        part: {name: round(value, 2) for name, value in values.items()}
        for part, values in result.items()
    }
    print(json.dumps(rounded, indent=2))


if __name__ == "__main__":
    main()
