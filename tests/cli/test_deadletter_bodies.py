"""Dead letters whose raw bodies were kept: shown, and read again when nothing else is left."""

import json
from pathlib import Path

import pytest

from detector.adapters.folder_bodies import FolderBodies
from detector.adapters.sqlite import SqliteRows
from detector.cli.originals import original
from detector.core.activity import Rejected
from detector.core.reading import Message
from detector.state.dead_letters import DeadLetter, DeadLetters, body_name
from tests.cli.test_deadletters import rejected_once
from tests.sources.rows import dump, envelope, record, row, source

STORE = ("--store", "sqlite:s.db")


@pytest.fixture(autouse=True)
def keeper(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("DETECTOR_DEAD_LETTER_BODIES", f"file:{tmp_path / 'bodies'}")
    return tmp_path / "bodies"


def test_a_kept_body_is_the_record_alone(cli, tmp_path: Path) -> None:
    letter = rejected_once(cli, tmp_path)

    shown = cli("deadletters", "show", letter["id"], "--body", *STORE)
    as_json = cli("deadletters", "show", letter["id"], "--body", *STORE, "--format", "json")

    record_alone = '{"category": "AdvancedHunting-CloudAppEvents", "properties": 5}'
    assert letter["body"] == "kept"
    assert record_alone in shown.out
    assert json.loads(as_json.out) == {**letter, "content": record_alone}


def test_without_its_body_a_letter_is_shown_but_not_its_content(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DETECTOR_DEAD_LETTER_BODIES")
    letter = rejected_once(cli, tmp_path)

    shown = cli("deadletters", "show", letter["id"], "--body", *STORE)

    assert (letter["body"], shown.code) == ("", 2)
    assert "the body is gone, or was never kept" in shown.err


def test_a_replay_reads_the_kept_body_when_the_file_is_gone(
    cli, tmp_path: Path, keeper: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DETECTOR_TENANT_ID", "00000000-0000-0000-0000-000000000099")
    good, foreign = record(row(Application="Jira")), record(row(ReportId=None))
    (tmp_path / "day.jsonl").write_bytes(envelope(good, foreign) + b"\n")
    assert cli("run", "day.jsonl", *STORE).code == 0
    (tmp_path / "day.jsonl").unlink()

    before = cli("deadletters", "replay", *STORE)
    monkeypatch.delenv("DETECTOR_TENANT_ID")
    after = cli("deadletters", "replay", *STORE)

    assert "tenantId: a record of another tenant" in before.out
    assert "1 of 1 dead letters were replayed" in after.out
    assert [path for path in keeper.rglob("*") if path.is_file()] == []


async def test_a_kept_record_is_the_event_that_its_message_would_have_given(
    tmp_path: Path,
) -> None:
    late = record(row(ReportId=None))
    read = source().read([Message(envelope(record(), record(), late), "ns/hub/3", 41, 17)])
    kept = Rejected(
        reason="",
        where="",
        source="ns/hub/3",
        sequence=41,
        index=2,
        size=0,
        sha256="",
        enqueued=17,
    )
    bodies = FolderBodies(tmp_path)
    await bodies.put({body_name(kept): dump(late)})
    rows = SqliteRows(tmp_path / "s.db")

    message = await original(DeadLetter("", kept, ""), DeadLetters(rows, bodies))
    await rows.close()

    assert message is not None
    (alone,) = source().read([message]).activities
    assert alone.event_id == read.activities[2].event_id
