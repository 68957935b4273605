"""What is killed: `python -m tests.soak.process worker|timer|settle FOLDER NAME`.

Each is the product's own service over the product's own adapters, as its wiring makes them.
"""

import argparse
import asyncio
import json
import os
import random
from collections.abc import Sequence
from pathlib import Path

from detector.core.instant import MINUTE
from detector.core.reading import Message
from detector.policies import load_policy
from detector.ports import StoreUnavailableError
from detector.service import Service
from detector.settings import Settings
from detector.telemetry import Line
from detector.wiring import make_detector, make_sinks, make_source, open_rows
from tests.soak.hub import Hub
from tests.soak.plan import Clock, Plan
from tests.soak.trouble import Troubled

GRAPH_SECONDS = 10
SETTLE_ROUNDS = 60
STUBBORN = 0.3
"""How often a worker takes one batch more of a partition that it has lost."""


class Log:
    """Lines that outlive the process: each is written at once."""

    def __init__(self, path: Path) -> None:
        """Append to the file."""
        self._file = path.open("ab", buffering=0)

    def __call__(self, line: Line) -> None:
        """Append one line."""
        self._file.write(json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def settings_of(plan: Plan) -> Settings:
    """The settings under which the product runs."""
    return Settings(
        store=plan.store,
        state=plan.state,
        sink="defender",
        graph_root=plan.graph,
        graph_timeout_seconds=GRAPH_SECONDS,
    )


def service_of(plan: Plan, clock: Clock, log: Log, rng: random.Random, trouble: float) -> Service:
    """The service, its store troubled."""
    settings = settings_of(plan)
    rows = Troubled(open_rows(settings.store, settings), rng, trouble)
    detector = make_detector(rows, load_policy("recommended"), make_sinks(settings))
    source = make_source(detector, settings)
    return Service(
        detector=detector, source=source, clock=clock.ticks, log=log, host=f"{clock.ticks()}"
    )


async def work(plan: Plan, service: Service, name: str, log: Log, rng: random.Random) -> None:
    """Take the partitions that are this worker's, all at once, for ever."""
    hub = Hub(plan.path("hub.db"))

    async def serve(partition: int) -> None:
        while True:
            await asyncio.sleep(0.05)
            position = hub.checkpoint(partition)
            while hub.owner(partition) == name or rng.random() < STUBBORN:
                batch = hub.read(
                    partition, position, rng.randrange(plan.batch // 2, plan.batch + 1)
                )
                if not batch:
                    break
                await take(service, batch, log)
                position = batch[-1].sequence + 1
                hub.set_checkpoint(partition, position)

    async with asyncio.TaskGroup() as group:
        for partition in range(plan.partitions):
            group.create_task(serve(partition))


async def take(service: Service, batch: Sequence[Message], log: Log) -> None:
    """As the host: whatever is raised, the batch is given again."""
    while True:
        try:
            await service.ingest(batch)
        except StoreUnavailableError as error:
            log({"event": "retried", "reason": str(error)[:200]})
        except Exception as error:  # noqa: BLE001 - the host retries these, too
            log({"event": "raised", "reason": repr(error)[:500]})
        else:
            return
        await asyncio.sleep(0.02)


async def tick(service: Service, log: Log) -> bool:
    """One tick; False where the store did not answer."""
    try:
        await service.tick()
    except StoreUnavailableError as error:
        log({"event": "unavailable", "reason": str(error)[:200]})
        return False
    return True


async def settle(plan: Plan, service: Service, clock: Clock, log: Log) -> None:
    """Tick every six minutes until nothing is left to do, and a while longer for duplicates."""
    for number in range(SETTLE_ROUNDS):
        clock.advance(6 * MINUTE)
        assert await tick(service, log)
        state = service.detector.state
        left = [*await state.marks.pending(clock.ticks()), *await state.marks.outbox()]
        if not left and number >= 4:
            return


async def end_with_the_soak() -> None:
    """What kills the soak itself must not leave its processes behind."""
    soak = os.getppid()
    while os.getppid() == soak:  # noqa: ASYNC110 - nothing tells of a parent that is gone
        await asyncio.sleep(0.5)
    os._exit(1)


async def main() -> None:
    """Run until killed; settling ends by itself."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["worker", "timer", "settle"])
    parser.add_argument("folder")
    parser.add_argument("name")
    options = parser.parse_args()
    plan = Plan.load(options.folder)
    clock, rng = Clock(plan.path("clock")), random.Random(f"{plan.seed} {os.getpid()}")
    log = Log(plan.path(f"{options.name}.log"))
    watch = asyncio.create_task(end_with_the_soak())
    trouble = 0 if options.kind == "settle" else plan.trouble
    service = service_of(plan, clock, log, rng, trouble)
    if options.kind == "worker":
        await work(plan, service, options.name, log, rng)
    elif options.kind == "settle":
        await settle(plan, service, clock, log)
    else:
        while True:
            await tick(service, log)
            await asyncio.sleep(plan.tick_seconds)
    watch.cancel()


if __name__ == "__main__":
    asyncio.run(main())
