"""Untrusted text as it leaves the system."""

import json

import pytest

from detector.core.plain import escaped, length, one_line, unmarked


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


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "Zoë 中文 😀",
        "\u202ea\u2066",
        "\x1b[31m\x9b\x7f",
        "a\u2028b\x85",
        "\U000e0041",
        "\ud800",
    ],
    ids=ascii,
)
def test_json_with_escapes_says_the_same_and_hides_nothing(text: str) -> None:
    written = escaped(json.dumps({text: [text]}, ensure_ascii=False, indent=1))

    assert json.loads(written) == {text: [text]}
    assert written.replace("\n", "").isprintable()
