"""Each reason for which a record is rejected, and where the rejection says it stood."""

from hashlib import sha256

import pytest

from tests.sources.rows import (
    CATEGORY,
    TENANT,
    dump,
    envelope,
    lines,
    read,
    record,
    row,
    source,
    streamed,
)

REASONS = {
    "no JSON": (b"hello", "JSON is malformed: invalid character (byte 0)"),
    "an empty message": (b"", "Input data was truncated"),
    "a number": (b"12", "Expected `object`, got `int`"),
    "null": (b"null", "Expected `object`, got `null`"),
    "a record that is null": (envelope(None), "Expected `object`, got `null`"),
    "a list in the list": (dump([[row()]]), "Expected `object`, got `array`"),
    "an envelope in the list": (
        dump([{"records": [record()]}]),
        "records: an envelope where a record should be",
    ),
    "records that are no list": (
        dump({"records": {"a": 1}}),
        "Expected `array | null`, got `object` - at `$.records`",
    ),
    "another tenant's": (
        dump(record(tenantId="another")),
        "tenantId: a record of another tenant",
    ),
    "no action": (dump(row(ActionType=None)), "ActionType: missing"),
    "an empty action": (dump(row(ActionType="")), "ActionType: missing"),
    "no time": (
        dump(row(Timestamp=None)),
        "Timestamp: '' is not an ISO 8601 instant such as 2026-03-11T09:30:00Z",
    ),
    "a time that is none": (
        dump(row(Timestamp="yesterday")),
        "Timestamp: 'yesterday' is not an ISO 8601 instant such as 2026-03-11T09:30:00Z",
    ),
    "a date that is none": (
        dump(row(Timestamp="2026-02-30T00:00:00Z")),
        "Timestamp: '2026-02-30' is not a date",
    ),
    "a time of day that is none": (
        dump(row(Timestamp="2026-02-03T24:00:00Z")),
        "Timestamp: '2026-02-03T24:00:00Z' is not a time of day",
    ),
    "an offset that is none": (
        dump(row(Timestamp="2026-02-03T00:00:00+23:00")),
        "Timestamp: '+23:00' is not an offset from UTC",
    ),
    "a number where text should be": (
        dump(row(UserAgent=5)),
        "Expected `str | null`, got `int` - at `$.UserAgent`",
    ),
    "a number where text should be, in an envelope": (
        envelope(record(row(ActionType=1.5))),
        "Expected `str | null`, got `float` - at `$.properties.ActionType`",
    ),
    "an object where text should be, in an odd case": (
        dump({"timestamp": {}, "application": "Atlassian"}),
        "Expected `str | null`, got `object` - at `$.Timestamp`",
    ),
    "a truth where an id should be": (
        dump(row(ReportId=True)),
        "Expected `int | str | null`, got `bool` - at `$.ReportId`",
    ),
    "a list where a flag should be": (
        dump(row(IsAdminOperation=[])),
        "Expected `bool | int | float | str | null`, got `array` - at `$.IsAdminOperation`",
    ),
    "a category that is no text": (
        dump(record(category=5)),
        "Expected `str | null`, got `int` - at `$.category`",
    ),
    "properties that are no object": (
        dump({"category": CATEGORY, "properties": [row()]}),
        "Expected `object | null`, got `array` - at `$.properties`",
    ),
    "an application that is no text": (
        dump(row(Application=11770)),
        "Expected `str | null`, got `int` - at `$.Application`",
    ),
}


@pytest.mark.parametrize(("body", "reason"), REASONS.values(), ids=REASONS)
def test_a_record_that_cannot_be_read_is_rejected_with_its_reason(body, reason):
    reading = read(body, reader=source(tenant_id=TENANT))

    assert [r.reason for r in reading.rejected] == [reason]
    assert (reading.records, reading.activities, reading.ignored) == (1, [], 0)


@pytest.mark.parametrize(
    "body",
    [
        dump(record({"Subject": 5, "UserAgent": 5}, category="AdvancedHunting-EmailEvents")),
        dump(record(row(UserAgent=5), category="AdvancedHunting-EmailEvents")),
        dump(row(UserAgent=5, Application="Microsoft 365")),
        envelope(record(row(UserAgent=5, Application="Word", AppName=None))),
        envelope(record(row(ActionType=None, Application="Word"))),
        dump(record(row(Timestamp="never", Application="Word"))),
    ],
    ids=["a table", "a table's row", "an application", "in an envelope", "no action", "no time"],
)
def test_what_is_wrong_with_others_records_is_not_our_affair(body):
    reading = read(body)

    assert (reading.records, reading.ignored, reading.rejected) == (1, 1, [])


def test_a_rejection_in_a_file_says_its_line_and_its_place_in_the_line():
    bad = record(row(ActionType=""))
    body = envelope(record(), bad)
    reading = source().read(lines(dump(row()), body))

    (rejected,) = reading.rejected

    assert rejected.where == "day.jsonl, line 2, record 1"
    assert (rejected.source, rejected.sequence, rejected.index) == ("day.jsonl", 2, 1)
    assert (rejected.size, rejected.sha256) == (len(dump(bad)), sha256(dump(bad)).hexdigest())
    assert rejected.body == dump(bad)


def test_a_rejection_in_the_stream_says_its_sequence_number():
    bad = dump(record(row(UserAgent=5)))
    body = b'{"records": [' + dump(record()) + b", " + bad + b"]}"

    (rejected,) = source().read([streamed(body, sequence=41)]).rejected

    assert rejected.where == "cloudappevents/3, sequence number 41, record 1"
    assert (rejected.size, rejected.sha256) == (len(bad), sha256(bad).hexdigest())


def test_a_reason_is_short_whatever_the_record_holds():
    (rejected,) = read(dump(row(Timestamp="x" * 100_000))).rejected

    assert len(rejected.reason) <= 300


def test_a_file_name_that_is_not_text_can_be_reported():
    message = lines(b"hello")[0]._replace(source="day\udcff.jsonl")

    (rejected,) = source().read([message]).rejected

    assert rejected.where == "day?.jsonl, line 1, record 0"


def test_a_message_of_many_bad_records_is_hashed_once_not_once_for_each():
    """Hashing the whole message for every record of it took minutes for one MiB."""
    body = envelope(*[record(row(ActionType="")) for _ in range(2_000)])

    rejected = read(body).rejected

    assert len(rejected) == 2_000
    assert sum(one.size for one in rejected) <= len(body)
