"""A small fuzzer: inputs that follow from a seed, what escaped, and the least of it."""

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import Random

from tests.fuzz.mutate import mutated

SLOW_SECONDS = 8.0
"""Processor time of one input that counts as an escape: a partition must not wait for it."""

_TRIES = 400

Run = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Target:
    """A parser: `make` builds what must not raise on any bytes, `corpus` is what it is sent."""

    name: str
    corpus: Callable[[], Sequence[bytes]]
    make: Callable[[], AbstractContextManager[Run]]


@dataclass(frozen=True, slots=True)
class Escape:
    """An input that got through, and how."""

    body: bytes
    kind: str
    trace: str


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of a target tried; `escape` is minimised, `slowest` None where not measured."""

    inputs: int
    seconds: float
    slowest: float | None
    escape: Escape | None


def inputs(corpus: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """The corpus itself, then mutations of it without end; each follows from seed and number."""
    yield from corpus
    random = Random()
    number = 0
    while True:
        random.seed(seed << 40 | number)
        yield mutated(corpus, random)
        number += 1


def fuzz(target: Target, *, seconds: float, seed: int) -> Result:
    """Run the target until an input escapes, or the corpus and then the time are over."""
    with target.make() as run:
        return _fuzz(target.corpus(), run, seconds, seed)


def _fuzz(corpus: Sequence[bytes], run: Run, seconds: float, seed: int) -> Result:
    began, slowest, number = time.monotonic(), 0.0, 0
    for number, body in enumerate(inputs(corpus, seed), 1):
        before = time.process_time()
        escape = attempt(run, body)
        slowest = max(slowest, time.process_time() - before)
        if escape is not None:
            return Result(number, time.monotonic() - began, slowest, minimised(run, escape))
        if number > len(corpus) and time.monotonic() - began > seconds:
            break
    return Result(number, time.monotonic() - began, slowest, None)


def attempt(run: Run, body: bytes) -> Escape | None:
    """What escapes when the target is given the bytes; None when nothing does."""
    before = time.process_time()
    try:
        run(body)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
        where = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} at {where.filename}:{where.lineno}"
        return Escape(body, kind, "".join(traceback.format_exception(error)))
    if (took := time.process_time() - before) > SLOW_SECONDS:
        return Escape(body, "too slow", f"{took:.1f} s of processor time\n")
    return None


def minimised(run: Run, escape: Escape) -> Escape:
    """The escape with as much cut away as a few hundred tries find, of the same kind."""
    tries = 1 if escape.kind == "too slow" else _TRIES
    step = max(len(escape.body) // 2, 1)
    while tries > 0:
        shorter = None
        for start in range(0, len(escape.body), step):
            tries -= 1
            body = escape.body[:start] + escape.body[start + step :]
            found = attempt(run, body) if tries > 0 else None
            if found is not None and found.kind == escape.kind:
                shorter = found
                break
        if shorter is not None:
            escape = shorter
        elif step == 1:
            break
        else:
            step = max(step // 2, 1)
        step = min(step, max(len(escape.body) // 2, 1))
    return escape
