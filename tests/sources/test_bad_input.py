"""Input nobody should send: counted, named, and never at the cost of its neighbours."""

import json

import pytest

from detector.core.instant import parse_instant
from tests.sources.rows import (
    RECEIVED,
    activity,
    dump,
    envelope,
    only,
    read,
    record,
    row,
    source,
    streamed,
)

GOOD = dump(record())


def counts(reading):
    assert reading.records == len(reading.activities) + len(reading.rejected) + reading.ignored
    return len(reading.activities), len(reading.rejected), reading.ignored


def numbered(number):
    return dump(record(row(ReportId=f"report-{number}")))


BROKEN = {
    "cut in a record": (b'{"records": [%s, %s, {"time": "2026', (2, 1)),
    "cut in a record that is closed": (b'{"records": [%s, %s, {"a": tr}]}', (2, 1)),
    "cut after a comma": (b'{"records": [%s, %s,', (2, 1)),
    "cut after a record": (b'{"records": [%s, %s', (2, 0)),
    "cut before the last brace": (b'{"records": [%s, %s]', (2, 1)),
    "a comma too many": (b'{"records": [%s, %s,]}', (2, 0)),
    "two commas": (b'{"records": [%s,, %s]}', (2, 1)),
    "something after the end": (b'{"records": [%s, %s]} {}', (2, 1)),
    "a bare word between": (b'{"records": [%s, oops, %s]}', (2, 1)),
    "a syntax error between": (b'{"records": [%s, {"a": }, %s]}', (2, 1)),
    "a quote too few": (b'{"records": [%s, {"a": "}, %s]}', (1, 1)),
    "a bracket too many": (b'{"records": [%s, {"a": ]}}, %s]}', (1, 2)),
    "a raw NUL between": (b'{"records": [%s, {"a": "\0"}, %s]}', (2, 1)),
    "a list, cut": (b"[%s, %s, {", (2, 1)),
    "a list, cut before its end": (b"[%s, %s", (2, 0)),
    "a list with a syntax error": (b'[%s, {"a" 1}, %s]', (2, 1)),
    "an indented envelope, cut": (b'{\n  "records" : [\n%s,\n%s,\n{', (2, 1)),
    "an escaped quote before the cut": (b'{"records": [%s, %s, {"a": "\\"}, {', (2, 1)),
}


@pytest.mark.parametrize(("text", "expected"), BROKEN.values(), ids=BROKEN)
def test_of_a_broken_message_the_sound_records_are_kept(text, expected):
    body = text % (numbered(1), numbered(2))

    assert counts(read(body))[:2] == expected


def test_the_rest_of_a_message_that_breaks_off_is_one_rejection_with_its_index():
    rest = b'{"time": "2026'
    body = b'{"records": [' + numbered(1) + b"," + numbered(2) + b"," + rest

    (rejected,) = read(body).rejected

    assert rejected.where == "day.jsonl, line 1, record 2"
    assert (rejected.index, rejected.size) == (2, len(rest))
    assert rejected.reason == "Input data was truncated"


def test_a_record_after_a_broken_one_keeps_its_place_in_the_hub():
    plain = dump(record(row(ReportId=None)))
    sound = source().read([streamed(b'{"records": [{}, ' + plain + b"]}")])
    broken = source().read([streamed(b'{"records": [{"a": }, ' + plain + b"]}")])

    assert counts(broken) == (1, 1, 0)
    assert sound.activities == broken.activities


def test_copies_in_a_broken_line_are_counted_like_any_others():
    plain = dump(record(row(ReportId=None)))
    broken = read(b"[" + plain + b", " + plain + b", {")
    sound = read(b"[" + plain + b", " + plain + b"]")

    assert counts(broken) == (2, 1, 0)
    assert broken.activities == sound.activities


def test_a_message_of_escaped_quotes_is_split_in_time_that_grows_with_its_size():
    body = b'{"records": [' + GOOD + b', {"a": "' + b'\\"' * 1_000_000

    assert counts(read(body)) == (1, 1, 0)


