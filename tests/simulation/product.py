"""How the product is put together for a simulation; a mutant replaces one part of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from detector.core.policy import Policy
from detector.core.reading import Message, Reading
from detector.core.vocabulary import Vocabulary
from detector.dispatch import Dispatcher
from detector.evaluate import Evaluator
from detector.housekeep import housekeep
from detector.ingest import ingest
from detector.ports import AlertSink, ForEach, Rows
from detector.state.store import State
from tests.simulation.rows import Tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch of one partition, as read."""

    messages: Sequence[Message]
    reading: Reading
    policy: Policy
    vocabulary: Vocabulary


class Product:
    """The product as it is. Every method is a seam at which a mutant differs."""

    within = 0
    tables: type[Tables] = Tables
    evaluator: type[Evaluator] = Evaluator
    dispatcher: type[Dispatcher] = Dispatcher

    def state(self, rows: Rows, merge_from: int) -> State:
        """Everything that is kept."""
        return State(rows, merge_from=merge_from)

    async def ingest(self, state: State, batch: Batch, now: int) -> None:
        """Use case 1."""
        await ingest(
            batch.reading,
            state=state,
            policy=batch.policy,
            vocabulary=batch.vocabulary,
            now=now,
        )

    async def housekeep(self, state: State, now: int) -> None:
        """Use case 4."""
        await housekeep(state, now)

    def gives_up(self, tries: int) -> bool:
        """The host's retry policy: a batch that failed is given again for ever."""
        del tries
        return False

    def sink(self, sink: AlertSink) -> AlertSink:
        """The sink as the dispatcher sees it."""
        return sink

    def make_evaluator(
        self,
        kind: type[Evaluator],
        state: State,
        policies: tuple[Policy, Vocabulary],
        source: tuple[Policy, Vocabulary],
        sinks: Sequence[AlertSink],
        for_each: ForEach,
    ) -> Evaluator:
        """Use case 2."""
        return kind(
            state=state,
            policy=policies[0],
            vocabulary=policies[1],
            source=source[0],
            source_vocabulary=source[1],
            sinks=tuple(sink.name for sink in sinks),
            for_each=for_each,
        )
