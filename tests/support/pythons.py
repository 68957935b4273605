"""The Python versions that the product supports, as far as this machine has them."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13")


@cache
def present() -> dict[str, Path]:
    """Interpreters by version, from PATH and pyenv; at least the one that runs the tests."""
    found = {version: _find(version) for version in SUPPORTED}
    return {version: python for version, python in found.items() if python is not None}


def _find(version: str) -> Path | None:
    candidates = [Path(sys.executable), *(folder / f"python{version}" for folder in _folders())]
    return next((python for python in candidates if _version(python) == version), None)


def _folders() -> list[Path]:
    on_path = [Path(entry) for entry in os.get_exec_path()]
    pyenv = [Path.home() / ".pyenv", *(entry.parent for entry in on_path if entry.name == "shims")]
    return on_path + [folder for root in pyenv for folder in sorted(root.glob("versions/*/bin"))]


def _version(python: Path) -> str | None:
    """None where nothing is there, or only pyenv's shim of a version that is not chosen."""
    if not python.exists():
        return None
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None
