"""Hosts that die, hang, or work at the same time: still one active incident for each episode."""

import asyncio
from pathlib import Path

import pytest

from detector.core.instant import MINUTE
from tests.defender.graph_product import active, product_on
from tests.loopback.graph import Hold, LoopbackGraph, Operation
from tests.support.events import a_theft, views
from tests.support.product import DrivenClock, Product

pytestmark = [
    # The SDK's own modules warn when the first builder is imported.
    pytest.mark.filterwarnings("ignore:GetQueryParameters is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning"),
]


async def arrived(hold: Hold) -> None:
    """Wait until the request is there."""
    assert await asyncio.to_thread(hold.arrived.wait, 10)


async def killed_while(hold: Hold, product: Product) -> None:
    """The process dies while its request is held; what it had in mind is lost."""
    doomed = asyncio.create_task(product.tick())
    await arrived(hold)
    doomed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doomed


@pytest.mark.parametrize("is_graver", [False, True], ids=["opening", "escalating"])
async def test_a_host_killed_between_the_request_and_its_record_is_made_good_by_the_next(
    store: Path, clock: DrivenClock, graph: LoopbackGraph, is_graver: bool
) -> None:
    async with product_on(store, clock, graph) as first:
        await first.feed(views(60, clock.ticks))
        if is_graver:
            await first.minutes(1)
            await first.feed(a_theft(clock.ticks))
        hold = graph.hold(Operation.CREATE_ALERT, after_commit=True)
        await killed_while(hold, first)
    hold.release()

    async with product_on(store, clock, graph) as second:
        await second.minutes(30)

        episode = await second.episode()
        assert len(graph.alerts) == 1 + is_graver
        assert len(active(graph, episode)) == 1
        assert episode.deliveries["defender"].sent_revision == episode.revision


async def test_a_host_killed_before_its_request_took_effect_is_made_good_by_the_next(
    store: Path, clock: DrivenClock, graph: LoopbackGraph
) -> None:
    async with product_on(store, clock, graph) as first:
        await first.feed(views(60, clock.ticks))
        hold = graph.hold(Operation.CREATE_ALERT)
        await killed_while(hold, first)

    async with product_on(store, clock, graph) as second:
        await second.minutes(10)
        hold.release()  # the dead host's request takes effect ten minutes late
        before = len(active(graph, await second.episode()))
        await second.minutes(30)

        assert (before, len(graph.alerts)) == (2, 2)
        assert len(active(graph, await second.episode())) == 1


async def test_a_host_that_hangs_longer_than_its_lease_is_overtaken_and_reconciled(
    store: Path, clock: DrivenClock, graph: LoopbackGraph
) -> None:
    async with product_on(store, clock, graph) as slow, product_on(store, clock, graph) as quick:
        await slow.feed(views(60, clock.ticks))
        hold = graph.hold(Operation.CREATE_ALERT)
        hanging = asyncio.create_task(slow.tick())
        await arrived(hold)

        await quick.minutes(7)
        overtaken = (await quick.episode()).deliveries["defender"]
        hold.release()
        await hanging
        kept = (await quick.episode()).deliveries["defender"]
        await quick.minutes(30)

        assert overtaken == kept  # the late host's answer no longer counts
        assert len(graph.alerts) == 2
        assert len(active(graph, await quick.episode())) == 1


async def test_a_second_host_leaves_alone_what_the_first_has_leased(
    store: Path, clock: DrivenClock, graph: LoopbackGraph
) -> None:
    async with product_on(store, clock, graph) as one, product_on(store, clock, graph) as other:
        await one.feed(views(60, clock.ticks))
        hold = graph.hold(Operation.CREATE_ALERT)
        busy = asyncio.create_task(one.tick())
        await arrived(hold)

        clock.advance(2 * MINUTE)
        meanwhile = await other.dispatch()
        hold.release()
        await busy

        assert (meanwhile.sent, meanwhile.pending) == (0, 1)
        assert len(graph.calls_of(Operation.CREATE_ALERT)) == 1


async def test_two_dispatchers_at_once_send_each_episode_once(
    store: Path, clock: DrivenClock, graph: LoopbackGraph
) -> None:
    hosts = [product_on(store, clock, graph) for _ in range(2)]
    async with hosts[0] as one, hosts[1] as other:
        for user in range(6):
            await one.feed(views(60, clock.ticks, user=user))
        await one.evaluate()

        reports = await asyncio.gather(one.dispatch(), other.dispatch())

        assert sum(report.sent for report in reports) == 6
        assert len(graph.calls_of(Operation.CREATE_ALERT)) == 6
        for episode in await one.episodes():
            assert len(active(graph, episode)) == 1


async def test_two_hosts_that_evaluate_and_dispatch_at_once_open_one_incident_for_a_user(
    store: Path, clock: DrivenClock, graph: LoopbackGraph
) -> None:
    async with product_on(store, clock, graph) as one, product_on(store, clock, graph) as other:
        for minute in range(5):
            await asyncio.gather(
                one.feed(views(30, clock.ticks, title=f"{minute}")),
                other.feed(a_theft(clock.ticks)),
            )
            clock.advance(MINUTE)
            await asyncio.gather(one.tick(), other.tick())
        await one.minutes(30)

        (episode,) = await one.episodes()
        assert len(active(graph, episode)) == len(graph.incidents) == 1


async def test_a_client_that_gave_up_on_a_request_that_took_effect_later_is_reconciled(
    store: Path, clock: DrivenClock, graph: LoopbackGraph
) -> None:
    async with product_on(store, clock, graph, timeout_seconds=0.3) as product:
        await product.feed(views(60, clock.ticks))
        hold = graph.hold(Operation.CREATE_ALERT)
        await product.tick()
        gave_up = (await product.episode()).deliveries["defender"]

        await product.minutes(7)
        hold.release()
        await product.minutes(30)

        assert gave_up.error.startswith("no answer")
        assert len(graph.alerts) == 2
        assert len(active(graph, await product.episode())) == 1
