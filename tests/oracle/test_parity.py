"""The detector's windows equal the query's, over any stream, however it travels."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import accumulate
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.adapters.sqlite import SqliteRows
from detector.cli.scoring import LITERAL
from detector.core.instant import parse_instant
from detector.core.reading import Message
from detector.core.rules import Verdict, indicator_of, judge_user
from detector.ingest import ingest
from detector.policies import load_policy
from detector.ports import Value
from detector.sources.cloud_app_events import CloudAppEvents
from detector.state.windows import columns
from detector.wiring import Detector, make_detector
from tests.oracle.duckdb_query import COLUMNS, SET_CAPS, Oracle, Row
from tests.oracle.streams import DAY, EDGE, HOUR, MINUTE, Sent, split, streams, travelling

SOURCE = load_policy("source")
STREAMS = settings.default.max_examples
"""A hundred from a file and from a hub; `--hypothesis-profile prove` tries more."""

randoms = st.integers(0, 2**32).map(Random)
"""Cheaper than drawing each choice of how a stream travels."""

LABELS = [
    "Automated scraping detected — exceeds 10 pages/min",
    "Credential/secret hunting via search queries",
    "Bulk content export activity",
    "Multi-space enumeration pattern",
    "High-volume bulk access",
    "Elevated Confluence access above threshold",
]
PAUSES = (1, MINUTE, HOUR, HOUR + 1, DAY - HOUR, DAY - 1)
WHO = ("AccountObjectId", "AccountDisplayName", "IPAddress", "UserAgent")


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    made = Oracle()
    yield made
    made.close()


def assert_equal(said: Mapping[str, object], row: Row, *, but: Sequence[str] = ()) -> None:
    """Column by column; of a set the query leaves open which values it keeps, not how many."""
    assert list(said) == COLUMNS
    for name, expected in row.columns.items():
        if name in SET_CAPS:
            kept = said[name]
            assert isinstance(kept, list)
            assert len(kept) == len(set(kept)) == min(len(expected), SET_CAPS[name]), name
            assert set(kept) <= set(expected), name
        elif name not in but:
            assert said[name] == expected, name


def user_key(said: Mapping[str, object]) -> tuple[object, ...]:
    """The query's group by user, from what the detector shows of the merged window."""
    object_id, name, address, agent = (said[column] for column in WHO)
    if object_id or name:
        assert (address, agent) == ("", "")
        return ("id", object_id, "") if object_id else ("name", name, "")
    return ("session", address, agent)


def session_key(key: Sequence[str]) -> tuple[str, ...]:
    """The group by user that a session of the query belongs to."""
    object_id, name, address, agent = key
    if object_id or name:
        return ("id", object_id, "") if object_id else ("name", name, "")
    return ("session", address, agent)


def assert_shown_as_its_largest_session(
    said: Mapping[str, object], sessions: Sequence[Row]
) -> None:
    most = max(s.columns["TotalActions"] for s in sessions)
    largest = [s for s in sessions if s.columns["TotalActions"] == most]
    assert (said[WHO[0]], said[WHO[1]]) in [(s.key[0], s.key[1]) for s in largest]


@asynccontextmanager
async def opened() -> AsyncIterator[Detector]:
    """The source policy over an empty ledger."""
    rows = SqliteRows(":memory:", durable=False)
    try:
        yield make_detector(rows, SOURCE, [])
    finally:
        await rows.close()


async def take_in(detector: Detector, batches: Sequence[Sequence[Message]], now: int) -> None:
    source = CloudAppEvents(SOURCE, detector.vocabulary, raw_queries=True)
    use = {"state": detector.state, "policy": SOURCE, "vocabulary": detector.vocabulary}
    for batch in batches:
        reading = source.read(batch)
        assert reading.rejected == []
        await ingest(reading, **use, now=now)


async def verdicts(detector: Detector, at: int) -> list[Verdict]:
    """Everyone's verdict at the instant, by both ways of reading the ledger."""
    ledger, since = detector.state.ledger, at - SOURCE.time_window
    days = await ledger.days()
    if at != EDGE:
        users = await ledger.user_keys(since)
        found = [(await ledger.load(user, since, days)).activities for user in users]
    else:
        found = [activities async for _, activities in ledger.users(since)]
    return [judge_user(activities, at, SOURCE, detector.vocabulary) for activities in found]


