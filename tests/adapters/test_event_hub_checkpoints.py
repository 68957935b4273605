"""Owners and checkpoints on rows: of two claimants one wins, and positions are remembered."""

from collections.abc import AsyncIterator

import pytest

from detector.adapters.event_hub.checkpoints import RowsCheckpointStore
from detector.adapters.sqlite import SqliteRows
from detector.core.instant import SECOND, parse_instant

NOON = parse_instant("2026-03-11T12:00:00Z")
SCOPE = ("example.servicebus.windows.net", "cloudappevents", "detector")
NAMES = ("fully_qualified_namespace", "eventhub_name", "consumer_group")
ALICE, BOB = "alice", "bob"


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def rows(tmp_path) -> AsyncIterator[SqliteRows]:
    rows = SqliteRows(tmp_path / "state.db")
    yield rows
    await rows.close()


@pytest.fixture
def store(rows, clock) -> RowsCheckpointStore:
    return RowsCheckpointStore(rows, generation="2026-03-01", clock=clock)


def facts(partition: str = "0", **more: object) -> dict[str, object]:
    return {**dict(zip(NAMES, SCOPE, strict=True)), "partition_id": partition, **more}


async def test_a_new_hub_has_neither_owners_nor_checkpoints(store):
    assert await store.list_ownership(*SCOPE) == []
    assert await store.list_checkpoints(*SCOPE) == []


async def test_a_claim_is_listed_with_its_owner_time_and_etag(store):
    [claimed] = await store.claim_ownership([facts("0", owner_id=ALICE)])

    assert await store.list_ownership(*SCOPE) == [claimed]
    assert claimed == facts(
        "0", owner_id=ALICE, etag=claimed["etag"], last_modified_time=NOON / SECOND
    )


async def test_of_two_first_claims_one_wins(store):
    await store.claim_ownership([facts(owner_id=ALICE)])

    assert await store.claim_ownership([facts(owner_id=BOB)]) == []
    assert [o["owner_id"] for o in await store.list_ownership(*SCOPE)] == [ALICE]


async def test_of_two_thieves_with_one_etag_one_wins(store):
    await store.claim_ownership([facts(owner_id=ALICE)])
    [seen] = await store.list_ownership(*SCOPE)

    stolen = await store.claim_ownership([{**seen, "owner_id": BOB}])
    late = await store.claim_ownership([{**seen, "owner_id": "carol"}])

    assert [o["owner_id"] for o in stolen] == [BOB]
    assert late == []


async def test_a_renewed_claim_has_a_new_etag_and_time(store, clock):
    [first] = await store.claim_ownership([facts(owner_id=ALICE)])
    clock.now += 10 * SECOND

    [renewed] = await store.claim_ownership([first])

    assert renewed["etag"] != first["etag"]
    assert renewed["last_modified_time"] - first["last_modified_time"] == 10


async def test_some_claims_of_a_list_may_fail(store):
    await store.claim_ownership([facts("1", owner_id=ALICE)])

    claimed = await store.claim_ownership([facts(p, owner_id=BOB) for p in ("0", "1", "2")])

    assert [o["partition_id"] for o in claimed] == ["0", "2"]


async def test_a_partition_given_up_is_listed_without_an_owner(store):
    [claimed] = await store.claim_ownership([facts(owner_id=ALICE)])

    await store.claim_ownership([{**claimed, "owner_id": ""}])

    assert [o["owner_id"] for o in await store.list_ownership(*SCOPE)] == [""]


async def test_the_last_checkpoint_counts(store):
    for sequence in (5, 9):
        await store.update_checkpoint(facts(offset=str(sequence * 100), sequence_number=sequence))
    await store.update_checkpoint(facts("1", offset="0", sequence_number=0))

    assert await store.list_checkpoints(*SCOPE) == [
        facts("0", offset="900", sequence_number=9),
        facts("1", offset="0", sequence_number=0),
    ]


@pytest.mark.parametrize(
    ("name", "other"),
    [
        pytest.param(name, f"other.{value}", id=name)
        for name, value in zip(NAMES, SCOPE, strict=True)
    ],
)
async def test_another_hub_or_group_is_kept_apart(store, name, other):
    position = {"offset": "7", "sequence_number": 7}
    await store.update_checkpoint(facts(**{name: other}, **position))
    await store.claim_ownership([facts(**{name: other}, owner_id=BOB)])

    assert await store.list_checkpoints(*SCOPE) == []
    assert await store.list_ownership(*SCOPE) == []


async def test_a_hub_made_again_starts_from_the_beginning(rows, clock, store):
    await store.update_checkpoint(facts(offset="7", sequence_number=7))

    again = RowsCheckpointStore(rows, generation="2026-03-11", clock=clock)

    assert await again.list_checkpoints(*SCOPE) == []


async def test_the_rows_can_be_read_by_a_person(rows, store):
    await store.update_checkpoint(facts("3", offset="7", sequence_number=9))
    await store.claim_ownership([facts("3", owner_id=ALICE)])

    [checkpoint] = await rows.scan("meta", "checkpoints")
    [owner] = await rows.scan("meta", "owners")

    about = {
        "V": 1,
        "Source": "example.servicebus.windows.net/cloudappevents",
        "Group": "detector",
        "Partition": "3",
        "At": "2026-03-11T12:00:00.0000000Z",
    }
    assert checkpoint.values == {**about, "Sequence": 9, "Offset": "7"}
    assert owner.values == {**about, "Owner": ALICE}
    assert checkpoint.key == owner.key
