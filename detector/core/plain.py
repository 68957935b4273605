"""Untrusted text made fit for the outside: no markup, no link, no control character."""

import unicodedata

_LOOK_ALIKES = str.maketrans({"<": "\u2039", ">": "\u203a", "[": "(", "]": ")", "`": "'", "|": "¦"})
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def one_line(text: str, most: int) -> str:
    """At most `most` characters without controls, bidirectional marks or runs of white space."""
    kept = "".join(" " if _is_invisible(c) else c for c in text)
    line = " ".join(kept.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def unmarked(text: str, most: int) -> str:
    """One line that neither HTML nor Markdown takes for markup, nor any reader for a link."""
    return one_line(text, most).translate(_LOOK_ALIKES).replace("://", ": //").replace("](", "] (")


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE
