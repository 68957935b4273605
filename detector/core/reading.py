"""What a source is given and what it gives back; the same for every vendor."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from detector.core.activity import Activity, Rejected


class Message(NamedTuple):
    """One Event Hub message or one line of a file.

    `source` names the hub and partition, or the file; `sequence` is the sequence number, or the
    line from 1. `enqueued` is in ticks, None for a file: its instants count literally.
    """

    body: bytes
    source: str
    sequence: int
    enqueued: int | None = None


@dataclass(slots=True)
class Reading:
    """What some messages say, and what was passed over, so that nothing goes unseen.

    `records` = activities + rejected + ignored, duplicates included. `moments` holds, for each
    record with a time, that time and how many activities had been read before it.
    """

    activities: list[Activity] = field(default_factory=list[Activity])
    rejected: list[Rejected] = field(default_factory=list[Rejected])
    records: int = 0
    ignored: int = 0
    skewed: int = 0
    unmapped: Counter[str] = field(default_factory=Counter[str])
    moments: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
