"""The engine for long runs: atheris (libFuzzer), with our mutations beside its own."""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.engine import Escape, Result, Target, attempt, minimised
from tests.fuzz.mutate import LONGEST, mutated

ARTIFACTS = Path(".detector/fuzz")
_TIMEOUT_SECONDS = 30
_RUNS = re.compile(r"^Done (\d+) runs", re.MULTILINE)
_LAST = re.compile(r"^#(\d+)\t", re.MULTILINE)


def fuzz_with_atheris(target: Target, *, seconds: float, seed: int) -> Result:
    """Run a target in a process of its own; the slowest input is not measured."""
    began = time.monotonic()
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    prefix = ARTIFACTS / f"{target.name}-"
    with tempfile.TemporaryDirectory(prefix="detector-fuzz-") as corpus:
        for number, body in enumerate(target.corpus()):
            (Path(corpus) / str(number)).write_bytes(body)
        options = [
            f"-max_total_time={max(round(seconds), 1)}", f"-seed={seed}", f"-max_len={LONGEST}",
            f"-timeout={_TIMEOUT_SECONDS}", f"-artifact_prefix={prefix}", "-rss_limit_mb=4096",
        ]  # fmt: skip
        command = [sys.executable, "-m", __name__, target.name, corpus, *options]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
    said = done.stdout.decode("utf-8", "replace")
    counts = _RUNS.findall(said) or _LAST.findall(said) or ["0"]
    took = time.monotonic() - began
    escape = _escape(target, said) if done.returncode else None
    return Result(int(counts[-1]), took, None, escape)


def _escape(target: Target, said: str) -> Escape:
    """What atheris wrote down, made small by our own engine where it repeats."""
    found = re.findall(r"Test unit written to (\S+)", said)
    body = Path(found[-1]).read_bytes() if found else b""
    with target.make() as run:
        escape = attempt(run, body)
        return minimised(run, escape) if escape else Escape(body, "atheris", said[-4_000:])


def _fuzz(name: str, arguments: list[str]) -> None:
    """The child: the product is instrumented while it is imported; this never returns."""
    import atheris

    with atheris.instrument_imports(include=["detector"]):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    corpus = target.corpus()

    def mutate(body: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.5:
            return bytes(atheris.Mutate(body, most))[:most]
        return mutated([body, *corpus], random)[:most]

    with target.make() as run:

        def once(body: bytes) -> None:
            run(body)

        setup: Any = atheris.Setup
        setup([name, *arguments], once, custom_mutator=mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    _fuzz(sys.argv[1], sys.argv[2:])
