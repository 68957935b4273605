"""What every command shares: help, version, exit codes, and how it ends."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from detector import __version__
from detector.cli.app import app
from tests.cli.streams import AT, DAY, EVENING, messages


def commands(group, prefix=""):
    """The names of every command, those of groups within groups too."""
    for command in group.registered_commands:
        yield prefix + (command.name or command.callback.__name__.replace("_", "-"))
    for inner in group.registered_groups:
        yield from commands(inner.typer_instance, f"{prefix}{inner.name} ")


COMMANDS = sorted(commands(app))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_an_example_and_the_exit_codes(cli, command):
    shown = cli(*command.split(), "--help")

    assert shown.code == 0
    assert f"\n    python -m detector {command}" in shown.out
    for code in ("0 fine", "1 findings", "2\n  usage or bad input", "3 a service", "130 interr"):
        assert code.replace("\n  ", " ") in " ".join(shown.out.split())


def test_no_command_hides():
    known = {"counters", "kql", "policy check", "policy show", "run", "sample", "score"}

    assert known <= set(COMMANDS)


@pytest.mark.parametrize("group", [[], ["policy"]], ids=["detector", "policy"])
def test_a_group_without_a_command_shows_its_help(cli, group):
    shown = cli(*group)

    assert "Commands:" in shown.out + shown.err
    assert "Traceback" not in shown.err


def test_the_version_is_the_packages(cli):
    shown = cli("--version")

    assert (shown.code, shown.out) == (0, f"{__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        "nonsense",
        "run --nonsense",
        "run --format yaml",
        "score",
        "score -",
        "kql --by account",
        "sample --bulk -1",
        "sample --seed x",
        "policy check",
        "counters",
    ],
)
def test_a_usage_error_ends_with_2(cli, arguments):
    shown = cli(*arguments.split())

    assert (shown.code, shown.out) == (2, "")
    assert "Usage: " in shown.err


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DETECTOR_STROE", "x", "DETECTOR_STROE: Extra inputs are not permitted"),
        ("DETECTOR_SINK", "splunk", "DETECTOR_SINK: Input should be 'defender', 'sentinel'"),
        ("DETECTOR_STORE", "mongodb:x", "store 'mongodb:x': write sqlite:PATH or azure"),
        ("DETECTOR_POLICY", "nonsense", "nonsense: cannot be read as a policy file"),
        ("DETECTOR_POLICY_OVERRIDES", "{", "the overrides: not a JSON object"),
    ],
)
def test_a_setting_that_cannot_be_used_ends_with_2_and_is_named(
    cli, monkeypatch, name, value, says
):
    monkeypatch.setenv(name, value)

    shown = cli("run", stdin=b"")

    assert (shown.code, shown.out) == (2, "")
    assert shown.err.startswith("error: ")
    assert says in shown.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["kql"],
        ["policy", "show"],
        ["sample"],
        ["score", DAY, "--at", AT, "--format", "json"],
        ["run", "evening.jsonl", "--store", "sqlite:demo.db"],
    ],
    ids=["kql", "policy", "sample", "score", "run"],
)
def test_a_reader_that_has_seen_enough_ends_a_command_quietly(start, tmp_path, arguments):
    (tmp_path / "evening.jsonl").write_bytes(messages(EVENING))
    reader, writer = os.pipe()
    os.close(reader)

    process = start(*arguments, stdout=writer)
    os.close(writer)
    _, err = process.communicate()

    assert process.returncode == 0
    assert b"rror" not in err  # neither "error" nor "BrokenPipeError"


def test_a_terminal_that_knows_ascii_only_is_no_error(program, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")

    shown = program("score", DAY, "--at", AT)

    assert shown.code == 0
    assert "Automated scraping detected \\u2014 exceeds 10 pages/min" in shown.out


def test_an_interrupt_ends_a_command_that_waits_for_input_without_a_traceback(start):
    process = start("run", "--store", "sqlite:live.db")
    time.sleep(2)

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)

    assert (process.returncode, out, err) == (130, b"", b"")


@pytest.mark.parametrize(
    "words",
    [
        "alerts list --store azure",
        "send day.jsonl --eventhub",
        "run --eventhub --store sqlite::memory:",
    ],
)
def test_a_client_that_is_not_installed_is_named(words: str) -> None:
    """`make run` installs none."""
    without = f"import sys; sys.modules['azure'] = None; sys.argv[1:] = {words.split()}"
    command = f"{without}; from detector.cli.app import main; main()"

    done = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(
        r"error: azure\S* is not installed: pip install -r requirements.txt\n", done.stderr
    )
