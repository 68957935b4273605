"""What mutes, dead letters, evidence and meta promise over every store."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b, sha256

import pytest

from detector.core.activity import Rejected, user_of
from detector.core.evidence import Counted
from detector.core.instant import DAY, HOUR
from detector.ports import ConflictError, Operation, Rows, Transaction
from detector.state.evidence import KEPT
from detector.state.keys import DEAD_LETTERS, EVIDENCE, MUTES, VERSION
from detector.state.meta import SourceState
from detector.state.mutes import Mute
from detector.state.store import State
from tests.support.activities import ALICE, NOON, frozen, views
from tests.support.hosts import Overtaken

USER = user_of(ALICE)
OTHER = user_of(ALICE._replace(account_object_id="other"))
MUTE = Mute(
    user=USER,
    rule="any",
    owner="bob@example.com",
    reason="migration 'Ümzug' till Friday",
    origin="person",
    created_at=NOON,
    expires_at=NOON + DAY,
)
LETTER = Rejected(
    reason="Timestamp: missing",
    where="hub/0, sequence number 7, record 2",
    source="hub/0",
    sequence=7,
    index=2,
    size=123,
    sha256=sha256(b"{}").hexdigest(),
)


async def make_newer(rows: Rows, table: str) -> None:
    """Every row of the table as a later version of this code would have written it."""
    values = {"V": VERSION + 1, "Unknown": "yes"}
    for row in await rows.scan_all(table):
        await rows.submit(Transaction(table, row.partition, [Operation("upsert", row.key, values)]))


class TestMutes:
    async def test_a_mute_comes_back_as_it_was(self, state: State) -> None:
        await state.mutes.add(MUTE)

        assert await state.mutes.of(USER) == [MUTE]
        assert await state.mutes.every() == [MUTE]
        assert await state.mutes.of(OTHER) == []

    async def test_a_user_has_one_mute_for_each_rule(self, state: State) -> None:
        longer = replace(MUTE, expires_at=NOON + 7 * DAY)
        of_exports = replace(MUTE, rule="bulk_export")

        for mute in (MUTE, of_exports, longer):
            await state.mutes.add(mute)

        assert await state.mutes.of(USER) == [longer, of_exports]

    async def test_a_mute_is_removed_once(self, state: State) -> None:
        await state.mutes.add(MUTE)
        await state.mutes.add(replace(MUTE, rule="bulk_export"))

        await state.mutes.remove(USER, "any")

        assert [mute.rule for mute in await state.mutes.of(USER)] == ["bulk_export"]
        with pytest.raises(ConflictError):
            await state.mutes.remove(USER, "any")

    async def test_a_newer_mute_is_left_alone(self, state: State, rows: Rows) -> None:
        await state.mutes.add(MUTE)
        await make_newer(rows, MUTES)

        assert await state.mutes.of(USER) == []
        assert await state.mutes.every() == []


class TestDeadLetters:
    async def test_a_dead_letter_comes_back_as_it_was(self, state: State) -> None:
        await state.dead_letters.add([LETTER], NOON)

        (letter,) = await state.dead_letters.every()

        assert (letter.rejected, letter.received_at) == (LETTER, "2026-03-11T12:00:00.0000000Z")

    async def test_a_redelivery_writes_the_same_rows(self, state: State) -> None:
        letters = [replace(LETTER, index=n % 150) for n in range(300)]
        await state.dead_letters.add(letters, NOON)
        before = [letter.id for letter in await state.dead_letters.every()]

        await state.dead_letters.add(letters[:20], NOON + HOUR)

        assert [letter.id for letter in await state.dead_letters.every()] == before
        assert len(before) == 150

    async def test_a_position_of_another_source_is_another_letter(self, state: State) -> None:
        letters = [replace(LETTER, source=source) for source in ("hub/0", "hub/1", "day.jsonl")]

        await state.dead_letters.add(letters, NOON)

        assert len(await state.dead_letters.every()) == 3

    async def test_letters_of_a_source_are_in_order_of_position(self, state: State) -> None:
        places = [(10, 0), (9, 11), (9, 2), (123_456_789_012, 0)]
        letters = [replace(LETTER, sequence=s, index=i) for s, i in places]

        await state.dead_letters.add(letters, NOON)

        found = [(x.rejected.sequence, x.rejected.index) for x in await state.dead_letters.every()]
        assert found == sorted(places)

    async def test_a_letter_is_deleted_once(self, state: State) -> None:
        await state.dead_letters.add([LETTER, replace(LETTER, index=3)], NOON)
        first, second = await state.dead_letters.every()

        await state.dead_letters.delete(first)

        assert await state.dead_letters.every() == [second]
        with pytest.raises(ConflictError):
            await state.dead_letters.delete(first)

    async def test_a_newer_letter_is_left_alone(self, state: State, rows: Rows) -> None:
        await state.dead_letters.add([LETTER], NOON)
        await make_newer(rows, DEAD_LETTERS)

        assert await state.dead_letters.every() == []


class TestEvidence:
    async def test_every_revision_comes_back_as_it_was(self, state: State) -> None:
        first = frozen(views(41))
        second = replace(first, revision=2, frozen_at=NOON + HOUR, total_actions=99)
        tenth = replace(first, revision=10)

        for evidence in (tenth, second, first, second):
            await state.evidence.freeze(evidence)

        assert await state.evidence.of(first.episode_id) == [first, second, tenth]
        assert await state.evidence.of("0" * 32) == []

    async def test_evidence_is_never_replaced(self, state: State) -> None:
        evidence = frozen(views(41))
        assert await state.evidence.freeze(evidence)
        assert not await state.evidence.freeze(replace(evidence, total_actions=2))
        assert await state.evidence.freeze(evidence), "its own, as after a lost answer"

        assert await state.evidence.of(evidence.episode_id) == [evidence]

    async def test_evidence_tells_when_it_expires(self, state: State) -> None:
        evidence = frozen(views(41))
        await state.evidence.freeze(evidence)

        (row,) = await state.evidence.every_row()

        assert row.values["FrozenAt"] == "2026-03-11T12:00:00.0000000Z"
        assert row.values["ExpiresAt"] == "2026-06-09T12:00:00.0000000Z"
        assert KEPT == 90 * DAY
        await state.evidence.delete(row)
        assert await state.evidence.of(evidence.episode_id) == []

    async def test_large_evidence_is_cut_to_256_kib_and_says_so(self, state: State) -> None:
        pages = tuple(Counted(text=noise(n, 5_000), count=1) for n in range(400))
        evidence = replace(frozen(views(41)), pages=pages)

        await state.evidence.freeze(evidence)

        (row,) = await state.evidence.every_row()
        (found,) = await state.evidence.of(evidence.episode_id)
        assert isinstance(data := row.values["Data"], bytes)
        assert len(data) <= 256 << 10
        assert found.truncated
        assert 0 < len(found.pages) < 400
        assert found.pages == pages[: len(found.pages)]
        assert found.total_actions == 41

    @pytest.mark.parametrize(
        "name", ["spaces", "ip_addresses", "user_agents", "countries", "providers"]
    )
    async def test_evidence_fits_whatever_is_long_in_it(self, state: State, name: str) -> None:
        texts = tuple(Counted(text=noise(n, 20_000), count=1) for n in range(30))
        evidence = replace(frozen(views(41)), **{name: texts})

        await state.evidence.freeze(evidence)

        (found,) = await state.evidence.of(evidence.episode_id)
        assert found.truncated

    async def test_newer_evidence_is_left_alone(self, state: State, rows: Rows) -> None:
        evidence = frozen(views(41))
        await state.evidence.freeze(evidence)
        await make_newer(rows, EVIDENCE)

        assert await state.evidence.of(evidence.episode_id) == []


def noise(seed: int, length: int) -> str:
    """Hexadecimal digits, which compress to a half and no further."""
    blocks = (blake2b(f"{seed} {n}".encode()).hexdigest() for n in range(length // 128 + 1))
    return "".join(blocks)[:length]


class TestMeta:
    async def test_what_is_remembered_is_told(self, state: State) -> None:
        await state.meta.set_instant("clock", NOON + 1)
        await state.meta.set_text("policy", "0123")
        await state.meta.set_text("policy", "4567")

        assert await state.meta.instant("clock") == NOON + 1
        assert await state.meta.text("policy") == "4567"
        assert await state.meta.instant("tick") is None
        assert await state.meta.text("schema") is None

    async def test_a_source_is_remembered_by_its_name(self, state: State) -> None:
        known = SourceState(source="hub/0", last_sequence=2**62, received_at=NOON, gaps=3)

        await state.meta.change_source("hub/0", lambda _: known)

        assert await state.meta.source("hub/0") == known
        assert await state.meta.source("hub/1") == SourceState(source="hub/1")
        assert await state.meta.sources() == [known]

    @pytest.mark.parametrize("known", [False, True], ids=["its first batch", "a later one"])
    async def test_who_has_lost_a_partition_sets_nothing_back(
        self, rows: Rows, state: State, known: bool
    ) -> None:
        def reach(sequence: int) -> Callable[[SourceState], SourceState]:
            return lambda s: replace(s, last_sequence=max(sequence, s.last_sequence))

        if known:
            await state.meta.change_source("hub/0", reach(70))
        newer = Overtaken(rows, 1, lambda: state.meta.change_source("hub/0", reach(100)))

        before, after = await State(newer).meta.change_source("hub/0", reach(80))

        assert (before.last_sequence, after.last_sequence) == (100, 100)
        assert (await state.meta.source("hub/0")).last_sequence == 100

    async def test_unmapped_actions_are_added_up_most_frequent_first(self, state: State) -> None:
        await state.meta.add_unmapped({"confluence_a": 2, "confluence_b": 5}, NOON)
        await state.meta.add_unmapped({"confluence_a": 4, "confluence_c ü": 1}, NOON)
        await state.meta.add_unmapped({}, NOON)

        unmapped = await state.meta.unmapped()

        assert list(unmapped.items()) == [
            ("confluence_a", 6),
            ("confluence_b", 5),
            ("confluence_c ü", 1),
        ]
