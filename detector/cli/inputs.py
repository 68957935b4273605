"""Lines of files and of standard input as messages, in batches, with progress on a terminal."""

import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from detector.core.reading import Message

STANDARD_INPUT = "-"
LONGEST_LINE = 16 << 20
"""Bytes of one line; an Event Hub message has at most 1 MiB."""

_BLOCK_BYTES = 24 << 20
_POLL_SECONDS = 0.5
_MAGIC = {
    b"\x1f\x8b": "gzip: unpack it first (gzip -dc FILE | python -m detector … -)",
    b"PK": "a ZIP archive: unpack it first",
    b"\xff\xfe": "UTF-16 text: convert it to UTF-8",
    b"\xfe\xff": "UTF-16 text: convert it to UTF-8",
}


class InputError(ValueError):
    """A file that cannot be read as lines of JSON; the message names it."""


def check_inputs(paths: Sequence[str]) -> None:
    """Refuse what cannot be read before anything is done. Raises InputError."""
    for path in paths:
        if path != STANDARD_INPUT:
            _open(path).close()


def batches(
    paths: Sequence[str], *, lines: int = 1 << 30, console: Console | None = None
) -> Iterator[list[Message]]:
    """Messages of the files in order, at most `lines` of them and about 24 MiB at a time.

    Blank lines are passed over; the line number stays. Progress is drawn where `console` is a
    terminal.
    """
    with ExitStack() as stack:
        advance = stack.enter_context(_progress(paths, console))
        for path in paths:
            file = sys.stdin.buffer if path == STANDARD_INPUT else stack.enter_context(_open(path))
            number = 0
            for block in _blocks(file):
                advance(sum(map(len, block)))
                messages = [
                    Message(body, path, n) for n, body in enumerate(block, number + 1) if body
                ]
                number += len(block)
                for start in range(0, len(messages), lines):
                    yield messages[start : start + lines]


def follow_last(paths: Sequence[str]) -> Iterator[list[Message]]:
    """What is appended to the last file from now on, as it comes; standard input until it ends."""
    name = paths[-1]
    if name == STANDARD_INPUT:
        return
    with _open(name) as file:
        number = sum(1 for _ in file)
        rest = b""
        while True:
            chunk = file.read(1 << 20)
            if not chunk:
                time.sleep(_POLL_SECONDS)
                continue
            *lines, rest = (rest + chunk).split(b"\n")
            bodies = [(number + i, line.strip()) for i, line in enumerate(lines, 1)]
            number += len(lines)
            yield [Message(body, name, n) for n, body in bodies if body]


def _blocks(file: BinaryIO) -> Iterator[list[bytes]]:
    """Whole lines in blocks, stripped, the first without its byte order mark.

    A line over the limit is cut there, so that it is rejected, and the rest of it skipped.
    """
    rest = file.read(_BLOCK_BYTES).removeprefix(b"\xef\xbb\xbf")
    skipping = False
    while rest:
        more = file.read(_BLOCK_BYTES)
        *lines, rest = (rest + more).split(b"\n") if more else (*rest.split(b"\n"), b"")
        if skipping and lines:
            lines[0] = b""
            skipping = False
        if len(rest) > LONGEST_LINE:
            lines, rest, skipping = [*lines, rest[:LONGEST_LINE]], b"", True
        yield [line.strip() for line in lines]


def _open(path: str) -> BinaryIO:
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - closed by the caller
    except FileNotFoundError as error:
        message = f"{path}: no such file"
        raise InputError(message) from error
    except IsADirectoryError as error:
        message = f"{path}: a directory; name the files in it"
        raise InputError(message) from error
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror})"
        raise InputError(message) from error
    start = file.peek(2)[:2]
    if start in _MAGIC:
        file.close()
        message = f"{path}: looks like {_MAGIC[start]}"
        raise InputError(message)
    return file


class _Advance:
    """Called with the bytes read; does nothing where nothing is drawn."""

    def __init__(self, progress: Progress | None = None, task: int = 0) -> None:
        self._progress = progress
        self._task = task

    def __call__(self, size: int) -> None:
        if self._progress is not None:
            self._progress.advance(self._progress.task_ids[self._task], size)


@contextmanager
def _progress(paths: Sequence[str], console: Console | None) -> Generator[_Advance]:
    if console is None or not console.is_terminal:
        yield _Advance()
        return
    known = [Path(p).stat().st_size for p in paths if p != STANDARD_INPUT]
    total = sum(known) if len(known) == len(paths) else None
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task("reading", total=total)
        yield _Advance(progress)
