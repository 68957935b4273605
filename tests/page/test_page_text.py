"""Texts on the page: invisible letters, terms set apart, numbers."""

import pytest

from detector.page.text import emphasised, number, visible


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        ("line\nfeed\tand tab", "line\nfeed\tand tab"),
        ("carriage\rreturn\x85", "carriage[U+000D]return[U+0085]"),
        ("narrow\u2009space", "narrow space"),
        ("\ufeffmark", "[U+FEFF]mark"),
        ("Zoë 中文 العربية 😀", "Zoë 中文 العربية 😀"),
        (7, 7),
    ],
    ids=["plain", "lines", "controls", "space", "byte order", "languages", "number"],
)
def test_only_what_cannot_be_seen_is_replaced(value, shown):
    assert visible(value) == shown


@pytest.mark.parametrize(
    ("text", "terms", "pieces"),
    [
        ("*** vpn", ("vpn",), [("*** ", False), ("vpn", True)]),
        ("VPN vpn", ("vpn",), [("VPN", True), (" ", False), ("vpn", True)]),
        ("access key", ("key", "access key"), [("access key", True)]),
        ("a.b", (".",), [("a", False), (".", True), ("b", False)]),
        ("*** ***", (), [("*** ***", False)]),
        ("*** ***", ("",), [("*** ***", False)]),
        ("", ("vpn",), []),
    ],
    ids=["at the end", "any case", "longest", "no pattern", "none", "empty term", "empty text"],
)
def test_terms_are_set_apart_in_order(text, terms, pieces):
    assert emphasised(text, terms) == pieces


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (40.0, "40"), (1_440, "1,440"), (16.75, "16.75"), (15.2, "15.2"), (100, "100")],
    ids=str,
)
def test_numbers_have_no_idle_zeros(value, written):
    assert number(value) == written
