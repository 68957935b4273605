"""The outbox's conditional writes, and the marks of episodes that are gone."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detector.core.episode import Delivery, Episode
from detector.core.instant import HOUR, MINUTE, SECOND
from detector.ports import (
    ConflictError,
    DeliveryError,
    Limits,
    Operation,
    OutcomeUnknownError,
    StoreUnavailableError,
    Transaction,
)
from detector.state.keys import EPISODES
from tests.support.events import views
from tests.support.memory_sink import MemorySink
from tests.support.product import DrivenClock, Product

NEW = Delivery()
LEASED = Delivery(attempts=1)


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
async def product(store: Path, clock: DrivenClock, sink: MemorySink) -> AsyncIterator[Product]:
    async with Product.on(store, clock, sink) as one:
        yield one


async def hit(product: Product) -> Episode:
    """An episode that waits to be sent."""
    await product.feed(views(60, product.clock.ticks))
    await product.evaluate()
    return await product.episode()


async def test_a_delivery_is_recorded_once(product: Product) -> None:
    episode, outbox = await hit(product), product.state.outbox

    outcomes = [await outbox.record(episode, "memory", NEW, LEASED) for _ in range(2)]

    assert outcomes == [True, False]


async def test_a_delivery_of_an_episode_that_is_gone_is_not_recorded(product: Product) -> None:
    episode = await hit(product)
    (stored,) = await product.state.episodes.every()
    await product.state.episodes.delete(stored)

    assert not await product.state.outbox.record(episode, "memory", NEW, LEASED)


async def test_a_row_that_moved_on_keeps_what_others_wrote(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    episode = await hit(product)
    monkeypatch.setattr(product.state.episodes, "write", raced(product, times=3))

    recorded = await product.state.outbox.record(episode, "memory", NEW, LEASED)

    after = await product.episode()
    assert (recorded, dict(after.deliveries)) == (True, {"memory": LEASED})
    assert after.told_actions == 3


async def test_a_row_that_never_stands_still_is_a_store_that_does_not_answer(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    episode = await hit(product)
    monkeypatch.setattr(product.state.episodes, "write", raced(product, times=99))

    with pytest.raises(StoreUnavailableError, match="changed under 8 writes in a row"):
        await product.state.outbox.record(episode, "memory", NEW, LEASED)


def raced(product: Product, *, times: int) -> Any:
    """`Episodes.write` that another host is faster than, so many times."""
    real, count = product.state.episodes.write, 0

    async def write(episode: Episode, read: Any) -> None:
        nonlocal count
        if count < times:
            count += 1
            await real(replace(read.episode, told_actions=count), read)
        await real(episode, read)

    return write


LIMITS = Limits(per_minute=3, per_hour=5)


async def test_the_budget_is_for_any_minute_and_any_hour(product: Product) -> None:
    outbox, at = product.state.outbox, product.clock.ticks

    taken = [
        [await outbox.take("s", LIMITS, at + offset) for _ in range(4)]
        for offset in (0, MINUTE - 1, MINUTE, 2 * MINUTE, HOUR, HOUR + MINUTE)
    ]

    assert [sum(one) for one in taken] == [3, 0, 2, 0, 3, 2]
    assert await outbox.left("s", LIMITS, at + HOUR + MINUTE) == 0
    assert await outbox.left("s", LIMITS, at + 3 * HOUR) == 3
    assert await outbox.left("another", LIMITS, at) == 3


async def test_a_budget_that_others_always_take_first_is_spent(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object) -> None:
        raise ConflictError("another was faster")

    monkeypatch.setattr(product.rows, "submit", lost)

    assert not await product.state.outbox.take("s", LIMITS, product.clock.ticks)


async def test_of_two_hosts_that_announce_one_surge_one_does(product: Product) -> None:
    outbox, at = product.state.outbox, product.clock.ticks
    one, other = await outbox.surge("s", at), await outbox.surge("s", at + 1)
    leased = replace(one, delivery=LEASED)

    outcomes = [
        await outbox.record_surge("s", one, leased),
        await outbox.record_surge("s", one, leased),
        await outbox.record_surge("s", other, replace(other, delivery=LEASED)),
    ]

    assert one.surge_id != other.surge_id
    assert outcomes == [True, False, False]
    assert await outbox.surge("s", at + HOUR) == leased


async def test_the_mark_of_an_episode_that_is_gone_is_cleared(product: Product) -> None:
    await hit(product)
    (stored,) = await product.state.episodes.every()
    await product.state.episodes.delete(stored)

    report = await product.dispatch()

    assert (report.pending, await product.state.marks.outbox()) == (0, [])


async def test_the_mark_of_an_episode_of_a_newer_version_is_left_alone(
    product: Product, sink: MemorySink
) -> None:
    await hit(product)
    (stored,) = await product.state.episodes.every()
    newer = Operation("replace", stored.row.key, {**stored.row.values, "V": 2})
    await product.rows.submit(Transaction(EPISODES, stored.row.partition, [newer]))

    await product.dispatch()

    assert (len(await product.state.marks.outbox()), sink.told) == (1, [])


async def test_an_episode_whose_evidence_cannot_be_read_waits(
    product: Product, sink: MemorySink
) -> None:
    await hit(product)
    for row in await product.state.evidence.every_row():
        await product.state.evidence.delete(row)

    report = await product.dispatch()

    assert (report.pending, report.sent, sink.told) == (1, 0, [])
    assert len(await product.detector.dispatcher.unsent(product.clock.ticks)) == 1


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        pytest.param(lambda: DeliveryError("no"), [1, 2, 5, 15, 60, 60], id="refused"),
        pytest.param(lambda: DeliveryError("no", retry_after=180), [3, 3], id="asked to wait"),
        pytest.param(lambda: OutcomeUnknownError("no answer"), [5, 5], id="in doubt"),
        pytest.param(ValueError, [5, 5], id="a bug"),
    ],
)
async def test_a_failure_waits_longer_and_longer_or_as_long_as_it_is_asked_to(
    product: Product, sink: MemorySink, error: Any, waits: list[int]
) -> None:
    await hit(product)
    for minutes in waits:
        sink.failures = [error()]
        await product.dispatch()
        product.clock.advance(minutes * MINUTE - SECOND)
        await product.dispatch()
        assert sink.told == []
        product.clock.advance(SECOND)

    report = await product.dispatch()

    assert (report.sent, len(sink.told)) == (1, 1)
    delivery = (await product.episode()).deliveries["memory"]
    assert (delivery.attempts, delivery.error, delivery.tried_at) == (0, "", 0)


async def test_an_error_is_kept_short_and_named_where_it_has_no_words(
    product: Product, sink: MemorySink
) -> None:
    await hit(product)
    sink.failures = [DeliveryError("x" * 10_000), ValueError()]

    await product.dispatch()
    long = (await product.episode()).deliveries["memory"].error
    product.clock.advance(2 * MINUTE)
    await product.dispatch()
    wordless = (await product.episode()).deliveries["memory"].error

    assert (len(long), wordless) == (500, "ValueError")
