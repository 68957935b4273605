"""Data older than the window is judged where it belongs: it opens or escalates, never closes."""

import pytest

from detector.core.activity import user_of
from detector.core.episode import Ending, Transition, close
from detector.core.instant import DAY, HOUR, MINUTE, SECOND
from detector.ports import Rows
from tests.support.activities import ALICE, NOON, activity, views
from tests.support.hosts import USER, Host, host
from tests.support.sinks import MemorySink

BOB = ALICE._replace(account_object_id="00000000-0000-0000-0000-000000000002")
LONG_AGO = NOON - 3 * DAY


async def live_episode(rows: Rows, count: int = 41) -> Host:
    ready = host(rows, sinks=[MemorySink()])
    await ready.ingest(views(count, start=NOON - HOUR, every=MINUTE), NOON)
    await ready.evaluate(NOON)
    return ready


async def test_an_attack_of_three_days_ago_is_one_alert_now(rows: Rows) -> None:
    sink = MemorySink()
    ready = host(rows, sinks=[sink])
    await ready.ingest(views(60, start=LONG_AGO, every=MINUTE), NOON)

    report = await ready.evaluate(NOON)
    await ready.dispatch(NOON)

    assert [t for t, _ in report.episodes] == [Transition.OPENED, Transition.CLOSED]
    (episode,) = await ready.episodes()
    assert (episode.opened_at, episode.first_activity) == (NOON, LONG_AGO)
    assert [told.total_actions for told in sink.alerts[0].told] == [60]
    assert await ready.state.windows.every() == []
    assert await ready.state.marks.pending(NOON) == []


async def test_each_hour_is_judged_at_its_last_activity(rows: Rows) -> None:
    """40 then and 40 a day and an hour later were never 41 within a day; 25 and 25 were."""
    ready = host(rows)
    far_apart = [*views(40, start=LONG_AGO), *views(40, start=LONG_AGO + 25 * HOUR)]
    close_by = [
        *views(25, start=LONG_AGO, session=BOB),
        *views(25, start=LONG_AGO + 23 * HOUR, session=BOB),
    ]
    await ready.ingest([*far_apart, *close_by], NOON)

    await ready.evaluate(NOON)

    assert await ready.episodes() == []
    (episode,) = await ready.episodes(user_of(BOB))
    assert episode.total_actions == 50


async def test_late_data_that_comes_in_pieces_is_judged_together(rows: Rows) -> None:
    ready = host(rows)
    pieces = [views(14, start=LONG_AGO + n * 15 * MINUTE) for n in range(3)]
    for minute, piece in enumerate(pieces):
        await ready.ingest(piece, NOON + minute * MINUTE)
        await ready.evaluate(NOON + minute * MINUTE)

    (episode,) = await ready.episodes()
    assert episode.total_actions == 42


async def test_what_came_after_the_hour_does_not_count_for_it(rows: Rows) -> None:
    ready = host(rows)
    await ready.ingest(views(30, start=NOON - 30 * MINUTE, every=MINUTE), NOON)
    await ready.evaluate(NOON)

    await ready.ingest(views(20, start=NOON - 25 * HOUR), NOON)
    await ready.evaluate(NOON)

    assert await ready.episodes() == []


async def test_late_data_does_not_close_a_live_episode(rows: Rows) -> None:
    ready = await live_episode(rows)
    before = await ready.episodes()

    await ready.ingest([activity(LONG_AGO)], NOON + MINUTE)
    report = await ready.evaluate(NOON + MINUTE)

    assert report.episodes == []
    after = await ready.episodes()
    assert [(e.is_open, e.revision) for e in after] == [(e.is_open, e.revision) for e in before]


async def test_late_data_that_is_worse_escalates_the_live_episode(rows: Rows) -> None:
    ready = await live_episode(rows)

    await ready.ingest(views(200, start=LONG_AGO), NOON + MINUTE)
    report = await ready.evaluate(NOON + MINUTE)

    assert [t for t, _ in report.episodes] == [Transition.ESCALATED]
    (episode,) = await ready.episodes()
    assert (episode.is_open, episode.number, episode.revision) == (True, 1, 2)
    assert (episode.total_actions, episode.first_activity) == (200, LONG_AGO)


async def test_late_data_within_a_closed_episode_escalates_that_one(rows: Rows) -> None:
    ready = await live_episode(rows)
    later = NOON + 2 * DAY
    await ready.evaluate(later)

    await ready.ingest(views(200, start=NOON - 50 * MINUTE), later)
    report = await ready.evaluate(later)

    assert [t for t, _ in report.episodes] == [Transition.ESCALATED]
    (episode,) = await ready.episodes()
    assert (episode.is_open, episode.number) == (False, 1)
    assert len(await ready.state.marks.outbox()) == 1


async def test_late_data_that_no_episode_covers_opens_the_next(rows: Rows) -> None:
    ready = await live_episode(rows)
    later = NOON + 5 * DAY
    await ready.evaluate(NOON + DAY)

    await ready.ingest(views(50, start=NOON + 2 * DAY, every=MINUTE), later)
    await ready.evaluate(later)

    episodes = await ready.episodes()
    assert [(e.number, e.is_open, e.ending) for e in episodes] == [
        (1, False, Ending.BELOW),
        (2, False, Ending.BELOW),
    ]


async def test_late_data_again_changes_nothing(rows: Rows) -> None:
    ready = host(rows, sinks=[MemorySink()])
    late = views(60, start=LONG_AGO, every=MINUTE)
    await ready.ingest(late, NOON)
    await ready.evaluate(NOON)
    before = await ready.episodes()

    for at in (NOON + MINUTE, NOON + HOUR):
        await ready.ingest(late, at)
        report = await ready.evaluate(at)
        assert report.episodes == []

    assert await ready.episodes() == before


async def test_what_leaves_the_window_within_an_hour_is_late(rows: Rows) -> None:
    """The round that would judge it live may come too late."""
    ready = host(rows)
    edge = NOON - DAY + HOUR

    report = await ready.ingest([activity(edge), activity(edge + 1)], NOON)

    marks = await ready.state.marks.pending(NOON)
    assert report.late == 1
    assert sorted(m.hour for m in marks if m.hour is not None) == [edge]


@pytest.mark.parametrize("resolved", [False, True])
async def test_a_live_hit_and_late_data_are_one_users_story(rows: Rows, resolved: bool) -> None:
    """Both in one tick: the look back first, then the window."""
    ready = await live_episode(rows)
    if resolved:
        (stored,) = await ready.state.episodes.history(USER)
        await ready.state.episodes.write(close(stored.episode, NOON, Ending.RESOLVED), stored)

    await ready.ingest([activity(LONG_AGO), *views(100, start=NOON, every=MINUTE)], NOON + 2 * HOUR)
    await ready.evaluate(NOON + 2 * HOUR)

    episodes = await ready.episodes()
    assert [e.number for e in episodes] == ([1, 2] if resolved else [1])
    assert episodes[-1].is_open


@pytest.mark.parametrize("asleep", [30 * MINUTE, 3 * DAY], ids=["between two rounds", "an outage"])
async def test_what_left_the_window_while_nobody_judged_is_looked_back_at(
    rows: Rows, asleep: int
) -> None:
    ready = host(rows)
    await ready.evaluate(NOON)
    hit = views(41, start=NOON - DAY + HOUR + MINUTE, every=SECOND)
    report = await ready.ingest(hit, NOON)

    await ready.evaluate(NOON + asleep)

    (episode,) = await ready.episodes()
    assert report.late == 0
    assert episode.first_activity == hit[0].at
    assert episode.is_open == (asleep < HOUR)
