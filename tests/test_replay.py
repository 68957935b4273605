"""The stream's clock, and what is played at which minute."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from detector import replay as replaying
from detector.adapters.console import ConsoleSink
from detector.adapters.sqlite import SqliteRows
from detector.core.instant import DAY, MINUTE, SECOND, format_instant, parse_instant
from detector.dispatch import DispatchReport
from detector.evaluate import EvaluateReport
from detector.policies import load_policy
from detector.replay import OUTLIER, Replay, StreamClock
from detector.settings import Settings
from detector.wiring import Detector, make_detector, make_source
from tests.sources.rows import dump, lines, record, row

START = parse_instant("2026-03-11T09:00:00Z")
ELSEWHERE = "AdvancedHunting-EmailEvents"


def moves(times):
    """The times a clock moves to while it observes these."""
    clock = StreamClock()
    made = []
    for time in times:
        for now in clock.observe(time):
            clock.now = now
            made.append(now)
    return made


def minutes(*numbers):
    return [START + number * MINUTE for number in numbers]


@pytest.mark.parametrize(
    ("times", "moved"),
    [
        ([], []),
        ([0], []),
        ([0, 0], [0]),
        ([0, 1, 2], [0, 1, 2]),
        ([0, 2, 1, 3], [0, 2, 3]),
        ([0, 15], [0, 15]),
        ([0, 1, 100, 2], [0, 1, 2]),
        ([0, 1, 100, 101], [0, 1, 100, 101]),
        ([0, 1, 100, 86], [0, 1, 100]),
        ([0, 1, 100, 84], [0, 1]),
        ([0, 1, 100, 84, 85], [0, 1, 84, 85]),
        ([0, 60, 120, 180], [0, 60, 120]),
        ([100, 0, 1], [0, 1]),
        ([0, 100, 101], [0, 100, 101]),
    ],
    ids=str,
)
def test_the_clock_moves_to_the_latest_time_that_a_neighbour_confirms(times, moved):
    assert moves(minutes(*times)) == minutes(*moved)


def test_a_time_exactly_at_the_limit_is_no_outlier():
    assert moves([START, START, START + OUTLIER]) == [START, START + OUTLIER]
    assert moves([START, START, START + OUTLIER + 1]) == [START]


close_times = st.lists(st.integers(0, 14 * 60), min_size=2).map(
    lambda steps: [START + sum(steps[:n]) * SECOND for n in range(1, len(steps) + 1)]
)


@given(st.lists(st.integers(0, 600)).map(lambda numbers: minutes(*numbers)))
def test_the_clock_never_goes_back(times):
    assert all(before < after for before, after in pairwise(moves(times)))


@given(times=close_times, place=st.integers(1, 100), ahead=st.integers(1, 10**6))
def test_one_outlier_changes_no_move(times, place, ahead):
    place = min(place, len(times) - 1)
    outlier = times[place] + OUTLIER + ahead * SECOND

    assert moves([*times[:place], outlier, *times[place:]]) == moves(times)


@dataclass
class Player:
    """A replay under the recommended policy, and what its ticks saw."""

    replay: Replay
    detector: Detector
    ticks: list[str] = field(default_factory=list)
    episodes: list[tuple[str, str, str]] = field(default_factory=list)

    async def feed(self, *records):
        source = make_source(self.detector, Settings(), clocked=True)
        await self.replay.feed(source.read(lines(*map(dump, records))))

    async def stored(self):
        clock = await self.detector.state.meta.instant("clock")
        return None if clock is None else format_instant(clock)[11:16]


@pytest.fixture
async def rows(tmp_path):
    store = SqliteRows(tmp_path / "state.db", durable=False)
    yield store
    await store.close()


@pytest.fixture
async def player(rows):
    return await begin(rows)


async def begin(rows):
    detector = make_detector(rows, load_policy("recommended"), [ConsoleSink(Console(quiet=True))])

    async def on_tick(evaluated: EvaluateReport, dispatched: DispatchReport) -> None:
        minute = format_instant(evaluated.at)[5:16]
        playing.ticks.append(minute)
        playing.episodes.extend(
            (minute, change.value, episode.account_display_name)
            for change, episode in sorted(evaluated.episodes, key=str)
        )

    playing = Player(
        replay=Replay(
            state=detector.state,
            policy=detector.policy,
            vocabulary=detector.vocabulary,
            evaluator=detector.evaluator,
            dispatcher=detector.dispatcher,
            on_tick=on_tick,
        ),
        detector=detector,
    )
    await playing.replay.begin()
    return playing


def at(time, day=11):
    """A record of another table, received then."""
    return record({}, category=ELSEWHERE, time=f"2026-03-{day}T{time}Z")


def export(name, time, received=None):
    """A whole space exported, which opens an episode."""
    columns = row(
        ActionType="SpaceExported",
        AccountObjectId="",
        AccountDisplayName=name,
        Timestamp=f"2026-03-11T{time}Z",
        RawEventData={},
    )
    return record(columns, time=f"2026-03-11T{received or time}Z")


async def test_a_tick_comes_with_each_minute_boundary_that_is_crossed(player):
    times = ("09:30:10", "09:30:50", "09:31:00", "09:31:59", "09:32:01")

    await player.feed(*map(at, times))
    await player.replay.finish()

    assert player.ticks == ["03-11T09:31", "03-11T09:32", "03-11T09:33"]


async def test_what_came_before_a_boundary_is_judged_at_it_and_what_came_after_is_not(player):
    await player.feed(
        export("Alice", "09:30:10"), at("09:30:59"), export("Bob", "09:31:00"), at("09:32:30")
    )
    await player.replay.finish()

    assert player.episodes == [
        ("03-11T09:31", "opened", "Alice"),
        ("03-11T09:32", "opened", "Bob"),
    ]


async def test_minutes_in_which_nothing_can_change_are_skipped(player):
    await player.feed(at("09:30:10"), at("09:44:00"), at("12:00:00"), at("12:00:10"))
    await player.replay.finish()

    assert player.ticks == ["03-11T09:31", "03-11T09:45", "03-11T12:01"]


async def test_an_episode_closes_at_its_minute_within_a_gap_of_days(player):
    exported = export("Alice", "09:30:00.1234567")

    await player.feed(exported, at("09:30:10"), at("08:00:00", 16), at("08:00:30", 16))
    await player.replay.finish()

    assert player.episodes == [
        ("03-11T09:31", "opened", "Alice"),
        ("03-12T09:31", "closed", "Alice"),
    ]
    assert player.ticks == ["03-11T09:31", "03-12T09:31", "03-16T08:01"]


async def test_an_activity_that_leaves_on_the_minute_closes_the_episode_on_that_minute(player):
    exported = export("Alice", "09:30:00")

    await player.feed(exported, at("09:30:10"), at("12:00:00", 13), at("12:00:00", 13))
    await player.replay.finish()

    assert player.episodes[-1] == ("03-12T09:30", "closed", "Alice")


async def test_a_confirmed_jump_is_judged_after_what_came_before_it(player):
    await player.feed(
        export("Alice", "09:30:10"), at("09:30:20"), export("Bob", "12:00:10"), at("12:00:20")
    )
    await player.replay.finish()

    assert player.episodes == [
        ("03-11T09:31", "opened", "Alice"),
        ("03-11T12:01", "opened", "Bob"),
    ]


@pytest.mark.parametrize("split", [False, True], ids=["in one batch", "across batches"])
async def test_a_sparse_stream_is_judged_record_by_record(player, split):
    sparse = [export("Alice", "09:00:10"), export("Bob", "10:00:10"), export("Carol", "11:00:10")]

    for part in [[r] for r in sparse] if split else [sparse]:
        await player.feed(*part)
    await player.replay.finish()

    assert player.episodes == [
        ("03-11T09:01", "opened", "Alice"),
        ("03-11T10:01", "opened", "Bob"),
        ("03-11T11:01", "opened", "Carol"),
    ]


async def test_an_outliers_record_counts_and_its_time_does_not(player):
    outlier = export("Bob", "09:30:20", received="23:00:00")

    await player.feed(export("Alice", "09:30:10"), at("09:30:15"), outlier, at("09:30:40"))
    clock = await player.replay.finish()

    assert format_instant(clock)[11:19] == "09:30:40"
    assert {(minute, name) for minute, _, name in player.episodes} == {
        ("03-11T09:31", "Alice"),
        ("03-11T09:31", "Bob"),
    }


@pytest.mark.parametrize(
    ("last", "day", "clock"),
    [
        ("09:20:00", 12, "03-12T09:20"),
        ("09:31:00", 12, "03-11T09:30"),
        ("09:00:00", 20, "03-11T09:30"),
    ],
)
async def test_the_last_time_is_believed_at_most_a_day_ahead(player, last, day, clock):
    await player.feed(at("09:30:00"), at("09:30:00"), at(last, day))

    assert format_instant(await player.replay.finish())[5:16] == clock


async def test_a_single_record_is_a_stream(player):
    await player.feed(export("Alice", "09:30:10"))
    await player.replay.finish()

    assert player.episodes == [("03-11T09:31", "opened", "Alice")]
    assert await player.stored() == "09:30"


async def test_a_stream_without_any_time_has_no_clock_and_no_ticks(player):
    await player.feed(record({}, time="never", category=ELSEWHERE))

    assert await player.replay.finish() is None
    assert (player.ticks, await player.stored()) == ([], None)


async def test_a_new_replay_continues_from_the_stored_clock_and_never_goes_back(player, rows):
    await player.feed(at("09:30:00"), at("09:30:30"))
    await player.replay.finish()

    again = await begin(rows)
    await again.feed(at("08:00:00"), at("08:01:00"), export("Alice", "08:01:00"))
    await again.replay.finish()

    assert await again.stored() == "09:30"
    assert again.episodes == [("03-11T09:31", "opened", "Alice")]


async def test_catching_up_judges_before_the_minute_is_over(player):
    await player.feed(at("09:30:10"), at("09:30:11"), export("Alice", "09:30:12"))
    await player.replay.catch_up()

    assert player.episodes == [("03-11T09:31", "opened", "Alice")]
    assert await player.stored() == "09:30"


async def test_catching_up_judges_a_first_record_but_does_not_store_its_time(player):
    await player.feed(export("Alice", "09:30:10"))
    await player.replay.catch_up()

    assert player.episodes == [("03-11T09:31", "opened", "Alice")]
    assert await player.stored() is None


async def test_a_doubt_outlives_catching_up(player):
    await player.feed(at("09:30:10"), at("09:30:11"), export("Alice", "12:00:10"))
    await player.replay.catch_up()
    await player.feed(at("12:00:20"))
    await player.replay.finish()

    assert await player.stored() == "12:00"
    assert player.ticks == ["03-11T09:31", "03-11T09:31", "03-11T12:01"]


async def test_a_crowded_minute_is_written_before_it_is_over(player, monkeypatch):
    monkeypatch.setattr(replaying, "_FLUSH_FROM", 3)

    await player.feed(at("09:30:00"), *(export(f"User {n}", "09:30:01") for n in range(5)))

    assert len(await player.detector.state.ledger.user_keys(START - DAY)) == 5
    assert player.ticks == []


async def test_a_crowded_minute_that_ends_in_doubt_waits(player, monkeypatch):
    monkeypatch.setattr(replaying, "_FLUSH_FROM", 3)
    crowd = [export(f"User {n}", "09:30:01") for n in range(5)]

    await player.feed(at("09:30:00"), *crowd, export("Last", "12:30:30"))
    written = await player.detector.state.ledger.user_keys(START - DAY)
    await player.replay.finish()

    assert written == []
    assert [minute for minute, _, _ in player.episodes] == ["03-11T09:31"] * 5 + ["03-11T12:31"]
