"""What may come out, whatever went in: one function for each way out of the system."""

import json
import re
from collections.abc import Iterable

from tests.page.html_reading import Reading

MARKUP = ("<", "[", "]", "`", "|", "://")
_LITERAL = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_PAGE_ADDRESSES = ("#", "https://attack.mitre.org/")
_LIVE = {"script", "img", "iframe", "object", "embed", "base", "form", "link", "video", "input"}


def is_plain(text: str, what: str, *, link: str = "") -> None:
    """No markup, no link but ours, nothing that cannot be seen: for incidents and rows."""
    seen = text.replace(link, "") if link else text
    found = [sign for sign in MARKUP if sign in seen]
    assert not found, f"{what}: {found} in {seen!r}"
    is_visible(seen, what)


def is_visible(text: str, what: str) -> None:
    """Lines of printable characters."""
    odd = sorted({c for c in text if not c.isprintable() and c != "\n"})
    assert not odd, f"{what}: {odd} in {text[:2_000]!r}"


def is_query(text: str, what: str) -> None:
    """KQL in which every quote belongs to a literal that ends on its line."""
    outside = _LITERAL.sub("", text)
    assert '"' not in outside, f"{what}: a literal that does not end in {text!r}"
    assert not re.search(r"'|`|//|;", outside), f"{what}: {outside!r} outside of literals"
    is_visible(text, what)


def is_page(page: str) -> None:
    """HTML that is closed, has nothing live in it, and shows what cannot be seen."""
    reading = Reading(page)
    assert not _LIVE & {*reading.tags}, reading.tags
    assert reading.comments == []
    assert not [n for _, n, _ in reading.attributes if n.startswith("on")]
    addresses = reading.values("href") + reading.values("src")
    assert all(address.startswith(_PAGE_ADDRESSES) for address in addresses), addresses
    for text in reading.texts:
        assert all(c.isprintable() or c in "\n\t" for c in text), repr(text[:2_000])


def is_terminal_text(text: str, what: str) -> None:
    """Nothing a terminal would obey."""
    is_visible(text, what)


def is_json_lines(text: str, what: str) -> None:
    """One document a line for every reader's idea of a line, nothing hidden in it."""
    is_visible(text, what)
    for line in text.splitlines():
        json.loads(line)


def are_log_lines(lines: Iterable[str]) -> None:
    """Each entry is one line of ASCII and one JSON object: CWE-117."""
    for line in lines:
        assert line.isascii(), line
        assert line.isprintable(), line
        assert isinstance(json.loads(line), dict)
