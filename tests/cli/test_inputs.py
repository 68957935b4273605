"""Files that are given by mistake, and files that are only a little odd."""

import gzip
import os
import threading
import zipfile

import pytest

from detector.cli.inputs import LONGEST_LINE, batches
from tests.cli.streams import AT, DAY
from tests.sources.rows import dump, envelope, record, row

GOOD = dump(row())
COMMANDS = {
    "score": lambda cli, path: cli("score", path, "--at", AT, "--format", "json"),
    "run": lambda cli, path: cli("run", path, "--store", "sqlite:state.db", "--format", "json"),
}
both = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)


@both
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (gzip.compress(GOOD), "looks like gzip: unpack it first"),
        (GOOD.decode().encode("utf-16"), "looks like UTF-16 text: convert it to UTF-8"),
        (GOOD.decode().encode("utf-16-le"), "looks like UTF-16 text: convert it to UTF-8"),
    ],
    ids=["gzip", "UTF-16", "UTF-16 without a mark"],
)
def test_a_packed_or_wide_file_is_refused_with_what_to_do(cli, tmp_path, command, content, says):
    (tmp_path / "day.jsonl").write_bytes(content)

    shown = command(cli, "day.jsonl")

    assert (shown.code, shown.out) == (2, "")
    assert shown.err.startswith(f"error: day.jsonl: {says}")
    assert not (tmp_path / "state.db").exists()


def test_a_zip_archive_is_refused(cli, tmp_path):
    with zipfile.ZipFile(tmp_path / "day.zip", "w") as archive:
        archive.writestr("day.jsonl", GOOD)

    shown = cli("score", "day.zip", "--at", AT)

    assert shown.code == 2
    assert shown.err == "error: day.zip: looks like a ZIP archive: unpack it first\n"


def test_gzip_on_standard_input_is_refused(cli):
    shown = cli("score", "-", "--at", AT, stdin=gzip.compress(GOOD))

    assert shown.code == 2
    assert shown.err.startswith("error: standard input: looks like gzip")


@both
def test_a_missing_file_a_directory_and_a_file_as_a_folder_are_named(cli, tmp_path, command):
    (tmp_path / "file").write_bytes(GOOD)
    (tmp_path / "folder").mkdir()

    said = [command(cli, name) for name in ("none.jsonl", "folder", "file/x")]

    assert [shown.code for shown in said] == [2, 2, 2]
    assert [shown.err for shown in said] == [
        "error: none.jsonl: no such file\n",
        "error: folder: a directory; name the files in it\n",
        "error: file/x: cannot be read (Not a directory)\n",
    ]


def test_every_file_is_looked_at_before_anything_is_done(cli, tmp_path):
    shown = cli("run", DAY, "none.jsonl", "--store", "sqlite:state.db")

    assert (shown.code, shown.out) == (2, "")
    assert not (tmp_path / "state.db").exists()


@both
@pytest.mark.parametrize("content", [b"", b"\n\r\n  \n", b"\xef\xbb\xbf"], ids=repr)
def test_an_empty_file_holds_nothing(cli, tmp_path, command, content):
    (tmp_path / "day.jsonl").write_bytes(content)

    assert command(cli, "day.jsonl").code == 0


@both
def test_binary_garbage_is_counted_as_rejected(cli, tmp_path, command):
    (tmp_path / "noise").write_bytes(bytes(range(200, 256)) * 20 + b"\0\n\1\n" * 50)

    shown = command(cli, "noise")

    assert shown.code == 0
    assert "100 rejected" in shown.err or '"rejected": 100' in shown.out


def test_crlf_marks_blank_lines_and_a_last_line_without_an_end_are_read(cli, tmp_path):
    rows = [dump(row(ReportId=str(n))) for n in range(3)]
    (tmp_path / "day.jsonl").write_bytes(b"\xef\xbb\xbf" + b"\r\n\r\n".join(rows))

    shown = cli("score", "day.jsonl", "--at", AT)

    assert "3 records: 3 Atlassian activities" in shown.err


def test_a_rejection_is_dated_by_its_line_blank_ones_included(cli, tmp_path):
    (tmp_path / "day.jsonl").write_bytes(GOOD + b"\n\n\noops\n")

    cli("score", "day.jsonl", "--at", AT, "--rejects", "rejects.jsonl")

    assert '"where":"day.jsonl, line 4, record 0"' in (tmp_path / "rejects.jsonl").read_text()


def test_a_line_that_is_too_long_is_rejected_and_the_next_is_read(cli, tmp_path):
    filler = b'{"a": "' + b"x" * 4 * LONGEST_LINE + b'"}'
    (tmp_path / "day.jsonl").write_bytes(GOOD + b"\n" + filler + b"\n" + envelope(record()))

    shown = cli("score", "day.jsonl", "--at", AT, "--rejects", "rejects.jsonl")

    assert "3 records: 2 Atlassian activities, 0 of other tables" in shown.err
    assert "1 rejected" in shown.err
    assert "line 2, record 0" in (tmp_path / "rejects.jsonl").read_text()


def test_standard_input_is_read_where_it_is_named(cli):
    shown = cli("score", "-", "--at", AT, "--format", "json", stdin=DAY.read_bytes())

    assert shown.out == cli("score", DAY, "--at", AT, "--format", "json").out


def test_a_named_pipe_is_read_once(cli, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[DAY.read_bytes()])
    writer.start()

    shown = cli("score", "pipe", "--at", AT, "--format", "json")
    writer.join()

    assert shown.out == cli("score", DAY, "--at", AT, "--format", "json").out


def test_a_file_whose_name_is_not_text_can_be_read_and_reported(program, tmp_path):
    name = b"day\xff.jsonl"
    (tmp_path / os.fsdecode(name)).write_bytes(GOOD + b"\noops\n")

    scored = program("score", os.fsdecode(name), "--at", AT, "--rejects", "rejects.jsonl")
    played = program("run", os.fsdecode(name), "--store", "sqlite:state.db")

    assert (scored.code, played.code) == (0, 0)
    assert '"source":"day?.jsonl"' in (tmp_path / "rejects.jsonl").read_text()


def test_lines_come_in_batches_with_their_numbers(tmp_path):
    (tmp_path / "a").write_bytes(b"1\n2\n\n4\n5")
    (tmp_path / "b").write_bytes(b"1\n")

    found = [
        [(m.source, m.sequence, m.body) for m in batch] for batch in batches(["a", "b"], lines=2)
    ]

    assert [m for batch in found for m in batch] == [
        ("a", 1, b"1"),
        ("a", 2, b"2"),
        ("a", 4, b"4"),
        ("a", 5, b"5"),
        ("b", 1, b"1"),
    ]
    assert max(map(len, found)) == 2
