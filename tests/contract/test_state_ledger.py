"""What the ledger promises over every store: nothing lost, nothing counted twice."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from detector.core.activity import Activity, user_of
from detector.core.instant import DAY, HOUR, MINUTE
from detector.ports import Operation, Row, Rows, Transaction
from detector.state.keys import VERSION, bucket_of, counters_table
from detector.state.ledger import MERGE_FROM, Ledger, Loaded
from detector.state.segment import cut
from detector.state.store import State
from tests.support.activities import (
    ALICE,
    NOON,
    RECOMMENDED,
    WORDS,
    activity,
    search,
    summary,
    views,
)

USER = user_of(ALICE)
BOB = ALICE._replace(account_object_id="00000000-0000-0000-0000-000000000002")
TODAY = counters_table(NOON)
EVENTS = views(24, every=MINUTE)
HALVES = [EVENTS[0::2], EVENTS[1::2]]


async def append(ledger: Ledger, *batches: Sequence[Activity]) -> None:
    """The segments of each batch."""
    segments = [segment for batch in batches for segment in cut(batch)]
    await ledger.append(segments, WORDS["recommended"], RECOMMENDED.fingerprint)


async def append_singly(ledger: Ledger, activities: Sequence[Activity]) -> None:
    await append(ledger, *([a] for a in activities))


async def load(ledger: Ledger, user: str = USER, since: int = NOON - DAY) -> Loaded:
    return await ledger.load(user, since, await ledger.days())


async def compact(ledger: Ledger, loaded: Loaded) -> int:
    return await ledger.compact(loaded, WORDS["recommended"], RECOMMENDED.fingerprint)


def levels(loaded: Loaded) -> list[int]:
    return [stored.segment.level for stored in loaded.stored]


def same(loaded: Loaded, expected: Sequence[Activity]) -> bool:
    """Whether exactly these activities are there, each once."""
    found = loaded.activities
    return sorted(found) == sorted(expected)


async def test_what_is_appended_is_loaded(state: State) -> None:
    await append(state.ledger, EVENTS)

    assert same(await load(state.ledger), EVENTS)


@pytest.mark.parametrize(
    "batches",
    [
        [EVENTS, EVENTS],
        [HALVES[0], EVENTS],
        [EVENTS, HALVES[1], HALVES[0]],
        [EVENTS[8:], EVENTS[:16]],
        [[event] for event in reversed(EVENTS)],
        [[*EVENTS, *EVENTS]],
    ],
    ids=["again", "larger", "smaller", "overlapping", "one by one", "twice in one"],
)
async def test_however_batches_are_cut_the_union_is_the_same(state: State, batches) -> None:
    await append(state.ledger, *batches)

    assert same(await load(state.ledger), EVENTS)


async def test_the_same_batch_again_writes_the_same_rows(state: State) -> None:
    await append(state.ledger, EVENTS)
    before = [(table, row.key, row.values) for table, row in await state.ledger.rows_of(USER)]

    await append(state.ledger, EVENTS)

    after = [(table, row.key, row.values) for table, row in await state.ledger.rows_of(USER)]
    assert after == before


async def test_a_load_is_one_users(state: State) -> None:
    same_bucket = next(
        session
        for number in range(1_000)
        if bucket_of(user_of(session := BOB._replace(account_object_id=f"{number}")))
        == bucket_of(USER)
    )
    others = [*views(3, session=BOB), *views(3, session=same_bucket)]

    await append(state.ledger, [*EVENTS, *others])

    assert same(await load(state.ledger), EVENTS)
    assert same(await load(state.ledger, user_of(same_bucket)), others[3:])


async def test_a_load_begins_with_the_hour_and_has_no_end(state: State) -> None:
    instants = [NOON - 30 * HOUR, NOON - 25 * HOUR, NOON - 24 * HOUR, NOON, NOON + 9 * DAY]
    events = [activity(at) for at in instants]
    await append(state.ledger, events)

    loaded = await load(state.ledger, since=NOON - 24 * HOUR + 59 * MINUTE)

    assert same(loaded, events[2:])
    assert len(await state.ledger.days()) == 3


@pytest.mark.parametrize("batches", [1, 3, 24])
async def test_visible_counters_add_up_to_the_truth_right_after_append(
    state: State, batches: int
) -> None:
    events = [
        *EVENTS,
        *(search(NOON + n * HOUR) for n in range(4)),
        *(activity(NOON, "ContentExported") for _ in range(5)),
        *(activity(NOON, "AttachmentDownloaded") for _ in range(6)),
        activity(NOON, "SomethingElse"),
    ]

    await append(state.ledger, *(events[n::batches] for n in range(batches)))

    values = [row.values for _, row in await state.ledger.rows_of(USER)]
    names = ("Activities", "Total", "Sensitive", "Exports", "Downloads")
    sums = {name: sum(int(row[name]) for row in values) for name in names}
    assert sums == {"Activities": 40, "Total": 39, "Sensitive": 4, "Exports": 5, "Downloads": 6}
    assert max(str(row["Last"]) for row in values) == "2026-03-11T15:00:00.0000000Z"
    assert {row["Policy"] for row in values} == {RECOMMENDED.fingerprint}


async def test_a_few_segments_are_left_as_they_are(state: State) -> None:
    await append_singly(state.ledger, EVENTS[: MERGE_FROM - 1])
    loaded = await load(state.ledger)

    assert await compact(state.ledger, loaded) == 0
    assert levels(await load(state.ledger)) == [0] * (MERGE_FROM - 1)


async def test_many_segments_of_an_hour_become_one(state: State) -> None:
    await append_singly(state.ledger, EVENTS[:MERGE_FROM])

    assert await compact(state.ledger, await load(state.ledger)) == MERGE_FROM

    loaded = await load(state.ledger)
    assert levels(loaded) == [1]
    assert same(loaded, EVENTS[:MERGE_FROM])
    ((_, row),) = await state.ledger.rows_of(USER)
    assert (row.values["Activities"], row.values["Total"]) == (MERGE_FROM, MERGE_FROM)


async def test_a_merge_stays_within_one_transaction(state: State) -> None:
    events = views(150, every=1)
    await append_singly(state.ledger, events)

    assert await compact(state.ledger, await load(state.ledger)) == 99

    loaded = await load(state.ledger)
    assert levels(loaded) == [0] * 51 + [1]
    assert same(loaded, events)


async def test_merged_segments_are_merged_again(state: State) -> None:
    events = views(MERGE_FROM * MERGE_FROM, every=1)
    for start in range(0, len(events), MERGE_FROM):
        await append_singly(state.ledger, events[start : start + MERGE_FROM])
        await compact(state.ledger, await load(state.ledger))

    await compact(state.ledger, await load(state.ledger))

    loaded = await load(state.ledger)
    assert levels(loaded) == [2]
    assert same(loaded, events)


async def test_of_two_compactors_one_does_nothing(state: State, other_host: Rows) -> None:
    await append_singly(state.ledger, EVENTS[:MERGE_FROM])
    slow = await load(state.ledger)
    other = Ledger(other_host)
    await compact(other, await load(other))
    before = await state.ledger.rows_of(USER)

    assert await compact(state.ledger, slow) == 0

    assert await state.ledger.rows_of(USER) == before


@pytest.mark.parametrize("again", [1, 5, MERGE_FROM], ids=["one", "some", "all"])
async def test_segments_that_are_written_again_between_two_compactors_lose_nothing(
    state: State, other_host: Rows, again: int
) -> None:
    """A slow compactor, a fast one, a redelivery of what both have merged, and a new event."""
    events = EVENTS[:MERGE_FROM]
    await append_singly(state.ledger, events)
    slow = await load(state.ledger)
    other = Ledger(other_host)
    await compact(other, await load(other))
    await append_singly(other, [*events[:again], EVENTS[-1]])

    await compact(state.ledger, slow)

    assert same(await load(state.ledger), [*events, EVENTS[-1]])


async def test_a_loser_takes_its_merged_row_back(state: State) -> None:
    """It had more to merge than is left: its row must not stay beside what replaced the rest."""
    events = EVENTS[: MERGE_FROM + 1]
    await append_singly(state.ledger, events)
    slow = await load(state.ledger)
    fewer = Loaded(slow.stored[1:])
    await compact(state.ledger, fewer)

    assert await compact(state.ledger, slow) == 0

    loaded = await load(state.ledger)
    assert levels(loaded) == [0, 1]
    assert same(loaded, events)


@dataclass(slots=True)
class Paged:
    """Rows whose scan is read in two pages, between which somebody else merges."""

    rows: Rows
    first_page: int
    merging: Ledger
    done: list[int] = field(default_factory=list[int])

    async def scan(
        self, table: str, partition: str, *, start: str = "", end: str = "~"
    ) -> list[Row]:
        first = (await self.rows.scan(table, partition, start=start, end=end))[: self.first_page]
        if not self.done:
            self.done.append(await compact(self.merging, await load(self.merging)))
        after = f"{first[-1].key}\0" if first else start
        return [*first, *await self.rows.scan(table, partition, start=after, end=end)]


@pytest.mark.parametrize("first_page", [0, 1, 7, 12, 13, 24])
async def test_a_read_in_pages_sees_everything_while_another_merges(
    state: State, rows: Rows, other_host: Rows, first_page: int
) -> None:
    earlier = views(12, start=NOON - HOUR, every=MINUTE)
    await append_singly(state.ledger, [*earlier, *EVENTS[:12]])
    paged = Paged(rows, first_page, Ledger(other_host))

    loaded = await Ledger(paged).load(USER, NOON - DAY, [TODAY])  # type: ignore[arg-type]

    assert paged.done == [24]
    assert same(loaded, [*earlier, *EVENTS[:12]])


async def test_a_saturated_hour_keeps_every_count(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages that were hashed and pages that came again with their titles are the same pages."""
    monkeypatch.setattr("detector.state.segment.FULL_TEXTS", 100)
    first = views(120, every=1)
    again = [activity(a.at + 1, title=a.page_title, space=f"S{n}") for n, a in enumerate(first)]
    await append(state.ledger, *(first[n::12] for n in range(12)))
    await compact(state.ledger, await load(state.ledger))

    await append(state.ledger, again)

    loaded = await load(state.ledger)
    assert levels(loaded) == [0, 1]
    found = summary(loaded.activities, RECOMMENDED)
    assert (found.total_actions, found.unique_pages, found.unique_spaces) == (240, 120, 121)


