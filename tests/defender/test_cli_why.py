"""`why USER`: every window, how far each gate was from firing, and what became of it."""

from pathlib import Path
from typing import Any

import pytest

from detector.core.instant import DAY, HOUR, MINUTE, format_instant
from detector.state.mutes import ANY_RULE, Mute
from tests.support.command import Command
from tests.support.events import a_record, a_search, a_theft, user_id, views
from tests.support.memory_sink import MemorySink
from tests.support.product import DrivenClock, Product


def fed(play: Any, *batches: list[dict[str, Any]], minutes: int = 1) -> None:
    """Feed and tick."""

    async def work(product: Product) -> None:
        for batch in batches:
            await product.feed(batch)
        await product.minutes(minutes)

    play(work)


def outcome(command: Command, user: object = "User 7", *more: object) -> str:
    """The sentence of what became of it."""
    return str(command("why", user, *more, "--format", "json").document["outcome"])


def test_a_hit_names_the_gates_that_held_and_what_it_was_merged_into(
    command: Command, play: Any, clock: DrivenClock
) -> None:
    fed(play, views(60, clock.ticks))

    document = command("why", "User 7", "--format", "json").document

    assert (document["is_hit"], document["severity"]) == (True, "medium")
    assert document["outcome"].startswith("merged into episode ")
    assert document["outcome"].endswith(", sent to defender")
    user, session = document["windows"]
    assert (user["kind"], session["kind"]) == ("user", "session")
    held = [(c["gate"], c["value"], c["threshold"]) for c in session["conditions"] if c["held"]]
    assert held == [("bulk_access", 60, 40), ("space_enumeration", 60, 20)]
    assert session["nearest"] is None


def test_no_hit_says_how_far_the_nearest_gate_was(
    command: Command, play: Any, clock: DrivenClock
) -> None:
    fed(play, views(38, clock.ticks))

    document = command("why", "User 7", "--format", "json").document
    text = command("why", "User 7").out

    assert (document["is_hit"], document["severity"]) == (False, None)
    assert document["outcome"] == "no incident: no gate held"
    assert document["windows"][0]["nearest"] == "bulk_access"
    assert document["windows"][0]["missing"] == ["3 more actions"]
    assert "nearest: bulk_access, 3 more actions" in text
    assert "192.0.2.7 · Firefox" in text


def test_every_window_of_the_user_is_shown_largest_first(
    command: Command, play: Any, clock: DrivenClock
) -> None:
    fed(play, views(5, clock.ticks), views(9, clock.ticks, IPAddress="198.51.100.9", title="B"))

    windows = command("why", "User 7", "--format", "json").document["windows"]

    assert [(w["ip_address"], w["total_actions"]) for w in windows] == [
        ("", 14), ("198.51.100.9", 9), ("192.0.2.7", 5),
    ]  # fmt: skip


def test_a_window_that_the_policy_does_not_gate_says_so(
    command: Command, play: Any, clock: DrivenClock
) -> None:
    fed(play, views(5, clock.ticks))

    windows = command("why", "User 7", "--policy", "source", "--format", "json").document["windows"]

    assert windows[0]["kind"] == "user (not gated by this policy)"


def test_a_mute_is_named_with_its_owner_and_reason(
    command: Command, play: Any, clock: DrivenClock
) -> None:
    async def work(product: Product) -> None:
        await product.feed(views(60, clock.ticks))
        await product.evaluate()
        user = (await product.episode()).user
        for rule, owner, days in ((ANY_RULE, "team@example.com", 30), ("bulk_export", "old", -1)):
            mute = Mute(
                user=user, rule=rule, owner=owner, reason="contract 12", origin="person",
                created_at=0, expires_at=clock.ticks + days * DAY,
            )  # fmt: skip
            await product.state.mutes.add(mute)
        await product.minutes(1)

    play(work)

    assert outcome(command).startswith(
        "held back, muted: any by team@example.com (contract 12); episode "
    )


def test_what_is_below_the_minimum_severity_says_so(
    command: Command, play: Any, clock: DrivenClock
) -> None:
    fed(play, [a_search(clock.ticks)])

    assert outcome(command).startswith(
        "held back: informational is below the minimum severity low; episode "
    )


