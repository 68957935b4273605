"""DESIGN §5's guard: an evaluator that is overtaken at any of its calls harms nothing.

Each test lets one evaluator begin, lets something else happen right before each of its calls in
turn, and looks at what is left.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest

from detector.adapters.sqlite import SqliteRows
from detector.core.activity import Activity
from detector.core.episode import Ending, Episode
from detector.core.evidence import revisions_until
from detector.core.instant import DAY, HOUR, MINUTE
from detector.core.rules import judge_user
from detector.ports import Rows
from tests.support.activities import ALICE, NOON, RECOMMENDED, WORDS, views
from tests.support.hosts import USER, Host, Overtaken, host

MIDNIGHT = NOON + DAY // 2
HIT = views(41, start=NOON - 41 * MINUTE, every=MINUTE)

Act = Callable[[Host], Awaitable[object]]


async def overtakings(
    folder: Path, *, before: Act, evaluate_at: int, meanwhile: Act
) -> AsyncGenerator[tuple[str, Host]]:
    """For each call of an evaluation: the call it was overtaken before, and a host afterwards."""
    at = 0
    while True:
        rows: Rows = SqliteRows(folder / f"{at}.db", durable=False)
        await before(host(rows))
        slow = Overtaken(rows, at, lambda rows=rows: meanwhile(host(rows)))
        await host(slow).evaluate(evaluate_at)
        if slow.happened:
            yield slow.calls[at], host(rows)
        await rows.close()
        if not slow.happened:
            break
        at += 1


async def the_episode(after: Host) -> Episode:
    (episode,) = await after.episodes()
    return episode


async def revisions(after: Host, episode: Episode) -> list[tuple[str, int]]:
    """What the frozen evidence of each revision says has happened."""
    prepared = await after.state.evidence.of(episode.episode_id)
    frozen = revisions_until(prepared, episode.revision)
    assert frozen[-1].revision == episode.revision
    return [(evidence.transition.value, evidence.total_actions) for evidence in frozen]


async def check_window(after: Host, activities: list[Activity], at: int) -> None:
    """The window is what judging all of the data says, or a mark promises that it will be."""
    verdict = judge_user(activities, at, RECOMMENDED, WORDS["recommended"])
    row = await after.state.windows.get(USER)
    shown = row.values["TotalActions"] if row else 0
    expected = verdict.user_summary.total_actions if verdict.user_summary else 0
    assert shown == expected or await after.state.marks.pending(at)


async def test_one_that_judged_before_a_close_does_not_open_again(tmp_path: Path) -> None:
    later = NOON + DAY
    late = views(30, start=NOON, every=MINUTE)

    async def open_episode(first: Host) -> None:
        await first.ingest(HIT, NOON)
        await first.evaluate(NOON)
        await first.ingest(late, NOON)

    async def close_episode(other: Host) -> None:
        report = await other.evaluate(later)
        assert not report.hits

    calls: list[str] = []
    async for call, after in overtakings(
        tmp_path, before=open_episode, evaluate_at=NOON + HOUR, meanwhile=close_episode
    ):
        episode = await the_episode(after)
        assert not episode.is_open, call
        assert (episode.ending, episode.closed_at) == (Ending.BELOW, later), call
        await check_window(after, late, later)
        assert (await after.evaluate(later)).episodes == [], call
        calls.append(call)

    assert "submit episodes" in calls


@pytest.mark.parametrize("midnight", [False, True], ids=["same day", "first events of a new day"])
async def test_one_that_loaded_before_the_data_does_not_close_what_another_opened(
    tmp_path: Path, midnight: bool
) -> None:
    begin = MIDNIGHT if midnight else NOON
    few = views(5, start=begin - HOUR, every=MINUTE)
    more = views(41, start=begin, every=MINUTE)

    async def mark_user(first: Host) -> None:
        await first.ingest(few, begin)

    async def open_episode(other: Host) -> None:
        await other.ingest(more, begin + HOUR)
        report = await other.evaluate(begin + HOUR)
        assert report.hits == 1

    calls: list[str] = []
    async for call, after in overtakings(
        tmp_path, before=mark_user, evaluate_at=begin + HOUR, meanwhile=open_episode
    ):
        episode = await the_episode(after)
        assert episode.is_open, call
        assert (episode.number, episode.total_actions) == (1, 46), call
        await check_window(after, [*few, *more], begin + HOUR)
        calls.append(call)

    assert "tables" in calls


async def test_two_that_see_the_first_hit_open_one_episode(tmp_path: Path) -> None:
    async def mark_user(first: Host) -> None:
        await first.ingest(HIT, NOON)

    async def open_episode(other: Host) -> None:
        await other.evaluate(NOON + MINUTE)

    async for call, after in overtakings(
        tmp_path, before=mark_user, evaluate_at=NOON, meanwhile=open_episode
    ):
        episode = await the_episode(after)
        assert episode.is_open, call
        assert len(await after.state.evidence.of(episode.episode_id)) == 1, call
        assert len(await after.state.marks.outbox()) == 0, call


async def test_an_escalation_by_another_is_kept(tmp_path: Path) -> None:
    worse = views(90, start=NOON, every=MINUTE)

    async def open_episode(first: Host) -> None:
        await first.ingest(HIT, NOON)
        await first.evaluate(NOON)
        await first.ingest(HIT[:1], NOON)

    async def escalate(other: Host) -> None:
        await other.ingest(worse, NOON + 2 * HOUR)
        await other.evaluate(NOON + 2 * HOUR)

    async for call, after in overtakings(
        tmp_path, before=open_episode, evaluate_at=NOON + HOUR, meanwhile=escalate
    ):
        episode = await the_episode(after)
        assert episode.is_open, call
        assert (episode.total_actions, episode.as_of) == (131, NOON + 2 * HOUR), call
        assert await revisions(after, episode) == [("opened", 41), ("escalated", 131)], call
        await check_window(after, [*HIT, *worse], NOON + 2 * HOUR)


async def test_one_that_would_have_closed_does_not_rewrite_the_evidence(tmp_path: Path) -> None:
    later = NOON + DAY
    few = views(5, start=NOON + HOUR, every=MINUTE)
    worse = views(90, start=NOON + 2 * HOUR, every=MINUTE)

    async def open_episode(first: Host) -> None:
        await first.ingest(HIT, NOON)
        await first.evaluate(NOON)
        await first.ingest(few, NOON + HOUR)

    async def escalate(other: Host) -> None:
        await other.ingest(worse, later)
        await other.evaluate(later)

    calls: list[str] = []
    async for call, after in overtakings(
        tmp_path, before=open_episode, evaluate_at=later, meanwhile=escalate
    ):
        history = await after.episodes()
        told = await revisions(after, history[0])
        if ("closed", 5) in told:
            continue  # it had closed the episode before the new data came
        assert told == [("opened", 41), ("escalated", 95)], call
        calls.append(call)

    assert {"submit evidence", "submit episodes"} <= set(calls)


async def test_a_mark_that_is_set_again_meanwhile_stays(tmp_path: Path) -> None:
    more = views(10, start=NOON, every=MINUTE, session=ALICE)

    async def mark_user(first: Host) -> None:
        await first.ingest(HIT, NOON)

    async def ingest_more(other: Host) -> None:
        await other.ingest(more, NOON + HOUR)

    async for call, after in overtakings(
        tmp_path, before=mark_user, evaluate_at=NOON + HOUR, meanwhile=ingest_more
    ):
        await check_window(after, [*HIT, *more], NOON + HOUR)
        await after.evaluate(NOON + HOUR + MINUTE)
        row = await after.state.windows.get(USER)
        assert row is not None, call
        assert row.values["TotalActions"] == 51, call


async def test_as_of_never_goes_back(tmp_path: Path) -> None:
    async def open_episode(first: Host) -> None:
        await first.ingest(HIT, NOON)
        await first.evaluate(NOON)
        await first.ingest(HIT[:1], NOON)

    async def evaluate_later(other: Host) -> None:
        await other.evaluate(NOON + 3 * HOUR)

    async for call, after in overtakings(
        tmp_path, before=open_episode, evaluate_at=NOON + HOUR, meanwhile=evaluate_later
    ):
        assert (await the_episode(after)).as_of >= NOON + HOUR, call
        if await after.state.marks.pending(NOON + 3 * HOUR) == []:
            continue
        await after.evaluate(NOON + HOUR)
        assert (await the_episode(after)).as_of >= NOON + HOUR, call
