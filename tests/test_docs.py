"""What the documents show is what the program does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from detector.cli.app import app
from detector.policies import load_policy
from detector.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "SECURITY.md"]


def test_the_readme_shows_what_make_run_prints(tmp_path: Path) -> None:
    shown = README.split("```console\n$ make run\n")[1].split("```")[0].strip().split("\n\n")

    store = f"sqlite:{tmp_path / 'demo.db'}"
    done = subprocess.run(
        [sys.executable, "-m", "detector", "run", "examples/day.jsonl", "--store", store],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert len(shown) == 2
    for incident in shown:
        assert incident in done.stdout


def commands() -> set[str]:
    group = get_command(app)
    found: set[str] = set()
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        found.add(name)
        found |= {f"{name} {sub}" for sub in getattr(command, "commands", {})}
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_in_a_document_exists(document: Path) -> None:
    known = commands()

    for words in re.findall(r"python3? -m detector ([a-z]+(?: [a-z]+)?)", document.read_text()):
        first = words.split()[0]
        assert first in known, words


def test_every_command_is_in_the_readme() -> None:
    for name in {command.split()[0] for command in commands()}:
        assert f"python -m detector {name}" in README, name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")

    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (document.parent / target).exists(), target


def test_every_setting_is_documented() -> None:
    names = (ROOT / "docs/adr/0002-names.md").read_text(encoding="utf-8")

    for name in Settings.model_fields:
        assert f"DETECTOR_{name.upper()}" in names


@pytest.mark.parametrize("policy", ["source", "recommended"])
def test_the_severity_table_of_the_docs_is_the_policys(policy: str) -> None:
    text = (ROOT / "docs/detection.md").read_text(encoding="utf-8")

    rows = re.findall(r"^\| (high|medium|low) \| ([^|]+) \|", text, re.MULTILINE)

    assert rows == [(rule.severity, rule.name) for rule in load_policy(policy).severity_rules]
