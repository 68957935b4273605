"""What is sent depends on the severity of the evidence and on the policy's minimum."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detector.core.instant import DAY, HOUR, MINUTE, SECOND
from detector.core.policy import Policy
from detector.health import UNSENT_FOR
from detector.policies import load_policy
from tests.support.events import (
    a_download,
    a_record,
    a_search,
    a_space_export,
    a_theft,
    views,
)
from tests.support.memory_sink import MemorySink
from tests.support.product import RECOMMENDED, DrivenClock, Product

SOURCE = load_policy("source")

Records = list[dict[str, Any]]


@pytest.fixture(params=[RECOMMENDED, SOURCE], ids=["recommended", "source"])
def policy(request: pytest.FixtureRequest) -> Policy:
    chosen: Policy = request.param
    return chosen


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
async def product(
    store: Path, clock: DrivenClock, sink: MemorySink, policy: Policy
) -> AsyncIterator[Product]:
    async with Product.on(store, clock, sink, policy=policy) as one:
        yield one


only = pytest.mark.parametrize("policy", [RECOMMENDED], ids=["recommended"])


async def test_one_sensitive_search_and_nothing_else_is_informational(
    product: Product, sink: MemorySink, policy: Policy
) -> None:
    await product.feed([a_search(product.clock.ticks, "vpn setup")])

    report = await product.tick()

    episode = await product.episode()
    assert (episode.severity, episode.indicator) == (
        "informational", "Credential/secret hunting via search queries",
    )  # fmt: skip
    sent_by_source_alone = int(policy is SOURCE)
    assert len(sink.told) == report.sent == sent_by_source_alone
    assert report.held == 1 - sent_by_source_alone


@only
@pytest.mark.parametrize(
    ("records", "severity"),
    [
        pytest.param(a_theft, "high", id="hunting, then opening and taking"),
        pytest.param(lambda at: [a_space_export(at)], "high", id="a whole space"),
        pytest.param(lambda at: views(60, at), "medium", id="scripted reading"),
        pytest.param(lambda at: views(45, at, every=20 * SECOND), "low", id="many pages"),
        pytest.param(lambda at: [a_search(at), a_search(at + HOUR)], "low", id="two searches"),
        pytest.param(
            lambda at: [a_search(at), a_record(at + SECOND)],
            "informational",
            id="a search, then opening",
        ),
        pytest.param(
            lambda at: [a_search(at), a_download(at + HOUR)],
            "informational",
            id="taking long after a search",
        ),
    ],
)
async def test_the_severity_is_of_the_evidence(
    product: Product, sink: MemorySink, records: Callable[[int], Records], severity: str
) -> None:
    await product.feed(records(product.clock.ticks))
    product.clock.advance(2 * HOUR)

    await product.tick()

    assert (await product.episode()).severity == severity
    assert [evidence.severity for evidence in sink.told] == [severity] * (
        severity != "informational"
    )


@only
async def test_what_is_held_back_is_sent_when_it_grows(product: Product, sink: MemorySink) -> None:
    await product.feed([a_search(product.clock.ticks)])
    await product.minutes(5)
    held = len(sink.told)

    await product.feed(a_theft(product.clock.ticks))
    await product.minutes(1)

    assert (held, [e.severity for e in sink.told]) == (0, ["high"])
    assert sink.told[0].revision == (await product.episode()).revision > 1


@only
async def test_what_is_held_back_does_not_wait_in_the_outbox_nor_count_as_unsent(
    product: Product,
) -> None:
    await product.feed([a_search(product.clock.ticks)])
    await product.minutes(2)
    product.clock.advance(UNSENT_FOR)

    assert await product.detector.dispatcher.unsent(product.clock.ticks) == []
    assert await product.state.marks.outbox() == []


@only
async def test_what_was_held_back_is_sent_under_a_policy_that_sends_everything(
    product: Product, store: Path, clock: DrivenClock
) -> None:
    await product.feed([a_search(clock.ticks)])
    await product.minutes(2)
    other = MemorySink()

    everything = replace(RECOMMENDED, minimum_severity="informational")
    async with Product.on(store, clock, other, policy=everything) as changed:
        await changed.minutes(1)

    assert [evidence.severity for evidence in other.told] == ["informational"]


@only
async def test_what_was_sent_once_is_told_of_everything_after(
    product: Product, sink: MemorySink
) -> None:
    await product.feed(a_theft(product.clock.ticks))
    await product.minutes(1)
    product.clock.advance(DAY)

    await product.minutes(2)

    assert [(e.revision, e.transition.value) for e in sink.told] == [(1, "opened"), (2, "closed")]
    assert sink.told[1].closed_at == (await product.episode()).closed_at


@pytest.mark.parametrize("policy", [SOURCE], ids=["source"])
async def test_the_source_policy_sends_every_user_that_the_query_would_have_found(
    product: Product, sink: MemorySink
) -> None:
    at = product.clock.ticks
    found = {
        1: [a_search(at, user=1)],
        2: views(41, at, user=2, every=MINUTE // 2),
        3: [a_record(at + n, "ContentExported", user=3, title=f"{n}") for n in range(6)],
        4: [a_record(at + n, user=4, space=f"S{n % 7}", title=f"{n}") for n in range(21)],
    }
    silent = {
        5: views(40, at, user=5, every=MINUTE // 2),
        6: [a_record(at + n, "ContentExported", user=6, title=f"{n}") for n in range(5)],
        7: [a_space_export(at, user=7)],
    }
    for records in (*found.values(), *silent.values()):
        await product.feed(records)
    product.clock.advance(HOUR)

    await product.tick()

    assert sorted(e.account_display_name for e in sink.told) == [f"User {n}" for n in found]
    assert all(evidence.source_alone for evidence in sink.told)
