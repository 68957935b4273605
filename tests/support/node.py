"""Node programs that `make test` installs under tests/."""

import os
import shutil
import sys
from pathlib import Path

import pytest

MODULES = Path(__file__).parents[1] / "node_modules"


def node(needed: Path) -> str:
    """The Node to run with; the test fails where it or `needed` is not installed."""
    if not needed.exists():
        pytest.fail(f"{needed.name} is not installed: `make test` installs it.", pytrace=False)
    own_first = os.pathsep.join([f"{sys.prefix}/bin", os.environ.get("PATH", "")])  # noqa: TID251 - where Node may be
    found = shutil.which("node", path=own_first)
    if found is None:
        pytest.fail("Node is not installed: `make test` installs it.", pytrace=False)
    return found
