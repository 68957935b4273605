"""`run --follow`: what is appended is played as it comes, until somebody interrupts."""

import signal
import sqlite3
import time
from contextlib import closing

import pytest

from detector.cli.inputs import followed
from tests.cli.streams import EVENING, messages
from tests.sources.rows import dump, record, row

SECONDS = 30


@pytest.fixture
def growing(tmp_path):
    """A file that somebody else writes."""
    path = tmp_path / "growing.jsonl"
    path.write_bytes(b"")
    return path


def append(path, body):
    with path.open("ab") as file:
        file.write(body)


def wait_for(text, process):
    """Read the program's output up to a line with this text."""
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        line = process.stdout.readline().decode()
        if text in line or not line:
            return line
    return ""


def wait_until_the_clock_is(instant, path):
    ends = time.monotonic() + SECONDS
    query = "SELECT columns FROM rows WHERE tbl = 'meta' AND rk = 'clock'"
    with closing(sqlite3.connect(path, timeout=SECONDS)) as store:
        while instant not in str(store.execute(query).fetchall()):
            assert time.monotonic() < ends
            time.sleep(0.1)


def test_appended_lines_are_played_as_they_come_until_an_interrupt(start, growing):
    export = dump(row(ActionType="SpaceExported"))
    other = dump(row(ActionType="SpaceExported", AccountObjectId="b", AccountDisplayName="Bob"))
    append(growing, export + b"\n" + other[:100])
    process = start("run", growing, "--follow", "--store", "sqlite:state.db")

    first = wait_for("Confluence data mining", process)
    append(growing, other[100:] + b"\n")
    second = wait_for("Confluence data mining", process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=SECONDS)

    assert "by Alice: 1 whole space exported" in first
    assert "by Bob: 1 whole space exported" in second
    assert (process.returncode, err) == (130, b"")


def test_what_was_followed_is_stored(start, cli, growing, tmp_path):
    after = record({}, category="AdvancedHunting-EmailEvents", time="2026-03-11T23:10:00Z")
    append(growing, messages([*EVENING, after]))
    process = start("run", growing, "--follow", "--store", "sqlite:state.db")

    wait_for("by Chuck", process)
    wait_until_the_clock_is("2026-03-11T23:10:00.0000000Z", tmp_path / "state.db")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=SECONDS)

    again = cli("run", growing, "--store", "sqlite:state.db")
    assert again.out.endswith("Nothing changed: every window, episode and alert is as it was.\n")


def test_files_before_the_last_are_played_first_and_standard_input_ends(cli, tmp_path):
    first, second = (dump(row(ReportId=name, RawEventData={})) for name in "ab")
    (tmp_path / "a.jsonl").write_bytes(first)

    shown = cli("run", "a.jsonl", "-", "--follow", "--store", "sqlite:s.db", stdin=second)

    assert shown.code == 0
    assert shown.out.startswith("2 records, 2 Atlassian activities of 1 users")


def test_a_followed_line_counts_when_it_is_complete(growing):
    append(growing, b"1\n\n3\r\n4")
    batches = followed(str(growing), lines=2)

    first = next(batches)
    append(growing, b"4\n" + b"x\n" * 5)
    rest = [next(batches) for _ in range(3)]

    assert [(m.sequence, m.body) for m in first] == [(1, b"1"), (3, b"3")]
    assert [[m.body for m in batch] for batch in rest] == [
        [b"44", b"x"],
        [b"x", b"x"],
        [b"x", b"x"],
    ]
    assert rest[2][1].sequence == 9
