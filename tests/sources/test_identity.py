"""What makes two records one event, and what keeps them two."""

import pytest

from detector.core.instant import MINUTE, parse_instant
from detector.sources.cloud_app_events import LONGEST_TEXT, SKEW, clip
from tests.sources.rows import (
    AT,
    RECEIVED,
    activity,
    dump,
    envelope,
    lines,
    only,
    read,
    record,
    row,
    source,
    streamed,
)


def ids(*bodies):
    return [a.event_id for a in read(*bodies).activities]


def hub_ids(*messages):
    return [a.event_id for a in source().read(messages).activities]


def test_an_exported_row_is_the_streamed_record():
    exported = only(read(dump(row())))
    live = only(source().read([streamed(envelope(record()))]))

    assert exported == live


@pytest.mark.parametrize(
    "later",
    [
        {"IPAddress": "198.51.100.1"},
        {"UserAgent": "Mozilla/5.0"},
        {"CountryCode": "DE"},
        {"ISP": "Example"},
        {"Application": "Confluence"},
        {"RawEventData": {}},
        {"AccountDisplayName": "Alice A."},
    ],
    ids=str,
)
def test_a_copy_enriched_later_is_the_same_event(later):
    assert activity(row()).event_id == activity(row(**later)).event_id


@pytest.mark.parametrize(
    "other",
    [
        {"ReportId": "report-2"},
        {"Timestamp": "2026-03-11T09:30:00.1234568Z"},
        {"ActionType": "ContentViewed"},
        {"AccountObjectId": "00000000-0000-0000-0000-000000000002"},
        {"ObjectId": "page-2"},
        {"ObjectName": "Another page"},
    ],
    ids=str,
)
def test_a_record_with_another_content_is_another_event(other):
    assert activity(row()).event_id != activity(row(**other)).event_id


def test_without_an_object_id_the_display_name_tells_users_apart():
    alice, bob = (row(AccountObjectId=None, AccountDisplayName=name) for name in ("Alice", "Bob"))

    assert activity(alice).event_id != activity(bob).event_id


def test_a_report_id_is_text_or_a_number():
    assert activity(row(ReportId=12)).event_id == activity(row(ReportId="12")).event_id


def test_a_redelivered_record_is_the_same_event_whatever_its_envelope():
    first = streamed(envelope(record(time=RECEIVED)), sequence=1)
    again = streamed(envelope(record(), record(time="2026-03-11T10:00:00Z")), sequence=9)

    assert len(set(hub_ids(first, again))) == 1


@pytest.mark.parametrize("no_id", [None, ""], ids=repr)
def test_without_a_report_id_a_streamed_record_is_its_position_in_the_hub(no_id):
    same = record(row(ReportId=no_id))
    message = streamed(envelope(same, same), sequence=1)

    first, second = hub_ids(message)

    assert first != second
    assert hub_ids(message) == [first, second]
    assert hub_ids(streamed(envelope(same), sequence=2))[0] not in {first, second}
    assert hub_ids(message._replace(source="cloudappevents/4")) != [first, second]


def test_without_a_report_id_copies_in_a_file_are_counted_by_their_ordinal():
    one, other = row(ReportId=None), row(ReportId=None, UserAgent="Mozilla/5.0")

    found = ids(dump(one), dump(other), dump(one), dump(one))

    assert len(set(found)) == 4
    assert ids(dump(one), dump(other), dump(one), dump(one)) == found
    assert set(ids(dump(one), dump(one))) < set(found)


def test_without_a_report_id_the_copy_in_a_file_is_its_row_not_its_text():
    columns = row(ReportId=None)
    shuffled = dict(sorted(columns.items(), reverse=True))

    (plain,) = ids(dump(columns))

    assert ids(dump(shuffled)) == [plain]
    assert ids(b" " + dump(columns).replace(b", ", b" ,  ")) == [plain]
    assert ids(envelope(record(columns))) == [plain]
    assert ids(dump([record(columns, time="2026-03-11T10:00:00Z")])) == [plain]


def test_a_reader_numbers_copies_across_its_batches():
    body = dump(row(ReportId=None))
    reader = source()

    found = [only(reader.read([message])).event_id for message in lines(body, body)]

    assert found == ids(body, body)


@pytest.mark.parametrize(
    "odd",
    [b"1e999", b'"\\ud800"', b'"\xff"', b"9" * 5_000, b"[" * 600 + b"]" * 600],
    ids=["1e999", "half a surrogate", "not UTF-8", "a huge number", "600 levels"],
)
def test_a_column_nobody_needs_does_not_cost_a_record_without_an_id(odd):
    body = dump(row(ReportId=None))[:-1] + b', "Other": ' + odd + b"}"

    reading = read(body, body, dump(row()))

    assert len({a.event_id for a in reading.activities}) + len(reading.rejected) == 3
    assert len(reading.rejected) in {0, 2}


def test_long_texts_are_cut_and_stay_distinct():
    texts = ["x" * n for n in (LONGEST_TEXT, LONGEST_TEXT + 1, 5_000)] + ["x" * 4_999 + "y"]

    cut = [clip(text) for text in texts]

    assert cut[0] == texts[0]
    assert len(set(cut)) == 4
    assert max(map(len, cut)) <= LONGEST_TEXT


def test_every_text_of_a_record_is_clipped():
    long = "x" * 5_000
    names = "ActionType AccountObjectId AccountDisplayName IPAddress UserAgent ObjectName ISP"
    columns = dict.fromkeys([*names.split(), "CountryCode", "AccountId"], long)
    got = activity(row(**columns, RawEventData={"spaceKey": long, "searchQuery": long}))

    texts = [*got.session, got.action_type, got.page_title, got.space_key, got.search]
    assert max(map(len, [*texts, *got.context])) <= LONGEST_TEXT


def test_a_text_that_looks_like_a_hash_of_a_dropped_text_is_marked():
    assert clip("\x00abc")[:1] == "\ufffd"
    assert clip("abc") == "abc"


@pytest.mark.parametrize(
    ("after", "counted", "skewed"),
    [(0, 0, 0), (SKEW, SKEW, 0), (SKEW + 1, SKEW, 1), (600 * MINUTE, SKEW, 1)],
)
def test_a_live_event_counts_at_most_15_minutes_after_it_was_enqueued(after, counted, skewed):
    message = streamed(envelope(record()), enqueued=AT)
    message = message._replace(enqueued=(message.enqueued or 0) - after)

    reading = source().read([message])

    assert only(reading).at == (message.enqueued or 0) + counted
    assert reading.skewed == skewed


def test_a_clamped_event_keeps_its_identity():
    early = source().read([streamed(envelope(record()), enqueued="2026-03-11T08:00:00Z")])
    late = source().read([streamed(envelope(record()))])

    assert early.skewed == 1
    assert only(early).event_id == only(late).event_id


def test_a_file_counts_literally():
    assert activity(row(Timestamp="2099-01-01T00:00:00Z")).at == parse_instant("2099-01-01")