@pytest.mark.parametrize("broken", ["newer", "payload", "no payload"])
async def test_a_row_that_cannot_be_read_is_counted_and_left_alone(
    state: State, rows: Rows, broken: str
) -> None:
    await append_singly(state.ledger, EVENTS[:MERGE_FROM])
    _, row = (await state.ledger.rows_of(USER))[3]
    changes = {"newer": {"V": VERSION + 1}, "payload": {"Data": b"z?"}, "no payload": {"Data": ""}}
    values = {**row.values, **changes[broken]}
    await rows.submit(Transaction(TODAY, row.partition, [Operation("upsert", row.key, values)]))
    loaded = await load(state.ledger)

    assert (len(loaded.activities), loaded.newer_rows) == (MERGE_FROM - 1, 1)
    assert await compact(state.ledger, loaded) == 0

    left = await rows.get(TODAY, row.partition, row.key)
    assert left is not None
    assert left.values == values


async def test_days_are_listed_and_dropped_whole(state: State) -> None:
    await append(state.ledger, [activity(NOON + n * DAY) for n in range(-1, 2)])

    await state.ledger.drop_day(TODAY)

    assert await state.ledger.days() == [counters_table(NOON - DAY), counters_table(NOON + DAY)]
    assert len((await load(state.ledger, since=NOON - 2 * DAY)).activities) == 2


async def test_users_are_known_by_their_activities_since(state: State) -> None:
    old = ALICE._replace(account_object_id="00000000-0000-0000-0000-000000000003")
    await append(
        state.ledger, [*EVENTS, activity(session=BOB), activity(NOON - 2 * DAY, session=old)]
    )

    assert await state.ledger.user_keys(NOON - DAY) == sorted([USER, user_of(BOB)])
    found = {user: len(activities) async for user, activities in state.ledger.users(NOON - DAY)}
    assert found == {USER: 24, user_of(BOB): 1}
