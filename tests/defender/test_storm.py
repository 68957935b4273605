"""Storm control: however many episodes open at once, the limits hold and nothing is dropped."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from detector.adapters.graph.payload import marker
from detector.core.instant import HOUR, MINUTE
from detector.ports import DeliveryError, Limits, OutcomeUnknownError
from tests.defender.graph_product import active, product_on
from tests.loopback.graph import (
    Fault,
    LoopbackGraph,
    Operation,
    gateway_timeout,
    reset,
    throttled,
)
from tests.support.activities import tuned
from tests.support.events import a_record, a_space_export, a_theft, views
from tests.support.memory_sink import MemorySink
from tests.support.product import RECOMMENDED, DrivenClock, Product

pytestmark = [
    # The SDK's own modules warn when the first builder is imported.
    pytest.mark.filterwarnings("ignore:GetQueryParameters is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning"),
]

EVERYTHING = replace(
    tuned(RECOMMENDED, bulk_access=0), name="everything", minimum_severity="informational"
)
"""One page view is a finding: a storm of one event for each user."""


def most_within(instants: Sequence[int], span: int) -> int:
    """The most of the sorted instants that lie within any such span, its end exclusive."""
    most = first = 0
    for index, instant in enumerate(instants):
        while instants[first] <= instant - span:
            first += 1
        most = max(most, index - first + 1)
    return most


async def until_sent(product: Product, *, hours: int) -> None:
    """Tick every minute until the outbox is empty."""
    for _ in range(hours * 60):
        product.clock.advance(MINUTE)
        report = await product.dispatch()
        if report.pending == 0:
            return
        if report.sent == 0:  # the hour's budget is spent: nothing happens until it is renewed
            product.clock.advance(4 * MINUTE)
    raise AssertionError(f"{report.pending} wait after {hours} hours")


@pytest.mark.timeout(600)
async def test_five_thousand_at_once_are_all_sent_within_the_limits_after_one_surge(
    store: Path, clock: DrivenClock
) -> None:
    sink = MemorySink(Limits(per_minute=40, per_hour=1_200))
    async with Product.on(store, clock, sink, policy=EVERYTHING) as product:
        at = clock.ticks
        for start in range(0, 5_000, 500):
            await product.feed([
                a_space_export(at, user=user) if user % 5 == 0 else a_record(at, user=user)
                for user in range(start, start + 500)
            ])  # fmt: skip
        await product.evaluate()

        await until_sent(product, hours=8)

    instants = [instant for instant, _ in sink.created]
    severities = [severity for _, severity in sink.created]
    assert len({evidence.episode_id for evidence in sink.told}) == len(sink.told) == 5_000
    assert severities == ["surge"] + ["high"] * 1_000 + ["informational"] * 4_000
    assert (most_within(instants, MINUTE), most_within(instants, HOUR)) == (40, 1_200)
    (surge,) = sink.surges
    assert (surge.waiting, len(surge.alerts)) == (5_000, 50)
    assert {alert.severity for alert in surge.alerts} == {"high"}


async def test_a_storm_over_graph_ends_with_an_incident_each_and_one_surge(
    store: Path, clock: DrivenClock, graph: LoopbackGraph
) -> None:
    limits = Limits(per_minute=10, per_hour=30)
    async with product_on(store, clock, graph, limits=limits) as product:
        for user in range(60):
            records = a_theft if user % 3 == 0 else lambda at, **who: views(60, at, **who)
            await product.feed(records(clock.ticks, user=user))
        await product.evaluate()

        await until_sent(product, hours=4)

        titles = [str(alert.given["title"]) for alert in graph.alerts.values()]
        created = [alert.created for alert in graph.alerts.values()]
        assert [t for t in titles if "surge" in t] == titles[:1]
        assert titles[0] == "Confluence data mining: surge of 60 alerts"
        assert [a.severity for a in graph.alerts.values()] == ["high"] * 21 + ["medium"] * 40
        assert len(graph.calls_of(Operation.CREATE_ALERT)) == 61
        ticks = [int(instant.timestamp() * 10**7) for instant in created]
        assert (most_within(ticks, MINUTE), most_within(ticks, HOUR)) == (10, 30)
        for episode in await product.episodes():
            assert len(active(graph, episode)) == 1


async def test_two_hosts_share_one_budget(store: Path, clock: DrivenClock) -> None:
    limits = Limits(per_minute=4, per_hour=100)
    sinks = [MemorySink(limits), MemorySink(limits)]
    hosts = [Product.on(store, clock, sink) for sink in sinks]
    async with hosts[0] as one, hosts[1] as other:
        for user in range(12):
            await one.feed(views(60, clock.ticks, user=user))
        await one.evaluate()
        for _ in range(8):
            await asyncio.gather(one.dispatch(), other.dispatch())
            clock.advance(MINUTE)

    instants = sorted(instant for sink in sinks for instant, _ in sink.created)
    told = [evidence.episode_id for sink in sinks for evidence in sink.told]
    assert most_within(instants, MINUTE) <= 4
    assert len(told) == len(set(told)) == 12
    assert sum(len(sink.surges) for sink in sinks) == 1


async def test_the_gravest_go_first_then_the_oldest(store: Path, clock: DrivenClock) -> None:
    sink = MemorySink(Limits(per_minute=2, per_hour=100))
    async with Product.on(store, clock, sink) as product:
        await product.feed(views(60, clock.ticks, user=1, name="old medium"))
        await product.evaluate()
        clock.advance(MINUTE)
        await product.feed(views(60, clock.ticks, user=2, name="new medium"))
        await product.feed(a_theft(clock.ticks, user=3, name="new high"))
        await product.feed(views(45, clock.ticks, user=4, name="new low", every=20 * 10**7))
        await product.evaluate()
        for _ in range(5):
            await product.dispatch()
            clock.advance(MINUTE)

    names = [evidence.account_display_name for evidence in sink.told]
    assert names == ["new high", "old medium", "new medium", "new low"]


async def test_a_budget_that_suffices_is_no_surge(store: Path, clock: DrivenClock) -> None:
    sink = MemorySink(Limits(per_minute=3, per_hour=100))
    async with Product.on(store, clock, sink) as product:
        for user in range(3):
            await product.feed(views(60, clock.ticks, user=user))

        report = await product.tick()

    assert (report.sent, report.throttled, sink.surges) == (3, 0, [])


async def test_a_graver_alert_counts_and_a_comment_does_not(
    store: Path, clock: DrivenClock
) -> None:
    sink = MemorySink(Limits(per_minute=1, per_hour=100))
    async with Product.on(store, clock, sink) as product:
        await product.feed(views(60, clock.ticks, user=1))
        await product.minutes(2)
        await product.feed([*views(10, clock.ticks, user=1, title="More")])
        await product.feed(views(60, clock.ticks, user=2))
        await product.tick()
        comment_and_creation = len(sink.told)
        clock.advance(MINUTE)
        await product.feed(a_theft(clock.ticks, user=1))
        await product.feed(a_theft(clock.ticks, user=2))
        await product.minutes(5)

    assert comment_and_creation == 3
    assert most_within([instant for instant, _ in sink.created], MINUTE) == 1
    assert [severity for _, severity in sink.created].count("high") == 2


FAILURES = [
    pytest.param(lambda: DeliveryError("no", retry_after=90), id="throttled"),
    pytest.param(lambda: DeliveryError("no"), id="refused"),
    pytest.param(lambda: OutcomeUnknownError("no answer"), id="unknown"),
    pytest.param(lambda: KeyError("a bug"), id="bug"),
]


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_surge_that_fails_is_announced_again_and_holds_nothing_up(
    store: Path, clock: DrivenClock, failure: object
) -> None:
    sink = MemorySink(Limits(per_minute=2, per_hour=500))
    sink.failures = [failure()]  # type: ignore[operator]
    async with Product.on(store, clock, sink) as product:
        for user in range(90):
            await product.feed(views(60, clock.ticks, user=user))
        await product.evaluate()
        await product.dispatch()
        sent_at_once = len(sink.told)
        await until_sent(product, hours=2)

    assert (sent_at_once, len(sink.surges), len(sink.told)) == (1, 1, 90)
    assert most_within([instant for instant, _ in sink.created], MINUTE) <= 2


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(throttled(90), id="429"),
        pytest.param(gateway_timeout(after_commit=True), id="504 after"),
        pytest.param(gateway_timeout(after_commit=False), id="504 before"),
        pytest.param(reset(after_commit=True), id="reset after"),
    ],
)
async def test_a_fault_of_the_surges_alert_ends_with_one_surge(
    store: Path, clock: DrivenClock, graph: LoopbackGraph, fault: Fault
) -> None:
    limits = Limits(per_minute=2, per_hour=100)
    graph.fault(Operation.CREATE_ALERT, fault)
    async with product_on(store, clock, graph, limits=limits) as product:
        for user in range(50):
            await product.feed(views(60, clock.ticks, user=user))
        await product.evaluate()

        await until_sent(product, hours=3)

    surges = [a for a in graph.alerts.values() if "surge" in str(a.given["title"])]
    assert (len(surges), len(graph.alerts)) == (1, 51)
    assert marker("x", "surge").endswith("-surge)")


async def test_a_second_storm_a_day_later_is_announced_again(
    store: Path, clock: DrivenClock
) -> None:
    sink = MemorySink(Limits(per_minute=2, per_hour=100))
    async with Product.on(store, clock, sink) as product:
        for day in range(2):
            for user in range(4):
                await product.feed(views(60, clock.ticks, user=10 * day + user))
            await product.minutes(5)
            clock.advance(24 * HOUR)

    first, second = sink.surges
    assert first.surge_id != second.surge_id


async def test_instants_of_creation_never_go_back(store: Path, clock: DrivenClock) -> None:
    sink = MemorySink(Limits(per_minute=1, per_hour=2))
    async with Product.on(store, clock, sink) as product:
        for user in range(4):
            await product.feed(views(60, clock.ticks, user=user))
        await product.evaluate()
        await until_sent(product, hours=4)

    instants = [instant for instant, _ in sink.created]
    assert all(after - before >= MINUTE for before, after in pairwise(instants))
    assert most_within(instants, HOUR) == 2
