"""What `health` says, at which instant it turns red, and what it counts."""

from dataclasses import replace

import pytest

from detector.core.instant import HOUR, MINUTE
from detector.core.reading import Message
from detector.health import SILENT_AFTER, TIMER_IS_DEAD_AFTER, UNJUDGED_FOR, begun, examine
from detector.ports import Rows
from detector.progress import progress
from detector.state.keys import META
from detector.state.meta import MOST_UNMAPPED, OTHER, SourceState
from detector.state.store import State
from detector.wiring import make_detector
from tests.support.activities import NOON, RECOMMENDED

HUB = "example.servicebus.windows.net/cloudappevents/0"


async def faults(rows: Rows, now: int) -> object:
    detector = make_detector(rows, RECOMMENDED, [])
    return (await examine(detector.state, detector.dispatcher, RECOMMENDED, now))["faults"]


async def ticking(rows: Rows, now: int) -> State:
    """A store whose timer works and whose source was just heard."""
    state = State(rows)
    await begun(state, NOON)
    await state.meta.set_instant("tick", now)
    await state.meta.change_source(HUB, lambda s: replace(s, received_at=now))
    return state


async def test_the_first_call_starts_the_clock_of_silence(rows: Rows) -> None:
    state = State(rows)

    instants = [await begun(state, NOON), await begun(state, NOON + HOUR)]

    assert instants == [NOON, NOON]


async def test_never_having_heard_of_a_source_is_a_fault(rows: Rows) -> None:
    state = State(rows)
    await begun(state, NOON)
    await state.meta.set_instant("tick", NOON + SILENT_AFTER + MINUTE)

    assert await faults(rows, NOON + SILENT_AFTER) == []
    assert await faults(rows, NOON + SILENT_AFTER + MINUTE) == [
        "no source has ever been heard of, for 21,660 s"
    ]


async def test_a_timer_that_never_ticked_is_a_fault(rows: Rows) -> None:
    await begun(State(rows), NOON)

    assert await faults(rows, NOON + TIMER_IS_DEAD_AFTER) == []
    assert await faults(rows, NOON + TIMER_IS_DEAD_AFTER + MINUTE) == [
        "timer: no evaluation ever, for 360 s"
    ]


async def test_one_silent_partition_among_others_is_a_fault(rows: Rows) -> None:
    now = NOON + SILENT_AFTER + MINUTE
    state = await ticking(rows, now)
    await state.meta.change_source("other/hub/1", lambda s: replace(s, received_at=NOON))

    assert await faults(rows, now) == ["other/hub/1: no event for 21,660 s"]


async def test_a_change_that_nobody_judges_is_a_fault(rows: Rows) -> None:
    now = NOON + UNJUDGED_FOR + MINUTE
    state = await ticking(rows, now)
    await state.marks.set_dirty(["0" * 32], NOON)

    assert await faults(rows, now - MINUTE) == []
    assert await faults(rows, now) == ["backlog: the oldest change is not judged for 960 s"]


async def test_a_look_that_is_only_now_due_is_no_backlog(rows: Rows) -> None:
    now = NOON + 24 * HOUR
    state = await ticking(rows, now)
    await state.marks.set_due("0" * 32, now, NOON)

    assert await faults(rows, now) == []


async def test_health_counts_what_the_issue_asks_for(rows: Rows) -> None:
    state = await ticking(rows, NOON + MINUTE)
    heard = await state.meta.source(HUB)
    counted = replace(heard, late=1, skewed=2, rejected=3, gaps=4, recreated=5)
    await state.meta.change_source(HUB, lambda _: counted)
    await state.meta.set_text("dead_letters", "6")
    await state.marks.set_dirty(["0" * 32], NOON)
    await state.meta.add_unmapped({"confluence_new": 7}, NOON)
    detector = make_detector(rows, RECOMMENDED, [])

    found = await examine(state, detector.dispatcher, RECOMMENDED, NOON + MINUTE)

    assert found["sources"] == [
        {
            "source": HUB,
            "last_event_age_seconds": (NOON + MINUTE) // 10**7,
            "received_seconds_ago": 0,
            "late": 1,
            "skewed": 2,
            "rejected": 3,
            "missing_messages": 4,
            "hub_recreated": 5,
        }
    ]
    assert (found["dead_letters"], found["dirty_backlog"]) == (6, 1)
    assert (found["oldest_dirty_seconds"], found["newer_rows"]) == (60, 0)
    assert found["unmapped_actions"] == {"confluence_new": 7}
    assert (found["status"], found["windows_complete"]) == ("healthy", False)


def batch(first: int, last: int, enqueued: int) -> list[Message]:
    return [Message(b"", HUB, n, enqueued + n) for n in range(first, last + 1)]


@pytest.mark.parametrize(
    ("batches", "gaps", "recreated", "last"),
    [
        pytest.param([batch(500, 509, NOON)], 0, 0, 509, id="the first batch of all"),
        pytest.param([batch(0, 9, NOON), batch(10, 19, NOON)], 0, 0, 19, id="one after the other"),
        pytest.param([batch(0, 9, NOON), batch(13, 19, NOON)], 3, 0, 19, id="three are missing"),
        pytest.param([batch(0, 9, NOON), batch(5, 14, NOON)], 0, 0, 14, id="an overlap"),
        pytest.param(
            [batch(0, 99, NOON), batch(10, 19, NOON), batch(100, 109, NOON)],
            0,
            0,
            109,
            id="a zombie's batch in between",
        ),
        pytest.param(
            [batch(0, 99, NOON), batch(0, 9, NOON + HOUR), batch(10, 19, NOON + HOUR)],
            0,
            1,
            19,
            id="a hub made anew",
        ),
        pytest.param(
            [batch(0, 9, NOON), batch(0, 3, NOON + HOUR), batch(6, 8, NOON + HOUR)],
            2,
            1,
            8,
            id="a gap in the new hub",
        ),
    ],
)
def test_gaps_are_messages_that_never_came(batches, gaps: int, recreated: int, last: int) -> None:
    state = SourceState(source=HUB)

    for messages in batches:
        state = progress(state, messages, NOON + HOUR)

    assert (state.gaps, state.recreated, state.last_sequence) == (gaps, recreated, last)


async def test_invented_actions_make_no_more_rows_than_the_cap(rows: Rows) -> None:
    state = State(rows)
    for round_ in range(3):
        names = {f"invented_{round_}_{n:04}": 1 for n in range(500)}
        await state.meta.add_unmapped({**names, "x" * 1_000: 1, "confluence_new": 2}, NOON)

    kept = await state.meta.unmapped()

    assert len(await rows.scan(META, "unmapped")) == len(kept) == MOST_UNMAPPED + 1
    assert sum(kept.values()) == 3 * 503
    assert kept["confluence_new"] == 6
    assert kept[OTHER] > 1_000
    assert max(map(len, kept)) <= 100
