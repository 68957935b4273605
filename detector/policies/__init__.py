"""Loads a policy: a name (`source`, `recommended`) or a JSON file, with overrides laid over it.

pydantic's schemas are built when the first policy is loaded: they are a third of what importing
the function app would cost.
"""

import json
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from detector.core.policy import Policy, PolicyError

if TYPE_CHECKING:
    from pydantic import JsonValue, TypeAdapter
    from pydantic_core import ErrorDetails

NAMES = ("source", "recommended")

Document: TypeAlias = "dict[str, JsonValue]"

_HERE = Path(__file__).parent


@lru_cache(32)
def load_policy(name_or_path: str, overrides: str = "") -> Policy:
    """The policy, checked. Raises PolicyError that names the file and each wrong key.

    `overrides` is a JSON object laid over it, objects merged key by key, all else replaced.
    """
    from pydantic import ValidationError

    path = _HERE / f"{name_or_path}.json" if name_or_path in NAMES else Path(name_or_path)
    document = _read(path, str(name_or_path))
    if overrides:
        changes = _parse(overrides, "the overrides")
        document = _lay_over(document, changes)
    try:
        return _policies().validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        problems = "; ".join(_describe(detail) for detail in error.errors())
        message = f"{name_or_path}: {problems}"
        raise PolicyError(message) from error


def effective(policy: Policy) -> str:
    """The policy as JSON, every default written out; loading it gives the policy again."""
    return json.dumps(asdict(policy), indent=2, ensure_ascii=False)


def _read(path: Path, name: str) -> Document:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{name}: cannot be read as a policy file ({error})"
        raise PolicyError(message) from error
    return _parse(text, name)


def _parse(text: str, name: str) -> Document:
    from pydantic import ValidationError

    try:
        return _documents().validate_json(text)
    except ValidationError as error:
        message = f"{name}: not a JSON object ({error.errors()[0]['msg']})"
        raise PolicyError(message) from error


def _lay_over(base: Document, changes: Document) -> Document:
    merged = dict(base)
    for key, value in changes.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = _lay_over(below, value)
        else:
            merged[key] = value
    return merged


@lru_cache(1)
def _policies() -> "TypeAdapter[Policy]":
    from pydantic import TypeAdapter

    return TypeAdapter(Policy)


@lru_cache(1)
def _documents() -> "TypeAdapter[Document]":
    from pydantic import JsonValue, TypeAdapter

    return TypeAdapter(dict[str, JsonValue])


def _describe(detail: "ErrorDetails") -> str:
    """One pydantic error in the words of the file: where, and what was expected."""
    key = ".".join(str(part) for part in detail["loc"])
    words = {
        "unexpected_keyword_argument": "no such key",
        "extra_forbidden": "no such key",
        "missing": "missing",
        "missing_argument": "missing",
    }
    text = words.get(detail["type"]) or detail["msg"].removeprefix("Value error, ")
    return f"{key}: {text}" if key else text
