"""A clock, a loopback Graph on it, and a product over both."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.defender.graph_product import product_on
from tests.loopback.graph import LoopbackGraph
from tests.support.product import DrivenClock, Product


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
