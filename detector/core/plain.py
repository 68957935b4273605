"""Untrusted text made fit for the outside: no markup, no link, no control character."""

import unicodedata
from itertools import accumulate

_LOOK_ALIKES = str.maketrans({"<": "\u2039", "[": "(", "]": ")", "`": "'", "|": "¦"})
_LAST_OF_ONE = "\uffff"
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def one_line(text: str, most: int) -> str:
    """At most `most` characters without controls, bidirectional marks or runs of white space.

    Characters are counted as Microsoft's services count: in UTF-16, an emoji is two.
    """
    kept = "".join(" " if _is_invisible(c) else c for c in text)
    line = " ".join(kept.split())
    return line if length(line) <= most else _cut(line, most - 1).rstrip() + "…"


def unmarked(text: str, most: int) -> str:
    """One line that neither HTML nor Markdown takes for markup, nor any reader for a link."""
    return one_line(text.translate(_LOOK_ALIKES).replace("://", ": //"), most)


def escaped(text: str) -> str:
    r"""The text with `\uXXXX` for each letter that cannot be seen, but for line feeds.

    JSON and KQL read the escapes back. Left as they are, some would move a terminal's cursor, turn
    the line around, or end it.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else _units(c) for c in text)


def _units(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def length(text: str) -> int:
    """Characters in UTF-16."""
    return len(text) + sum(c > _LAST_OF_ONE for c in text)


def _cut(text: str, most: int) -> str:
    """The longest beginning of at most `most` characters."""
    ends = accumulate(map(length, text))
    return text[: sum(1 for end in ends if end <= most)]


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE
