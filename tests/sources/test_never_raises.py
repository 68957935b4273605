"""Whatever the bytes: a reading, in which every record is an activity, rejected or ignored."""

from hypothesis import given
from hypothesis import strategies as st

from tests.sources.rows import Json, dump, envelope, lines, record, row, source, streamed

SOURCE = source("recommended", clocked=True)

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20)
)
json = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
columns = st.sampled_from(
    "Timestamp ActionType Application AppName AccountObjectId AccountDisplayName IPAddress ReportId"
    " UserAgent IsAdminOperation ISP ObjectName RawEventData timestamp actiontype properties time"
    " category records tenantId".split()
)
odd_rows = st.dictionaries(columns, json).map(lambda odd: row() | odd)
odd_records = st.dictionaries(columns, json).map(lambda odd: record() | odd)
anything = st.one_of(json, odd_rows, odd_records, st.lists(odd_records, max_size=3))


def is_accounted_for(reading):
    return reading.records == len(reading.activities) + len(reading.rejected) + reading.ignored


@given(st.binary())
def test_arbitrary_bytes_never_raise(body):
    assert is_accounted_for(SOURCE.read([*lines(body), streamed(body)]))


@given(anything)
def test_arbitrary_json_never_raises(value: Json):
    for body in (dump(value), envelope(value), envelope(record(), value, record())):
        assert is_accounted_for(SOURCE.read([*lines(body), streamed(body)]))


@given(odd=anything, place=st.integers(0, 3))
def test_one_bad_record_never_costs_its_neighbours(odd: Json, place):
    records: list[Json] = [record(row(ReportId=f"good-{n}")) for n in range(3)]
    good = source().read(lines(envelope(*records))).activities
    records.insert(place, odd)

    reading = source().read(lines(envelope(*records)))

    assert reading.records == 4
    assert is_accounted_for(reading)
    assert set(good) <= set(reading.activities)


@given(cut=st.integers(0, 2_000), junk=st.binary(max_size=20))
def test_a_message_that_breaks_off_keeps_the_records_before_the_break(cut, junk):
    records: list[Json] = [record(row(ReportId=f"good-{n}")) for n in range(3)]
    whole = envelope(*records)
    ends = [whole.index(dump(r)) + len(dump(r)) for r in records]

    reading = source().read(lines(whole[:cut] + junk))

    assert is_accounted_for(reading)
    assert len(reading.activities) >= sum(end < cut for end in ends)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12))
def test_a_reading_does_not_depend_on_how_records_are_batched(picks):
    rows = [row(ReportId=f"report-{n}" if n else None, ObjectName=f"page {m}") for n, m in picks]
    whole = source().read(lines(envelope(*map(record, rows))))
    reader = source()

    batches = [reader.read(lines(dump(r))) for r in rows]

    assert [a for reading in batches for a in reading.activities] == whole.activities
