"""Every script explains itself without the product's dependencies, and azd finds its hooks."""

import ast
import re
import subprocess
import sys

import pytest

from tests.infra.support.paths import ROOT, SCRIPTS

RUN = sorted(p for p in SCRIPTS.glob("*.py") if "__main__" in p.read_text())
AZURE_YAML = (ROOT / "azure.yaml").read_text()


def run(script, *options):
    """The script in an interpreter that sees nothing but the standard library."""
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, {str(SCRIPTS)!r})",
    ]
    command[-1] += f"; sys.argv = {[script.name, *options]!r}"
    command[-1] += f"; import runpy; runpy.run_path({str(script)!r}, run_name='__main__')"
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("script", RUN, ids=lambda script: script.name)
def test_a_script_explains_itself(script):
    done = run(script, "--help")

    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout
    assert "Exit codes:" in done.stdout


@pytest.mark.parametrize("script", RUN, ids=lambda script: script.name)
def test_a_wrong_option_is_a_mistake_of_the_user(script):
    assert run(script, "--no-such-option").returncode == 2


def test_hooks_are_python_files_that_exist():
    hooks = re.findall(r"^ +run: (.+)$", AZURE_YAML, re.MULTILINE)

    assert hooks
    for hook in hooks:
        assert hook.endswith(".py")
        assert (ROOT / hook).is_file()
    assert AZURE_YAML.count("kind: python") == len(hooks)


def test_hooks_are_named_as_azd_names_them():
    hooks = AZURE_YAML.split("hooks:")[1]

    assert set(re.findall(r"^  (\w+):", hooks, re.MULTILINE)) <= {"postprovision", "postdeploy"}


def test_a_hook_makes_azd_install_nothing():
    """Azd installs the nearest requirements file before a Python hook."""
    lines = (SCRIPTS / "requirements.txt").read_text().splitlines()

    assert [line for line in lines if line and not line.startswith("#")] == []


def test_azd_deploys_the_service_that_is_tagged():
    text = (ROOT / "infra/modules/function-app.bicep").read_text()

    assert "'azd-service-name': 'detector'" in text
    assert re.search(r"^services:\n  detector:$", AZURE_YAML, re.MULTILINE)


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.py")), ids=lambda script: script.name)
def test_a_script_is_small_enough_to_read(script):
    text = script.read_text()
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]

    assert len(text.splitlines()) <= 250
    assert [f.name for f in functions if f.end_lineno - f.lineno + 1 > 30] == []
