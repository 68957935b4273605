"""Wrong variants of storing: ingest, marks and compaction."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from detector.core.activity import digest, user_of
from detector.core.vocabulary import Vocabulary
from detector.evaluate import EvaluateReport, Evaluator
from detector.ports import ConflictError, Operation, Row, Rows, Transaction
from detector.state.keys import (
    bucket_of,
    counters_table,
    transactions,
)
from detector.state.ledger import Ledger, Loaded, _upsert, _worth_merging
from detector.state.marks import Mark, Marks
from detector.state.segment import merge
from detector.state.store import State
from tests.simulation.changed import Changed, NoMarks, with_parts
from tests.simulation.product import Batch, Product
from tests.simulation.rows import Tables


class MarkBeforeData(Product):
    """Ingest marks users before their data is acknowledged."""

    async def ingest(self, state: State, batch: Batch, now: int) -> None:
        users = sorted({user_of(a.session) for a in batch.reading.activities})
        await state.marks.set_dirty(users, now)
        unmarked = with_parts(state, marks=NoMarks(state.rows))
        await super().ingest(unmarked, batch, now)


class _NamedByPosition(Ledger):
    """Rows named by the batch's partition and first sequence number, not by content."""

    batch: Batch
    kind: str = "upsert"

    async def append(self, segments: Any, vocabulary: Vocabulary, fingerprint: str) -> None:
        first = self.batch.messages[0]
        name = digest(first.source, str(first.sequence)).hex()
        for segment in segments:
            named = replace(segment, name=name)
            operation = replace(_upsert(named, vocabulary, fingerprint), kind=self.kind)
            table = counters_table(segment.hour)
            try:
                await self._rows.submit(
                    *transactions(table, [(bucket_of(segment.user), operation)])
                )
            except ConflictError:
                continue


class CreatedByFirstSequence(Product):
    """Segments are created under (partition, first sequence); one that exists counts as done."""

    within = 20

    kind = "insert"

    async def ingest(self, state: State, batch: Batch, now: int) -> None:
        ledger = _NamedByPosition(state.rows)
        ledger.batch, ledger.kind = batch, self.kind
        await super().ingest(with_parts(state, ledger=ledger), batch, now)


class ReplacedByFirstSequence(CreatedByFirstSequence):
    """Segments are replaced under (partition, first sequence)."""

    kind = "upsert"


class NoLateMarks(Product):
    """What is older than the window is stored and never judged."""

    within = 40

    def state(self, rows: Rows, merge_from: int) -> State:
        class Forgetful(Marks):
            async def set_late(self, activities: object, now: int) -> None:
                """Forget it."""

        return with_parts(super().state(rows, merge_from), marks=Forgetful(rows))


class ErrorsSwallowed(Product):
    """The host checkpoints although the function raised."""

    within = 20

    def gives_up(self, tries: int) -> bool:
        return True


class ThreeRetries(Product):
    """The host gives a batch up after three tries."""

    within = 60

    def gives_up(self, tries: int) -> bool:
        return tries >= 3


class MarksClearedBlindly(Product):
    """A mark is deleted whatever has been set since it was read."""

    within = 120

    def state(self, rows: Rows, merge_from: int) -> State:
        class Blind(Marks):
            async def clear(self, mark: Mark) -> bool:
                return await super().clear(replace(mark, etag=""))

        return with_parts(super().state(rows, merge_from), marks=Blind(rows))


class MarksClearedFirst(Product):
    """An evaluation clears the user's marks before it judges."""

    within = 20

    class evaluator(Evaluator):  # noqa: N801
        async def _user(
            self,
            user: str,
            marks: Sequence[Mark],
            missed: set[int],
            now: int,
            report: EvaluateReport,
        ) -> None:
            for mark in marks:
                await self.state.marks.clear(mark)
            await super()._user(user, marks, missed, now, report)


class EtagRepeats(Product):
    """A row that is deleted and made again counts its etags from the beginning."""

    class tables(Tables):  # noqa: N801
        def etag(self, row: Row | None, write: int) -> str:
            return str(int(row.etag) + 1 if row else 1)


class CompactedInTwoSteps(Product):
    """A merge deletes its sources, then writes."""

    within = 20

    def state(self, rows: Rows, merge_from: int) -> State:
        state = super().state(rows, merge_from)

        async def submit(*given: Transaction) -> None:
            for transaction in given:
                deletes = [o for o in transaction.operations if o.kind == "delete"]
                writes = [o for o in transaction.operations if o.kind != "delete"]
                for operations in (deletes, writes):
                    if operations:
                        await rows.submit(replace(transaction, operations=operations))

        state.ledger._rows = cast("Rows", Changed(rows, submit=submit))
        return state


class MergedSortsFirst(Product):
    """A merged segment's key sorts before its sources."""

    within = 40

    def state(self, rows: Rows, merge_from: int) -> State:
        class SortsFirst(Ledger):
            async def compact(
                self, loaded: Loaded, vocabulary: Vocabulary, fingerprint: str
            ) -> int:
                for sources in _worth_merging(loaded.stored, merge_from):
                    merged = merge([s.segment for s in sources])
                    first = replace(merged, level=-9 + merged.level)
                    operations = [_upsert(first, vocabulary, fingerprint)]
                    operations += [Operation("delete", s.key) for s in sources]
                    bucket = bucket_of(merged.user)
                    try:
                        await rows.submit(Transaction(sources[0].table, bucket, operations))
                    except ConflictError:
                        continue
                return 0

        return with_parts(
            super().state(rows, merge_from), ledger=SortsFirst(rows, merge_from=merge_from)
        )


class DaysReadFirst(Product):
    """The days are listed before the marks are read."""

    class evaluator(Evaluator):  # noqa: N801
        async def evaluate(self, now: int) -> EvaluateReport:
            days = await self.state.ledger.days()

            async def known() -> list[str]:
                return days

            ledger = cast("Ledger", Changed(self.state.ledger, days=known))
            early = replace(self, state=with_parts(self.state, ledger=ledger))
            return await Evaluator.evaluate(early, now)