def test_what_waits_to_be_sent_says_so(command: Command, play: Any, clock: DrivenClock) -> None:
    async def work(product: Product) -> None:
        await product.feed(views(60, clock.ticks))
        await product.evaluate()

    play(work)

    assert outcome(command).startswith("waits to be sent; episode ")


def test_what_a_person_resolved_says_so(command: Command, play: Any, clock: DrivenClock) -> None:
    sink = MemorySink(name="defender")

    async def work(product: Product) -> None:
        await product.feed(views(60, clock.ticks))
        await product.minutes(1)
        sink.verdicts[(await product.episode()).episode_id] = "falsePositive"
        await product.feedback()
        await product.minutes(1)

    play(work, sink)

    assert outcome(command) == "no new incident: a person resolved it as falsePositive"


def test_what_no_evaluation_has_judged_yet_says_so(
    command: Command, play: Any, clock: DrivenClock
) -> None:
    async def work(product: Product) -> None:
        await product.minutes(1)
        await product.feed(views(60, clock.ticks, name="Newcomer"))

    play(work)

    assert outcome(command, user_id(7)) == "a hit that no evaluation has judged yet"


def test_a_new_hit_after_a_resolved_one_was_ended_is_not_called_resolved(
    command: Command, play: Any, clock: DrivenClock
) -> None:
    sink = MemorySink(name="defender")

    async def work(product: Product) -> None:
        await product.feed(views(60, clock.ticks))
        await product.minutes(1)
        sink.verdicts[(await product.episode()).episode_id] = "truePositive"
        await product.feedback()
        clock.advance(3 * DAY)
        await product.feed(views(60, clock.ticks, title="New"))
        await product.minutes(1)
        clock.advance(2 * DAY)
        await product.minutes(1)
        await product.feed(views(60, clock.ticks, title="Newer"))

    play(work, sink)

    assert outcome(command) == "a hit that no evaluation has judged yet"


def test_the_past_is_judged_as_it_was(command: Command, play: Any, clock: DrivenClock) -> None:
    start = clock.ticks
    clock.advance(HOUR)
    fed(play, views(60, start, every=MINUTE))
    at = format_instant(start + 30 * MINUTE)

    then = command("why", user_id(7), "--at", at, "--format", "json").document
    later = command("why", user_id(7), "--at", "2026-11-22T12:05:00+01:00").out

    assert (then["at"], then["is_hit"]) == (at, False)
    assert then["windows"][0]["total_actions"] == 31
    assert "merged into episode" in later


@pytest.mark.parametrize("at", ["yesterday", "2026-11-22T10:00:00", "2026-13-01T00:00:00Z"])
def test_an_instant_that_is_none_or_has_no_zone_is_a_usage_error(command: Command, at: str) -> None:
    result = command("why", "User 7", "--at", at)

    assert (result.code, "--at" in result.err) == (2, True)


def test_a_user_that_is_not_in_the_store_is_a_usage_error(command: Command, store: Path) -> None:
    store.touch()

    result = command("why", "Nobody")

    assert (result.code, result.err) == (2, "error: Nobody: no such user in the store\n")


def test_a_name_that_two_users_have_is_answered_with_their_keys(
    command: Command, play: Any, clock: DrivenClock
) -> None:
    fed(play, [a_record(clock.ticks, user=n, name="Alex") for n in (1, 2)])

    result = command("why", "Alex")
    key = result.err.split("keys ")[1].split(",")[0].strip()

    assert (result.code, "2 users have this name" in result.err) == (2, True)
    assert command("why", key, "--format", "json").document["user"] == key


def test_an_account_without_object_id_is_found_by_its_name(
    command: Command, play: Any, clock: DrivenClock
) -> None:
    fed(play, a_theft(clock.ticks, name="Guest", AccountObjectId=""))

    assert outcome(command, "Guest").startswith("merged into")


def test_an_episode_that_has_ended_is_no_hit_any_more(
    command: Command, play: Any, clock: DrivenClock
) -> None:
    async def work(product: Product) -> None:
        await product.feed(views(60, clock.ticks))
        await product.minutes(1)
        clock.advance(DAY + HOUR)
        await product.minutes(1)

    play(work)

    assert outcome(command) == "no incident: no gate held"
