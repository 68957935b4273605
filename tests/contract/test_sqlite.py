"""What only SQLite must answer for: several processes on one file, and files that are no store."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from detector.adapters.sqlite import SqliteRows
from detector.ports import Operation, StoreUnavailableError, Transaction

ROOT = Path(__file__).parents[2]
ONE = Transaction("t", "p", [Operation("upsert", "k", {"Word": "kept"})])


def increments(path: Path, times: int) -> subprocess.Popen[str]:
    """A process that adds to the counter and prints a line for each addition."""
    command = [sys.executable, "-m", "tests.support.increment", str(path), str(times)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


async def count(path: Path) -> object:
    rows = SqliteRows(path)
    row = await rows.get("t", "p", "n")
    await rows.close()
    return row and row.values["Count"]


async def test_no_increment_of_four_processes_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    processes = [increments(path, 50) for _ in range(4)]

    assert [process.wait(60) for process in processes] == [0] * 4
    assert await count(path) == 200
    for process in processes:
        assert process.stdout is not None
        process.stdout.close()


async def test_a_killed_process_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    acknowledged = 0
    for _ in range(3):
        with increments(path, 100_000) as process:
            assert process.stdout is not None
            for _ in range(40):
                process.stdout.readline()
            process.kill()
            acknowledged += 40 + len(process.stdout.readlines())

    found = await count(path)

    # The last addition of each may have been applied and not yet acknowledged.
    assert found in range(acknowledged, acknowledged + 4)


async def test_a_store_is_found_again_as_it_was_left(tmp_path: Path) -> None:
    rows = SqliteRows(tmp_path / "new" / "folder" / "state.db")
    await rows.submit(ONE)
    before = await rows.scan_all("t")
    await rows.close()

    again = SqliteRows(tmp_path / "new" / "folder" / "state.db")

    assert await again.scan_all("t") == before
    await again.close()


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be one" * 50, b"\0" * 4096]
)
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(content)

    with pytest.raises(StoreUnavailableError, match=r"state\.db: cannot be opened"):
        SqliteRows(path)

    assert path.read_bytes() == content


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="cannot be opened"):
        SqliteRows(tmp_path)


async def test_a_file_that_is_destroyed_while_open_is_unavailable(tmp_path: Path) -> None:
    rows = SqliteRows(tmp_path / "state.db", durable=False)
    await rows.submit(ONE)
    (tmp_path / "state.db").write_bytes(b"x" * 100_000)

    with pytest.raises(StoreUnavailableError, match="SQLite: "):
        await rows.scan_all("t")
    with pytest.raises(StoreUnavailableError, match="SQLite: "):
        await rows.submit(ONE)

    await rows.close()


async def test_a_writer_waits_for_another_and_then_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detector.adapters.sqlite._BUSY_SECONDS", 0.05)
    path = tmp_path / "state.db"
    rows = SqliteRows(path)
    await rows.submit(ONE)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnavailableError, match="locked"):
        await rows.submit(ONE)
    assert len(await rows.scan_all("t")) == 1
    other.execute("ROLLBACK")
    other.close()
    await rows.submit(ONE)

    await rows.close()
