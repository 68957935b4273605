"""The sample day and, for what needs no whole day, its evening: three attacks and nobody else."""

import json
from pathlib import Path

from tests.sources.rows import Json, dump

DAY = Path(__file__).parents[2] / "examples" / "day.jsonl"
AT = "2026-03-12T00:00:00Z"

_CAST = {"Mallory", "Trudy", "Chuck"}

EVENING: list[Json] = [
    record
    for line in DAY.read_bytes().splitlines()
    for record in json.loads(line)["records"]
    if record["properties"].get("AccountDisplayName") in _CAST
]


def messages(records: list[Json], size: int = 20) -> bytes:
    """The records in their order, so many a message."""
    return b"".join(
        dump({"records": records[start : start + size]}) + b"\n"
        for start in range(0, len(records), size)
    )
