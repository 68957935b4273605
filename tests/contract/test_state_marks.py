"""What marks, episodes and windows promise over every store."""

from dataclasses import replace

import pytest

from detector.core.activity import user_of
from detector.core.episode import Delivery, Ending, Episode, Status, advance, close
from detector.core.instant import DAY, HOUR, MINUTE
from detector.ports import ConflictError, Operation, Row, Rows, Transaction
from detector.state.episodes import StoredEpisode
from detector.state.keys import EPISODES, MARKS, VERSION, WINDOWS, NewerRowError, bucket_of
from detector.state.marks import Mark
from detector.state.store import State
from tests.support.activities import ALICE, NOON, activity, judgement, verdict, views

USER = user_of(ALICE)
OTHER = user_of(ALICE._replace(account_object_id="other"))


def shown(marks: list[Mark]) -> list[tuple[str, str]]:
    return [(mark.partition.split("|")[0], mark.user) for mark in marks]


async def make_newer(rows: Rows, table: str, row: Row) -> None:
    """As a later version of this code would have written it."""
    values = {"V": VERSION + 1, "Unknown": "yes"}
    await rows.submit(Transaction(table, row.partition, [Operation("upsert", row.key, values)]))


class TestMarks:
    async def test_what_is_marked_is_pending_oldest_first(self, state: State) -> None:
        await state.marks.set_dirty([USER], NOON + MINUTE)
        await state.marks.set_dirty([OTHER], NOON)

        pending = await state.marks.pending(NOON + HOUR)

        assert shown(pending) == [("dirty", OTHER), ("dirty", USER)]
        assert [mark.since for mark in pending] == [NOON, NOON + MINUTE]

    async def test_a_user_of_every_bucket_is_found(self, state: State) -> None:
        users = [f"{n:02x}" + "0" * 30 for n in range(64)]

        await state.marks.set_dirty(users, NOON)

        assert sorted(m.user for m in await state.marks.pending(NOON)) == users

    async def test_a_cleared_mark_is_gone(self, state: State) -> None:
        await state.marks.set_dirty([USER], NOON)
        (mark,) = await state.marks.pending(NOON)

        assert await state.marks.clear(mark)

        assert await state.marks.pending(NOON) == []
        assert not await state.marks.clear(mark)

    async def test_a_mark_that_was_set_again_is_not_cleared(self, state: State) -> None:
        await state.marks.set_dirty([USER], NOON)
        (mark,) = await state.marks.pending(NOON)
        await state.marks.set_dirty([USER], NOON)

        assert not await state.marks.clear(mark)

        assert shown(await state.marks.pending(NOON)) == [("dirty", USER)]

    async def test_a_mark_that_was_cleared_and_set_again_is_not_cleared(self, state: State) -> None:
        await state.marks.set_dirty([USER], NOON)
        (mark,) = await state.marks.pending(NOON)
        await state.marks.clear(mark)
        await state.marks.set_dirty([USER], NOON)

        assert not await state.marks.clear(mark)

    async def test_late_data_marks_each_hour_it_touches_once(self, state: State) -> None:
        instants = [NOON - 30 * HOUR, NOON - 30 * HOUR + MINUTE, NOON - 28 * HOUR]

        await state.marks.set_late([activity(at) for at in instants], NOON)

        pending = await state.marks.pending(NOON)
        assert shown(pending) == [("late", USER)] * 2
        assert [mark.hour for mark in pending] == [NOON - 30 * HOUR, NOON - 28 * HOUR]

    async def test_a_due_mark_waits_for_its_instant(self, state: State) -> None:
        await state.marks.set_due(USER, NOON + HOUR, NOON)
        await state.marks.set_due(OTHER, NOON + DAY, NOON)

        assert await state.marks.pending(NOON + HOUR - 1) == []
        assert shown(await state.marks.pending(NOON + HOUR)) == [("due", USER)]
        assert await state.marks.next_due() == NOON + HOUR

    async def test_without_a_due_mark_nothing_is_next(self, state: State) -> None:
        await state.marks.set_dirty([USER], NOON)

        assert await state.marks.next_due() is None

    async def test_instants_before_1970_are_due_at_once(self, state: State) -> None:
        await state.marks.set_due(USER, -DAY, NOON)

        assert shown(await state.marks.pending(0)) == [("due", USER)]

    async def test_the_outbox_is_a_list_of_its_own_oldest_first(self, state: State) -> None:
        await state.marks.set_outbox(USER, 12, NOON + 1)
        await state.marks.set_outbox(OTHER, 1, NOON)
        await state.marks.set_outbox(USER, 12, NOON + 1)

        outbox = await state.marks.outbox()

        assert [mark.key for mark in outbox] == [f"{OTHER}|000001", f"{USER}|000012"]
        assert await state.marks.pending(NOON + DAY) == []
        assert await state.marks.clear(outbox[0])
        assert [mark.user for mark in await state.marks.outbox()] == [USER]

    async def test_a_newer_mark_is_left_alone(self, state: State, rows: Rows) -> None:
        await state.marks.set_dirty([USER, OTHER], NOON)
        await state.marks.set_due(USER, NOON, NOON)
        await state.marks.set_outbox(USER, 1, NOON)
        for row in await rows.scan_all(MARKS):
            if OTHER not in row.key:
                await make_newer(rows, MARKS, row)

        assert shown(await state.marks.pending(NOON)) == [("dirty", OTHER)]
        assert await state.marks.outbox() == []
        assert await state.marks.next_due() is None


