"""A batch that never ends is taken apart; only a fault of the store stops a partition."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest

from detector.adapters.sqlite import SqliteRows
from detector.core.instant import parse_instant
from detector.core.reading import Message
from detector.isolate import BATCH_TRIES, DEATHS, PART_BYTES, take_apart
from detector.ports import StoreUnavailableError
from detector.state.store import State

NOW = parse_instant("2026-03-11T12:00:00Z")
BATCH = [Message(b"%d" % n, "ns/hub/0", n, NOW) for n in range(5)]


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    rows = SqliteRows(tmp_path / "state.db")
    yield State(rows)
    await rows.close()


HOSTS = count()
"""Every try is another process's: that is the hardest case."""


class KilledError(BaseException):
    """What a killed process looks like from inside: nothing catches it."""


def taker(taken: list[int], poison: dict[int, Callable[[], BaseException]]):
    async def take(messages: Sequence[Message]) -> None:
        for message in messages:
            if message.sequence in poison:
                error = poison[message.sequence]()
                raise error
        taken.extend(message.sequence for message in messages)

    return take


async def deliver(
    state: State,
    take,
    *,
    times: int,
    batch: Sequence[Message] = BATCH,
    seconds: float = 60,
) -> list[str]:
    """The host's endless retries: what each try ended with."""
    ends: list[str] = []
    for _ in range(times):
        try:
            await take_apart(
                batch, take, state, NOW, host=f"process {next(HOSTS)}", seconds=seconds
            )
            ends.append("done")
        except BaseException as error:  # noqa: BLE001 - the host sees them all
            ends.append(type(error).__name__)
    return ends


async def test_a_batch_that_ends_is_taken_once_and_whole(state: State) -> None:
    taken: list[int] = []

    ends = await deliver(state, taker(taken, {}), times=1)

    assert (ends, taken) == (["done"], [0, 1, 2, 3, 4])


async def test_a_message_that_always_raises_becomes_a_dead_letter(state: State) -> None:
    taken: list[int] = []
    take = taker(taken, {2: lambda: ZeroDivisionError("a bug")})

    ends = await deliver(state, take, times=BATCH_TRIES + 1)

    assert ends == ["ZeroDivisionError"] * BATCH_TRIES + ["done"]
    assert taken == [0, 1, 3, 4]
    (letter,) = await state.dead_letters.every()
    assert (letter.rejected.sequence, letter.rejected.reason) == (2, "raised ZeroDivisionError")


async def test_a_message_that_kills_every_process_becomes_a_dead_letter(state: State) -> None:
    taken: list[int] = []
    take = taker(taken, {2: KilledError})

    ends = await deliver(state, take, times=BATCH_TRIES + DEATHS + 1)

    assert ends == ["KilledError"] * (BATCH_TRIES + DEATHS) + ["done"]
    assert taken == [0, 1, 3, 4]
    (letter,) = await state.dead_letters.every()
    assert letter.rejected.reason == "10 processes died at it"


async def test_a_message_that_is_taken_out_leaves_its_place_size_and_hash(state: State) -> None:
    await deliver(state, taker([], {4: ZeroDivisionError}), times=4)

    (letter,) = await state.dead_letters.every()
    assert (letter.rejected.sequence, letter.rejected.index) == (4, 0)
    assert (letter.rejected.size, letter.rejected.enqueued) == (len(BATCH[4].body), NOW)
    assert letter.rejected.sha256 == sha256(BATCH[4].body).hexdigest()


async def test_one_process_that_lives_on_does_not_count_as_dead(state: State) -> None:
    """Nothing could be noted after a try, and yet it was no death: the same process is at it."""
    row = await state.attempts.begin("ns/hub/0 message 2", f"2 {NOW}", "one")
    for _ in range(DEATHS + 5):
        row = await state.attempts.begin("ns/hub/0 message 2", f"2 {NOW}", "one")

    assert row.failures == 0
    assert (await state.attempts.begin("ns/hub/0 message 2", f"2 {NOW}", "two")).failures == 1


async def test_memory_that_runs_out_is_not_yet_the_messages_fault(state: State) -> None:
    taken: list[int] = []
    short = {2: MemoryError}

    ends = await deliver(state, taker(taken, short), times=BATCH_TRIES + 2)
    ends += await deliver(state, taker(taken, {}), times=1)

    assert ends == ["MemoryError"] * (BATCH_TRIES + 2) + ["done"]
    assert set(taken) == {0, 1, 2, 3, 4}
    assert await state.dead_letters.every() == []


async def test_a_fault_of_the_store_is_never_the_batchs_own(state: State) -> None:
    taken: list[int] = []
    take = taker(taken, {2: lambda: StoreUnavailableError("503")})

    ends = await deliver(state, take, times=20)

    assert ends == ["StoreUnavailableError"] * 20
    assert await state.dead_letters.every() == []


