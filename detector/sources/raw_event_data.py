"""The texts inside RawEventData: the source application's own event, in whatever form it came."""

import json
from collections.abc import Callable, Iterable

import msgspec

from detector.core.policy import Fields, steps
from detector.sources.record import mend

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Document = dict[str, Json]

_decode = msgspec.json.Decoder().decode
_EXACT = 2.0**53


class Texts:
    """Reads the search query, the space key and the page title by a policy's paths."""

    def __init__(self, fields: Fields) -> None:
        """Compile the paths once."""
        self._query = _reader(fields.search_query)
        self._space = _reader(fields.space_key)
        self._title = _reader(fields.page_title)

    def read(self, raw: bytes) -> tuple[str, str, str]:
        """(search query, space key, page title), each "" where RawEventData has none.

        RawEventData is an object, or the JSON text of one; anything else has no properties.
        """
        document = _object(raw)
        if document is None:
            return "", "", ""
        return self._query(document), self._space(document), self._title(document)


def _object(raw: bytes) -> Document | None:
    try:
        value = _parse(raw) if raw else None
        if isinstance(value, str):
            value = _parse(value.encode()) if value.lstrip()[:1] == "{" else None
    except (RecursionError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _reader(paths: tuple[str, ...]) -> Callable[[Document], str]:
    """A function that yields the first text of a document that one of the paths leads to."""
    compiled = [steps(path) for path in paths]
    if len(compiled) == 1 and len(compiled[0]) == 1 and isinstance(compiled[0][0], str):
        name = compiled[0][0]
        return lambda document: to_string(document.get(name))
    return lambda document: _first(document, compiled)


def _parse(raw: bytes) -> Json:
    """JSON; half a surrogate or a number out of range does not hide what else it says."""
    try:
        value: Json = _decode(raw)
    except (msgspec.DecodeError, UnicodeError):
        value = json.loads(mend(raw), parse_int=str, parse_float=str)
    return value


def _first(document: Document, paths: Iterable[tuple[str | int, ...]]) -> str:
    for path in paths:
        value: Json = document
        for step in path:
            value = _step(value, step)
            if value is None:
                break
        if text := to_string(value):
            return text
    return ""


def _step(value: Json, step: str | int) -> Json:
    if isinstance(step, str):
        return value.get(step) if isinstance(value, dict) else None
    return value[step] if isinstance(value, list) and step < len(value) else None


def to_string(value: Json) -> str:
    """KQL's tostring of a dynamic: null is "", true is "true", an object its compact JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return msgspec.json.encode(value).decode()
