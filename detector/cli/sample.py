"""`sample`: the seeded day of a small company, or bulk records for a benchmark."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from detector.cli.inputs import InputError
from detector.samples.bulk import bulk
from detector.samples.day import company_day, flat_rows


def sample(
    seed: Annotated[int, typer.Option(help="Another seed is another day, same story.")] = 1213,
    out: Annotated[Path | None, typer.Option(help="Write here instead of standard output.")] = None,
    flat: Annotated[bool, typer.Option("--flat", help="Flat rows, without the envelope.")] = False,
    records: Annotated[
        int, typer.Option("--bulk", help="Instead of the day: this many bulk records.", min=0)
    ] = 0,
) -> None:
    """Write sample events: benign staff, four attacks, their near misses and six look-alikes.

    Examples:
      python -m detector sample --out examples/day.jsonl

      python -m detector sample --bulk 200000 --out bulk.jsonl
    """
    if records:
        lines: Iterator[bytes] = bulk(records, flat=flat, seed=seed)
    else:
        lines = company_day(seed)
        lines = flat_rows(lines) if flat else lines
    if out is None:
        sys.stdout.buffer.writelines(_ended(lines))
        return
    try:
        with out.open("wb") as file:
            file.writelines(_ended(lines))
    except OSError as error:
        message = f"{out}: cannot be written ({error.strerror})"
        raise InputError(message) from error


def _ended(lines: Iterator[bytes]) -> Iterator[bytes]:
    return (line if line.endswith(b"\n") else line + b"\n" for line in lines)
