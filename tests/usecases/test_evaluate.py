"""Evaluate: who is marked is judged, and the episode goes its way."""

import pytest

from detector.core.activity import user_of
from detector.core.episode import Ending, Transition, close
from detector.core.instant import DAY, HOUR, MINUTE
from detector.ports import Operation, Rows, StoreUnavailableError, Transaction
from detector.state.keys import EPISODES, VERSION, counters_table
from tests.support.activities import ALICE, NOON, RECOMMENDED, SOURCE, activity, tuned, views
from tests.support.hosts import USER, Host, Overtaken, host
from tests.support.sinks import MemorySink

BOB = ALICE._replace(account_object_id="00000000-0000-0000-0000-000000000002")
HIT = views(41, start=NOON - 41 * MINUTE, every=MINUTE)


async def hit_at_noon(rows: Rows) -> Host:
    ready = host(rows)
    await ready.ingest(HIT, NOON)
    await ready.evaluate(NOON)
    return ready


async def hit_again(ready: Host, at: int, count: int = 41) -> list[str]:
    """Other views in the ten minutes before; returns the transitions."""
    await ready.ingest(views(count, start=at - 10 * MINUTE), at)
    return [transition for transition, _ in (await ready.evaluate(at)).episodes]


async def test_41_actions_open_an_episode_and_40_do_not(rows: Rows) -> None:
    ready = host(rows)
    await ready.ingest([*HIT, *views(40, start=NOON - HOUR, session=BOB)], NOON)

    report = await ready.evaluate(NOON)

    assert (report.users, report.hits, report.windows_changed) == (2, 1, 2)
    assert [(t, e.user) for t, e in report.episodes] == [(Transition.OPENED, USER)]
    assert [user for user, _ in report.windows] == [USER]
    assert len(await ready.episodes(user_of(BOB))) == 0


async def test_who_is_not_marked_is_not_read(rows: Rows) -> None:
    ready = await hit_at_noon(rows)

    watched = Overtaken(rows, 10**6, lambda: ready.evaluate(0))
    report = await host(watched).evaluate(NOON + MINUTE)

    assert report.users == 0
    assert not [call for call in watched.calls if "counters" in call or "episodes" in call]


async def test_a_hit_is_judged_again_when_its_oldest_activity_leaves(rows: Rows) -> None:
    ready = await hit_at_noon(rows)
    leaves = HIT[0].at + DAY

    assert await ready.state.marks.next_due() == leaves
    assert (await ready.evaluate(leaves - 1)).users == 0
    report = await ready.evaluate(leaves)

    assert [t for t, _ in report.episodes] == [Transition.CLOSED]
    (episode,) = await ready.episodes()
    assert (episode.ending, episode.closed_at) == (Ending.BELOW, leaves)
    assert await ready.state.marks.next_due() is None


async def test_a_window_that_is_empty_has_no_row(rows: Rows) -> None:
    ready = await hit_at_noon(rows)

    report = await ready.evaluate(NOON + DAY)

    assert report.windows_changed == 1
    assert await ready.state.windows.every() == []


@pytest.mark.parametrize(
    ("after", "expected"),
    [(2 * HOUR, (1, Transition.REOPENED)), (2 * HOUR + 1, (2, Transition.OPENED))],
    ids=["within two hours", "a tick later"],
)
async def test_a_hit_after_a_close_reopens_within_two_hours(rows: Rows, after, expected) -> None:
    ready = await hit_at_noon(rows)
    closed = HIT[0].at + DAY
    await ready.evaluate(closed)

    transitions = await hit_again(ready, closed + after)

    episodes = await ready.episodes()
    assert (episodes[-1].number, transitions[-1]) == expected
    assert episodes[-1].is_open