def opened(number: int = 1, at: int = NOON) -> Episode:
    change = advance(None, judgement(views(41, start=at - HOUR), at))
    assert change is not None
    return replace(change[0], number=number)


async def write(state: State, episode: Episode, read: StoredEpisode | None = None) -> StoredEpisode:
    await state.episodes.write(episode, read)
    stored = await state.episodes.get(episode.user, episode.number)
    assert stored is not None
    return stored


class TestEpisodes:
    async def test_an_episode_comes_back_to_the_letter(self, state: State) -> None:
        delivery = Delivery(
            status=Status.LEASED, attempts=3, lease_until=NOON, alert_id="a", error='"ü"\n'
        )
        episode = replace(
            close(opened(), NOON + HOUR, Ending.AGE),
            deliveries={"defender": delivery, "file": Delivery()},
            account_display_name="Zoë 漢字 'quoted'",
        )

        stored = await write(state, episode)

        assert stored.episode == episode
        assert (await state.episodes.history(USER))[0] == stored
        assert await state.episodes.every() == [stored]

    async def test_what_a_person_reads_stands_in_columns(self, state: State) -> None:
        stored = await write(state, opened())

        values = stored.row.values
        names = ("State", "Severity", "TotalActions", "AccountDisplayName", "OpenedAt")
        assert [values[name] for name in names] == [
            "open",
            "medium",
            41,
            "Alice",
            "2026-03-11T12:00:00.0000000Z",
        ]

    async def test_nobody_has_no_episode(self, state: State) -> None:
        assert await state.episodes.history(USER) == []
        assert await state.episodes.get(USER, 1) is None
        assert await state.episodes.every() == []

    async def test_the_first_episode_is_opened_once(self, state: State) -> None:
        first = await write(state, opened())

        with pytest.raises(ConflictError):
            await state.episodes.write(opened(at=NOON + MINUTE), None)

        assert await state.episodes.history(USER) == [first]

    async def test_an_episode_is_written_only_over_what_was_read(self, state: State) -> None:
        read = await write(state, opened())
        closed = await write(state, close(read.episode, NOON + HOUR, Ending.BELOW), read)

        with pytest.raises(ConflictError):
            await state.episodes.write(replace(read.episode, as_of=NOON + 2 * HOUR), read)

        assert await state.episodes.history(USER) == [closed]

    async def test_the_next_episode_fails_where_the_last_was_reopened(self, state: State) -> None:
        read = await write(state, close(opened(), NOON, Ending.BELOW))
        reopened = await write(state, replace(read.episode, is_open=True), read)

        with pytest.raises(ConflictError):
            await state.episodes.write(opened(2), read)

        assert await state.episodes.history(USER) == [reopened]

    async def test_the_last_is_not_reopened_where_the_next_was_opened(self, state: State) -> None:
        read = await write(state, close(opened(), NOON, Ending.BELOW))
        await write(state, opened(2), read)

        with pytest.raises(ConflictError):
            await state.episodes.write(replace(read.episode, is_open=True), read)

        history = [
            (s.episode.number, s.episode.is_open) for s in await state.episodes.history(USER)
        ]
        assert history == [(1, False), (2, True)]

    async def test_a_history_is_in_order_of_numbers(self, state: State) -> None:
        stored = await write(state, opened())
        for number in range(2, 13):
            stored = await write(state, opened(number, NOON + number), stored)

        numbers = [s.episode.number for s in await state.episodes.history(USER)]
        newest_first = [s.episode.number for s in await state.episodes.every()]
        assert numbers == list(range(1, 13))
        assert newest_first == numbers[::-1]

    async def test_an_episode_is_deleted_only_as_it_was_read(self, state: State) -> None:
        read = await write(state, opened())
        changed = await write(state, replace(read.episode, as_of=NOON + 1), read)

        with pytest.raises(ConflictError):
            await state.episodes.delete(read)
        await state.episodes.delete(changed)

        assert await state.episodes.history(USER) == []

    async def test_a_history_with_a_newer_episode_is_refused(
        self, state: State, rows: Rows
    ) -> None:
        first = await write(state, opened())
        second = await write(state, opened(2), first)
        await make_newer(rows, EPISODES, second.row)

        with pytest.raises(NewerRowError, match=USER):
            await state.episodes.history(USER)

        assert [s.episode.number for s in await state.episodes.every()] == [1]
        assert await state.episodes.history(OTHER) == []


