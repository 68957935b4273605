"""Records through the real service to every way out, and everything that came out, by place."""

import io
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from detector.adapters.console import ConsoleSink
from detector.adapters.json_lines import JsonLinesSink
from detector.adapters.logs_ingestion import SentinelSink, Stream, connect
from detector.core.episode import Episode
from detector.core.evidence import Evidence
from detector.core.instant import HOUR, MINUTE
from detector.core.reading import Message
from detector.ports import AlertSink, Limits, Row, Rows
from detector.service import Service
from detector.settings import Settings
from detector.state.segment import unpack
from detector.state.store import State
from detector.telemetry import Line
from detector.wiring import closing, make_detector, make_source
from tests.defender.graph_product import EVIDENCE_URL, defender_sink
from tests.loopback.graph import LoopbackGraph
from tests.loopback.logs import SCOPE, LoopbackLogs
from tests.support.events import message
from tests.support.product import RECOMMENDED, DrivenClock

SOURCE = "example.servicebus.windows.net/cloudappevents/0"
PATIENT = Limits(per_minute=1_000, per_hour=1_000)


@dataclass(kw_only=True)
class Came:
    """What came out: texts by place; episodes and evidence as they are read back."""

    log: list[Line] = field(default_factory=list[Line])
    tables: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    keys: list[str] = field(default_factory=list[str])
    pages: dict[str, str] = field(default_factory=dict[str, str])
    health: str = ""
    terminal: str = ""
    lines: str = ""
    episodes: list[Episode] = field(default_factory=list[Episode])
    evidence: list[Evidence] = field(default_factory=list[Evidence])


@dataclass(kw_only=True)
class Journey:
    """One store, two loopbacks, one file and one terminal, on one clock."""

    rows: Rows
    clock: DrivenClock
    graph: LoopbackGraph
    logs: LoopbackLogs
    file: Path
    tenant_id: str = ""
    incidents: bool = True
    hours: Sequence[int] = ()

    async def go(self, *batches: Sequence[dict[str, Any]], bodies: Sequence[bytes] = ()) -> Came:
        """Each batch is ingested and judged in a minute of its own, then again after `hours`.

        Without `incidents` only the terminal and the file are told.
        """
        came, terminal = Came(), io.StringIO()
        sinks: list[AlertSink] = [
            ConsoleSink(Console(file=terminal, width=300)),
            JsonLinesSink(self.file),
        ]
        if self.incidents:
            sinks.append(defender_sink(self.graph, limits=PATIENT))
            sinks.append(SentinelSink(self._open_stream, evidence_url=EVIDENCE_URL))
        detector = make_detector(self.rows, RECOMMENDED, sinks)
        source = make_source(detector, Settings(tenant_id=self.tenant_id))
        service = Service(
            detector=detector,
            source=source,
            clock=lambda: self.clock.ticks,
            log=came.log.append,
            host="A",
        )
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(closing(sinks))
            for number, body in enumerate([*map(message, map(list, batches)), *bodies], 1):
                await service.ingest([Message(body, SOURCE, number, self.clock.ticks)])
                self.clock.advance(MINUTE)
                await service.tick()
            await self._look(service, came)
            for hours in self.hours:
                self.clock.advance(hours * HOUR)
                await service.tick()
            await service.housekeep()
        came.terminal = terminal.getvalue()
        came.lines = self.file.read_text(encoding="utf-8") if self.file.exists() else ""
        return came

    async def _look(self, service: Service, came: Came) -> None:
        """While the episodes are open: tables, pages, health."""
        state = service.detector.state
        came.episodes = [stored.episode for stored in await state.episodes.every()]
        for episode in came.episodes:
            came.evidence.append((await state.evidence.of(episode.episode_id))[-1])
            came.pages[episode.episode_id] = await service.evidence_page(episode.episode_id) or ""
        _, health = await service.health()
        came.health = json.dumps(health, ensure_ascii=False)
        for table, row in await everything(state):
            came.keys += [row.partition, row.key]
            name = table.rstrip("0123456789")
            came.tables.setdefault(name, []).extend([row.partition, row.key, *shown(row)])

    async def _open_stream(self) -> Stream:
        return connect(
            self.logs.endpoint, self.logs.credential(), rule_id=self.logs.rule_id,
            stream=self.logs.stream, scope=SCOPE, timeout_seconds=5,
        )  # fmt: skip


async def everything(state: State) -> list[tuple[str, Row]]:
    """Every row of every table."""
    tables = await state.rows.tables("")
    return [(table, row) for table in tables for row in await state.rows.scan_all(table)]


def shown(row: Row) -> Iterator[str]:
    """The columns of a row as text, packed ones unpacked."""
    for name, value in row.values.items():
        yield name
        if not isinstance(value, bytes):
            yield str(value)
        elif row.key.count("|") == 3:
            yield from map(str, unpack(value))
        else:
            yield json.dumps(json.loads(zlib.decompress(value)), ensure_ascii=False)
