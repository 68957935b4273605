"""Targets that read what others wrote: records, their texts, instants, files, metadata, tokens."""

import asyncio
import base64
import io
import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from detector.adapters.graph.roles import missing_roles
from detector.adapters.sqlite import SqliteRows
from detector.cli.inputs import InputError, batches, check_inputs, followed
from detector.core.instant import InstantError, day_of, format_instant, hour_of, parse_instant
from detector.core.reading import Message
from detector.core.vocabulary import Vocabulary
from detector.ingest import ingest
from detector.sources.cloud_app_events import CloudAppEvents
from detector.sources.raw_event_data import Texts
from detector.state.segment import cut, unpack
from detector.state.store import State
from tests.fuzz.engine import Run
from tests.fuzz.samples import NOW, SOURCE, bodies
from tests.support.activities import RECOMMENDED

_LONGEST_TERM = 20
WORDS = Vocabulary(RECOMMENDED)


@contextmanager
def read_and_store() -> Iterator[Run]:
    """Parse, pack and store as one: what is read is what is stored, record by record."""
    rows = SqliteRows(":memory:", durable=False)

    async def store(body: bytes) -> None:
        source = CloudAppEvents(RECOMMENDED, WORDS, clocked=True)
        reading = source.read([Message(body, SOURCE, 7, NOW), Message(body, "day.jsonl", 1)])
        known = len(reading.activities) + len(reading.rejected) + reading.ignored
        assert reading.records == known, "a record was lost or counted twice"
        for segment in cut(reading.activities):
            assert unpack(segment.data) == [*segment.activities], "packed otherwise than read"
        state = State(rows)
        report = await ingest(reading, state=state, policy=RECOMMENDED, vocabulary=WORDS, now=NOW)
        stored = [a async for _, found in state.ledger.users(-(1 << 62)) for a in found]
        kept = {a.event_id for a in reading.activities} if not report.too_old else set()
        assert kept <= {a.event_id for a in stored}, "an activity was not stored"
        letters = await state.dead_letters.every()
        assert len(letters) >= min(len(reading.rejected), 1), "a rejection was not stored"
        for table in await rows.tables(""):
            await rows.drop(table)

    with asyncio.Runner() as runner:
        yield lambda body: runner.run(store(body))
        runner.run(rows.close())


@contextmanager
def raw_event_data() -> Iterator[Run]:
    """RawEventData, its three texts, and the terms and mask of the search."""
    texts = [Texts(RECOMMENDED.fields), Texts(type(RECOMMENDED.fields)())]

    def run(body: bytes) -> None:
        for reader in texts:
            query, *_ = reader.read(body)
            found, masked = WORDS.terms.found_in(query), WORDS.terms.mask(query)
            assert len(masked) <= 160, "the mask is longer than it says"
            _ = found, WORDS.is_sensitive(found)

    yield run


@contextmanager
def terms() -> Iterator[Run]:
    """Term matching and masking: what is not a term does not come through."""

    def run(body: bytes) -> None:
        text = body.decode("utf-8", "replace")
        WORDS.terms.found_in(text)
        words = WORDS.terms.mask(text)
        for phrase in RECOMMENDED.sensitive_search_terms:
            words = re.sub(re.escape(phrase), "", words, flags=re.IGNORECASE)
        left = "".join(re.findall(r"[^\W_]", words))
        assert len(left) <= (_LONGEST_TERM if words.endswith("…") else 0), f"unmasked: {left!r}"

    yield run


@contextmanager
def instants() -> Iterator[Run]:
    """Instants: InstantError, or one that can be written, keyed and read again."""

    def run(body: bytes) -> None:
        text = body.decode("utf-8", "replace")
        with suppress(InstantError):
            parse_instant(text, zone_required=True)
        with suppress(InstantError):
            ticks = parse_instant(text)
            assert parse_instant(format_instant(ticks)) == ticks, "it changes when it is written"
            assert len(day_of(ticks)) == 8 and 0 <= hour_of(ticks) < 24  # noqa: PT018

    yield run


@contextmanager
def files() -> Iterator[Run]:
    """The command line's files and standard input: InputError, or lines that are read."""
    source = CloudAppEvents(RECOMMENDED, WORDS, by_position=True)
    terminal = sys.stdin

    def from_file(path: Path) -> None:
        check_inputs([str(path)])
        for batch in batches([str(path)], lines=100):
            source.read(batch)

    def from_standard_input(body: bytes) -> None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(body)))  # type: ignore[arg-type]
        check_inputs(["-"])
        for batch in batches(["-"], eager=True):
            source.read(batch)

    with TemporaryDirectory(prefix="detector-fuzz-") as folder:
        path = Path(folder) / "input.jsonl"

        def run(body: bytes) -> None:
            path.write_bytes(body)
            with suppress(InputError):
                from_file(path)
            with suppress(InputError):
                if any(line.strip() for line in body.split(b"\n")[:-1]):  # else it waits for more
                    source.read(next(following := followed(str(path), lines=1)))
                    following.close()
            try:
                with suppress(InputError):
                    from_standard_input(body)
            finally:
                sys.stdin = terminal

        yield run


@contextmanager
def tokens() -> Iterator[Run]:
    """An access token: roles, or none."""

    def run(body: bytes) -> None:
        missing_roles(body.decode("utf-8", "replace"))

    yield run


def raw_samples() -> Sequence[bytes]:
    """RawEventData in the forms it travels in."""
    paths = {"searchQuery": "vpn password", "spaceKey": "OPS", "pageTitle": "Runbook"}
    deep = {"attributes": {"actor": {"id": "x"}, "search": paths, "list": [paths, [paths]]}}
    return [
        json.dumps(paths).encode(),
        json.dumps(json.dumps(paths)).encode(),
        json.dumps(deep | paths).encode(),
        b"null",
    ]


def term_samples() -> Sequence[bytes]:
    """Searches with and without terms."""
    return [b"vpn password hunter2", "Zoë's api key: ſecret \0 1 \0 İ".encode(), b"a", b""]


def instant_samples() -> Sequence[bytes]:
    """Instants in every form, and at the ends of the calendar."""
    texts = ("2026-11-22T10:00:00.1234567Z", "2026-11-22 10:00+05:30", "2026-11-22", "0001-01-01",
             "9999-12-31T23:59:59.9999999-14:00", "٢٠٢٦-11-22", "")  # fmt: skip
    return [text.encode() for text in texts]


def file_samples() -> Sequence[bytes]:
    """Files of lines, and of what is no lines of JSON."""
    lines = b"\n".join(body for body in bodies()[:4])
    return [
        lines, b"\xef\xbb\xbf" + lines, b"\x1f\x8b\x08\0", b"PK\3\4", b"\n\n", b"",
        lines.decode().encode("utf-16"), b"Timestamp,ActionType\r\n2026-11-22,PageViewed\r\n",
    ]  # fmt: skip


def token_samples() -> Sequence[bytes]:
    """The shape of an access token."""
    claims = base64.urlsafe_b64encode(json.dumps({"roles": ["SecurityAlert.Read.All"]}).encode())
    return [b"e30." + claims + b".x", b"", b"..", b"a.!!.b"]
