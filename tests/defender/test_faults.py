"""Every fault that a Graph can have ends with exactly one active incident for the episode.

Events go through the real reader, ledger, evaluator, dispatcher and msgraph-sdk to a strict
loopback Graph; the clock is the test's.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from detector.adapters.graph.payload import TAGS
from tests.defender.graph_product import active, product_on
from tests.loopback.graph import (
    DETECTOR_ROLES,
    Fault,
    LoopbackGraph,
    Operation,
    gateway_timeout,
    reset,
    server_error,
    throttled,
    unavailable,
)
from tests.support.events import a_theft, views
from tests.support.product import DrivenClock, Product

pytestmark = [
    # The SDK's own modules warn when the first builder is imported.
    pytest.mark.filterwarnings("ignore:GetQueryParameters is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning"),
]

LATE_ENOUGH = 45
"""Minutes after which every fault below is over: lease, look-up, second try, duplicates."""


async def settled(product: Product, graph: LoopbackGraph) -> None:
    """Assert what must hold in the end, whatever happened on the way."""
    episode = await product.episode()
    (incident,) = active(graph, episode)
    assert episode.deliveries["defender"].sent_revision == episode.revision
    assert incident.custom_tags == [*TAGS]
    assert len([c for c in incident.comments if c.text.startswith("Revision 1")]) == 1
    assert await product.state.marks.outbox() == []


ON_CREATE = [
    pytest.param(throttled(7), 2, 1, id="429 in seconds"),
    pytest.param(throttled(90, as_date=True), 2, 1, id="429 as a date"),
    pytest.param(throttled(None), 2, 1, id="429 without a time"),
    pytest.param(unavailable(30), 2, 1, id="503 in seconds"),
    pytest.param(unavailable(), 2, 1, id="503 without a time"),
    pytest.param(gateway_timeout(after_commit=False), 2, 1, id="504 before commit"),
    pytest.param(gateway_timeout(after_commit=True), 1, 1, id="504 after commit"),
    pytest.param(server_error(after_commit=False), 2, 1, id="500 before commit"),
    pytest.param(server_error(after_commit=True), 1, 1, id="500 after commit"),
    pytest.param(reset(after_commit=False), 2, 1, id="reset before commit"),
    pytest.param(reset(after_commit=True), 1, 1, id="reset after commit"),
]


@pytest.mark.parametrize(("fault", "calls", "alerts"), ON_CREATE)
async def test_a_fault_of_a_creation_ends_with_one_incident(
    product: Product, graph: LoopbackGraph, fault: Fault, calls: int, alerts: int
) -> None:
    graph.fault(Operation.CREATE_ALERT, fault)
    await product.feed(views(60, product.clock.ticks))

    await product.minutes(LATE_ENOUGH)

    assert (len(graph.calls_of(Operation.CREATE_ALERT)), graph.faults_left) == (calls, 0)
    assert len(graph.alerts) == alerts
    await settled(product, graph)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(gateway_timeout, id="504"),
        pytest.param(reset, id="reset"),
        pytest.param(
            lambda *, after_commit: server_error(502, after_commit=after_commit), id="502"
        ),
    ],
)
async def test_an_alert_that_shows_late_is_a_duplicate_that_is_closed(
    store: Path, clock: DrivenClock, make: Callable[..., Fault]
) -> None:
    async with (
        LoopbackGraph(clock=clock, visibility_delay=timedelta(minutes=8)) as graph,
        product_on(store, clock, graph) as product,
    ):
        graph.fault(Operation.CREATE_ALERT, make(after_commit=True))
        await product.feed(views(60, clock.ticks))

        await product.minutes(10)
        seen_before = len(active(graph, await product.episode()))
        await product.minutes(LATE_ENOUGH)

        assert (seen_before, len(graph.alerts)) == (2, 2)
        statuses = {incident.status for incident in graph.incidents.values()}
        assert statuses == {"active", "resolved"}
        await settled(product, graph)


@pytest.mark.parametrize("times", [1, 3], ids=["once", "three times"])
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(throttled(7), id="429"),
        pytest.param(unavailable(), id="503"),
        pytest.param(gateway_timeout(after_commit=False), id="504 before"),
        pytest.param(gateway_timeout(after_commit=True), id="504 after"),
        pytest.param(reset(after_commit=True), id="reset after"),
    ],
)
@pytest.mark.parametrize(
    "operation",
    [Operation.GET_INCIDENT, Operation.PATCH_INCIDENT, Operation.COMMENT_INCIDENT],
)
async def test_a_fault_of_tags_or_comment_creates_nothing_again(
    product: Product, graph: LoopbackGraph, operation: Operation, fault: Fault, times: int
) -> None:
    graph.fault(operation, fault, times=times)
    await product.feed(views(60, product.clock.ticks))

    await product.minutes(LATE_ENOUGH)

    assert len(graph.calls_of(Operation.CREATE_ALERT)) == 1
    await settled(product, graph)


async def test_a_look_up_that_fails_is_made_again_before_anything_is_sent(
    product: Product, graph: LoopbackGraph
) -> None:
    graph.fault(Operation.CREATE_ALERT, gateway_timeout(after_commit=True))
    graph.fault(Operation.LIST_ALERTS, throttled(120))
    graph.fault(Operation.LIST_ALERTS, gateway_timeout(after_commit=False))
    await product.feed(views(60, product.clock.ticks))

    await product.minutes(LATE_ENOUGH)

    assert len(graph.calls_of(Operation.CREATE_ALERT)) == 1
    await settled(product, graph)


async def test_faults_upon_faults_end_with_one_incident(
    product: Product, graph: LoopbackGraph
) -> None:
    for fault in (throttled(5), reset(after_commit=False), gateway_timeout(after_commit=False)):
        graph.fault(Operation.CREATE_ALERT, fault)
    graph.fault(Operation.CREATE_ALERT, reset(after_commit=True))
    graph.fault(Operation.PATCH_INCIDENT, reset(after_commit=True))
    graph.fault(Operation.COMMENT_INCIDENT, gateway_timeout(after_commit=True))
    await product.feed(views(60, product.clock.ticks))

    await product.minutes(2 * LATE_ENOUGH)

    assert len(graph.alerts) == 1
    await settled(product, graph)


@pytest.mark.parametrize(
    ("fault", "silent_minutes"),
    [
        pytest.param(throttled(200), 3, id="429 in seconds"),
        pytest.param(throttled(200, as_date=True), 3, id="429 as a date"),
        pytest.param(unavailable(400), 6, id="503"),
    ],
)
async def test_nothing_is_sent_before_retry_after_is_over(
    product: Product, graph: LoopbackGraph, fault: Fault, silent_minutes: int
) -> None:
    graph.fault(Operation.CREATE_ALERT, fault)
    await product.feed(views(60, product.clock.ticks))
    await product.minutes(1)

    await product.minutes(silent_minutes)
    calls_before = len(graph.calls_of(Operation.CREATE_ALERT))
    await product.minutes(1)

    assert (calls_before, len(graph.calls_of(Operation.CREATE_ALERT))) == (1, 2)


async def test_a_throttled_graph_is_asked_once_a_round(
    product: Product, graph: LoopbackGraph
) -> None:
    graph.fault(Operation.CREATE_ALERT, throttled(7))
    await product.feed([r for user in range(5) for r in views(60, product.clock.ticks, user=user)])

    await product.tick()
    calls_in_the_first_round = len(graph.calls_of(Operation.CREATE_ALERT))
    await product.minutes(2)

    assert (calls_in_the_first_round, len(graph.incidents)) == (1, 5)


async def test_a_creation_is_one_request_whatever_the_answer(
    product: Product, graph: LoopbackGraph
) -> None:
    for fault in (throttled(1), unavailable(1), gateway_timeout(after_commit=False)):
        before = len(graph.calls_of(Operation.CREATE_ALERT))
        graph.fault(Operation.CREATE_ALERT, fault)
        await product.feed(views(60, product.clock.ticks, user=before + 1))

        await product.tick()

        assert len(graph.calls_of(Operation.CREATE_ALERT)) == before + 1


@pytest.mark.parametrize("missing", DETECTOR_ROLES)
async def test_a_token_without_a_role_ends_with_one_incident_once_it_is_granted(
    store: Path, clock: DrivenClock, graph: LoopbackGraph, missing: str
) -> None:
    credential = graph.credential(*(set(DETECTOR_ROLES) - {missing}))
    if missing == "SecurityAlert.Read.All":  # only a look-up needs it
        graph.fault(Operation.CREATE_ALERT, reset(after_commit=True))
    async with product_on(store, clock, graph, credential=credential) as product:
        await product.feed(views(60, clock.ticks))
        await product.minutes(10)
        refused = (await product.episode()).deliveries["defender"]
        assert refused.error.startswith("403")
        assert missing in refused.error

        credential.roles = DETECTOR_ROLES
        await product.minutes(2 * LATE_ENOUGH)

        assert len(graph.alerts) == 1
        await settled(product, graph)


async def test_an_alert_that_breaks_the_sink_does_not_stop_the_others(
    product: Product, graph: LoopbackGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    from detector.adapters.graph import sink as module

    real = module.alert_input

    def broken(evidence: object, *rest: object, **more: object) -> object:
        if getattr(evidence, "account_display_name", "") == "Poison":
            raise KeyError("no such thing")
        return real(evidence, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "alert_input", broken)
    await product.feed(a_theft(product.clock.ticks, user=1, name="Poison"))
    await product.feed(views(60, product.clock.ticks, user=2))

    await product.minutes(1)

    by_name = {e.account_display_name: e.deliveries["defender"] for e in await product.episodes()}
    assert by_name["Poison"].error == "'no such thing'"
    assert by_name["User 2"].incident_id in graph.incidents
