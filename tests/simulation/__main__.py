"""Seeds from the command line.

python -m tests.simulation --seeds 2000            many seeds, a process for each core
python -m tests.simulation --seed 17 --trace       one seed again, step by step
python -m tests.simulation --mutants               how many seeds each mutant takes to be caught
"""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from statistics import median

from tests.simulation.directed import SCENARIOS
from tests.simulation.history import History
from tests.simulation.mutants import MUTANTS
from tests.simulation.runs import PRODUCTS, Outcome, run_at_once, run_seeds

_REPEATS = 5
_APART = 100_000


def main() -> int:
    """0 where nothing was violated; with --mutants, where every one was caught."""
    parser = argparse.ArgumentParser(
        "python -m tests.simulation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, help="run this one")
    parser.add_argument("--trace", action="store_true", help="print every step of --seed")
    parser.add_argument("--seeds", type=int, default=2_000, help="how many (2000)")
    parser.add_argument("--first", type=int, default=0, help="the first of --seeds (0)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--mutant", default="Product", choices=PRODUCTS, help="run this variant")
    parser.add_argument("--until-caught", action="store_true", help="stop at the first violation")
    parser.add_argument("--mutants", nargs="*", metavar="NAME", help="measure all, or these")
    parser.add_argument("--most", type=int, default=60, help="seeds for each of --mutants (60)")
    options = parser.parse_args()
    if options.seed is not None:
        return _one(options.seed, options.mutant, trace=options.trace)
    if options.mutants is not None:
        names = options.mutants or [mutant.__name__ for mutant in MUTANTS]
        return _measure(names, options.most, options.processes)
    return _many(options)


def _one(seed: int, mutant: str, *, trace: bool) -> int:
    world = History(seed, PRODUCTS[mutant](), print if trace else None).run()
    violations = world.referee.violations
    print(*violations, f"seed {seed}: {len(violations)} violations", sep="\n")
    return bool(violations)


def _many(options: argparse.Namespace) -> int:
    began = time.monotonic()
    variant = "" if options.mutant == "Product" else f" --mutant {options.mutant}"
    total = Outcome()
    for outcome in run_at_once(
        options.first,
        options.seeds,
        options.mutant,
        options.processes,
        until_caught=options.until_caught,
    ):
        total.add(outcome)
        for seed, violation in outcome.failed.items():
            print(f"seed {seed}: {violation}")
            print(f"  python -m tests.simulation --seed {seed} --trace{variant}", flush=True)
    last, took = options.first + total.seeds - 1, time.monotonic() - began
    print(f"seeds {options.first} to {last}: {len(total.failed)} failed, {took:.0f} s")
    print(", ".join(f"{number:,} {what}" for what, number in total.counts.most_common()))
    return bool(total.failed)


def _measure(names: list[str], most: int, processes: int) -> int:
    """For each mutant the median of five stretches of seeds, and the directed interleavings."""
    survivors = 0
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for name in names:
            stretches = [range(n * _APART, n * _APART + most) for n in range(1, _REPEATS + 1)]
            work = partial(run_seeds, product=name, until_caught=True)
            taken = [o.seeds if o.failed else most + 1 for o in pool.map(work, stretches)]
            directed = sum(bool(scenario(PRODUCTS[name]())) for scenario in SCENARIOS)
            middle = median(taken)
            shown = f"{middle:g}" if middle <= most else f"> {most}"
            caught = sum(count <= most for count in taken)
            says = (PRODUCTS[name].__doc__ or "").partition("\n")[0]
            print(
                f"{shown:>5} seeds ({caught} of {_REPEATS}), {directed} directed  {name}: {says}",
                flush=True,
            )
            survivors += not directed and not caught
    print(f"{len(names) - survivors} of {len(names)} mutants caught")
    return bool(survivors)


if __name__ == "__main__":
    sys.exit(main())