async def test_a_fault_of_the_store_while_taking_apart_stops_it_there(state: State) -> None:
    poison: dict[int, Callable[[], BaseException]] = {2: KilledError}
    await deliver(state, taker([], poison), times=BATCH_TRIES)

    ends = await deliver(state, taker([], {1: lambda: StoreUnavailableError("503")}), times=9)

    assert ends == ["StoreUnavailableError"] * 9
    assert await state.dead_letters.every() == []


async def test_a_slow_store_makes_no_dead_letter_however_often_it_is_slow(state: State) -> None:
    async def never(messages: Sequence[Message]) -> None:
        await asyncio.sleep(60)

    ends = await deliver(state, never, times=DEATHS + 20, seconds=0.05)

    assert ends == ["StoreUnavailableError"] * (DEATHS + 20)
    assert await state.dead_letters.every() == []


async def test_a_batch_that_is_always_too_slow_is_done_message_by_message(state: State) -> None:
    taken: list[int] = []

    async def take(messages: Sequence[Message]) -> None:
        await asyncio.sleep(0.15 * len(messages))
        taken.extend(message.sequence for message in messages)

    ends = await deliver(state, take, times=8, seconds=0.4)

    assert ends[0] == "StoreUnavailableError"
    assert "done" in ends
    assert taken[:5] == [0, 1, 2, 3, 4]
    assert await state.dead_letters.every() == []


async def test_a_host_that_is_shut_down_makes_no_dead_letter(state: State) -> None:
    async def never(messages: Sequence[Message]) -> None:
        await asyncio.sleep(60)

    for _ in range(BATCH_TRIES + DEATHS + 2):
        trying = asyncio.create_task(take_apart(BATCH, never, state, NOW, host="process 0"))
        await asyncio.sleep(0.02)
        trying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await trying

    assert await deliver(state, taker(taken := [], {}), times=1) == ["done"]
    assert taken == [0, 1, 2, 3, 4]
    assert await state.dead_letters.every() == []


async def test_a_host_that_is_killed_again_and_again_makes_no_dead_letter(state: State) -> None:
    """Each time at another message: 20 deaths, and every message is taken in the end."""
    taken: list[int] = []
    victims = iter([n % 5 for n in range(20)])
    ends: list[str] = []
    while not ends or ends[-1] != "done":
        take = taker(taken, dict.fromkeys([next(victims, -1)], KilledError))
        ends += await deliver(state, take, times=1)

    assert set(taken) == {0, 1, 2, 3, 4}
    assert await state.dead_letters.every() == []


async def test_faults_of_the_store_between_them_do_not_hide_a_bug(state: State) -> None:
    bug = taker([], {2: ZeroDivisionError})
    away = taker([], {0: lambda: StoreUnavailableError("503")})

    ends = [end for n in range(8) for end in await deliver(state, (bug, away)[n % 2], times=1)]

    assert ends[:6] == ["ZeroDivisionError", "StoreUnavailableError"] * 3
    assert ends[6] == "done"
    assert [letter.rejected.sequence for letter in await state.dead_letters.every()] == [2]


async def test_a_large_batch_is_read_in_parts_and_goes_on_where_it_stopped(state: State) -> None:
    body = b"x" * (PART_BYTES // 2)
    batch = [Message(body, "ns/hub/0", n, NOW + n) for n in range(5)]
    seen: list[list[int]] = []

    def take(fails_at: int):
        async def taking(messages: Sequence[Message]) -> None:
            sequences = [message.sequence for message in messages]
            if fails_at in sequences:
                raise StoreUnavailableError("503")
            seen.append(sequences)

        return taking

    ends = await deliver(state, take(3), times=2, batch=batch)
    ends += await deliver(state, take(-1), times=1, batch=batch)

    assert ends == ["StoreUnavailableError"] * 2 + ["done"]
    assert seen == [[0, 1], [2, 3], [4]]


async def test_a_hub_made_anew_skips_nothing_for_what_its_predecessor_came_to(
    state: State,
) -> None:
    body = b"x" * (PART_BYTES // 2)
    old = [Message(body, "ns/hub/0", n, NOW) for n in range(5)]
    new = [message._replace(enqueued=NOW + 1) for message in old]
    taken: list[int] = []

    await deliver(state, taker([], {3: lambda: StoreUnavailableError("503")}), times=1, batch=old)
    await deliver(state, taker(taken, {}), times=1, batch=new)

    assert taken == [0, 1, 2, 3, 4]


async def test_deaths_of_a_predecessor_with_the_same_number_do_not_count(state: State) -> None:
    taken: list[int] = []
    new = [message._replace(enqueued=NOW + 1) for message in BATCH]
    await deliver(state, taker([], {2: KilledError}), times=BATCH_TRIES + DEATHS)

    ends = await deliver(state, taker(taken, {}), times=1, batch=new)

    assert (ends, taken) == (["done"], [0, 1, 2, 3, 4])