def assert_parity(found: Sequence[Verdict], sessions: list[Row], users: list[Row]) -> None:
    by_key = {row.key: row for row in sessions}
    said = [(v, s) for v in found for s in v.sessions]
    assert {tuple(s.session) for _, s in said} == set(by_key)
    assert len(said) == len(by_key)
    for verdict, summary in said:
        row = by_key[tuple(summary.session)]
        assert_equal(columns(summary, indicator_of(summary, SOURCE)), row)
        assert (summary in [f.summary for f in verdict.findings]) is row.is_kept
    by_user = {row.key: row for row in users}
    merged = [v for v in found if v.user_summary is not None]
    assert len(merged) == len(by_user)
    for verdict in merged:
        summary = verdict.user_summary
        shown = columns(summary, indicator_of(summary, SOURCE))
        row = by_user[user_key(shown)]
        assert_equal(shown, row, but=WHO)
        assert bool(verdict.user_finding_under(SOURCE)) is row.is_kept
        own = [s for s in sessions if session_key(s.key) == row.key]
        assert_shown_as_its_largest_session(shown, own)


@pytest.mark.timeout(6 * STREAMS)
@settings(max_examples=STREAMS)
@given(streams, randoms, st.integers(0, 9))
@pytest.mark.parametrize("live", [False, True], ids=["from a file", "from a hub"])
def test_any_stream_gives_the_querys_rows(
    oracle: Oracle, live: bool, stream: list[Sent], random: Random, again: int
) -> None:
    leaving = [sent.event.tick + DAY for sent in random.choices(stream, k=3)]
    ten = [EDGE, *(tick + step for tick in leaving for step in (-1, 0, 1))]
    instants = tuple(dict.fromkeys(ten))
    batches = split(travelling(stream, random, again=again), random, live=live)
    oracle.load(s.event for s in stream)
    sessions, users = oracle.rows(*instants), oracle.rows(*instants, by="user")

    async def play() -> None:
        async with opened() as detector:
            await take_in(detector, batches, LITERAL)
            for at in instants:
                found = await verdicts(detector, at)
                assert_parity(found, sessions[at], users[at])

    asyncio.run(play())


def gravest(rows: Iterable[Row]) -> str:
    labels = [row.columns["ThreatIndicator"] for row in rows if row.is_kept]
    return min(labels, key=LABELS.index, default="")


def assert_window_is_true(
    window: Mapping[str, Value], sessions: list[Row], users: list[Row]
) -> None:
    """A row of the windows table says what the query says at the instant it was judged."""
    said = {
        name: json.loads(str(window[name])) if name in SET_CAPS else window[name]
        for name in COLUMNS
    }
    (row,) = [user for user in users if user.key == user_key(said)]
    own = [s for s in sessions if session_key(s.key) == row.key]
    assert_equal(said, row, but=(*WHO, "ThreatIndicator"))
    assert_shown_as_its_largest_session(said, own)
    assert said["ThreatIndicator"] == gravest(own)
    assert window["IsHit"] is any(s.is_kept for s in own)
    assert window["SessionCount"] == len(own)
    shown = json.loads(str(window["Sessions"]))
    assert len(shown) == min(len(own), 5)
    by_key = {s.key: s for s in own}
    for session in shown:
        other = by_key[tuple(session[name] for name in WHO)]
        assert_equal(session, other, but=("ThreatIndicator",))
        label = other.columns["ThreatIndicator"] if other.is_kept else ""
        assert session["ThreatIndicator"] == label


@pytest.mark.timeout(6 * STREAMS)
@settings(max_examples=STREAMS // 2)
@given(streams, randoms, st.lists(st.sampled_from(PAUSES), max_size=3))
def test_after_every_tick_the_windows_are_the_querys(
    oracle: Oracle, stream: list[Sent], random: Random, pauses: list[int]
) -> None:
    """Hits are true at the tick itself; others at the instant they were judged."""
    ticks = list(accumulate(pauses, initial=EDGE - HOUR))
    parts: list[list[Sent]] = [[] for _ in ticks]
    for sent in stream:
        random.choice(parts).append(sent)

    async def play() -> None:
        async with opened() as detector:
            known: list[Sent] = []
            for at, part in zip(ticks, parts, strict=True):
                known += part
                lines = travelling(part, random, again=random.randint(0, 3))
                await take_in(detector, split(lines, random, live=False), at)
                await detector.evaluator.evaluate(at)
                windows = [row.values for row in await detector.state.windows.every()]
                judged = [parse_instant(str(window["AsOf"])) for window in windows]
                oracle.load(s.event for s in known)
                sessions = oracle.rows(at, *judged)
                users = oracle.rows(at, *judged, by="user")
                for window, as_of in zip(windows, judged, strict=True):
                    now = at if window["IsHit"] else as_of
                    assert_window_is_true(window, sessions[now], users[now])
                hits = {user_key(window) for window in windows if window["IsHit"]}
                assert hits == {session_key(s.key) for s in sessions[at] if s.is_kept}

    asyncio.run(play())
