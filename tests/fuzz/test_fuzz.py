"""30 seconds of fuzzing in every test run, and that the fuzzer finds what it is there for."""

import base64
import json
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from tests.fuzz import engine, mutate
from tests.fuzz.__main__ import main, repeat, told
from tests.fuzz.engine import Run, Target, fuzz, inputs
from tests.fuzz.samples import bodies, from_json
from tests.fuzz.targets import TARGETS

SECONDS = 30.0
SEED = 1
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_escapes(name: str, record_property: Callable[[str, object], None]) -> None:
    result = fuzz(TARGETS[name], seconds=SECONDS / len(TARGETS), seed=SEED)

    said = told(name, SEED, result)
    record_property("fuzz", said)
    assert result.escape is None, said
    assert result.inputs > len(TARGETS[name].corpus())


# ── the fuzzer itself: wrong parsers, each as somebody would write it ──


def overflows(body: bytes) -> None:
    """The prototype's first find: int(1e999)."""
    try:
        record = json.loads(body)
        int(record["records"][0]["properties"]["RawEventData"]["searchQuery"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return


def trusts_the_type(body: bytes) -> None:
    """The prototype's second find: an id that is no text."""
    try:
        record = json.loads(body)
        account = record["records"][0]["properties"]["AccountObjectId"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return
    account.lower()


def packs_unguarded(body: bytes) -> None:
    """Its third: what the parser takes, the packer cannot hold."""
    try:
        kind = int(json.loads(body)["records"][0]["properties"]["IsAdminOperation"])
    except (ValueError, LookupError, TypeError, RecursionError, OverflowError):
        return
    struct.pack("<B", kind)


def prints_half_a_letter(body: bytes) -> None:
    """A text that cannot be encoded again."""
    try:
        text = json.loads(body)["records"][0]["properties"]["ObjectName"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return
    if isinstance(text, str):
        text.encode()


def inflates(body: bytes) -> None:
    """A codec that forgets its own error."""
    if body[:1] == b"z":
        zlib.decompress(body[1:])


def broken(run: Run, corpus: list[bytes]) -> Target:
    @contextmanager
    def make() -> Iterator[Run]:
        yield run

    return Target(run.__name__, lambda: corpus, make)


WRONG = [
    (overflows, OverflowError),
    (trusts_the_type, AttributeError),
    (packs_unguarded, struct.error),
    (prints_half_a_letter, UnicodeEncodeError),
    (inflates, zlib.error),
]


@pytest.mark.parametrize(("run", "error"), WRONG, ids=[run.__name__ for run, _ in WRONG])
def test_a_wrong_parser_is_caught(run: Run, error: type[Exception]) -> None:
    record = json.loads(bodies()[0])
    record["records"][0]["properties"] |= {"IsAdminOperation": 1}
    corpus = [json.dumps(record).encode(), b"z" + zlib.compress(b"segment")]

    result = fuzz(broken(run, corpus), seconds=15, seed=SEED)

    assert result.escape is not None, f"{result.inputs} inputs"
    assert result.escape.kind.startswith(error.__name__)
    assert len(result.escape.body) < len(corpus[0])
    with pytest.raises(error):
        run(result.escape.body)


def test_an_input_that_takes_too_long_is_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SLOW_SECONDS", 0.01)

    result = fuzz(broken(lambda _: sum(range(10**6)), [b"x"]), seconds=1, seed=SEED)

    assert result.escape is not None
    assert (result.inputs, result.escape.kind) == (1, "too slow")


def test_inputs_follow_from_the_seed() -> None:
    def first(seed: int) -> list[bytes]:
        return [*islice(inputs(bodies(), seed), 200)]

    assert bodies() == bodies()
    assert first(1) == first(1)
    assert first(1) != first(2)


def test_mutations_are_many_and_most_of_them_still_json() -> None:
    made = [*islice(inputs(bodies(), SEED), 1_000)]
    sound = sum(_is_json(body) for body in made)

    assert len({*made}) > 900
    assert 300 < sound < 900


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def test_a_mutation_never_takes_more_memory_than_an_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty times thirty times thirty of 64 KiB once ended a run of atheris."""
    monkeypatch.setattr(mutate, "_ON_BYTES", (mutate._repeated,))
    tracemalloc.start()
    made = [len(body) for body in islice(inputs([b"x" * mutate.LONGEST], SEED), 200)]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert max(made) == mutate.LONGEST
    assert most < 100 * mutate.LONGEST


def test_every_kind_of_stored_row_is_in_the_corpus() -> None:
    rows = [from_json(body) for body in TARGETS["rows"].corpus()]
    kinds = {(t.rstrip("0123456789"), r.partition.split("|")[0][:6]) for t, r in filter(None, rows)}

    assert {table for table, _ in kinds} == {
        "counters", "marks", "windows", "episodes", "evidence", "mutes", "deadletters", "meta",
    }  # fmt: skip
    assert {p for t, p in kinds if t == "marks"} >= {"dirty", "late", "due", "outbox"}
    assert {p for t, p in kinds if t == "meta"} >= {"meta", "source", "budget", "surges", "attemp"}


# ── the command line ──


def test_an_escape_is_printed_with_the_command_that_repeats_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(TARGETS, "wrong", broken(trusts_the_type, bodies()[:1]))

    assert main(["wrong", "--seconds", "15"]) == 1

    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("repeat: python -m tests.fuzz wrong --base64 ")
    assert main(["wrong", "--base64", line.split()[-1].strip("'")]) == 1
    assert "AttributeError" in capsys.readouterr().out


def test_a_long_escape_is_kept_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    escape = engine.Escape(b"x" * 5_000, "Error", "")

    command = repeat("source", escape)

    assert command == "python -m tests.fuzz source --input .detector/fuzz/source.bin"
    assert Path(".detector/fuzz/source.bin").read_bytes() == escape.body
    assert main(["source", "--input", ".detector/fuzz/source.bin"]) == 0


def test_the_program_fuzzes_a_target_and_says_what_it_tried() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "instants", "--seconds", "0.2", "--seed", "7"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("instants        seed 7: ")
    assert done.stdout.endswith("0 escapes\n")


def test_an_input_can_be_given_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    text = base64.b64encode(b"2026-11-22").decode()

    assert main(["instants", "--base64", text]) == 0
    assert capsys.readouterr().out == "instants: nothing escaped\n"
