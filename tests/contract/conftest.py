"""The stores that pass the contract suites."""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from detector.adapters.azure_tables import open_tables
from detector.adapters.sqlite import SqliteRows
from detector.ports import Rows
from detector.state.store import State
from tests.simulation.rows import SimulatedRows, Tables


@pytest.fixture(params=["sqlite", "simulated", "azurite"])
def open_rows(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Rows]:
    """Opens one empty store, as often as a test wants: each opening is like another host."""
    if request.param == "sqlite":
        return lambda: SqliteRows(tmp_path / "state.db")
    if request.param == "simulated":
        tables = Tables()
        return lambda: SimulatedRows(tables, page=3)
    account: str = request.getfixturevalue("azurite_account")
    return lambda: open_tables(account)


@pytest.fixture
async def rows(open_rows: Callable[[], Rows]) -> AsyncGenerator[Rows]:
    """An empty store."""
    rows = open_rows()
    yield rows
    await rows.close()


@pytest.fixture
async def other_host(open_rows: Callable[[], Rows]) -> AsyncGenerator[Rows]:
    """The same store, opened by somebody else."""
    rows = open_rows()
    yield rows
    await rows.close()


@pytest.fixture
def state(rows: Rows) -> State:
    """An empty state."""
    return State(rows)
