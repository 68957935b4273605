"""What a person makes of an incident is read back: it mutes, it closes, it is never undone."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from detector.core.episode import Ending, Episode
from detector.core.instant import DAY, HOUR, MINUTE
from detector.ports import DeliveryError, OutcomeUnknownError
from detector.state.mutes import Mute
from tests.loopback.graph import LoopbackGraph, Operation, gateway_timeout, reset, throttled
from tests.support.events import a_space_export, a_theft, views
from tests.support.memory_sink import MemorySink
from tests.support.product import RECOMMENDED, DrivenClock, Product

pytestmark = [
    # The SDK's own modules warn when the first builder is imported.
    pytest.mark.filterwarnings("ignore:GetQueryParameters is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning"),
]


@pytest.fixture
async def in_memory(store: Path, clock: DrivenClock) -> AsyncIterator[Product]:
    """A product over the in-memory sink."""
    async with Product.on(store, clock, MemorySink()) as one:
        yield one


def memory_of(product: Product) -> MemorySink:
    """The sink of `in_memory`."""
    (sink,) = product.sinks
    assert isinstance(sink, MemorySink)
    return sink


async def raised(product: Product, user: int = 7) -> Episode:
    """An incident for sixty views in a minute: bulk_access."""
    await product.feed(views(60, product.clock.ticks, user=user))
    await product.minutes(1)
    return (await product.episodes())[0]


async def classified(
    product: Product, graph: LoopbackGraph, classification: str, *, resolve: bool = True
) -> None:
    """A person judges the newest incident, and the product hears of it."""
    graph.classify([*graph.incidents][-1], classification, resolve=resolve)
    product.clock.advance(10 * MINUTE)
    await product.feedback()


@pytest.mark.parametrize("benign", ["falsePositive", "informationalExpectedActivity"])
async def test_a_benign_classification_mutes_the_user_for_the_gates_that_held(
    product: Product, graph: LoopbackGraph, benign: str
) -> None:
    episode = await raised(product)

    await classified(product, graph, benign)

    (mute,) = await product.state.mutes.every()
    assert (mute.user, mute.rule, mute.origin) == (episode.user, "bulk_access", "classification")
    assert (mute.owner, mute.reason) == ("incident 128", benign)
    assert mute.expires_at == product.clock.ticks + RECOMMENDED.mute_days * DAY
    after = await product.episode()
    assert (after.is_open, after.ending, after.classification) == (False, Ending.RESOLVED, benign)


@pytest.mark.parametrize("verdict", ["truePositive", "unknown"])
async def test_any_other_classification_closes_and_does_not_mute(
    product: Product, graph: LoopbackGraph, verdict: str
) -> None:
    await raised(product)

    await classified(product, graph, verdict)

    assert await product.state.mutes.every() == []
    assert (await product.episode()).classification == verdict


async def test_a_classification_without_resolving_is_not_final(
    product: Product, graph: LoopbackGraph
) -> None:
    await raised(product)

    await classified(product, graph, "falsePositive", resolve=False)

    assert await product.state.mutes.every() == []
    assert (await product.episode()).is_open


async def test_a_muted_user_opens_episodes_that_are_not_sent_until_the_mute_ends(
    product: Product, graph: LoopbackGraph
) -> None:
    await raised(product)
    await classified(product, graph, "falsePositive")
    product.clock.advance((RECOMMENDED.mute_days - 1) * DAY)
    await product.feed(views(60, product.clock.ticks, title="New"))
    product.clock.advance(MINUTE)

    held = await product.tick()
    opened, _ = await product.episodes()
    product.clock.advance(DAY + HOUR)
    await product.dispatch()

    assert (held.held, held.sent, opened.is_open) == (1, 0, True)
    assert len(graph.incidents) == 2


async def test_a_mute_of_one_gate_does_not_hold_what_another_gate_finds(
    product: Product, graph: LoopbackGraph
) -> None:
    await raised(product)
    await classified(product, graph, "falsePositive")
    product.clock.advance(HOUR)

    await product.feed(a_theft(product.clock.ticks))
    await product.minutes(1)

    assert len(graph.incidents) == 2


async def test_an_incident_that_a_person_closed_is_not_reopened_by_what_was_before(
    product: Product, graph: LoopbackGraph
) -> None:
    await raised(product)
    before = product.clock.ticks
    await classified(product, graph, "truePositive")
    calls = len(graph.calls_of(Operation.CREATE_ALERT))

    await product.feed(views(300, before, title="Old", every=1_000))
    await product.feed(a_theft(before))
    await product.minutes(30)
    product.clock.advance(DAY)  # what was before is now also late
    await product.feed([a_space_export(before)])
    await product.minutes(3)

    (episode,) = await product.episodes()
    assert (episode.is_open, episode.ending) == (False, Ending.RESOLVED)
    assert len(graph.calls_of(Operation.CREATE_ALERT)) == calls
    assert next(iter(graph.incidents.values())).status == "resolved"


async def test_only_what_comes_later_counts_towards_a_new_incident(
    product: Product, graph: LoopbackGraph
) -> None:
    await raised(product)
    await classified(product, graph, "truePositive")
    product.clock.advance(MINUTE)

    await product.feed(views(40, product.clock.ticks, title="Later"))
    await product.minutes(1)
    after_forty = len(graph.incidents)
    await product.feed(views(1, product.clock.ticks, title="One more"))
    await product.minutes(1)

    new, _ = await product.episodes()
    assert (after_forty, len(graph.incidents)) == (1, 2)
    assert (new.number, new.total_actions) == (2, 41)


async def test_the_verdict_on_an_incident_that_was_merged_into_another_is_read(
    product: Product, graph: LoopbackGraph
) -> None:
    await raised(product, user=8)
    await raised(product, user=9)
    theirs, ours = graph.incidents
    graph.merge(ours, into=theirs)
    graph.classify(theirs, "falsePositive")

    report = await product.feedback()

    assert len(report.resolved) == 2
    assert {mute.owner for mute in report.muted} == {f"incident {theirs}"}


async def test_a_mute_that_a_person_made_for_longer_is_kept(
    product: Product, graph: LoopbackGraph
) -> None:
    episode = await raised(product)
    longer = Mute(
        user=episode.user, rule="bulk_access", owner="team@example.com", reason="contract",
        origin="person", created_at=0, expires_at=product.clock.ticks + 300 * DAY,
    )  # fmt: skip
    await product.state.mutes.add(longer)

    await classified(product, graph, "falsePositive")

    assert await product.state.mutes.every() == [longer]


@pytest.mark.parametrize(
    "fault",
    [throttled(60), gateway_timeout(after_commit=False), reset(after_commit=False)],
    ids=["429", "504", "reset"],
)
async def test_a_question_that_fails_is_counted_and_asked_again(
    product: Product, graph: LoopbackGraph, fault: object
) -> None:
    await raised(product)
    graph.classify([*graph.incidents][0], "falsePositive")  # noqa: RUF015
    graph.fault(Operation.GET_INCIDENT, fault)  # type: ignore[arg-type]

    failed = await product.feedback()
    heard = await product.feedback()

    assert (failed.asked, failed.failed, failed.resolved) == (0, 1, [])
    assert (heard.asked, heard.failed, len(heard.resolved)) == (1, 0, 1)


@pytest.mark.parametrize(
    ("failure", "asked"),
    [
        pytest.param(DeliveryError("404: gone"), 2, id="one is gone"),
        pytest.param(KeyError("a bug"), 2, id="one cannot be read"),
        pytest.param(DeliveryError("429", retry_after=60), 1, id="throttled"),
        pytest.param(OutcomeUnknownError("no answer"), 1, id="no answer"),
    ],
)
async def test_a_failure_of_one_question_stops_the_others_only_where_all_would_fail(
    in_memory: Product, failure: Exception, asked: int
) -> None:
    sink = memory_of(in_memory)
    await raised(in_memory, user=1)
    await raised(in_memory, user=2)
    sink.failures = [failure]

    report = await in_memory.feedback()

    assert (len(sink.asked), report.failed, report.asked) == (asked, 1, asked - 1)


async def test_many_incidents_are_asked_about_in_turn(in_memory: Product) -> None:
    sink = memory_of(in_memory)
    for user in range(100):
        await in_memory.feed([a_space_export(in_memory.clock.ticks, user=user)])
    await in_memory.tick()

    rounds = []
    for _ in range(10):
        await in_memory.feedback()
        rounds.append(len(sink.asked))
        in_memory.clock.advance(10 * MINUTE)

    assert rounds == [40 * n for n in range(1, 11)]
    assert len(set(sink.asked)) == 100


@pytest.mark.parametrize(
    ("days", "asked"), [pytest.param(6, 1, id="6 days"), pytest.param(8, 0, id="8 days")]
)
async def test_an_incident_is_asked_about_for_seven_days_after_its_episode_has_ended(
    in_memory: Product, days: int, asked: int
) -> None:
    await raised(in_memory)
    (stored,) = await in_memory.state.episodes.every()
    closed_at = in_memory.clock.ticks - days * DAY
    closed = replace(stored.episode, is_open=False, closed_at=closed_at, ending=Ending.BELOW)
    await in_memory.state.episodes.write(closed, stored)

    await in_memory.feedback()

    assert len(memory_of(in_memory).asked) == asked


async def test_an_episode_that_changes_at_the_same_moment_is_heard_in_the_next_round(
    in_memory: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = memory_of(in_memory)
    episode = await raised(in_memory)
    sink.verdicts[episode.episode_id] = "falsePositive"
    real = sink.resolution

    async def meanwhile(delivery: object) -> object:
        (stored,) = await in_memory.state.episodes.every()
        await in_memory.state.episodes.write(stored.episode, stored)
        return await real(delivery)  # type: ignore[arg-type]

    monkeypatch.setattr(sink, "resolution", meanwhile)
    lost = await in_memory.feedback()
    monkeypatch.setattr(sink, "resolution", real)
    heard = await in_memory.feedback()

    assert (len(lost.resolved), len(heard.resolved)) == (0, 1)
    assert [mute.rule for mute in await in_memory.state.mutes.every()] == ["bulk_access"]
