"""Wrong variants of sending: the outbox and the sink."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import cast

from detector.core.activity import digest
from detector.core.episode import Change, Delivery, Episode, Judgement, Status
from detector.core.evidence import Evidence
from detector.evaluate import EvaluateReport, Evaluator
from detector.ports import AlertSink, ConflictError, Rows
from detector.state.episodes import StoredEpisode
from detector.state.outbox import Outbox
from detector.state.store import State
from tests.simulation.changed import Changed, with_parts
from tests.simulation.product import Product

Deliver = Callable[[Evidence, Delivery, int], Awaitable[Delivery]]


class OutboxMarkFirst(Product):
    """An episode's outbox mark is set before the episode is written, and only then."""

    class evaluator(Evaluator):  # noqa: N801
        async def _write(
            self,
            change: Change | None,
            judgement: Judgement,
            read: StoredEpisode | None,
            report: EvaluateReport,
        ) -> None:
            if change is not None and change[1] is not None:
                episode = change[0]
                at = judgement.verdict.at
                await self.state.marks.set_outbox(episode.user, episode.number, at)
            await super()._write(change, judgement, read, report)

        async def _ask_to_send(self, *_: object) -> None:
            """Done before."""


class OutboxMarkOnlyOnce(Product):
    """An outbox mark is set after the write, and not again when that has failed."""

    within = 120

    class evaluator(Evaluator):  # noqa: N801
        async def _ask_to_send(self, history: object, change: Change | None, now: int) -> None:
            if change is not None:
                await super()._ask_to_send([], change, now)


class SentWithoutLease(Product):
    """A dispatcher sends without having taken the lease."""

    within = 30

    def state(self, rows: Rows, merge_from: int) -> State:
        class NoLease(Outbox):
            async def record(
                self, episode: Episode, sink: str, before: Delivery, after: Delivery
            ) -> bool:
                if after.status is Status.LEASED and not after.error:
                    return True
                stored = await self._episodes.get(episode.user, episode.number)
                assert stored is not None
                deliveries = {**stored.episode.deliveries, sink: after}
                changed = replace(stored.episode, deliveries=deliveries)
                try:
                    await self._episodes.write(changed, stored)
                except ConflictError:
                    return False
                return True

        state = super().state(rows, merge_from)
        return with_parts(state, outbox=NoLease(rows, state.episodes))


class _SinkChanged(Product):
    """Changes what the sink is given."""

    method = "deliver"

    def sink(self, sink: AlertSink) -> AlertSink:
        return cast("AlertSink", Changed(sink, **{self.method: self.changed(sink)}))

    def changed(self, sink: AlertSink) -> Deliver:
        return cast("Deliver", getattr(sink, self.method))


class SentAgainUnseen(_SinkChanged):
    """An alert with an unknown outcome is sent again without a look at what is there."""

    within = 40

    def changed(self, sink: AlertSink) -> Deliver:
        async def deliver(evidence: Evidence, delivery: Delivery, now: int) -> Delivery:
            return await sink.deliver(evidence, replace(delivery, attempts=1), now)

        return deliver


class RandomAlertId(_SinkChanged):
    """An alert's marker is new with each try."""

    within = 40

    def changed(self, sink: AlertSink) -> Deliver:
        async def deliver(evidence: Evidence, delivery: Delivery, now: int) -> Delivery:
            name = digest(evidence.episode_id, str(now)).hex()
            return await sink.deliver(replace(evidence, episode_id=name), delivery, now)

        return deliver


class SettledBlindly(Product):
    """What was sent counts as the newest revision, though the episode got worse meanwhile."""

    def state(self, rows: Rows, merge_from: int) -> State:
        class Blind(Outbox):
            async def record(
                self, episode: Episode, sink: str, before: Delivery, after: Delivery
            ) -> bool:
                stored = await self._episodes.get(episode.user, episode.number)
                if stored is not None and after.status is Status.SENT:
                    after = replace(after, sent_revision=stored.episode.revision)
                return await super().record(episode, sink, before, after)

        state = super().state(rows, merge_from)
        return with_parts(state, outbox=Blind(rows, state.episodes))


class NeverReconciled(_SinkChanged):
    """Late duplicates of an alert are not looked for."""

    method = "reconcile"

    def changed(self, sink: AlertSink) -> Deliver:
        async def reconcile(evidence: Evidence, delivery: Delivery, now: int) -> Delivery:
            return replace(delivery, reconcile_at=0)

        return reconcile
