"""The published contract is current, and the decoder of the hot path keeps it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from detector.samples.day import company_day, flat_rows
from detector.sources.contract import Row, StreamedRecord, schema
from detector.sources.record import Columns, Record, decode
from tests.sources.rows import Json, dump, envelope, record, row

SCHEMA = Path(__file__).parents[2] / "docs" / "record.schema.json"

ENVELOPE = ("time", "tenantId", "category")
TEXTS = [name for name in Row.model_fields if name not in {"IsAdminOperation", "RawEventData"}]

whole = st.integers(-(2**70), 2**70)
number = whole | st.floats(allow_nan=False, allow_infinity=False)
text = st.text(max_size=8)
anything = st.recursive(
    st.none() | st.booleans() | number | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
likely = st.none() | text | text | text | anything
respell = st.sampled_from([str, str, str, str.lower, str.upper])


@st.composite
def rows(draw) -> dict[str, Json]:
    names = [*TEXTS, "IsAdminOperation", "RawEventData", "Unknown"]
    chosen = draw(st.lists(st.sampled_from(names), unique=True))
    values = {name: draw(anything if name not in TEXTS else likely) for name in chosen}
    return {draw(respell)(name): value for name, value in values.items()}


@st.composite
def records(draw) -> dict[str, Json]:
    fields = draw(st.dictionaries(st.sampled_from(ENVELOPE), likely))
    properties = draw(rows() | rows() | rows() | anything)
    category = {"category": "AdvancedHunting-CloudAppEvents"} if draw(st.booleans()) else {}
    spelt = {**fields, **category, "properties": properties}
    return {draw(respell)(name): value for name, value in spelt.items()}


def by_the_contract(value: Json) -> dict[str, object] | None:
    try:
        return StreamedRecord.model_validate_json(dump(value)).model_dump()
    except ValidationError:
        return None


def by_the_decoder(body: bytes) -> dict[str, object] | None:
    (got,) = decode(body)
    if not isinstance(got, Record):
        return None
    fields: dict[str, object] = {name: getattr(got, name) for name in ENVELOPE}
    return {**fields, "properties": columns_of(got.properties)}


def columns_of(columns: Columns | None) -> dict[str, object] | None:
    if columns is None:
        return None
    found = {name: getattr(columns, name) for name in Columns.__struct_fields__}
    raw = bytes(columns.RawEventData)
    return {**found, "RawEventData": json.loads(raw) if raw else None}


def same(one: object, other: object) -> bool:
    """Equal, and the same type: 1, 1.0 and true are three things."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def test_the_schema_in_docs_is_current():
    command = [sys.executable, "-m", "detector.sources.contract"]

    written = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert written == schema() == SCHEMA.read_text()


def test_every_column_is_described():
    for definition in (Row, StreamedRecord):
        assert all(field.description for field in definition.model_fields.values())


def test_the_contract_has_the_decoders_columns():
    assert set(Row.model_fields) == set(Columns.__struct_fields__)
    assert set(StreamedRecord.model_fields) == set(Record.__struct_fields__)


@given(records())
def test_the_decoder_takes_what_the_contract_takes_and_nothing_else(value: Json):
    expected = by_the_contract(value)

    assert same(by_the_decoder(dump(value)), expected)
    assert same(by_the_decoder(envelope(value)), expected)


@given(rows())
def test_the_decoder_takes_the_rows_that_the_contract_takes(value: Json):
    assert same(by_the_decoder(dump(value)), by_the_contract(value))


SHAPES: dict[str, Json] = {
    "a row": row(),
    "a record": record(),
    "the documented spelling": record(row(ISP=None, Isp="Example", ReportId=5)),
    "a number as a flag": record(row(IsAdminOperation=1)),
    "a text as a flag": record(row(RawEventData='{"a": 1}', IsAdminOperation="true")),
    "a fraction as a flag": record(row(RawEventData="", IsAdminOperation=0.0)),
    "a truth as an id": record(row(ReportId=True)),
    "a fraction as an id": record(row(ReportId=1.0)),
    "a huge number as an id": record(row(ReportId=10**30)),
    "a number as a time": record(row(Timestamp=5)),
    "a number as a category": record(category=5),
    "no category": record(category=None, time=None),
    "no properties": record() | {"properties": None},
    "names in lower case": {name.lower(): value for name, value in row().items()},
    "a record in another case": {"PROPERTIES": row(), "Category": "CloudAppEvents"},
    "a name in two spellings": {"timestamp": "a", "Timestamp": None, "TIMESTAMP": "b"},
    "a wrong type beside another spelling": {"ISP": [], "isp": None, "Isp": None},
    "a wrong type in another spelling": {"ISP": None, "isp": []},
    "a row with an envelope's name": row(time="now", tenantId=None),
    "a row with an envelope's name and a wrong type": row(time=[]),
    "an empty object": {},
    "a text": "x",
}


@pytest.mark.parametrize("value", SHAPES.values(), ids=SHAPES)
def test_contract_and_decoder_agree_on_known_shapes(value: Json):
    assert same(by_the_decoder(dump(value)), by_the_contract(value))


def test_contract_and_decoder_agree_on_the_sample_day():
    streamed = [r for line in company_day() for r in json.loads(line)["records"]]
    flat = [json.loads(line) for line in flat_rows(company_day())]

    for value in [*streamed, *flat[::10]]:
        got = by_the_contract(value)
        assert got is not None
        assert same(by_the_decoder(dump(value)), got)
