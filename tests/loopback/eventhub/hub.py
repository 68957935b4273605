"""The hub itself: partitions, consumer groups, and who may read. No network here."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Final, Protocol

from tests.loopback.eventhub.codec import Array, Int, Timestamp
from tests.loopback.eventhub.messages import Message
from tests.loopback.eventhub.partition import Partition

NEVER: Final = Timestamp(-62_135_596_800_000)
"""0001-01-01, what the service answers for a partition that never had an event."""
_ADDRESS: Final = re.compile(
    r"(?P<hub>[^/]+)(/ConsumerGroups/(?P<group>[^/]+))?(/Partitions/(?P<partition>[^/]+))?",
    re.IGNORECASE,
)


class RefusedError(Exception):
    """Why a link may not be attached, as an AMQP error."""

    def __init__(self, condition: str, description: str) -> None:
        """Keep both parts of the error."""
        super().__init__(description)
        self.condition, self.description = condition, description


class Reader(Protocol):
    """A receiver of one partition, as far as the hub knows it."""

    epoch: int | None

    def disconnect(self, condition: str, description: str) -> None:
        """End its link with this error."""


class Hub:
    """One event hub with its partitions and consumer groups."""

    def __init__(
        self,
        name: str,
        partitions: int,
        groups: Iterable[str],
        clock: Callable[[], float],
        data_dir: Path | None = None,
    ) -> None:
        """Create the partitions, or open their logs in `data_dir`.

        `clock` gives seconds since 1970-01-01 UTC.
        """
        if data_dir:
            data_dir.mkdir(parents=True, exist_ok=True)
        self.name, self.clock = name, clock
        self.groups = {group.lower() for group in ("$Default", *groups)}
        self.created = _created(data_dir and data_dir / f"{name}.created", int(clock() * 1000))
        self.partitions = {
            str(number): Partition(str(number), data_dir and data_dir / f"{name}-{number}.log")
            for number in range(partitions)
        }
        self._readers: defaultdict[tuple[str, str], list[Reader]] = defaultdict(list)
        self._turn = count()

    def publish(
        self, partition: Partition | None, key: str | None, messages: list[Message]
    ) -> None:
        """Append to the partition given, else to the one of the key, else to the next one."""
        chosen = partition or self.partitions[self._choose(key)]
        chosen.append(messages, int(self.clock() * 1000))

    def resolve(self, address: str) -> tuple[str | None, Partition | None]:
        """Consumer group and partition of an address of this hub. Raises RefusedError."""
        match = _ADDRESS.fullmatch(address)
        if match is None or match["hub"].lower() != self.name.lower():
            raise RefusedError("amqp:not-found", _missing(address))
        group, partition = match["group"], match["partition"]
        if group is not None and group.lower() not in self.groups:
            raise RefusedError("amqp:not-found", _missing(address))
        if partition is not None and partition not in self.partitions:
            raise RefusedError(
                "com.microsoft:argument-out-of-range",
                f"The specified partition is invalid: it should be between 0 and "
                f"{len(self.partitions) - 1} (inclusive).",
            )
        return group, self.partitions.get(partition or "")

    def admit(self, group: str, partition: str, reader: Reader) -> None:
        """Let `reader` in, disconnecting those it outranks. Raises RefusedError if outranked.

        Among readers of one group and partition the highest epoch wins, among equals the newest;
        readers without an epoch may share, but not with one that has an epoch.
        """
        readers = self._readers[group.lower(), partition]
        epochs = [other.epoch for other in readers if other.epoch is not None]
        if epochs and (reader.epoch is None or reader.epoch < max(epochs)):
            raise RefusedError(
                "amqp:link:stolen",
                f"A receiver with a higher epoch of '{max(epochs)}' already exists.",
            )
        if reader.epoch is not None:
            for other in list(readers):
                readers.remove(other)
                other.disconnect(
                    "amqp:link:stolen", f"New receiver with epoch '{reader.epoch}' is created."
                )
        readers.append(reader)

    def dismiss(self, group: str, partition: str, reader: Reader) -> None:
        """Forget a reader whose link ended; no error if it is not known."""
        readers = self._readers[group.lower(), partition]
        if reader in readers:
            readers.remove(reader)

    def describe(self, kind: str, name: str, partition: str) -> tuple[Int, str, object]:
        """Status, its description and the value a management READ answers with."""
        if name.lower() != self.name.lower():
            return Int(404), _missing(name), None
        if kind == "com.microsoft:eventhub":
            return Int(200), "OK", self._properties()
        if kind == "com.microsoft:partition" and partition in self.partitions:
            return Int(200), "OK", self._partition_properties(self.partitions[partition])
        return Int(404), _missing(f"{name}/Partitions/{partition}"), None

    def close(self) -> None:
        """Close the logs."""
        for partition in self.partitions.values():
            partition.close()

    def _choose(self, key: str | None) -> str:
        if key is None:
            return str(next(self._turn) % len(self.partitions))
        digest = hashlib.blake2b(key.encode(), digest_size=4).digest()
        return str(int.from_bytes(digest) % len(self.partitions))

    def _properties(self) -> dict[str, object]:
        return {
            "name": self.name,
            "type": "com.microsoft:eventhub",
            "created_at": self.created,
            "partition_count": Int(len(self.partitions)),
            "partition_ids": Array(self.partitions),
            "georeplication_factor": Int(1),
        }

    def _partition_properties(self, partition: Partition) -> dict[str, object]:
        last = partition.last
        return {
            "name": self.name,
            "type": "com.microsoft:partition",
            "partition": partition.name,
            "begin_sequence_number": 0,
            "last_enqueued_sequence_number": last.sequence_number if last else -1,
            "last_enqueued_offset": str(last.offset) if last else "-1",
            "last_enqueued_time_utc": Timestamp(last.enqueued_ms) if last else NEVER,
            "is_partition_empty": last is None,
        }


def _created(path: Path | None, now_ms: int) -> Timestamp:
    """When the hub was made: `now_ms`, unless its folder knows better."""
    if path and path.exists():
        return Timestamp(path.read_text())
    if path:
        path.write_text(str(now_ms))
    return Timestamp(now_ms)


def _missing(address: str) -> str:
    return f"The messaging entity '{address}' could not be found."
