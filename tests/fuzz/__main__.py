"""`python -m tests.fuzz [TARGET ...] --seconds N --seed N [--engine mutational|atheris]`.

Each target gets that many seconds. `--input FILE` or `--base64 TEXT` gives one input to one target.
Exit code 1 where something escaped; the command that repeats it is printed.
"""

import argparse
import base64
import shlex
import sys
from pathlib import Path

from tests.fuzz.coverage_guided import fuzz_with_atheris
from tests.fuzz.engine import Escape, Result, Target, attempt, fuzz
from tests.fuzz.targets import TARGETS

_LONGEST_ARGUMENT = 2_000
ESCAPES = Path(".detector/fuzz")


def main(arguments: list[str] | None = None) -> int:
    """Fuzz, or repeat one input; the exit code."""
    given = _options().parse_args(arguments)
    names = given.target or [*TARGETS]
    if given.input is not None or given.base64 is not None:
        body = given.input.read_bytes() if given.input else base64.b64decode(given.base64)
        return max(_repeated(TARGETS[name], body) for name in names)
    engine = fuzz_with_atheris if given.engine == "atheris" else fuzz
    escaped = 0
    for name in names:
        result = engine(TARGETS[name], seconds=given.seconds, seed=given.seed)
        print(told(name, given.seed, result), flush=True)
        escaped |= result.escape is not None
    return int(escaped)


def _repeated(target: Target, body: bytes) -> int:
    with target.make() as run:
        escape = attempt(run, body)
    print(escape.trace if escape else f"{target.name}: nothing escaped")
    return int(escape is not None)


def told(name: str, seed: int, result: Result) -> str:
    """What a run of a target did, in a line; an escape with how to repeat it."""
    rate = result.inputs / max(result.seconds, 1e-9)
    slowest = "" if result.slowest is None else f", the slowest {result.slowest:.3f} s"
    line = (
        f"{name:<15} seed {seed}: {result.inputs:,} inputs in {result.seconds:.1f} s "
        f"({rate:,.0f} a second{slowest})"
    )
    if result.escape is None:
        return f"{line}, 0 escapes"
    return f"{line}, 1 ESCAPE\n{result.escape.trace}repeat: {repeat(name, result.escape)}"


def repeat(name: str, escape: Escape) -> str:
    """The one command that gives the target the same input again."""
    text = base64.b64encode(escape.body).decode()
    if len(text) <= _LONGEST_ARGUMENT:
        return f"python -m tests.fuzz {name} --base64 {shlex.quote(text)}"
    ESCAPES.mkdir(parents=True, exist_ok=True)
    file = ESCAPES / f"{name}.bin"
    file.write_bytes(escape.body)
    return f"python -m tests.fuzz {name} --input {file}"


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("target", nargs="*", help=f"of {', '.join(TARGETS)}; all without")
    options.add_argument("--seconds", type=float, default=10.0, help="for each target")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--engine", choices=("mutational", "atheris"), default="mutational")
    options.add_argument("--input", type=Path, metavar="FILE")
    options.add_argument("--base64", metavar="TEXT")
    return options


if __name__ == "__main__":
    sys.exit(main())
