"""`deadletters`: what could not be read, and reading it again."""

import json
from pathlib import Path

import pytest

from tests.sources.rows import envelope, record

BROKEN = b'{"records": [{"category": "AdvancedHunting-CloudAppEvents", "properties": 5}]}'


def rejected_once(cli, folder: Path) -> dict[str, object]:
    (folder / "day.jsonl").write_bytes(BROKEN + b"\n" + envelope(record()) + b"\n")
    assert cli("run", "day.jsonl", "--store", "sqlite:s.db").code == 0
    (letter,) = json.loads(
        cli("deadletters", "list", "--store", "sqlite:s.db", "--format", "json").out
    )
    return letter


def test_a_rejected_record_is_listed_with_its_place_and_reason(cli, tmp_path: Path) -> None:
    letter = rejected_once(cli, tmp_path)

    assert letter["where"] == "day.jsonl, line 1, record 0"
    assert "properties" in str(letter["reason"])
    shown = cli("deadletters", "list", "--store", "sqlite:s.db")
    assert "1 dead letters" in shown.out


def test_one_is_shown_by_its_id(cli, tmp_path: Path) -> None:
    letter = rejected_once(cli, tmp_path)

    shown = cli("deadletters", "show", letter["id"], "--store", "sqlite:s.db")
    as_json = cli("deadletters", "show", letter["id"], "--store", "sqlite:s.db", "--format", "json")

    assert str(letter["sha256"]) in shown.out
    assert json.loads(as_json.out) == letter
    assert cli("deadletters", "show", "nonsense", "--store", "sqlite:s.db").code == 2


def test_a_replay_reads_the_line_again(cli, tmp_path: Path) -> None:
    rejected_once(cli, tmp_path)
    mended = envelope(record()) + b"\n"
    (tmp_path / "day.jsonl").write_bytes(mended * 2)

    done = cli("deadletters", "replay", "--store", "sqlite:s.db")

    assert "1 of 1 dead letters were replayed" in done.out
    left = cli("deadletters", "list", "--store", "sqlite:s.db", "--format", "json").out
    assert [letter["source"] for letter in json.loads(left)] in ([], ["too old"])


def test_what_is_still_broken_stays_with_its_reason(cli, tmp_path: Path) -> None:
    letter = rejected_once(cli, tmp_path)

    done = cli("deadletters", "replay", "--store", "sqlite:s.db", "--format", "json")

    ((outcome),) = json.loads(done.out)
    assert (outcome["id"], "properties" in outcome["outcome"]) == (letter["id"], True)


@pytest.mark.parametrize("name", ["day.jsonl", "like/a/hub"])
def test_a_file_that_is_gone_is_said_to_be_gone(cli, tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"{\n")
    cli("run", name, "--store", "sqlite:s.db")
    (tmp_path / name).unlink()

    done = cli("deadletters", "replay", "--store", "sqlite:s.db")

    assert (done.code, "the body is gone" in done.out) == (0, True)
