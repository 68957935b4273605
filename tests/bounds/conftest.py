"""Bounds are shown over real SQLite."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from detector.adapters.sqlite import SqliteRows


@pytest.fixture
async def rows(tmp_path: Path) -> AsyncGenerator[SqliteRows]:
    """An empty store; it need not outlive a power failure."""
    rows = SqliteRows(tmp_path / "state.db", durable=False)
    yield rows
    await rows.close()
