"""The use cases as one host runs them, over any rows; and rows on which somebody else is faster."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from detector.core.activity import Activity, user_of
from detector.core.episode import Episode
from detector.core.policy import Policy
from detector.core.reading import Reading
from detector.dispatch import DispatchReport
from detector.evaluate import EvaluateReport
from detector.ingest import IngestReport, ingest
from detector.ports import AlertSink, Row, Rows, Transaction
from detector.state.store import State
from detector.wiring import Detector, make_detector
from tests.support.activities import ALICE, RECOMMENDED

USER = user_of(ALICE)


@dataclass(frozen=True, slots=True)
class Host:
    """One process: what it is told, it does with the product's own use cases."""

    detector: Detector

    @property
    def state(self) -> State:
        return self.detector.state

    async def ingest(self, activities: Iterable[Activity], now: int) -> IngestReport:
        return await ingest(
            Reading(activities=list(activities)),
            state=self.state,
            policy=self.detector.policy,
            vocabulary=self.detector.vocabulary,
            now=now,
        )

    async def evaluate(self, now: int) -> EvaluateReport:
        return await self.detector.evaluator.evaluate(now)

    async def dispatch(self, now: int) -> DispatchReport:
        return await self.detector.dispatcher.dispatch(now)

    async def episodes(self, user: str = USER) -> list[Episode]:
        return [stored.episode for stored in await self.state.episodes.history(user)]


def host(rows: Rows, *, policy: Policy = RECOMMENDED, sinks: Sequence[AlertSink] = ()) -> Host:
    """A process over these rows."""
    return Host(make_detector(rows, policy, sinks))


@dataclass(slots=True)
class Overtaken:
    """Real rows, where right before the call number `at` something else happens."""

    rows: Rows
    at: int
    meanwhile: Callable[[], Awaitable[object]]
    calls: list[str] = field(default_factory=list[str])

    @property
    def happened(self) -> bool:
        return len(self.calls) > self.at

    async def _turn(self, call: str) -> None:
        self.calls.append(call)
        if len(self.calls) == self.at + 1:
            await self.meanwhile()

    async def submit(self, *transactions: Transaction) -> None:
        await self._turn(f"submit {' '.join(t.table for t in transactions)}")
        await self.rows.submit(*transactions)

    async def get(self, table: str, partition: str, key: str) -> Row | None:
        await self._turn(f"get {table} {partition}")
        return await self.rows.get(table, partition, key)

    async def scan(
        self, table: str, partition: str, *, start: str = "", end: str = "~"
    ) -> list[Row]:
        await self._turn(f"scan {table} {partition}")
        return await self.rows.scan(table, partition, start=start, end=end)

    async def scan_all(self, table: str, *, start: str = "", end: str = "~") -> list[Row]:
        await self._turn(f"scan_all {table}")
        return await self.rows.scan_all(table, start=start, end=end)

    async def tables(self, prefix: str) -> list[str]:
        await self._turn("tables")
        return await self.rows.tables(prefix)

    async def drop(self, table: str) -> None:
        await self._turn(f"drop {table}")
        await self.rows.drop(table)

    async def close(self) -> None:
        await self.rows.close()
