"""A batch that never ends is taken apart; only a fault of the store stops a partition."""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from detector.adapters.sqlite import SqliteRows
from detector.core.instant import parse_instant
from detector.core.reading import Message
from detector.isolate import BATCH_TRIES, MESSAGE_TRIES, take_apart
from detector.ports import StoreUnavailableError
from detector.state.store import State

NOW = parse_instant("2026-03-11T12:00:00Z")
BATCH = [Message(b"%d" % n, "ns/hub/0", n, NOW) for n in range(5)]


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    rows = SqliteRows(tmp_path / "state.db")
    yield State(rows)
    await rows.close()


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


async def deliver(state: State, take, *, times: int) -> list[str]:
    """The host's endless retries: what each try ended with."""
    ends: list[str] = []
    for _ in range(times):
        try:
            await take_apart(BATCH, take, state, NOW)
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


async def test_a_message_that_kills_the_process_becomes_a_dead_letter(state: State) -> None:
    taken: list[int] = []
    take = taker(taken, {2: KilledError})

    ends = await deliver(state, take, times=BATCH_TRIES + MESSAGE_TRIES + 1)

    assert ends == ["KilledError"] * (BATCH_TRIES + MESSAGE_TRIES) + ["done"]
    assert set(taken) == {0, 1, 3, 4}
    (letter,) = await state.dead_letters.every()
    assert letter.rejected.reason == "begun three times and never ended"


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
