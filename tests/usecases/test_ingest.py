"""Ingest writes data, then marks; any part of it may be done again."""

from collections import Counter
from collections.abc import Sequence

import pytest

from detector.core.activity import Activity, Rejected, user_of
from detector.core.instant import DAY, HOUR, MINUTE
from detector.core.reading import Reading
from detector.ingest import ingest, total
from detector.ports import Rows, StoreUnavailableError
from detector.state.keys import DAYS_KEPT
from detector.state.marks import Marks
from tests.support.activities import ALICE, NOON, activity, search, views
from tests.support.hosts import USER, Host, Overtaken, host

BOB = ALICE._replace(account_object_id="00000000-0000-0000-0000-000000000002")
MIDNIGHT = NOON - 12 * HOUR
STREAM = [
    *views(60, start=NOON - 3 * HOUR, every=2 * MINUTE),
    *views(5, start=NOON - HOUR, every=MINUTE, session=BOB),
    *(search(NOON - n * HOUR) for n in range(3)),
]


async def facts(after: Host) -> object:
    """Everything that is judged from the store, and what has come of it."""
    windows = [
        {name: v for name, v in row.values.items() if name not in {"AsOf", "ExpiresAt"}}
        for row in await after.state.windows.every()
    ]
    episodes = [stored.episode for stored in await after.state.episodes.every()]
    return windows, [(e.episode_id, e.revision, e.is_open, e.total_actions) for e in episodes]


async def test_a_batch_is_counted_by_what_it_was_made_of(rows: Rows) -> None:
    rejected = Rejected(
        reason="Timestamp: missing", where="", source="s", sequence=1, index=0, size=2, sha256=""
    )
    reading = Reading(
        activities=[*STREAM, activity(NOON - 30 * HOUR), activity(NOON - 9 * DAY)],
        rejected=[rejected],
        records=75,
        ignored=4,
        skewed=2,
        unmapped=Counter(confluence_new=3),
    )
    ready = host(rows)
    policy, vocabulary = ready.detector.policy, ready.detector.vocabulary

    report = await ingest(
        reading, state=ready.state, policy=policy, vocabulary=vocabulary, now=NOON
    )

    assert (report.records, report.activities, report.rejected) == (75, 69, 1)
    assert (report.ignored, report.late, report.too_old, report.skewed) == (4, 1, 1, 2)
    assert report.users == {USER, user_of(BOB)}
    assert await ready.state.meta.unmapped() == {"confluence_new": 3}
    assert len(await ready.state.dead_letters.every()) == 2


async def test_an_empty_batch_leaves_nothing(rows: Rows) -> None:
    report = await host(rows).ingest([], NOON)

    assert report.users == frozenset()
    assert await rows.tables("") == []


async def test_whose_data_changed_is_marked(rows: Rows) -> None:
    ready = host(rows)

    await ready.ingest(STREAM, NOON)

    marks = await ready.state.marks.pending(NOON)
    assert sorted((m.user, m.hour) for m in marks) == sorted([(USER, None), (user_of(BOB), None)])


async def test_marks_come_after_the_data(rows: Rows) -> None:
    """Whoever sees a mark, before whatever call of ingest, can read the data."""
    expected = len([a for a in STREAM if a.session == ALICE])

    for at in range(8):
        await rows.drop("marks")
        seen: list[int] = []

        async def look(seen: list[int] = seen) -> None:
            if await Marks(rows).pending(NOON):
                state = host(rows).state
                loaded = await state.ledger.load(USER, NOON - DAY, await state.ledger.days())
                seen.append(len(loaded.activities))

        slow = Overtaken(rows, at, look)
        await host(slow).ingest(STREAM, NOON)

        assert set(seen) <= {expected}, slow.calls[at]
        for table in await rows.tables("counters"):
            await rows.drop(table)


@pytest.mark.parametrize("size", [1, 7, 30, 1_000])
async def test_a_batch_again_split_differently_changes_nothing(rows: Rows, size: int) -> None:
    ready = host(rows)
    await ready.ingest(STREAM, NOON)
    await ready.evaluate(NOON)
    before = await facts(ready)

    for start in range(0, len(STREAM), size):
        await ready.ingest(STREAM[start : start + size], NOON + MINUTE)
    report = await ready.evaluate(NOON + MINUTE)

    assert await facts(ready) == before
    assert (report.windows_changed, report.episodes) == (0, [])


@pytest.mark.parametrize("dies_at", range(7))
async def test_a_batch_that_was_cut_off_is_whole_when_it_is_given_again(
    rows: Rows, dies_at: int
) -> None:
    late = activity(NOON - 40 * HOUR)

    async def die() -> None:
        raise StoreUnavailableError

    ready = host(rows)
    dying = Overtaken(rows, dies_at, die)
    reading = Reading(activities=[*STREAM, late], unmapped=Counter(confluence_new=1))
    policy, vocabulary = ready.detector.policy, ready.detector.vocabulary
    with pytest.raises(StoreUnavailableError):
        await ingest(
            reading, state=host(dying).state, policy=policy, vocabulary=vocabulary, now=NOON
        )

    await ready.ingest([*STREAM, late], NOON)

    assert dying.happened
    loaded = await ready.state.ledger.load(USER, NOON - 2 * DAY, await ready.state.ledger.days())
    assert len(loaded.activities) == 64
    assert len(await ready.state.marks.pending(NOON)) == 3


@pytest.mark.parametrize(
    ("at", "is_kept"),
    [
        (MIDNIGHT - DAYS_KEPT * DAY, True),
        (MIDNIGHT - DAYS_KEPT * DAY - 1, False),
        (NOON + 100 * DAY, True),
    ],
    ids=["first of the days kept", "a tick older", "far ahead"],
)
async def test_eight_days_are_kept(rows: Rows, at: int, is_kept: bool) -> None:
    ready = host(rows)

    report = await ready.ingest([activity(at)], NOON)

    assert (report.activities, report.too_old) == (int(is_kept), int(not is_kept))
    assert bool(await ready.state.ledger.days()) == is_kept


async def test_what_is_too_old_is_a_dead_letter_once(rows: Rows) -> None:
    ready = host(rows)
    old: Sequence[Activity] = [activity(NOON - 9 * DAY + n // 2) for n in range(6)]

    for _ in range(2):
        await ready.ingest([*old, *old], NOON)

    letters = await ready.state.dead_letters.every()
    assert len(letters) == 6
    assert {letter.rejected.reason for letter in letters} == {"older than the 8 days that are kept"}
    assert await ready.state.marks.pending(NOON) == []


async def test_days_below_the_published_cutoff_are_refused_by_a_slow_clock(rows: Rows) -> None:
    """Another host is a day ahead: it may drop the day any moment."""
    ready = host(rows)
    await ready.state.meta.set_instant("cutoff", MIDNIGHT - 7 * DAY)

    report = await ready.ingest([activity(MIDNIGHT - 7 * DAY - 1)], NOON)

    assert (report.activities, report.too_old) == (0, 1)


def test_reports_add_up() -> None:
    from detector.ingest import IngestReport

    one = IngestReport(
        records=1,
        activities=2,
        rejected=3,
        ignored=4,
        late=5,
        too_old=6,
        skewed=7,
        unmapped={"a": 1},
        users=frozenset({"u"}),
    )

    both = total([one, one])

    assert (both.records, both.activities, both.rejected, both.ignored) == (2, 4, 6, 8)
    assert (both.late, both.too_old, both.skewed) == (10, 12, 14)
    assert (both.unmapped, both.users) == ({"a": 2}, {"u"})
