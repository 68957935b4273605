"""Untrusted text made safe to look at: what cannot be seen is shown, terms are set apart."""

import re
from collections.abc import Iterable


def visible(value: object) -> object:
    """A text in which every letter can be seen: controls and bidi marks become tokens.

    Line feeds and tabs stay, other spaces become plain ones. Markup and other types pass.
    """
    if not isinstance(value, str) or hasattr(value, "__html__") or value.isprintable():
        return value
    return "".join(letter if letter.isprintable() else _shown(letter) for letter in value)


def _shown(letter: str) -> str:
    if letter in "\n\t":
        return letter
    if letter.isspace() and letter > "\x85":
        return " "
    return f"[U+{ord(letter):04X}]"


def emphasised(text: str, terms: Iterable[str]) -> list[tuple[str, bool]]:
    """The text in pieces, in order; true where a piece is one of the terms."""
    phrases = sorted((term for term in terms if term), key=len, reverse=True)
    if not phrases:
        return [(text, False)]
    pieces = re.split(f"({'|'.join(map(re.escape, phrases))})", text, flags=re.IGNORECASE)
    return [(piece, index % 2 == 1) for index, piece in enumerate(pieces) if piece]


def number(value: float) -> str:
    """`1,440`, `16.75`, `15.2`."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")
