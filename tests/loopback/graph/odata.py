"""Query options of the two lists: only what is documented, 400 for the rest."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote, urlencode

from tests.loopback.graph.errors import RefusedError
from tests.loopback.graph.schema import Json
from tests.loopback.graph.state import instant

Filterable = Mapping[str, tuple[str, ...] | None]
Row = TypeVar("Row", bound=Mapping[str, Json])

CONDITION = re.compile(r"\s*(?P<name>\w+) (?P<operator>\w+) (?P<literal>'(?:[^']|'')*'|[^\s']+)")
JOINT = re.compile(r"\s+and\s+")
ORDERINGS = ("gt", "ge", "lt", "le")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """`name operator value`; instants are text of one form, so they compare as text."""

    name: str
    operator: str
    value: str

    def holds(self, row: Mapping[str, Json]) -> bool:
        """Whether a row passes; a null never does."""
        found = row[self.name]
        if not isinstance(found, str):
            return False
        outcomes = {
            "eq": found == self.value,
            "gt": found > self.value,
            "ge": found >= self.value,
            "lt": found < self.value,
            "le": found <= self.value,
        }
        return outcomes[self.operator]


def parse_filter(expression: str, filterable: Filterable) -> list[Condition]:
    """The conditions of a conjunction.

    Documented are the properties and `eq`; orderings are taken for instants only.
    """
    conditions: list[Condition] = []
    position = 0
    while True:
        match = CONDITION.match(expression, position)
        if match is None:
            raise RefusedError(400, f"Invalid filter clause at position {position}.")
        conditions.append(_condition(match, filterable))
        position = match.end()
        if not expression[position:].strip():
            return conditions
        joint = JOINT.match(expression, position)
        if joint is None:
            raise RefusedError(
                400, f"Invalid filter clause: expected 'and' at position {position}."
            )
        position = joint.end()


def _condition(match: re.Match[str], filterable: Filterable) -> Condition:
    name, operator, literal = match["name"], match["operator"], match["literal"]
    if name not in filterable:
        raise RefusedError(400, f"Invalid filter clause: the property '{name}' cannot be filtered.")
    values = filterable[name]
    if values is None:
        return Condition(name=name, operator=_known(operator, "eq", *ORDERINGS), value=_at(literal))
    if not literal.startswith("'"):
        raise RefusedError(400, f"Invalid filter clause: the value of '{name}' must be quoted.")
    value = literal[1:-1].replace("''", "'")
    if values and value not in values:
        raise RefusedError(400, f"Invalid filter clause: '{value}' is no value of '{name}'.")
    return Condition(name=name, operator=_known(operator, "eq"), value=value)


def _known(operator: str, *allowed: str) -> str:
    if operator not in allowed:
        raise RefusedError(
            400, f"Invalid filter clause: the operator '{operator}' is not supported."
        )
    return operator


def _at(literal: str) -> str:
    try:
        at = datetime.fromisoformat(literal)
    except ValueError:
        raise RefusedError(400, f"Invalid filter clause: {literal} is no instant.") from None
    if at.tzinfo is None:
        raise RefusedError(400, f"Invalid filter clause: {literal} has no offset.")
    return instant(at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The checked query options of a list."""

    conditions: Sequence[Condition]
    top: int
    skip: int
    is_counted: bool
    is_expanded: bool

    def select(self, rows: Sequence[Row]) -> list[Row]:
        """The rows that pass the filter."""
        return [row for row in rows if all(one.holds(row) for one in self.conditions)]


def parse_query(
    options: Mapping[str, str], filterable: Filterable, *, page: int, most: int, expand: bool
) -> Query:
    """The options of a list; `page` rows when $top is absent, `most` at most."""
    known = {"$filter", "$top", "$skip", "$count", *(("$expand",) if expand else ())}
    for name in options:
        if name not in known:
            raise RefusedError(400, f"The query option '{name}' is not supported.")
    if options.get("$expand", "alerts") != "alerts":
        raise RefusedError(400, "Only alerts can be expanded.")
    if options.get("$count", "true") not in ("true", "false"):
        raise RefusedError(400, "$count must be true or false.")
    expression = options.get("$filter")
    return Query(
        conditions=[] if expression is None else parse_filter(expression, filterable),
        top=_number(options, "$top", page, most),
        skip=_number(options, "$skip", 0, 2**31 - 1),
        is_counted=options.get("$count") == "true",
        is_expanded="$expand" in options,
    )


def _number(options: Mapping[str, str], name: str, default: int, most: int) -> int:
    given = options.get(name, str(default))
    if not re.fullmatch(r"\d{1,10}", given) or int(given) > most:
        raise RefusedError(400, f"Invalid {name}: '{given}', the most is {most}.")
    return int(given)


def next_link(url: str, options: Mapping[str, str], query: Query) -> str:
    """The address of the page after this one."""
    onwards = {**options, "$skip": str(query.skip + query.top)}
    return f"{url}?{urlencode(onwards, quote_via=quote, safe='$')}"
