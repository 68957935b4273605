"""Targets that read what is kept: segments, rows that somebody damaged, policies, settings."""

import asyncio
import json
import zlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass

from detector.core.kql import query
from detector.core.policy import PolicyError
from detector.core.vocabulary import Vocabulary
from detector.policies import load_policy
from detector.ports import Limits, Row, StoreUnavailableError, Transaction
from detector.settings import Settings, SettingsError, read_hub, read_settings
from detector.sources.cloud_app_events import CloudAppEvents
from detector.state.segment import Segment, SegmentError, cut, merge, unpack
from detector.state.store import State
from tests.fuzz.engine import Run
from tests.fuzz.samples import NOW, SOURCE, as_json, from_json, stored
from tests.support.activities import RECOMMENDED, search, views

LIMITS = Limits(per_minute=40, per_hour=1_200)


@contextmanager
def segments() -> Iterator[Run]:
    """Bytes of a segment: SegmentError, or activities that can be merged and stored again."""

    def run(body: bytes) -> None:
        for data in (body, b"p" + body, b"z" + zlib.compress(body, 1)):
            with suppress(SegmentError):
                found = unpack(data)
                merge([Segment("0" * 32, NOW, 0, "", found, data)])

    yield run


@dataclass(frozen=True, slots=True)
class OneRow:
    """A store that holds one row, under whatever key it is looked for in its partition."""

    table: str
    row: Row

    async def submit(self, *transactions: Transaction) -> None:
        """Nothing is written."""

    async def get(self, table: str, partition: str, key: str) -> Row | None:
        return self.row if (table, partition) == (self.table, self.row.partition) else None

    async def scan(
        self, table: str, partition: str, *, start: str = "", end: str = "~"
    ) -> list[Row]:
        return [self.row] if (table, partition) == (self.table, self.row.partition) else []

    async def scan_all(self, table: str, *, start: str = "", end: str = "~") -> list[Row]:
        return await self.scan(table, self.row.partition)

    async def tables(self, prefix: str) -> list[str]:
        return [self.table] if self.table.startswith(prefix) else []

    async def drop(self, table: str) -> None:
        """Nothing is dropped."""

    async def close(self) -> None:
        """Nothing is open."""


async def _users(state: State) -> None:
    async for _ in state.ledger.users(0):
        pass


READS: tuple[Callable[[State, str], Awaitable[object]], ...] = (
    lambda s, _: s.episodes.every(),
    lambda s, user: s.episodes.history(user),
    lambda s, user: s.episodes.get(user, 1),
    lambda s, episode: s.evidence.of(episode),
    lambda s, user: s.evidence.rows_of(user),
    lambda s, _: s.marks.pending(NOW),
    lambda s, _: s.marks.outbox(),
    lambda s, _: s.marks.next_due(),
    lambda s, _: s.mutes.every(),
    lambda s, user: s.mutes.of(user),
    lambda s, _: s.dead_letters.every(),
    lambda s, _: s.meta.sources(),
    lambda s, _: s.meta.source(SOURCE),
    lambda s, _: s.meta.unmapped(),
    lambda s, _: s.meta.add_unmapped({"PageViewed": 1}, NOW),
    lambda s, _: s.meta.instant("tick"),
    lambda s, _: s.meta.text("policy"),
    lambda s, _: s.meta.audit(),
    lambda s, _: s.attempts.begin(SOURCE, "9", "A"),
    lambda s, _: s.outbox.left("defender", LIMITS, NOW),
    lambda s, _: s.outbox.take("defender", LIMITS, NOW),
    lambda s, _: s.outbox.surge("defender", NOW),
    lambda s, user: s.ledger.load(user, 0, [s.rows.table]),  # type: ignore[attr-defined]
    lambda s, _: s.ledger.user_keys(0),
    lambda s, _: _users(s),
    lambda s, name: s.windows.users_shown_as(name),
)


@contextmanager
def rows() -> Iterator[Run]:
    """A damaged row: every reader passes over it or says that it cannot be read, no more."""

    async def read(table: str, row: Row) -> None:
        state = State(OneRow(table, row))
        for reads in READS:
            with suppress(StoreUnavailableError, SegmentError):
                await reads(state, row.key.split("|")[0])

    with asyncio.Runner() as runner:

        def run(body: bytes) -> None:
            if (found := from_json(body)) is not None:
                runner.run(read(*found))

        yield run


def row_samples() -> Sequence[bytes]:
    """A row of each kind."""
    return [as_json(table, row) for table, row in stored()]


def segment_samples() -> Sequence[bytes]:
    """Segments, plain and compressed."""
    sealed = [*cut(views(2, start=NOW)), *cut([search(NOW)]), *cut(views(40, start=NOW))]
    plain = [s.data[1:] if s.data[:1] == b"p" else zlib.decompress(s.data[1:]) for s in sealed]
    return [*(s.data for s in sealed), *plain]


@contextmanager
def policies() -> Iterator[Run]:
    """Overrides of a policy: PolicyError, or a policy under which a reader and a query exist."""

    def run(body: bytes) -> None:
        load_policy.cache_clear()
        text = body.decode("utf-8", "replace")
        with suppress(PolicyError):
            policy = load_policy("recommended", text)
            CloudAppEvents(policy, Vocabulary(policy))
            query(policy, by="user").encode()
            json.dumps(policy.fingerprint)

    yield run


def policy_samples() -> Sequence[bytes]:
    """Overrides of every key."""
    whole = asdict(RECOMMENDED)
    some = {"time_window_hours": 12, "access_threshold": {"bulk_access": 10}, "gate_users": False}
    fields = {"fields": {"search_query": ["a[0].b", "searchQuery"], "space_key": []}}
    return [json.dumps(document).encode() for document in (whole, some, fields, {})]


@contextmanager
def settings() -> Iterator[Run]:
    """The environment: SettingsError, or settings."""

    def run(body: bytes) -> None:
        pairs = (line.partition(b"=") for line in body.split(b"\n"))
        given = {n.decode(errors="surrogateescape"): v.decode(errors="surrogateescape")
                 for n, _, v in pairs}  # fmt: skip
        with suppress(SettingsError):
            chosen = read_settings(given)
            assert isinstance(chosen, Settings)
            _ = chosen.graph, chosen.logs_scope
        read_hub(given)

    yield run


def setting_samples() -> Sequence[bytes]:
    """Environments."""
    return [
        b"DETECTOR_STORE=sqlite:x\nDETECTOR_SINK=defender\nDETECTOR_CREATES_PER_MINUTE=10",
        b"DETECTOR_GRAPH_TIMEOUT_SECONDS=1e1\nDETECTOR_CLOUD=usgov\nEVENTHUB=Endpoint=sb://x/",
        b"DETECTOR_POLICY_OVERRIDES={}\nPATH=/\nDETECTOR_UNKNOWN=1",
    ]
