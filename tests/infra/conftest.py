"""The scripts of infra/scripts are imported as they run: from their own folder."""

import sys

import pytest

from tests.infra.support.graph import Graph, serving
from tests.infra.support.paths import SCRIPTS

sys.path.insert(0, str(SCRIPTS))


@pytest.fixture
def graph(monkeypatch):
    """A tenant without grants, and a token for it."""
    monkeypatch.setenv("GRAPH_ACCESS_TOKEN", "test")
    with serving(Graph()) as tenant:
        yield tenant
