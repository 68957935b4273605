"""A clock, a loopback Graph on it, and a product over both."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from detector.ports import AlertSink
from tests.defender.graph_product import product_on
from tests.loopback.graph import LoopbackGraph
from tests.support.command import Command
from tests.support.events import a_search, a_theft, views
from tests.support.memory_sink import MemorySink
from tests.support.product import DrivenClock, Product

T = TypeVar("T")
Play = Callable[..., Any]


@pytest.fixture
def clock() -> DrivenClock:
    return DrivenClock()


@pytest.fixture
async def graph(clock: DrivenClock) -> AsyncIterator[LoopbackGraph]:
    async with LoopbackGraph(clock=clock) as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
async def product(store: Path, clock: DrivenClock, graph: LoopbackGraph) -> AsyncIterator[Product]:
    async with product_on(store, clock, graph) as one:
        yield one


@pytest.fixture
def command(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    return Command(store, monkeypatch, capsys)


@pytest.fixture
def play(store: Path, clock: DrivenClock) -> Play:
    """`play(lambda product: …)` does something with a product over the command's store."""

    def run(work: Callable[[Product], Awaitable[T]], *sinks: AlertSink) -> T:
        async def played() -> T:
            chosen = sinks or (MemorySink(name="defender"),)
            async with Product.on(store, clock, *chosen) as product:
                return await work(product)

        return asyncio.run(played())

    return run


@pytest.fixture
def three(play: Any, clock: DrivenClock) -> dict[str, str]:
    """A theft and a scraper that were sent, a search that was held back; ids by name."""

    async def work(product: Product) -> dict[str, str]:
        await product.feed(a_theft(clock.ticks, user=1, name="Thief"))
        await product.minutes(1)
        await product.feed(views(60, clock.ticks, user=2, name="Scraper"))
        await product.minutes(1)
        await product.feed([a_search(clock.ticks, user=3, name="Searcher")])
        await product.minutes(1)
        return {e.account_display_name: e.episode_id for e in await product.episodes()}

    return play(work)  # type: ignore[no-any-return]
