"""The CloudAppEvents columns that are needed, decoded from any of the shapes they travel in.

The streaming envelope `{"records": [{time, tenantId, category, properties}]}`, one such record
alone, a JSON list of them, or a flat row; which, is found for each line. A message that does not
decode as a whole is read record by record, so one bad record never costs its neighbours, and of
a message that breaks off the records before the break are kept.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec

Flag = bool | int | float | str | None


class Columns(msgspec.Struct, gc=False):
    """One CloudAppEvents row; names as the stream spells them."""

    Timestamp: str | None = None
    ActionType: str | None = None
    Application: str | None = None
    AppName: str | None = None
    AccountObjectId: str | None = None
    AccountId: str | None = None
    AccountDisplayName: str | None = None
    AccountType: str | None = None
    IsAdminOperation: Flag = None
    IPAddress: str | None = None
    UserAgent: str | None = None
    CountryCode: str | None = None
    ISP: str | None = None
    Isp: str | None = None
    ObjectName: str | None = None
    ObjectId: str | None = None
    ReportId: str | int | None = None
    RawEventData: msgspec.Raw = msgspec.Raw(b"")


class Record(msgspec.Struct, gc=False):
    """One element of the envelope."""

    time: str | None = None
    tenantId: str | None = None
    category: str | None = None
    properties: Columns | None = None


class Line(Columns, gc=False):
    """A message: an envelope, a record or a flat row, told apart by what is set."""

    records: list[Record] | None = None
    time: str | None = None
    tenantId: str | None = None
    category: str | None = None
    properties: Columns | None = None


class _Slices(msgspec.Struct):
    records: list[msgspec.Raw]


class Unreadable(msgspec.Struct):
    """A record that does not decode: why, its bytes, and whose it seems to be."""

    reason: str
    body: bytes
    category: str | None = None
    application: str | None = None


_line = msgspec.json.Decoder(Line)
_slices = msgspec.json.Decoder(_Slices)
_list = msgspec.json.Decoder(list[msgspec.Raw])
_object = msgspec.json.Decoder(dict[str, Any])
_EXACT = frozenset(Line.__struct_fields__)
_NAMES = {name.lower(): name for name in _EXACT} | {"isp": "ISP"}
_ERRORS = (msgspec.DecodeError, RecursionError, UnicodeError, ValueError)
_LIST = re.compile(rb'\s*(\{\s*"records"\s*:\s*)?\[', re.IGNORECASE)
_MARK = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)
_LONE = len(r"\ud800")
_ESCAPE = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u[dD][89a-fA-F]..|\\.", re.DOTALL)


def decode(body: bytes) -> Sequence[Record | Unreadable]:
    """The records of one message, in order; never raises."""
    try:
        line = _line.decode(body)
    except _ERRORS:
        return _one_by_one(body)
    records = [_as_record(line)] if line.records is None else line.records
    for record in records:
        if _is_blank(record):
            return _one_by_one(body)
    return records


@lru_cache(1)
def slices(body: bytes) -> Sequence[bytes]:
    """The bytes of each record of a message, as many as `decode` gives."""
    try:
        return [bytes(raw) for raw in _slices.decode(body).records]
    except _ERRORS:
        pass
    try:
        return [bytes(raw) for raw in _list.decode(body)]
    except _ERRORS:
        opening = _LIST.match(body)
        return list(_elements(body, opening)) if opening else [body]


def _elements(body: bytes, opening: re.Match[bytes]) -> Iterator[bytes]:
    """What stands between the commas of a list that is broken somewhere, and then the rest.

    Only quotes and brackets are looked at, so a bad record costs its neighbours only where it
    leaves one of them open.
    """
    depth, start = 0, opening.end()
    for mark in _MARK.finditer(body, start):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(mark[0], 0)
        if depth < 0:
            if element := body[start : mark.start()].strip():
                yield element
            start = mark.start()
            break
        if depth == 0 and mark[0] == b",":
            yield body[start : mark.start()]
            start = mark.end()
    rest = body[start:]
    if b"".join(rest.split()) != (b"]}" if opening[1] else b"]"):
        yield rest


def canonical(raw: bytes) -> bytes:
    """One record's columns with sorted names and no white space, without the envelope."""
    try:
        document = _object.decode(raw)
        return msgspec.json.encode(document.get("properties", document), order="sorted")
    except _ERRORS:
        return raw  # a column that is not needed holds what no number or text can


def mend(raw: bytes) -> bytes:
    """JSON text with U+FFFD for each half of a surrogate pair and whatever is not UTF-8."""
    return _ESCAPE.sub(
        lambda escape: rb"\ufffd" if len(escape[0]) == _LONE else escape[0],
        raw.decode("utf-8", "replace").encode(),
    )


def _as_record(line: Line) -> Record:
    if line.properties is not None or line.category is not None:
        return Record(line.time, line.tenantId, line.category, line.properties)
    return Record(properties=line)


def _is_blank(record: Record) -> bool:
    """Nothing was recognised: perhaps the names are spelt in another case."""
    columns = record.properties
    if columns is None:
        return record.category is None
    return columns.ActionType is None and columns.Timestamp is None


def _one_by_one(body: bytes) -> Sequence[Record | Unreadable]:
    return [_single(raw) for raw in slices(body)]


def _single(raw: bytes) -> Record | Unreadable:
    try:
        return _read(raw)
    except _ERRORS as error:
        reason = str(error)
    try:
        return _read(mend(raw))
    except _ERRORS:
        return _unreadable(raw, reason)


def _read(raw: bytes) -> Record:
    line = _line.decode(raw)
    if line.records is not None:
        message = "records: an envelope where a record should be"
        raise ValueError(message)
    record = _as_record(line)
    if not _is_blank(record):
        return record
    return _as_record(msgspec.convert(_respelt(_object.decode(raw)), Line))


def _respelt(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the names of columns as the stream spells them; those go before others."""
    fixed = {_NAMES.get(n.lower(), n): value for n, value in document.items() if n not in _EXACT}
    fixed |= {n: value for n, value in document.items() if n in _EXACT}
    if isinstance(fixed.get("properties"), dict):
        fixed["properties"] = _respelt(fixed["properties"])
    if "RawEventData" in fixed:
        fixed["RawEventData"] = msgspec.Raw(msgspec.json.encode(fixed["RawEventData"]))
    return fixed


def _unreadable(raw: bytes, reason: str) -> Unreadable:
    """Whose record it is, as far as it can be told: others' may have any types."""
    try:
        document = _object.decode(raw)
    except _ERRORS:
        return Unreadable(reason, raw)
    columns: Any = document.get("properties", document)
    category: Any = document.get("category")
    application: Any = None
    if hasattr(columns, "get"):
        application = columns.get("AppName") or columns.get("Application")
    return Unreadable(
        reason,
        raw,
        category if isinstance(category, str) else None,
        application if isinstance(application, str) else None,
    )