async def test_an_episode_of_seven_days_closes_and_the_next_opens(rows: Rows) -> None:
    ready = await hit_at_noon(rows)

    # A week of hits every twelve hours; the last is half a day past the seventh.
    seen = [t for n in range(1, 16) for t in await hit_again(ready, NOON + n * 12 * HOUR)]
    (closed,) = await ready.episodes()
    after = await hit_again(ready, NOON + 8 * DAY)

    assert seen[-1] == "closed"
    assert set(seen[:-1]) == {"escalated"}
    assert (closed.ending, closed.closed_at) == (Ending.AGE, NOON + 15 * 12 * HOUR)
    assert after == ["opened"]
    assert [episode.number for episode in await ready.episodes()] == [1, 2]


class TestResolved:
    async def resolve(self, ready: Host, at: int) -> None:
        """As feedback does when a person has resolved the incident."""
        stored = (await ready.state.episodes.history(USER))[-1]
        await ready.state.episodes.write(close(stored.episode, at, Ending.RESOLVED), stored)

    async def test_what_was_resolved_does_not_open_again(self, rows: Rows) -> None:
        ready = await hit_at_noon(rows)
        await self.resolve(ready, NOON + HOUR)
        await ready.ingest(views(40, start=NOON + 2 * HOUR), NOON + 3 * HOUR)

        report = await ready.evaluate(NOON + 3 * HOUR)

        assert report.episodes == []
        assert [e.is_open for e in await ready.episodes()] == [False]
        row = await ready.state.windows.get(USER)
        assert row is not None
        assert (row.values["TotalActions"], row.values["IsHit"]) == (81, True)

    async def test_enough_later_activities_open_the_next_episode(self, rows: Rows) -> None:
        ready = await hit_at_noon(rows)
        await self.resolve(ready, NOON + HOUR)
        await ready.ingest(views(41, start=NOON + 2 * HOUR), NOON + 3 * HOUR)

        report = await ready.evaluate(NOON + 3 * HOUR)

        assert [(t, e.number, e.total_actions) for t, e in report.episodes] == [
            (Transition.OPENED, 2, 41)
        ]


class TestPolicyChange:
    async def test_another_policy_judges_every_user_of_its_window(self, rows: Rows) -> None:
        first = await hit_at_noon(rows)
        await first.ingest(views(10, start=NOON, session=BOB), NOON)
        await first.evaluate(NOON + MINUTE)
        stricter = host(rows, policy=tuned(bulk_access=5))

        report = await stricter.evaluate(NOON + 2 * MINUTE)

        assert (report.users, report.hits) == (2, 2)
        assert (await stricter.evaluate(NOON + 3 * MINUTE)).users == 0

    async def test_a_first_policy_is_no_change(self, rows: Rows) -> None:
        ready = host(rows)

        await ready.evaluate(NOON)

        assert await ready.state.meta.text("policy") == RECOMMENDED.fingerprint
        assert await ready.state.marks.pending(NOON) == []

    async def test_a_laxer_policy_closes(self, rows: Rows) -> None:
        await hit_at_noon(rows)

        report = await host(rows, policy=tuned(bulk_access=1_000)).evaluate(NOON + MINUTE)

        assert [t for t, _ in report.episodes] == [Transition.CLOSED]

    async def test_an_incident_says_whether_the_source_query_fired_too(self, rows: Rows) -> None:
        ready = host(rows, policy=tuned(bulk_access=5))
        await ready.ingest([*HIT, *views(6, start=NOON - HOUR, session=BOB)], NOON)

        await ready.evaluate(NOON)

        alone = {
            e.user: e.source_alone for e in [s.episode for s in await ready.state.episodes.every()]
        }
        assert alone == {USER: True, user_of(BOB): False}
        assert SOURCE.access_threshold.bulk_access == 40


class TestCompaction:
    async def test_evaluation_merges_what_it_has_loaded(self, rows: Rows) -> None:
        ready = host(rows)
        hour = NOON - NOON % HOUR
        for number in range(30):
            await ready.ingest([activity(hour + number)], NOON)

        await ready.evaluate(NOON)

        assert len(await ready.state.ledger.rows_of(USER)) == 1
        assert await ready.state.marks.pending(NOON) == []
        row = await ready.state.windows.get(USER)
        assert row is not None
        assert row.values["TotalActions"] == 30


