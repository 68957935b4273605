"""Many seeds at once: what failed, and how often each thing happened."""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context

from tests.simulation.history import History
from tests.simulation.mutants import MUTANTS
from tests.simulation.product import Product

PRODUCTS = {kind.__name__: kind for kind in (Product, *MUTANTS)}

_CHUNK = 20


@dataclass(slots=True)
class Outcome:
    """What some seeds came to: failing seeds with their first violation, and what happened."""

    seeds: int = 0
    failed: dict[int, str] = field(default_factory=dict[int, str])
    counts: Counter[str] = field(default_factory=Counter[str])

    def add(self, other: "Outcome") -> None:
        """Take in another's."""
        self.seeds += other.seeds
        self.failed |= other.failed
        self.counts += other.counts


def run_seed(seed: int, product: str = "Product") -> Outcome:
    """One seed."""
    world = History(seed, PRODUCTS[product]()).run()
    incidents = world.graph.incidents.values()
    counts = world.scheduler.counts
    counts["events"] = sum(map(len, world.truth.users.values()))
    counts["writes"] = world.tables.writes
    counts["episodes"] = len({episode_id for episode_id, _ in world.referee.revisions})
    counts["incidents"] = len(incidents)
    counts["late duplicates"] = sum(i.ended_by == "duplicate" for i in incidents)
    failed = {seed: world.referee.violations[0]} if world.referee.violations else {}
    return Outcome(1, failed, counts)


def run_seeds(seeds: Iterable[int], product: str, *, until_caught: bool = False) -> Outcome:
    """Several seeds, one after the other."""
    outcome = Outcome()
    for seed in seeds:
        outcome.add(run_seed(seed, product))
        if until_caught and outcome.failed:
            break
    return outcome


def run_at_once(
    first: int, count: int, product: str, processes: int, *, until_caught: bool = False
) -> Iterator[Outcome]:
    """All of them, in a pool where that is worth it; yields outcomes in order."""
    size = count if until_caught or processes == 1 else _CHUNK
    chunks = [range(n, min(n + size, first + count)) for n in range(first, first + count, size)]
    work = partial(run_seeds, product=product, until_caught=until_caught)
    if len(chunks) == 1:
        yield work(chunks[0])
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, chunks)
