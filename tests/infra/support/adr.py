"""The names of docs/adr/0002-names.md and 0001-schema.md, read from the pages themselves."""

import re

from tests.infra.support.paths import ROOT

_NAMES = (ROOT / "docs/adr/0002-names.md").read_text(encoding="utf-8")
_SCHEMA = (ROOT / "docs/adr/0001-schema.md").read_text(encoding="utf-8")
_PREFIXES = {"AzureWebJobsStorage…", "EVENTHUB…"}


def settings() -> frozenset[str]:
    """Every setting, without the two that are prefixes of several."""
    rows = re.findall(r"^\| (`.+?) \| ", _NAMES, re.MULTILINE)
    names = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    return frozenset(names - _PREFIXES)


def functions() -> frozenset[str]:
    """Every function."""
    line = re.search(r"^\*\*Functions and routes\*\*: (.+)$", _NAMES, re.MULTILINE)
    return frozenset(re.findall(r"`([a-z]+)`", line[1])) if line else frozenset()


def routes() -> dict[str, str]:
    """Path of each function that has one."""
    return dict(re.findall(r"`(\w+)` \(`GET (/api/[\w/{}]+)`\)", _NAMES))


def tables() -> frozenset[str]:
    """Every table that exists from the start: the daily ones come and go."""
    names = re.findall(r"^\| `(\w[^`|]*)` \| ", _SCHEMA, re.MULTILINE)
    parts = {"user", "bucket", "segment", "tick"}
    return frozenset(name for name in names if "<" not in name and name not in parts)
