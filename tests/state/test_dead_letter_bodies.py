"""Which bodies of dead letters are kept, and what the row says of the others."""

from collections.abc import AsyncGenerator, Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from detector.adapters.folder_bodies import FolderBodies
from detector.adapters.sqlite import SqliteRows
from detector.core.activity import Rejected, digest
from detector.ports import StoreUnavailableError
from detector.state.dead_letters import KEPT, LARGEST_BODY, MOST_BODIES, DeadLetters
from tests.support.activities import NOON


def rejected(body: bytes, index: int = 0) -> Rejected:
    return Rejected(
        reason="ActionType: missing",
        where=f"ns/hub/3, sequence number 41, record {index}",
        source="ns/hub/3",
        sequence=41,
        index=index,
        size=len(body),
        sha256=sha256(body).hexdigest(),
        enqueued=NOON,
        body=body,
    )


@pytest.fixture
async def rows(tmp_path: Path) -> AsyncGenerator[SqliteRows]:
    rows = SqliteRows(tmp_path / "state.db", durable=False)
    yield rows
    await rows.close()


@pytest.fixture
def letters(rows: SqliteRows, tmp_path: Path) -> DeadLetters:
    return DeadLetters(rows, FolderBodies(tmp_path / "bodies"))


async def test_a_body_stands_under_the_parts_of_its_key(
    letters: DeadLetters, tmp_path: Path
) -> None:
    await letters.add([rejected(b"{}", 2)], NOON)

    (letter,) = await letters.every()
    (file,) = (path for path in (tmp_path / "bodies").rglob("*") if path.is_file())
    source = digest("ns/hub/3", size=8).hex()
    named = f"{source}/00000000000000000041/000002/{sha256(b'{}').hexdigest()[:16]}"
    assert file == tmp_path / "bodies" / named
    assert (letter.body, await letters.body(letter)) == (KEPT, b"{}")
    assert letter.rejected == rejected(b"{}", 2)


async def test_a_redelivery_keeps_the_same_bodies(letters: DeadLetters, tmp_path: Path) -> None:
    batch = [rejected(b"%d" % n, n) for n in range(5)]

    for _ in range(3):
        await letters.add(batch, NOON)

    assert sum(path.is_file() for path in (tmp_path / "bodies").rglob("*")) == 5
    assert [letter.body for letter in await letters.every()] == [KEPT] * 5


async def test_without_a_keeper_the_row_is_all_there_is(rows: SqliteRows, tmp_path: Path) -> None:
    letters = DeadLetters(rows)

    await letters.add([rejected(b"{}")], NOON)

    (letter,) = await letters.every()
    assert (letter.body, await letters.body(letter)) == ("", None)
    assert not (tmp_path / "bodies").exists()


async def test_of_a_whole_stream_a_hundred_bodies_are_kept(letters: DeadLetters) -> None:
    await letters.add([rejected(b"%d" % n, n) for n in range(MOST_BODIES + 7)], NOON)

    fates = [letter.body for letter in await letters.every()]
    assert fates == [KEPT] * MOST_BODIES + ["not kept: beyond 100 of one batch"] * 7


@pytest.mark.parametrize(
    ("size", "fate"),
    [(LARGEST_BODY, KEPT), (LARGEST_BODY + 1, "not kept: larger than 1 MiB")],
)
async def test_a_body_is_kept_whole_or_not_at_all(
    letters: DeadLetters, size: int, fate: str
) -> None:
    await letters.add([rejected(b"x" * size)], NOON)

    (letter,) = await letters.every()
    assert letter.body == fate
    assert (await letters.body(letter) is not None) == (fate == KEPT)


async def test_a_removed_letter_takes_its_body_along(letters: DeadLetters, tmp_path: Path) -> None:
    await letters.add([rejected(b"1"), rejected(b"2", 1)], NOON)
    first, second = await letters.every()

    await letters.delete(first)

    assert await letters.every() == [second]
    assert (await letters.body(first), await letters.body(second)) == (None, b"2")


class Refusing(FolderBodies):
    """A keeper without a right, or without an answer."""

    def __init__(self, error: StoreUnavailableError | None) -> None:
        super().__init__(Path("/nowhere"))
        self._error = error

    async def put(self, bodies: Mapping[str, bytes]) -> Mapping[str, str]:
        if self._error:
            raise self._error
        return dict.fromkeys(bodies, "AuthorizationPermissionMismatch")


async def test_a_refused_body_costs_the_body_only(rows: SqliteRows) -> None:
    letters = DeadLetters(rows, Refusing(None))

    await letters.add([rejected(b"{}")], NOON)

    (letter,) = await letters.every()
    assert letter.body == "not kept: AuthorizationPermissionMismatch"


async def test_a_keeper_that_does_not_answer_puts_the_batch_off(rows: SqliteRows) -> None:
    letters = DeadLetters(rows, Refusing(StoreUnavailableError("503")))

    with pytest.raises(StoreUnavailableError, match="503"):
        await letters.add([rejected(b"{}")], NOON)

    assert await letters.every() == []
