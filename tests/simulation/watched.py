"""The product's reading parts, with the referee looking over their shoulder."""

from collections.abc import Sequence

from detector.core.episode import Delivery
from detector.core.evidence import Evidence
from detector.evaluate import EvaluateReport, Evaluator
from detector.ports import AlertSink
from detector.state.ledger import Ledger, Loaded
from tests.simulation.graph import Graph
from tests.simulation.referee import Referee


class WatchedLedger:
    """A ledger whose loads are compared with what was durable when they began."""

    def __init__(self, ledger: Ledger, referee: Referee) -> None:
        self._ledger = ledger
        self._referee = referee

    def __getattr__(self, name: str) -> object:
        return getattr(self._ledger, name)

    async def load(self, user: str, since: int, days: Sequence[str]) -> Loaded:
        """See Ledger."""
        wanted = self._referee.durable_in(user, days, since)
        loaded = await self._ledger.load(user, since, days)
        self._referee.has_read(user, since, wanted, loaded)
        return loaded


class WatchedSink(AlertSink):
    """A sink; the referee reads what it is told to send, and for whom alerts are created."""

    def __init__(self, sink: AlertSink, referee: Referee, graph: Graph) -> None:
        self.name, self.limits = sink.name, sink.limits
        self.reconcile = sink.reconcile
        self.announce = sink.announce
        self.resolution = sink.resolution
        self._sink = sink
        self._referee = referee
        self._graph = graph

    async def deliver(self, evidence: Evidence, delivery: Delivery, now: int) -> Delivery:
        """See the port."""
        self._referee.told(evidence)
        with self._graph.delivering(evidence.episode_id):
            taken = await self._sink.deliver(evidence, delivery, now)
        self._referee.was_told(evidence)
        return taken


def watched(evaluator: type[Evaluator], referee: Referee) -> type[Evaluator]:
    """The evaluator's class, telling the referee what it has judged and when it was done."""

    class Watched(evaluator):  # type: ignore[valid-type, misc]
        async def _judge(self, user: str, now: int, report: EvaluateReport) -> Loaded:
            loaded = await super()._judge(user, now, report)
            referee.covered(referee.since(), None)
            referee.completed(user)
            return loaded

        async def _look_back(self, user: str, hour: int, now: int, report: EvaluateReport) -> int:
            newer = await super()._look_back(user, hour, now, report)
            last = referee.last_in_hour(hour)
            if last is not None:
                referee.covered(last - self.policy.time_window, last)
            return newer

    return Watched