class TestNewerRows:
    """After a rollback, rows of the newer version stay, and so do the marks of their users."""

    async def make_newer(self, rows: Rows, table: str, user: str = USER) -> None:
        for row in await rows.scan_all(table):
            if row.key.startswith(user):
                values = {**row.values, "V": VERSION + 1}
                operation = Operation("upsert", row.key, values)
                await rows.submit(Transaction(table, row.partition, [operation]))

    @pytest.mark.parametrize("table", [EPISODES, counters_table(NOON)])
    async def test_its_user_is_left_alone_and_others_are_judged(
        self, rows: Rows, table: str
    ) -> None:
        ready = await hit_at_noon(rows)
        await self.make_newer(rows, table)
        newer, window = await rows.scan_all(table), await ready.state.windows.get(USER)
        await ready.ingest([activity(NOON), *views(41, start=NOON, session=BOB)], NOON + MINUTE)

        report = await ready.evaluate(NOON + MINUTE)

        assert report.newer_rows > 0
        assert [e.user for _, e in report.episodes] == [user_of(BOB)]
        assert {m.user for m in await ready.state.marks.pending(NOON + MINUTE)} == {USER}
        kept = {row.key: row for row in await rows.scan_all(table)}
        assert [kept[row.key] for row in newer] == newer
        assert await ready.state.windows.get(USER) == window

    async def test_a_hit_is_a_hit_whatever_cannot_be_read(self, rows: Rows) -> None:
        ready = host(rows)
        await ready.ingest([activity(NOON - 5 * HOUR)], NOON)
        await self.make_newer(rows, counters_table(NOON))
        await ready.ingest(HIT, NOON)

        report = await ready.evaluate(NOON)

        assert (report.hits, report.newer_rows) == (1, 1)
        assert [t for t, _ in report.episodes] == [Transition.OPENED]


async def test_a_store_that_fails_at_every_call_in_turn_delays_and_loses_nothing(
    rows: Rows,
) -> None:
    ready = host(rows)
    await ready.ingest([*HIT, *views(41, start=NOON - HOUR, session=BOB)], NOON)

    async def fail() -> None:
        raise StoreUnavailableError

    at = 0
    while True:
        slow = Overtaken(rows, at, fail)
        try:
            await host(slow).evaluate(NOON)
        except StoreUnavailableError:
            at += 1
            continue
        break

    episodes = [stored.episode for stored in await ready.state.episodes.every()]
    assert at > 10
    assert sorted((e.user, e.number, e.revision) for e in episodes) == sorted(
        [(USER, 1, 1), (user_of(BOB), 1, 1)]
    )
    assert await ready.state.marks.pending(NOON) == []


async def test_an_episode_is_asked_to_be_sent_for_as_long_as_a_sink_lacks_it(rows: Rows) -> None:
    ready = host(rows, sinks=[MemorySink()])
    await ready.ingest(HIT, NOON)
    await ready.evaluate(NOON)
    (mark,) = await ready.state.marks.outbox()
    await ready.state.marks.clear(mark)  # as if the process had died before it was set

    await ready.ingest(HIT[:1], NOON + MINUTE)
    await ready.evaluate(NOON + MINUTE)

    assert len(await ready.state.marks.outbox()) == 1


async def test_a_tick_is_remembered(rows: Rows) -> None:
    ready = host(rows)

    await ready.evaluate(NOON)

    assert await ready.state.meta.instant("tick") == NOON


async def test_what_breaks_one_users_evaluation_holds_up_nobody_else(rows: Rows) -> None:
    ready = host(rows)
    await ready.ingest([*HIT, *views(41, start=NOON - HOUR, session=BOB)], NOON)

    async def fail() -> None:
        raise RuntimeError("what nobody has thought of")

    shared = 8  # requests before the first user
    report = await host(Overtaken(rows, shared, fail)).evaluate(NOON)

    assert (report.users, report.hits, report.failed) == (1, 1, {"RuntimeError": 1})
    assert len(await ready.state.marks.pending(NOON)) == 1
