"""KQL's `has_any`: whole terms, case-insensitive; and the mask that keeps only what matched.

Source: reference KQL semantics 1.1 - a term is a maximal run of letters and digits; a phrase occurs
literally and neither of its ends may cut a term. So `my_password` has `password`, `passwords` not.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

_LONGEST_QUERY = 2_000
_LONGEST_MASK = 160
_WORD = re.compile(r"\0\d+\0|[^\W_]+")


def _bounded(phrase: str) -> str:
    before = r"(?<![^\W_])" if phrase[:1].isalnum() else ""
    after = r"(?![^\W_])" if phrase[-1:].isalnum() else ""
    return before + re.escape(phrase) + after


class Terms:
    """A list of phrases, compiled once; equal lists match equally."""

    def __init__(self, phrases: Iterable[str]) -> None:
        """Empty phrases are dropped: KQL gives them no useful meaning."""
        self.phrases = tuple(phrase for phrase in phrases if phrase)
        longest_first = sorted(self.phrases, key=len, reverse=True)
        self._any = re.compile("|".join(map(_bounded, longest_first)) or r"(?!)", re.IGNORECASE)
        self._each = [(p, re.compile(_bounded(p), re.IGNORECASE)) for p in self.phrases]
        self.found_in = lru_cache(65_536)(self._found_in)
        self.mask = lru_cache(65_536)(self._mask)

    def match(self, text: str) -> bool:
        """Whether `text has_any (phrases)`."""
        return self._any.search(text) is not None

    def _found_in(self, text: str) -> tuple[str, ...]:
        """The phrases that `text` has, in the list's order and spelling."""
        if self._any.search(text) is None:
            return ()
        return tuple(phrase for phrase, pattern in self._each if pattern.search(text))

    def _mask(self, text: str) -> str:
        """The text with every word hidden as `***` except the phrases of the list.

        A token pasted into a search box therefore never reaches the store. At most 160 characters.
        """
        kept: list[str] = []

        def keep(match: re.Match[str]) -> str:
            kept.append(match[0])
            return f" \0{len(kept) - 1}\0 "

        marked = self._any.sub(keep, text[:_LONGEST_QUERY].replace("\0", " "))
        words = _WORD.findall(marked)
        masked = " ".join(kept[int(w[1:-1])] if w[0] == "\0" else "***" for w in words)
        return masked if len(masked) <= _LONGEST_MASK else masked[: _LONGEST_MASK - 1] + "…"
