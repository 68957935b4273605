"""The peer as tests use it: start it, get a connection string, look inside."""

from __future__ import annotations

import asyncio
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.loopback.eventhub.connection import Connection
from tests.loopback.eventhub.faults import Faults
from tests.loopback.eventhub.hub import Hub
from tests.loopback.eventhub.messages import DATA, Message, StoredEvent, section
from tests.loopback.eventhub.tokens import SharedAccessKey

HOST: Final = "127.0.0.1"
DEFAULT_KEY: Final = "bG9vcGJhY2s="


class LoopbackHub:
    """An event hub on 127.0.0.1 for the real `azure-eventhub` client.

    Runs on the event loop that enters it; the synchronous client belongs in a thread beside it.
    With `data_dir` the events outlive this process (SIGKILL included) and are there again for the
    next `LoopbackHub` of the same name. `port` 0 takes a free one.
    `clock` gives seconds since 1970-01-01 UTC.
    """

    def __init__(
        self,
        *,
        hub: str = "cloudappevents",
        partitions: int = 4,
        groups: Iterable[str] = ("detector",),
        port: int = 0,
        key: str = DEFAULT_KEY,
        data_dir: Path | None = None,
        clock: Callable[[], float] = time.time,  # noqa: TID251 (a service has a clock)
    ) -> None:
        """Create or reopen the hub; nothing listens yet."""
        self.faults = Faults()
        self.port = port
        self._hub = Hub(hub, partitions, groups, clock, data_dir)
        self._key = SharedAccessKey(key)
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cut all connections and close the logs."""
        if self._server:
            self._server.close()
        tasks = list(self._connections.values())
        self.drop_connections()
        await asyncio.gather(*tasks)
        self._hub.close()

    @property
    def connection_string(self) -> str:
        """For `from_connection_string`; names the hub and asks for plain TCP."""
        return (
            f"Endpoint=sb://{HOST}:{self.port};SharedAccessKeyName={self._key.name};"
            f"SharedAccessKey={self._key.value};EntityPath={self._hub.name};"
            "UseDevelopmentEmulator=true"
        )

    @property
    def partition_ids(self) -> list[str]:
        """All partitions, in order."""
        return list(self._hub.partitions)

    def append(self, partition: str, body: bytes, enqueued: datetime) -> StoredEvent:
        """Add one event as if it had been sent and accepted at `enqueued` (aware)."""
        log = self._hub.partitions[partition]
        milliseconds = round(enqueued.timestamp() * 1000)
        log.append([Message({}, section(DATA, body))], milliseconds)
        return log.events[-1]

    def messages(self, partition: str) -> list[StoredEvent]:
        """Everything the partition holds, oldest first."""
        return list(self._hub.partitions[partition].events)

    def drop_connections(self) -> None:
        """Cut every connection, as a fail-over of the service does."""
        for connection in self._connections:
            connection.abort()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        if self.faults.down:
            writer.transport.abort()
            return
        connection = Connection(self._hub, self._key, self.faults, reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._connections[connection] = task
        try:
            await connection.serve()
        finally:
            del self._connections[connection]