class TestWindows:
    async def put(self, state: State, made, at: int = NOON, before: Row | None = None) -> bool:
        found = verdict(made, at)
        return await state.windows.put(USER, found, at + DAY, before)

    async def test_a_window_is_the_query_s_row_and_what_judged_it(self, state: State) -> None:
        await self.put(state, views(41, start=NOON - HOUR, title="Über", space="S"))

        row = await state.windows.get(USER)

        assert row is not None
        expected = {
            "Timestamp": "2026-03-11T11:00:00.0000000Z",
            "LastActivity": "2026-03-11T11:00:40.0000000Z",
            "TotalActions": 41,
            "UniquePages": 1,
            "AccessRatePerMinute": 41.0,
            "SampleTitles": '["Über"]',
            "Gates": '["bulk_access"]',
            "IsHit": True,
            "SessionCount": 1,
            "Unread": 0,
            "AsOf": "2026-03-11T12:00:00.0000000Z",
        }
        assert {name: row.values[name] for name in expected} == expected
        assert len(row.values) == 25

    async def test_a_put_tells_whether_the_window_says_something_else(self, state: State) -> None:
        made = views(3, start=NOON - HOUR)

        assert await self.put(state, made)
        before = await state.windows.get(USER)
        assert not await self.put(state, made, NOON + HOUR, before)
        before = await state.windows.get(USER)
        assert await self.put(state, [*made, *views(1)], NOON + HOUR, before)
        before = await state.windows.get(USER)
        assert await self.put(state, [], NOON + 2 * DAY, before)
        assert not await self.put(state, [], NOON + 2 * DAY, None)

        assert await state.windows.get(USER) is None

    @pytest.mark.parametrize("now_there", [True, False], ids=["rewritten", "first written"])
    @pytest.mark.parametrize("empty", [True, False], ids=["nothing left", "something left"])
    async def test_a_window_that_was_written_since_is_not_overwritten(
        self, state: State, now_there: bool, empty: bool
    ) -> None:
        if now_there:
            await self.put(state, views(1))
        before = await state.windows.get(USER)
        if empty and not now_there:
            assert not await self.put(state, [], NOON, before)
            return
        await self.put(state, views(3), NOON, before)

        with pytest.raises(ConflictError):
            await self.put(state, [] if empty else views(2), NOON, before)

        row = await state.windows.get(USER)
        assert row is not None
        assert row.values["TotalActions"] == 3

    async def test_a_window_of_the_longest_texts_fits(self, state: State) -> None:
        made = [
            activity(
                NOON,
                action,
                title=f"{n:03}" + "😀" * 997,
                session=ALICE._replace(ip_address=f"192.0.2.{n % 6}", user_agent="😀" * 1_000),
            )
            for n in range(120)
            for action in ("PageViewed", "ContentExported")
        ]

        assert await self.put(state, made)

        row = await state.windows.get(USER)
        assert row is not None
        assert len(str(row.values["Sessions"])) > 50_000
        texts = [value for value in row.values.values() if isinstance(value, str)]
        assert sum(len(text.encode("utf-16-le")) for text in texts) < 1 << 20

    async def test_only_windows_as_they_were_read_are_deleted(self, state: State) -> None:
        await self.put(state, views(1))
        read = await state.windows.every()
        await self.put(state, views(2), NOON, read[0])

        await state.windows.delete(*read)
        assert len(await state.windows.every()) == 1
        await state.windows.delete(*await state.windows.every())

        assert await state.windows.every() == []

    async def test_users_are_found_by_the_name_they_are_shown_as(self, state: State) -> None:
        await self.put(state, views(1))

        assert await state.windows.users_shown_as("Alice") == [USER]
        assert await state.windows.users_shown_as("alice") == []

    async def test_a_newer_window_is_left_alone(self, state: State, rows: Rows) -> None:
        await self.put(state, views(1))
        (row,) = await state.windows.every()
        await make_newer(rows, WINDOWS, row)
        before = await state.windows.get(USER)

        assert not await self.put(state, views(2), NOON, before)

        assert await rows.get(WINDOWS, bucket_of(USER), USER) == before
