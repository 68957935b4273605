"""`forget USER`: nothing of a person is left in the store but the hash in the audit line."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detector.adapters.sqlite import SqliteRows
from detector.core.activity import users_named
from detector.core.instant import DAY, MINUTE
from detector.forget import forget
from detector.state.keys import COUNTERS, EPISODES, EVIDENCE, MARKS, MUTES, WINDOWS, bucket_of
from detector.state.store import State
from tests.support.command import Command
from tests.support.events import a_record, a_search, a_theft, user_id, views
from tests.support.memory_sink import MemorySink
from tests.support.product import DrivenClock, Product

PERSON = {
    "name": "Zenobia Quill",
    "user": 4711,
    "AccountId": "zenobia@example.com",
    "IPAddress": "203.0.113.199",
    "UserAgent": "Quillbrowser/7",
}
KEY = users_named(user_id(4711))[0]
TRACES = [
    b"Zenobia", b"Quill", b"zenobia", user_id(4711).encode(), b"203.0.113.199", b"Quillbrowser",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _careless_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite as it is by default; Debian's build overwrites what is deleted."""
    real = sqlite3.connect

    def connect(*place: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = real(*place, **options)
        connection.execute("PRAGMA secure_delete = OFF")
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect)


@pytest.fixture
def lived_in(play: Any, clock: DrivenClock) -> None:
    """Many users and one who did everything that leaves a trace."""

    async def work(product: Product) -> None:
        for user in range(40):
            await product.feed(views(45, clock.ticks, user=user, title=f"Page of {user}"))
        for hour in range(3):
            await product.feed(views(30, clock.ticks, title=f"Zenobia {hour}", **PERSON))
            await product.feed([a_search(clock.ticks, **PERSON), *a_theft(clock.ticks, **PERSON)])
            await product.minutes(2)
            clock.advance(58 * MINUTE)
        late = [a_record(clock.ticks - 2 * DAY, **PERSON)]
        await product.feed(late)
        await product.evaluate()
        (mine,) = [e for e in await product.episodes() if e.user == KEY]
        lost = (await product.state.evidence.of(mine.episode_id))[-1]
        await product.state.evidence.freeze(replace(lost, episode_id="0" * 32))
        await product.feed(late)  # its marks are still there when it is forgotten
        await product.feed([a_record(clock.ticks, **PERSON)])

    play(work, MemorySink(name="defender"))


def found_in(folder: Path) -> set[bytes]:
    """Which traces any file of the store holds, as text in the file or in what it compresses."""
    raw = b"".join(path.read_bytes() for path in folder.iterdir())
    return {trace for trace in TRACES if trace in raw}


async def unpacked(product: Product) -> str:
    """Everything the store says, the compressed parts read."""
    evidence = await product.state.evidence.every_row()
    texts = [repr(await product.state.evidence.of(row.key.split("|")[0])) for row in evidence]
    async for user, activities in product.state.ledger.users(0):
        texts += [user, repr(activities)]
    for table in (EPISODES, EVIDENCE, WINDOWS, MUTES, MARKS):
        texts += [repr(row.values) + row.key for row in await product.rows.scan_all(table)]
    return "\n".join(texts)


async def packed(product: Product) -> list[bytes]:
    """The compressed rows about the person, as they stand in the file."""
    evidence = await product.state.evidence.rows_of(KEY)
    segments = [row for _, row in await product.state.ledger.rows_of(KEY)]
    return [row.values["Data"] for row in (*evidence, *segments)]  # type: ignore[misc]


def test_the_traces_are_there_before(lived_in: None, store: Path, play: Any) -> None:
    said = play(unpacked)

    assert all(trace.decode() in said for trace in TRACES)
    assert found_in(store.parent) >= {b"Zenobia", b"Quill"}


