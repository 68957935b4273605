"""Lines of files and of standard input as messages, in batches, with progress on a terminal."""

import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

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
    b"{\0": "UTF-16 text: convert it to UTF-8",
    b"PK": "a ZIP archive: unpack it first",
    b"\xff\xfe": "UTF-16 text: convert it to UTF-8",
    b"\xfe\xff": "UTF-16 text: convert it to UTF-8",
}


class InputError(ValueError):
    """A file that cannot be read as lines of JSON; the message names it."""


def check_inputs(paths: Sequence[str]) -> None:
    """Refuse what cannot be read before anything is done. Raises InputError.

    A named pipe can be opened once only, so it is left for later.
    """
    for path in paths:
        if path == STANDARD_INPUT:
            _check(cast("BufferedReader", sys.stdin.buffer), "standard input")
        elif not Path(path).is_fifo():
            _open(path).close()


def batches(
    paths: Sequence[str],
    *,
    lines: int = 1 << 30,
    console: Console | None = None,
    eager: bool = False,
) -> Iterator[list[Message]]:
    """Messages of the files in order, at most `lines` of them and about 24 MiB at a time.

    Blank lines are passed over; the line number stays. Progress is drawn where `console` is a
    terminal. `eager` gives what a pipe holds now instead of waiting for more.
    """
    with ExitStack() as stack:
        advance = stack.enter_context(_progress(paths, console))
        for path in paths:
            file = sys.stdin.buffer if path == STANDARD_INPUT else stack.enter_context(_open(path))
            read: Callable[[int], bytes] = getattr(file, "read1" if eager else "read")
            number = 0
            for block in _blocks(read):
                advance(sum(map(len, block)))
                messages = [
                    Message(body, path, n) for n, body in enumerate(block, number + 1) if body
                ]
                number += len(block)
                for start in range(0, len(messages), lines):
                    yield messages[start : start + lines]


def followed(path: str, *, lines: int) -> Iterator[list[Message]]:
    """Messages of a file from its beginning, and for ever what is appended to it.

    A line counts when it is complete. A batch comes whenever there is no more for now.
    """
    with _open(path) as file:
        number, line = 0, b""
        batch: list[Message] = []
        while True:
            line += file.readline(LONGEST_LINE)
            complete = line.endswith(b"\n") or len(line) >= LONGEST_LINE
            if complete:
                number += 1
                if body := line.strip():
                    batch.append(Message(body, path, number))
                line = b""
            if batch and (len(batch) >= lines or not complete):
                yield batch
                batch = []
            elif not complete:
                time.sleep(_POLL_SECONDS)


def _blocks(read: Callable[[int], bytes]) -> Iterator[list[bytes]]:
    """Whole lines in blocks, stripped, the first without its byte order mark.

    A line over the limit is cut there, so that it is rejected, and the rest of it skipped.
    """
    rest, skipping, mark = b"", False, b"\xef\xbb\xbf"
    while chunk := read(_BLOCK_BYTES):
        *lines, rest = (rest + chunk.removeprefix(mark)).split(b"\n")
        mark = b""
        if skipping:
            skipping, lines, rest = not lines, lines[1:], rest if lines else b""
        if len(rest) > LONGEST_LINE:
            lines, rest, skipping = [*lines, rest[:LONGEST_LINE]], b"", True
        yield [line[:LONGEST_LINE].strip() for line in lines]
    if rest:
        yield [rest.strip()]


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
    _check(file, path)
    return file


def _check(file: BufferedReader, name: str) -> None:
    """Close and refuse what shows by its first bytes that it holds no lines of text."""
    start = file.peek(2)[:2]
    if start in _MAGIC:
        file.close()
        message = f"{name}: looks like {_MAGIC[start]}"
        raise InputError(message)


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
