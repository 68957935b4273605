"""The bulk generator: counts, shapes, sizes and shares."""

import json
from collections import Counter

import pytest

from detector.samples.bulk import bulk


def rows_of(lines: list[bytes]) -> list[dict[str, object]]:
    messages = [json.loads(line)["records"] for line in lines]
    return [record["properties"] for message in messages for record in message]


def test_flat_rows_are_as_many_as_asked_and_about_450_bytes() -> None:
    lines = list(bulk(5_000, flat=True, seed=1))

    assert len(lines) == 5_000
    assert 420 <= sum(map(len, lines)) / 5_000 <= 480


def test_messages_hold_30_records_of_about_2_and_a_half_kilobytes() -> None:
    lines = list(bulk(3_010, flat=False, seed=1))

    assert [len(json.loads(line)["records"]) for line in lines] == [30] * 100 + [10]
    assert 2_400 <= sum(map(len, lines)) / 3_010 <= 2_600


def test_an_enveloped_row_has_36_columns() -> None:
    assert {len(row) for row in rows_of(list(bulk(300, flat=False, seed=1)))} == {36}


def test_two_in_a_hundred_are_exact_duplicates() -> None:
    rows = [json.loads(line) for line in bulk(20_000, flat=True, seed=1)]

    distinct = {row["ReportId"]: row for row in rows}

    assert 0.015 <= 1 - len(distinct) / len(rows) <= 0.025
    assert all(distinct[row["ReportId"]] == row for row in rows)


def test_a_duplicate_in_a_message_has_a_fresh_time() -> None:
    lines = list(bulk(6_000, flat=False, seed=1))
    records = [record for line in lines for record in json.loads(line)["records"]]

    times = Counter((record["properties"]["ReportId"], record["time"]) for record in records)

    assert set(times.values()) == {1}


def test_all_rows_are_of_the_day_and_nearly_in_order() -> None:
    rows = [json.loads(line) for line in bulk(5_000, flat=True, seed=1)]
    stamps = [row["Timestamp"] for row in rows]

    assert min(stamps) > "2026-03-11T00:00:00.0000000Z"
    assert max(stamps) < "2026-03-12T00:00:00.0000000Z"
    assert stamps != sorted(stamps)


def test_a_row_never_arrives_before_it_happened() -> None:
    lines = list(bulk(3_000, flat=False, seed=1))
    records = [record for line in lines for record in json.loads(line)["records"]]

    assert all(record["time"] > record["properties"]["Timestamp"] for record in records)


def test_users_follow_zipf() -> None:
    lines = bulk(20_000, flat=True, seed=1, users=100)
    counts = Counter(json.loads(line)["AccountDisplayName"] for line in lines)

    assert len(counts) == 100
    assert 1.7 <= counts["user1"] / counts["user2"] <= 2.3


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_share_of_confluence_is_as_asked(share: float) -> None:
    rows = [json.loads(line) for line in bulk(8_000, flat=True, seed=1, confluence_share=share)]

    found = sum(row["Application"] == "Confluence" for row in rows) / len(rows)

    assert found == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("flat", [True, False], ids=["flat", "messages"])
def test_the_same_seed_gives_the_same_bytes(flat: bool) -> None:
    assert list(bulk(500, flat=flat, seed=7)) == list(bulk(500, flat=flat, seed=7))
    assert list(bulk(500, flat=flat, seed=7)) != list(bulk(500, flat=flat, seed=8))


def test_no_records_are_no_lines() -> None:
    assert list(bulk(0, flat=False, seed=1)) == []


@pytest.mark.parametrize(
    ("records", "share", "users"),
    [
        pytest.param(-1, 1.0, 1, id="fewer than none"),
        pytest.param(1, 1.1, 1, id="more than all"),
        pytest.param(1, 1.0, 0, id="nobody"),
    ],
)
def test_an_impossible_argument_is_an_error_at_once(records: int, share: float, users: int) -> None:
    with pytest.raises(ValueError, match="bulk: "):
        bulk(records, flat=True, seed=1, confluence_share=share, users=users)