def test_nothing_is_left_of_the_person_in_any_byte(
    lived_in: None, command: Command, store: Path, play: Any
) -> None:
    command(
        "mutes", "add", user_id(4711), "--owner", "o", "--reason", "r",
        "--expires", "2199-01-01T00:00:00Z",
    )  # fmt: skip

    rows = play(packed)
    result = command("forget", user_id(4711), "--yes", "--format", "json")

    assert found_in(store.parent) == set()
    left = b"".join(path.read_bytes() for path in store.parent.iterdir())
    assert [row for row in rows if row[-40:] in left] == []
    said = play(unpacked)
    assert [trace for trace in TRACES if trace.decode() in said] == []
    assert KEY not in said
    assert result.document["user"] == KEY
    assert result.document["rows"] >= 10


def test_everybody_else_stays(lived_in: None, command: Command, play: Any) -> None:
    async def others(product: Product) -> tuple[set[str], int]:
        users = {e.account_display_name for e in await product.episodes()}
        return users, len([u async for u in product.state.ledger.users(0)])

    before, people = play(others)
    command("forget", "Zenobia Quill", "--yes")
    after, left = play(others)

    assert before - after == {"Zenobia Quill"}
    assert (len(after), left) == (40, people - 1)


def test_an_audit_line_with_a_hash_and_no_name_stays(
    lived_in: None, command: Command, play: Any
) -> None:
    command("forget", "Zenobia Quill", "--yes")

    (line,) = play(lambda product: product.state.meta.audit())
    assert (line.values["Action"], line.values["User"]) == ("forget", KEY)
    assert line.values["Rows"] >= 10
    assert set(line.values) == {"V", "Action", "User", "Rows", "At"}


def test_nothing_happens_without_a_yes(lived_in: None, command: Command) -> None:
    given = {"DETECTOR_STORE": f"sqlite:{command.store}"}

    refused = command.as_program("forget", "Zenobia Quill", stdin="n\n", **given)
    kept = command("why", "Zenobia Quill")
    agreed = command.as_program("forget", "Zenobia Quill", stdin="y\n", **given)

    assert (refused.code, kept.code, agreed.code) == (1, 0, 0)
    assert f"rows of {KEY} are erased" in agreed.out


def test_who_was_forgotten_is_not_known_any_more_until_new_events_come(
    lived_in: None, command: Command, play: Any, clock: DrivenClock
) -> None:
    command("forget", "Zenobia Quill", "--yes")
    gone = command("forget", "Zenobia Quill", "--yes")

    async def again(product: Product) -> None:
        await product.feed([a_record(clock.ticks, **PERSON)])
        await product.minutes(1)

    play(again)

    assert (gone.code, gone.err) == (2, "error: Zenobia Quill: no such user in the store\n")
    assert command("why", "Zenobia Quill").code == 0


def test_a_name_that_two_users_have_is_not_guessed(
    command: Command, play: Any, clock: DrivenClock
) -> None:
    async def work(product: Product) -> None:
        await product.feed([a_record(clock.ticks, user=n, name="Alex") for n in (1, 2)])
        await product.minutes(1)

    play(work)

    result = command("forget", "Alex", "--yes")
    assert (result.code, "give one of the keys" in result.err) == (2, True)


@pytest.mark.parametrize(
    "touch",
    [
        pytest.param(lambda state: state.marks.set_dirty([KEY], 0), id="dirty"),
        pytest.param(lambda state: state.marks.set_due(KEY, 0, 0), id="due"),
        pytest.param(lambda state: state.marks.set_outbox(KEY, 1, 0), id="outbox"),
    ],
)
async def test_every_kind_of_mark_is_erased(store: Path, touch: Callable[[State], Any]) -> None:
    rows = SqliteRows(store)
    state = State(rows)
    await touch(state)

    erased = await forget(state, KEY, 1)

    assert (erased, await rows.scan_all(MARKS)) == (1, [])
    assert bucket_of(KEY) in {f"{n:02x}" for n in range(32)}
    assert await rows.tables(COUNTERS) == []
    await rows.close()