@pytest.mark.parametrize("depth", [100, 100_000])
@pytest.mark.parametrize("shape", ["[%s]", '{"a":%s}'], ids=["lists", "objects"])
def test_a_deep_record_costs_at_most_itself(shape, depth):
    before, after = shape.split("%s")
    deep = (before * depth + "1" + after * depth).encode()
    odd = dump(row(ReportId="deep"))[:-1] + b', "Other": ' + deep + b"}"

    read_, rejected, _ = counts(read(b'{"records": [' + odd + b"," + GOOD + b"]}"))

    assert (read_, rejected) == ((2, 0) if depth == 100 else (1, 1))
    assert counts(read(deep, GOOD))[:2] in {(1, 0), (1, 1)}


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1" * 30, b"1" * 5_000], ids=len)
def test_a_number_out_of_range_hides_nothing_else(number):
    unread = dump(row())[:-1] + b', "Other": ' + number + b"}"
    raw = dump(row(RawEventData=None)).replace(
        b'"RawEventData": null', b'"RawEventData": {"spaceKey": "OPS", "n": ' + number + b"}"
    )

    assert only(read(unread)) == activity(row())
    assert only(read(raw)).space_key == "OPS"


def test_a_number_out_of_range_in_a_column_that_is_read_is_rejected_with_its_name():
    body = dump(row())[:-1] + b', "IsAdminOperation": 1e999}'

    (rejected,) = read(body).rejected

    assert rejected.reason == "Number out of range - at `$.IsAdminOperation`"


@pytest.mark.parametrize(
    "half", [b"\\ud800", b"\\udfff", b"\\ud800\\ud800\\u0041", b"\xff", b"\xc3"]
)
def test_what_is_not_unicode_is_replaced_wherever_it_stands(half):
    agent = dump(row(UserAgent="curl X")).replace(b"curl X", b"curl " + half)
    search = dump(row()).replace(b"hunter2", half)
    unread = dump(row())[:-1] + b', "Other": "' + half + b'"}'

    assert only(read(agent)).session.user_agent.startswith("curl \ufffd")
    assert only(read(search)).terms == ("password", "vpn")
    assert only(read(unread)) == activity(row())


def test_half_a_surrogate_in_json_text_hides_no_search():
    raw = json.dumps({"searchQuery": "password \ud800"})

    assert activity(row(RawEventData=raw)).terms == ("password",)


@pytest.mark.parametrize("text", ["\U0001f600", "\\\\ud800", "\\ud83d\\ude00 \\u0041", '\\"', "é"])
def test_sound_text_is_left_as_it_is_beside_half_a_surrogate(text):
    plain = dump(row(UserAgent="X")).replace(b'"X"', b'"%s"' % text.encode())
    mended = plain[:-1] + b', "Other": "\\ud800"}'

    assert only(read(mended)) == only(read(plain))


def test_control_characters_may_be_escaped_but_not_raw():
    escaped = only(read(dump(row(UserAgent="a\0b\x1b[31m"))))
    raw = read(dump(row(UserAgent="X")).replace(b"X", b"a\0b"))

    assert escaped.session.user_agent == "a\0b\x1b[31m"
    assert counts(raw) == (0, 1, 0)


def test_a_record_of_1_mib_is_read():
    body = dump(row(RawEventData={"filler": "x" * (1 << 20), "spaceKey": "OPS"}))

    assert only(read(body)).space_key == "OPS"


def test_an_empty_envelope_or_list_holds_no_records():
    assert counts(read(b'{"records": []}', b"[]", b"{ }")) == (0, 0, 1)


@pytest.mark.parametrize("name", ["IPAddress", "AccountDisplayName", "Timestamp", "ObjectName"])
@pytest.mark.parametrize("value", [5, 1.5, True, {}, ["x"]], ids=str)
def test_ours_with_a_wrong_type_names_the_column_and_others_are_ignored(name, value):
    ours, others = row(**{name: value}), row(**{name: value}, Application="Word")

    mine, theirs = read(envelope(record(ours))), read(envelope(record(others)))

    assert counts(mine) == (0, 1, 0)
    assert name in mine.rejected[0].reason
    assert counts(theirs) == (0, 0, 1)


def test_a_clocked_reader_notes_the_time_of_each_record_and_what_came_before_it():
    reading = source(clocked=True).read(
        [
            streamed(
                envelope(
                    record(),
                    record(category="AdvancedHunting-EmailEvents", time="2026-03-11T09:33:00Z"),
                    record(time="nonsense"),
                    record(row(Timestamp="nonsense"), time=None),
                    record(time=None),
                )
            ),
            streamed(b"hello"),
        ]
    )
    received, timestamp = parse_instant(RECEIVED), parse_instant(str(row()["Timestamp"]))

    assert reading.moments == [
        (received, 0),
        (parse_instant("2026-03-11T09:33:00Z"), 1),
        (timestamp, 1),
        (timestamp, 2),
    ]


def test_a_reader_that_is_not_clocked_notes_no_times():
    assert read(GOOD).moments == []
