"""Untrusted text as it leaves the system."""

import pytest

from detector.core.plain import length, one_line, unmarked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("a\nb\x1b[31m\u202ec\0d", "a b [31m c d", id="controls and direction"),
        pytest.param("  much   space ", "much space", id="white space"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_nothing_invisible_stays_in_a_line(text: str, shown: str) -> None:
    assert one_line(text, 100) == shown


def test_a_long_line_is_cut_and_says_so() -> None:
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("abcd", 4) == "abcd"


def test_an_emoji_counts_as_two_and_is_never_halved() -> None:
    cut = one_line("😀😀😀", 4)

    assert (cut, length(cut)) == ("😀…", 3)


def test_markup_and_links_are_only_text() -> None:
    shown = unmarked("<b> [x](http://e.example) `c` |", 100)

    assert not set("<[]`|") & set(shown)
    assert "://" not in shown
