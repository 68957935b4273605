"""`mutes list`, `add` and `remove`: owned, reasoned, expiring."""

from typing import Any

import pytest

from detector.core.activity import users_named
from detector.core.instant import DAY
from detector.state.mutes import Mute
from tests.support.command import Command, Result
from tests.support.events import a_record, user_id, views
from tests.support.memory_sink import MemorySink
from tests.support.product import DrivenClock, Product

LATER = "2199-12-31T00:00:00Z"
KEY = users_named(user_id(7))[0]


@pytest.fixture(autouse=True)
def crawler(play: Any, clock: DrivenClock) -> None:
    """User 7 has read one page."""

    async def work(product: Product) -> None:
        await product.feed([a_record(clock.ticks)])
        await product.minutes(1)

    play(work)


def add(command: Command, *more: object, user: object = "User 7") -> Result:
    """A mute with all it needs, and more."""
    given = ("--owner", "search@example.com", "--reason", "contract 12", "--expires", LATER)
    return command("mutes", "add", user, *given, *more)


@pytest.mark.parametrize("user", ["User 7", user_id(7), KEY, KEY.upper()])
def test_a_mute_is_added_for_a_user_by_name_id_or_key(command: Command, user: str) -> None:
    document = add(command, "--rule", "bulk_access", "--format", "json", user=user).document

    created = document.pop("created")
    assert document == {
        "user": KEY,
        "rule": "bulk_access",
        "owner": "search@example.com",
        "reason": "contract 12",
        "origin": "person",
        "expires": "2199-12-31T00:00:00.0000000Z",
        "active": True,
    }
    assert created.startswith("20")


def test_a_mute_is_listed_and_removed(command: Command) -> None:
    added = add(command)
    listed = command("mutes", "list")
    removed = command("mutes", "remove", "User 7")

    assert added.out == f"muted any of {KEY} until {LATER}\n"
    assert KEY in listed.out
    assert listed.out.endswith("1 mutes\n")
    assert removed.out == f"removed any of {KEY}\n"
    assert command("mutes", "list", "--format", "json").document == []


def test_an_expired_mute_is_listed_as_such(command: Command, play: Any, clock: DrivenClock) -> None:
    old = Mute(
        user=KEY, rule="any", owner="o", reason="r", origin="person",
        created_at=0, expires_at=clock.ticks - 3_650 * DAY,
    )  # fmt: skip
    play(lambda product: product.state.mutes.add(old))

    (row,) = command("mutes", "list", "--format", "json").document

    assert row["active"] is False


def test_a_mute_holds_the_alert_back_and_its_removal_lets_it_go(
    command: Command, play: Any, clock: DrivenClock
) -> None:
    sink = MemorySink(name="defender")
    add(command, "--rule", "bulk_access")

    async def hit(product: Product) -> None:
        await product.feed(views(60, clock.ticks))
        await product.minutes(2)

    play(hit, sink)
    held = len(sink.told)
    command("mutes", "remove", "User 7", "--rule", "bulk_access", "--format", "json")
    play(lambda product: product.minutes(1), sink)

    assert (held, len(sink.told)) == (0, 1)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param(("--expires", "2020-01-01T00:00:00Z"), "has passed", id="past"),
        pytest.param(("--expires", "2199-01-01T00:00:00"), "has no zone", id="no zone"),
        pytest.param(("--expires", "soon"), "not an ISO 8601 instant", id="no instant"),
        pytest.param(("--owner", " "), "--owner: empty", id="no owner"),
        pytest.param(("--reason", ""), "--reason: empty", id="no reason"),
        pytest.param(("--rule", "everything"), "not one of bulk_access", id="no rule"),
    ],
)
def test_a_mute_that_nobody_could_answer_for_is_refused(
    command: Command, more: tuple[str, ...], said: str
) -> None:
    result = add(command, *more)

    assert result.code == 2
    assert said in " ".join(result.err.replace("│", " ").split())
    assert command("mutes", "list", "--format", "json").document == []


@pytest.mark.parametrize("missing", ["--owner", "--reason", "--expires"])
def test_owner_reason_and_expiry_are_required(command: Command, missing: str) -> None:
    given = {"--owner": "o", "--reason": "r", "--expires": LATER}
    del given[missing]

    result = command("mutes", "add", "User 7", *[part for pair in given.items() for part in pair])

    assert (result.code, missing in result.err) == (2, True)


def test_a_user_that_nobody_knows_is_refused(command: Command) -> None:
    result = add(command, user="Nobody")

    assert (result.code, result.err) == (2, "error: Nobody: no such user in the store\n")


@pytest.mark.parametrize("rule", ["any", "bulk_export"])
def test_a_mute_that_is_not_there_cannot_be_removed(command: Command, rule: str) -> None:
    result = command("mutes", "remove", "User 7", "--rule", rule)

    assert (result.code, result.err) == (2, f"error: User 7: no mute of {rule}\n")
