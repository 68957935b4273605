"""requirements.txt, the list that Azure installs from, is complete, portable and enough."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import pythons

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / "requirements.txt"
TOOLS = ROOT / ".venv-tools/bin"
AZURE_FUNCTIONS = {"3.11": "1", "3.12": "1", "3.13": "2"}
ASK = (
    "import function_app, importlib.metadata; print(importlib.metadata.version('azure-functions'))"
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", pythons.present())
def test_the_app_imports_with_the_requirements_alone(version: str) -> None:
    python = environment(version)

    answer = subprocess.run(
        [python, "-c", ASK], cwd=ROOT, env={}, capture_output=True, text=True, check=False
    )

    assert answer.stderr == ""
    assert answer.stdout.partition(".")[0] == AZURE_FUNCTIONS[version]


@pytest.mark.parametrize(
    "package",
    ["azure-functions", "azure-eventhub", "azure-data-tables", "azure-storage-blob", "msgraph-sdk"],
)
def test_the_requirements_name_and_pin(package: str) -> None:
    assert re.search(rf"^{package}==\d", REQUIREMENTS.read_text(), re.MULTILINE)


def test_the_locks_name_no_private_registry() -> None:
    hosts = re.findall(r'https://([^/"]+)/', (ROOT / "uv.lock").read_text())

    assert set(hosts) == {"pypi.org", "files.pythonhosted.org"}
    assert '"resolved"' not in (ROOT / "tests/package-lock.json").read_text()


def environment(version: str) -> Path:
    """The interpreter of an environment with requirements.txt alone; kept until that changes."""
    folder = ROOT / f".cache/requirements-{version}"
    python, stamp = folder / "bin/python", folder / "requirements.txt"
    if not stamp.exists() or stamp.read_bytes() != REQUIREMENTS.read_bytes():
        shutil.rmtree(folder, ignore_errors=True)
        run(pythons.present()[version], "-m", "venv", "--without-pip", folder)
        if (TOOLS / "uv").exists():
            run(TOOLS / "uv", "pip", "install", "--python", python, "-r", REQUIREMENTS)
        else:
            pip = (TOOLS / "python", "-m", "pip", "--python", python)
            run(*pip, "install", "--no-compile", "--no-deps", "-r", REQUIREMENTS)
        shutil.copyfile(REQUIREMENTS, stamp)
    return python


def run(*command: str | Path) -> None:
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
