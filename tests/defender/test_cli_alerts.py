"""`alerts list`, `show` and `resend`: what a responder can ask of the store."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detector.core.instant import DAY, HOUR
from detector.ports import DeliveryError, Operation, Transaction
from detector.state.keys import EVIDENCE
from detector.state.mutes import ANY_RULE, Mute
from tests.support.command import Command
from tests.support.events import a_theft, user_id, views
from tests.support.memory_sink import MemorySink
from tests.support.product import DrivenClock, Product

KEYS = {"id", "user", "state", "severity", "indicator", "opened", "total_actions"}


def test_the_list_has_every_episode_newest_first(command: Command, three: dict[str, str]) -> None:
    rows = command("alerts", "list", "--format", "json").document

    assert [row["name"] for row in rows] == ["Searcher", "Scraper", "Thief"]
    assert all(row.keys() >= KEYS for row in rows)
    thief = rows[2]
    assert (thief["id"], thief["state"], thief["severity"]) == (three["Thief"], "open", "high")
    assert (thief["opened"], thief["total_actions"]) == ("2026-11-22T10:01:00.0000000Z", 3)
    assert (thief["sent"], thief["incident"]) == ("defender", three["Thief"])
    assert (rows[0]["sent"], rows[0]["held"]) == ("", "below low")


def test_what_is_unsent_is_listed_with_the_reason(command: Command, three: dict[str, str]) -> None:
    result = command("alerts", "list", "--unsent")

    assert result.out.splitlines()[0].endswith(
        "Credential/secret hunting via search queries  (below low)"
    )
    assert result.out.splitlines()[1:] == ["1 episode"]


def test_a_policy_that_sends_everything_holds_nothing_back(
    command: Command, three: dict[str, str]
) -> None:
    rows = command("alerts", "list", "--unsent", "--policy", "source", "--format", "json").document

    assert [(row["name"], row["held"]) for row in rows] == [("Searcher", "")]


def test_what_a_mute_holds_back_is_listed(command: Command, play: Any, clock: DrivenClock) -> None:
    async def work(product: Product) -> None:
        await product.feed(views(60, clock.ticks))
        await product.evaluate()
        user = (await product.episode()).user
        await product.state.mutes.add(Mute(
            user=user, rule=ANY_RULE, owner="o", reason="r", origin="person",
            created_at=0, expires_at=clock.ticks + 36_500 * DAY,
        ))  # fmt: skip
        await product.dispatch()

    play(work)

    (row,) = command("alerts", "list", "--unsent", "--format", "json").document
    assert row["held"] == "muted"


def test_an_error_of_the_sink_is_listed(command: Command, play: Any, clock: DrivenClock) -> None:
    sink = MemorySink()
    sink.failures = [DeliveryError("403: no role")]

    async def work(product: Product) -> None:
        await product.feed(views(60, clock.ticks))
        await product.tick()

    play(work, sink)

    (row,) = command("alerts", "list", "--format", "json").document
    assert (row["error"], row["sent"], row["held"]) == ("403: no role", "", "")


def test_a_store_without_episodes_is_an_empty_list(command: Command, store: Path) -> None:
    store.touch()

    assert command("alerts", "list", "--format", "json").document == []
    assert command("alerts", "list").out == "0 episodes\n"


@pytest.mark.parametrize(
    "name", ["alerts list", "why Nobody", "counters Nobody", "forget Nobody --yes"]
)
def test_a_store_that_is_not_there_is_said_and_not_made(
    command: Command, store: Path, name: str
) -> None:
    result = command(*name.split())

    assert (result.code, result.out) == (2, "")
    assert result.err.replace("\n", "").endswith("state.db: there is no such file")
    assert not store.exists()


def test_an_alert_is_shown_by_the_beginning_of_its_id(
    command: Command, three: dict[str, str]
) -> None:
    result = command("alerts", "show", three["Thief"][:8].upper())

    assert result.code == 0
    assert result.out.splitlines()[0] == (
        "Confluence data mining by Thief: 1 search for secrets, then 1 file taken"
    )
    for part in ("Thief made 3 actions", "192.0.2.7", "Firefox", "high, revision 1", "defender",
                 "1. Ask Thief or their manager"):  # fmt: skip
        assert part in result.out, part


def test_an_alert_as_json_has_its_row_its_words_and_its_evidence(
    command: Command, three: dict[str, str]
) -> None:
    document = command("alerts", "show", three["Thief"], "--format", "json").document

    assert document.keys() >= KEYS | {"title", "story", "held", "first_steps", "evidence"}
    assert document["evidence"]["account_object_id"] == user_id(1)
    assert document["evidence"]["searches"][0]["terms"] == ["password", "vpn"]


@pytest.mark.parametrize("verb", ["show", "resend"])
@pytest.mark.parametrize("identity", ["ffffffff", "'; --", "%", "../../etc/passwd", "ÿ"])
def test_an_id_that_is_none_is_a_usage_error(
    command: Command, three: dict[str, str], verb: str, identity: str
) -> None:
    result = command("alerts", verb, identity)

    assert (result.code, result.out) == (2, "")
    assert result.err == f"error: {identity}: no such alert\n"


def test_an_id_that_is_not_enough_is_a_usage_error(command: Command, three: dict[str, str]) -> None:
    result = command("alerts", "show", "")

    assert (result.code, result.err) == (2, "error: : 3 alerts begin so\n")


def test_evidence_that_is_no_longer_kept_is_told(
    command: Command, three: dict[str, str], play: Any
) -> None:
    async def work(product: Product) -> None:
        for row in await product.state.evidence.every_row():
            gone = Operation("delete", row.key)
            await product.rows.submit(Transaction(EVIDENCE, row.partition, [gone]))

    play(work)

    result = command("alerts", "show", three["Thief"])
    assert (result.code, result.err) == (
        2, f"error: {three['Thief']}: its evidence is no longer kept\n",
    )  # fmt: skip


def test_what_is_resent_is_told_to_every_sink_again_at_the_next_tick(
    command: Command, three: dict[str, str], play: Any
) -> None:
    result = command("alerts", "resend", three["Thief"])
    sink = MemorySink(name="defender")
    play(lambda product: product.minutes(1), sink)

    assert result.out == f"{three['Thief']}: revision 2 waits to be sent\n"
    assert [(e.episode_id, e.revision) for e in sink.told] == [(three["Thief"], 2)]
    assert sink.created == []


def test_what_waits_after_a_failure_is_sent_at_once_when_it_is_resent(
    command: Command, play: Any, clock: DrivenClock
) -> None:
    sink = MemorySink(name="defender")
    sink.failures = [DeliveryError("429", retry_after=HOUR)]

    async def work(product: Product) -> str:
        await product.feed(views(60, clock.ticks))
        await product.minutes(2)
        return (await product.episode()).episode_id

    identity = play(work, sink)
    document = command("alerts", "resend", identity, "--format", "json").document
    play(lambda product: product.minutes(1), sink)

    assert document == {"id": identity, "revision": 2, "held": ""}
    assert len(sink.told) == 1


def test_what_is_held_back_stays_so_when_it_is_resent_and_says_so(
    command: Command, three: dict[str, str]
) -> None:
    result = command("alerts", "resend", three["Searcher"])

    assert result.out == f"{three['Searcher']}: revision 2 is held back: below low\n"


def test_a_name_with_markup_and_control_characters_is_shown_as_text(
    command: Command, play: Any, clock: DrivenClock
) -> None:
    async def work(product: Product) -> None:
        await product.feed(a_theft(clock.ticks, name="[red]\x1b[2J\u202e"))
        await product.minutes(1)

    play(work)

    result = command("alerts", "list")
    assert "[red]\ufffd[2J\ufffd" in result.out


def test_a_store_that_cannot_be_opened_is_a_service_that_did_not_answer(
    command: Command, store: Path
) -> None:
    store.write_bytes(b"this is not a database, and it is long enough to be read as one")

    result = command("alerts", "list")

    assert (result.code, "cannot be opened as a detector store" in result.err) == (3, True)


def test_the_commands_work_as_a_program(command: Command, three: dict[str, str]) -> None:
    given = {"DETECTOR_STORE": f"sqlite:{command.store}"}

    listed = command.as_program("alerts", "list", "--format", "json", **given)
    wrong = command.as_program("alerts", "show", "zzz", **given)
    typo = command.as_program("alerts", "list", DETECTOR_STOER="x")

    assert (listed.code, len(listed.document), listed.err) == (0, 3, "")
    assert (wrong.code, wrong.err) == (2, "error: zzz: no such alert\n")
    assert (typo.code, "DETECTOR_STOER" in typo.err) == (2, True)


def test_an_alert_that_changes_while_it_is_resent_is_left_to_another_try(
    command: Command, three: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from detector.state.episodes import Episodes

    real = Episodes.write

    async def raced(self: Episodes, episode: Any, read: Any) -> None:
        await real(self, replace(read.episode, told_actions=9), read)
        await real(self, episode, read)

    monkeypatch.setattr(Episodes, "write", raced)

    result = command("alerts", "resend", three["Thief"])

    assert (result.code, "try again" in result.err) == (2, True)
