"""Housekeep removes what has expired, announces what it will drop, and nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest

from detector.adapters.sqlite import SqliteRows
from detector.core.activity import Rejected, user_of
from detector.core.episode import Ending, advance, close
from detector.core.instant import DAY, HOUR, MINUTE
from detector.housekeep import housekeep
from detector.ports import Operation, Rows, Transaction
from detector.state.keys import VERSION, counters_table
from detector.state.mutes import Mute
from tests.support.activities import ALICE, NOON, activity, frozen, judgement, verdict, views
from tests.support.hosts import USER, Overtaken, host

MIDNIGHT = NOON - 12 * HOUR
FIRST_KEPT = MIDNIGHT - 8 * DAY


async def test_a_day_is_refused_one_round_before_it_is_dropped(rows: Rows) -> None:
    ready = host(rows)
    old = [activity(FIRST_KEPT - HOUR), activity(FIRST_KEPT)]
    await ready.ingest(old, NOON - DAY)
    tables = [counters_table(a.at) for a in old]

    first = await housekeep(ready.state, NOON)
    assert first.days_dropped == 0
    assert await ready.state.ledger.days() == tables
    assert await ready.state.meta.instant("cutoff") == FIRST_KEPT

    refused = await ready.ingest(old, NOON - DAY)
    assert (refused.activities, refused.too_old) == (1, 1)

    second = await housekeep(ready.state, NOON + HOUR)
    assert second.days_dropped == 1
    assert await ready.state.ledger.days() == tables[1:]


async def test_what_midnight_makes_old_is_announced_before_it_is_dropped(rows: Rows) -> None:
    ready = host(rows)
    await ready.ingest([activity(FIRST_KEPT)], NOON)
    await housekeep(ready.state, NOON)

    dropped = [(await housekeep(ready.state, NOON + DAY + n * HOUR)).days_dropped for n in range(3)]

    assert dropped == [0, 1, 0]


async def test_the_first_round_drops_nothing(rows: Rows) -> None:
    ready = host(rows)
    await ready.ingest([activity(NOON - 30 * DAY)], NOON - 25 * DAY)

    assert (await housekeep(ready.state, NOON)).days_dropped == 0
    assert (await housekeep(ready.state, NOON)).days_dropped == 1


async def test_the_published_cutoff_never_goes_back(rows: Rows) -> None:
    ready = host(rows)
    await housekeep(ready.state, NOON)

    await housekeep(ready.state, NOON - 3 * DAY)

    assert await ready.state.meta.instant("cutoff") == FIRST_KEPT


async def test_the_activities_of_a_live_window_stay(rows: Rows) -> None:
    ready = host(rows)
    await ready.ingest(views(41, start=NOON - 7 * DAY), NOON - 7 * DAY)

    for minute in range(3):
        await housekeep(ready.state, NOON + minute * MINUTE)

    assert len(await ready.state.ledger.days()) == 1


async def windows(rows: Rows, expires_at: int) -> None:
    await host(rows).state.windows.put(USER, verdict(views(1)), expires_at, None)


async def letters(rows: Rows, received_at: int) -> None:
    letter = Rejected(
        reason="why", where="there", source="s", sequence=1, index=0, size=0, sha256=""
    )
    await host(rows).state.dead_letters.add([letter], received_at)


async def mutes(rows: Rows, expires_at: int) -> None:
    mute = Mute(
        user=USER,
        rule="any",
        owner="bob@example.com",
        reason="a backup job",
        origin="person",
        created_at=NOON - 90 * DAY,
        expires_at=expires_at,
    )
    await host(rows).state.mutes.add(mute)


async def evidence(rows: Rows, frozen_at: int) -> None:
    await host(rows).state.evidence.freeze(replace(frozen(views(41)), frozen_at=frozen_at))


async def episodes(rows: Rows, closed_at: int) -> None:
    change = advance(None, judgement(views(41)))
    assert change is not None
    closed = replace(close(change[0], NOON, Ending.BELOW), closed_at=closed_at)
    await host(rows).state.episodes.write(closed, None)


KEPT = {
    "windows": (windows, 2 * DAY),
    "deadletters": (letters, 30 * DAY),
    "mutes": (mutes, HOUR),
    "evidence": (evidence, 90 * DAY),
    "episodes": (episodes, 90 * DAY),
}


@pytest.mark.parametrize("table", KEPT)
@pytest.mark.parametrize("is_over", [False, True], ids=["in time", "expired"])
async def test_what_has_expired_is_removed(rows: Rows, table: str, is_over: bool) -> None:
    make, kept = KEPT[table]
    await make(rows, NOON - kept - is_over)

    report = await housekeep(host(rows).state, NOON)

    assert report.rows_purged == int(is_over)
    assert len(await rows.scan_all(table)) == int(not is_over)


@pytest.mark.parametrize("table", KEPT)
async def test_two_rounds_at_once_remove_everything_once(tmp_path: Path, table: str) -> None:
    make, kept = KEPT[table]
    at = 0
    while True:
        rows: Rows = SqliteRows(tmp_path / f"{at}.db", durable=False)
        await make(rows, NOON - kept - 1)
        removed: list[int] = []

        async def other(rows: Rows = rows, removed: list[int] = removed) -> None:
            removed.append((await housekeep(host(rows).state, NOON)).rows_purged)

        slow = Overtaken(rows, at, other)
        await housekeep(host(slow).state, NOON)
        left = await rows.scan_all(table)
        await rows.close()
        if not slow.happened:
            break
        assert left == [], slow.calls[at]
        at += 1

    assert at > 5


@pytest.mark.parametrize("table", KEPT)
async def test_a_newer_row_is_kept_and_counted(rows: Rows, table: str) -> None:
    make, kept = KEPT[table]
    await make(rows, NOON - kept - 1)
    (row,) = await rows.scan_all(table)
    newer = Operation("upsert", row.key, {**row.values, "V": VERSION + 1})
    await rows.submit(Transaction(table, row.partition, [newer]))

    report = await housekeep(host(rows).state, NOON)

    assert report.rows_purged == 0
    assert len(await rows.scan_all(table)) == 1
    assert report.newer_schema_rows == int(table in {"windows", "mutes", "episodes"})


async def test_an_open_episode_stays_however_old(rows: Rows) -> None:
    ready = host(rows)
    await ready.ingest(views(41, start=NOON - HOUR), NOON)
    await ready.evaluate(NOON)

    await housekeep(ready.state, NOON + 200 * DAY)

    assert [episode.user for episode in await ready.episodes()] == [user_of(ALICE)]


async def test_an_open_episode_that_no_mark_leads_to_is_judged_again(rows: Rows) -> None:
    """Its host may have died between writing it and marking its user."""
    ready = host(rows)
    await ready.ingest(views(41), NOON)
    await ready.evaluate(NOON)
    for mark in await ready.state.marks.pending(NOON + 2 * DAY):
        await ready.state.marks.clear(mark)

    await housekeep(ready.state, NOON + 2 * DAY)
    await ready.evaluate(NOON + 2 * DAY)

    assert [episode.is_open for episode in await ready.episodes()] == [False]
