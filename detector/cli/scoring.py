"""The work of `score`, shared by the processor's cores over one temporary ledger.

Each process reads batches and runs the real ingest on the same SQLite file, then judges a share of
the buckets. A small input is done without other processes.
"""

import asyncio
import gc
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from detector.adapters.sqlite import SqliteRows
from detector.core.activity import Activity, Rejected
from detector.core.instant import parse_instant
from detector.core.policy import Policy
from detector.core.reading import Message
from detector.core.rules import Finding, judge_sessions, judge_user
from detector.core.vocabulary import Vocabulary
from detector.ingest import IngestReport, ingest
from detector.sources.cloud_app_events import CloudAppEvents
from detector.state.keys import BUCKETS
from detector.state.store import State
from detector.state.windows import columns

T = TypeVar("T")
R = TypeVar("R")

LITERAL = parse_instant("0001-02-01")
"""The instant at which files are ingested: before all of them, so that nothing is late."""

Scored = tuple[tuple[object, ...], dict[str, object]]
"""A finding's place in the order, and its 17 columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every process needs to know."""

    path: Path
    policy: Policy
    at: int
    by: str
    raw_queries: bool


class Scorer:
    """One process's share of a job."""

    def __init__(self, job: Job) -> None:
        """Open the job's ledger."""
        self._job = job
        self._vocabulary = Vocabulary(job.policy)
        self._source = CloudAppEvents(
            job.policy, self._vocabulary, raw_queries=job.raw_queries, by_position=True
        )
        self._rows = SqliteRows(job.path, durable=False)
        self._state = State(self._rows)

    def read(self, batch: Sequence[Message]) -> tuple[IngestReport, list[Rejected]]:
        """Ingest one batch."""
        reading = self._source.read(batch)
        done = ingest(
            reading,
            state=self._state,
            policy=self._job.policy,
            vocabulary=self._vocabulary,
            now=LITERAL,
        )
        return asyncio.run(done), reading.rejected

    def close(self) -> None:
        """Close the ledger."""
        asyncio.run(self._rows.close())

    def judge(self, buckets: Sequence[str]) -> list[Scored]:
        """The findings on the users of some buckets."""
        return asyncio.run(self._judge(buckets))

    async def _judge(self, buckets: Sequence[str]) -> list[Scored]:
        since = self._job.at - self._job.policy.time_window
        return [
            (
                (-finding.summary.total_actions, finding.summary.session),
                columns(finding.summary, finding.indicator),
            )
            async for _, activities in self._state.ledger.users(since, buckets)
            for finding in self._findings(activities)
        ]

    def _findings(self, activities: Sequence[Activity]) -> Sequence[Finding]:
        job = self._job
        if job.by == "session":
            return judge_sessions(activities, job.at, job.policy, self._vocabulary)
        verdict = judge_user(activities, job.at, job.policy, self._vocabulary)
        return verdict.user_finding_under(job.policy)


_scorers: list[Scorer] = []
"""This process's scorer; a list, since a pool hands its processes nothing else."""


def _begin(job: Job) -> None:
    gc.freeze()  # the collector looks at millions of tuples, none of which is in a cycle
    gc.set_threshold(200_000, 50, 1_000)
    _scorers[:] = [Scorer(job)]


def _read(batch: Sequence[Message]) -> tuple[IngestReport, list[Rejected]]:
    return _scorers[0].read(batch)


def _judge(buckets: Sequence[str]) -> list[Scored]:
    return _scorers[0].judge(buckets)


def score_batches(
    job: Job, batches: Iterable[list[Message]]
) -> tuple[list[IngestReport], list[Rejected], list[Scored]]:
    """Reports of each batch, what was rejected, and the findings in order."""
    try:
        return _score(job, iter(batches))
    finally:
        while _scorers:
            _scorers.pop().close()


def _score(
    job: Job, waiting: Iterator[list[Message]]
) -> tuple[list[IngestReport], list[Rejected], list[Scored]]:
    first = list(islice(waiting, 2))
    cores = os.cpu_count() or 1
    if len(first) > 1 and cores > 1:
        with ProcessPoolExecutor(cores, initializer=_begin, initargs=(job,)) as pool:
            _begin(job)  # makes the ledger before anyone writes to it
            read = list(_spread(pool, _read, _chain(first, waiting), cores + 1))
            shares = [BUCKETS[start::cores] for start in range(cores)]
            found = [row for rows in pool.map(_judge, shares) for row in rows]
    else:
        _begin(job)
        read = [_read(batch) for batch in _chain(first, waiting)]
        found = _judge(BUCKETS)
    rejected = [r for _, rejects in read for r in rejects]
    return [report for report, _ in read], rejected, sorted(found, key=lambda row: row[0])


def _chain(first: list[list[Message]], rest: Iterator[list[Message]]) -> Iterator[list[Message]]:
    while first:
        yield first.pop(0)
    yield from rest


def _spread(
    pool: ProcessPoolExecutor, work: Callable[[T], R], items: Iterable[T], most: int
) -> Iterator[R]:
    """`pool.map` in order, with at most this many items in memory at once."""
    running: deque[Future[R]] = deque()
    for item in items:
        running.append(pool.submit(work, item))
        if len(running) >= most:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()
