"""`has_any` beyond the truth table, and the mask: what is not on the list never survives it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.terms import Terms
from tests.support.activities import SOURCE

TERMS = Terms(SOURCE.sensitive_search_terms)
SECRETS = (
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "AKIAIOSFODNN7EXAMPLE",
    "Hunter2!correct-horse",
)

words = st.text(st.sampled_from("aAzZ09éß密\u0301_-. \0\n'\"*…"), min_size=1, max_size=12)
phrases = st.sampled_from([*SOURCE.sensitive_search_terms, "PassWord", "API key", "Db Pass"])
texts = st.lists(st.one_of(words, phrases), max_size=8).map(" ".join) | st.text()


def words_of(text: str) -> list[str]:
    """Maximal runs of letters and digits, found without the product's pattern."""
    return "".join(c if c.isalnum() else " " for c in text).split()


def test_a_phrase_is_found_in_the_lists_order_and_spelling() -> None:
    assert TERMS.found_in("VPN for the Database Password") == (
        "password",
        "vpn",
        "database password",
    )


def test_a_text_without_a_phrase_has_none() -> None:
    assert TERMS.found_in("passwords and vpns") == ()


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        pytest.param("a.b", "a.b", True, id="a dot is itself"),
        pytest.param("a.b", "axb", False, id="a dot is no wildcard"),
        pytest.param("c++", "learn c++ now", True, id="a phrase that ends in a sign"),
        pytest.param("c++", "c++x", True, id="a sign's end cuts no term"),
        pytest.param("(x", "f(x)", True, id="a phrase that begins with a sign"),
        pytest.param("vpn", "v\u0301pn", False, id="a combining mark cuts the term"),
        pytest.param("", "anything", False, id="an empty phrase"),
    ],
)
def test_a_phrase_matches_literally(phrase: str, text: str, *, expected: bool) -> None:
    assert Terms([phrase]).match(text) is expected


def test_a_list_without_phrases_matches_nothing() -> None:
    assert not Terms(()).match("password")
    assert Terms(("",)).phrases == ()
    assert Terms(()).mask("my password") == "*** ***"


@given(texts)
def test_match_agrees_with_what_is_found(text: str) -> None:
    assert TERMS.match(text) == bool(TERMS.found_in(text))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        pytest.param("vpn password for Eve", "vpn password *** ***", id="terms stay"),
        pytest.param("PASSWORD=hunter2", "PASSWORD ***", id="the writer's spelling stays"),
        pytest.param("passwords", "***", id="a longer word is no term"),
        pytest.param("the database password", "*** database password", id="the longest phrase"),
        pytest.param("", "", id="nothing"),
        pytest.param("?!/", "", id="signs only"),
        pytest.param("\0000\0 vpn", "*** vpn", id="a forged marker"),
        pytest.param("vpn\0001\0ssh", "vpn *** ssh", id="a forged marker between terms"),
    ],
)
def test_the_mask_keeps_phrases_and_hides_words(text: str, masked: str) -> None:
    assert TERMS.mask(text) == masked


def test_of_phrases_that_begin_alike_the_longer_one_is_kept() -> None:
    assert Terms(["access", "access key"]).mask("access key 1") == "access key ***"


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("around", ["{}", "token {}", "bearer={}", "{} vpn", "vpn\n{}\tssh"])
def test_a_pasted_secret_never_survives_the_mask(secret: str, around: str) -> None:
    masked = TERMS.mask(around.format(secret))

    assert not set(words_of(masked)) & set(words_of(secret))


@given(texts)
def test_the_mask_holds_no_word_that_is_not_of_a_matched_phrase(text: str) -> None:
    masked = TERMS.mask(text)

    allowed = {word for phrase in TERMS.found_in(text) for word in words_of(phrase)}
    whole = masked.removesuffix("…")
    said = [word.lower() for word in words_of(whole)]
    last = said.pop() if said and masked.endswith("…") else ""
    assert set(said) <= allowed
    assert any(word.startswith(last) for word in allowed) or not last
    assert re.fullmatch(r"[^\0]{0,160}", masked, re.DOTALL)


def test_a_long_text_is_masked_to_160_characters() -> None:
    masked = TERMS.mask("vpn " * 500)

    assert len(masked) == 160
    assert masked.endswith("vpn…")


def test_only_the_first_2000_characters_of_a_search_are_kept() -> None:
    assert TERMS.mask("." * 1_997 + "vpn") == "vpn"
    assert TERMS.mask("." * 2_000 + "vpn") == ""
