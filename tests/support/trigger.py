"""The part of the Functions host between a hub and the worker, as far as data depends on it.

It receives with the real client as host.json says, hands over one batch of one partition at a
time, gives it again as the function's own retry policy says, and checkpoints after the invocation
has ended, into a blob of the host's storage account.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azure.eventhub import EventData
from azure.eventhub.aio import CheckpointStore, EventHubConsumerClient, PartitionContext
from azure.eventhub.extensions.checkpointstoreblobaio import BlobCheckpointStore
from azure.storage.blob.aio import ContainerClient

from tests.support.worker import Outcome, Worker, event_hub_metadata

CONTAINER = "azure-webjobs-eventhub"
WAIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one partition, in their order."""

    partition: str
    events: Sequence[EventData]

    @property
    def sequences(self) -> tuple[int, int]:
        """The first and the last sequence number."""
        first, last = self.events[0].sequence_number, self.events[-1].sequence_number
        assert first is not None
        assert last is not None
        return first, last


@dataclass
class Trigger:
    """One host. A second one on the same account goes on where the first has checkpointed."""

    worker: Worker
    connection_string: str
    hub: str
    group: str
    storage: str
    host_json: Path
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def settings(self) -> dict[str, Any]:
        """Extensions.eventHubs of host.json."""
        found: dict[str, Any] = json.loads(self.host_json.read_text())
        return found["extensions"]["eventHubs"]  # type: ignore[no-any-return]

    def receive(self, *, most: int | None = None) -> list[Batch]:
        """Everything behind the checkpoints, in batches; `most` stands for other prefetching."""
        return asyncio.run(self._receive(most or self.settings["maxEventBatchSize"]))

    def invoke(self, batch: Batch, *, tries: int = 5) -> Outcome:
        """Hand a batch over until it succeeds; at most `tries` times, where the host never ends."""
        outcome = Outcome(succeeded=False)
        for retry in range(tries):
            outcome = self.worker.invoke_event_hub(
                "ingest",
                [b"".join(event.body) for event in batch.events],
                retry_count=retry,
                metadata=event_hub_metadata(
                    len(batch.events),
                    partition=batch.partition,
                    first_sequence=batch.sequences[0],
                    enqueued=[event.enqueued_time for event in batch.events],
                    hub=self.hub,
                    consumer_group=self.group,
                ),
            )
            self.outcomes.append(outcome)
            if outcome.succeeded:
                break
        return outcome

    def checkpoint(self, batch: Batch) -> None:
        """The batch is done: a host that starts now begins behind it."""
        asyncio.run(self._checkpoint(batch))

    def drain(self) -> None:
        """Receive, invoke and checkpoint whatever there is."""
        for batch in self.receive():
            assert self.invoke(batch).succeeded
            self.checkpoint(batch)

    async def _receive(self, most: int) -> list[Batch]:
        batches: list[Batch] = []
        known = await self._positions()
        client = EventHubConsumerClient.from_connection_string(
            self.connection_string, self.group, eventhub_name=self.hub
        )
        async with client:
            for partition in await client.get_partition_ids():
                last = await client.get_partition_properties(partition)
                end, start = last["last_enqueued_sequence_number"], known.get(partition, -1)
                if end > start:
                    batches += await self._partition(client, partition, start, end, most)
        return batches

    async def _partition(
        self, client: EventHubConsumerClient, partition: str, start: int, end: int, most: int
    ) -> list[Batch]:
        assert self.settings["initialOffsetOptions"] == {"type": "fromStart"}
        found: list[EventData] = []
        done = asyncio.Event()

        async def on_batch(_: PartitionContext, events: list[EventData]) -> None:
            found.extend(events)
            if len(found) >= end - start:
                done.set()

        receiving = asyncio.create_task(
            client.receive_batch(
                on_batch,
                partition_id=partition,
                max_batch_size=most,
                prefetch=self.settings["prefetchCount"],
                starting_position=start if start >= 0 else "-1",
            )
        )
        try:
            await asyncio.wait_for(done.wait(), WAIT_SECONDS)
        finally:
            receiving.cancel()
            await asyncio.wait([receiving])
        # What the client has at once depends on the speed of the machine, the bounds must not.
        return [Batch(partition, found[n : n + most]) for n in range(0, len(found), most)]

    def _store(self) -> BlobCheckpointStore:
        return BlobCheckpointStore.from_connection_string(self.storage, CONTAINER)

    async def _positions(self) -> dict[str, int]:
        async with ContainerClient.from_connection_string(self.storage, CONTAINER) as container:
            if not await container.exists():
                await container.create_container()
        async with self._store() as store:
            found = await store.list_checkpoints("localhost", self.hub, self.group)
        return {one["partition_id"]: int(one["sequence_number"]) for one in found}

    async def _checkpoint(self, batch: Batch) -> None:
        assert self.settings["batchCheckpointFrequency"] == 1
        store: CheckpointStore
        async with self._store() as store:
            await store.update_checkpoint(
                {
                    "fully_qualified_namespace": "localhost",
                    "eventhub_name": self.hub,
                    "consumer_group": self.group,
                    "partition_id": batch.partition,
                    "offset": batch.events[-1].offset,
                    "sequence_number": batch.sequences[1],
                }
            )
