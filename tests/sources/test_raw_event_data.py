"""The texts inside RawEventData, at the policy's paths, as KQL's tostring would print them."""

import pytest

from detector.core.policy import Fields
from detector.policies import load_policy
from detector.sources.raw_event_data import Texts, to_string
from tests.sources.rows import dump

AUDIT_EVENT = {
    "type": "events",
    "attributes": {
        "action": "confluence_page_viewed",
        "container": [{"id": "ari:site", "type": "sites"}],
        "context": [
            {"type": "page", "attributes": {"title": "VPN runbook", "spaceKey": "OPS", "query": 7}}
        ],
    },
}


def test_the_recommended_policy_reads_atlassians_own_event():
    texts = Texts(load_policy("recommended").fields)

    assert texts.read(dump(AUDIT_EVENT)) == ("7", "OPS", "VPN runbook")


def test_the_source_policy_reads_the_querys_three_names_only():
    assert Texts(load_policy("source").fields).read(dump(AUDIT_EVENT)) == ("", "", "")


@pytest.mark.parametrize(
    ("document", "space"),
    [
        ({"a": {"b": [0, {"c": "X"}]}}, "X"),
        ({"a": {"b": [0, {"c": ""}]}, "z": "Y"}, "Y"),
        ({"a": {"b": [0]}, "z": "Y"}, "Y"),
        ({"a": {"b": {"1": {"c": "X"}}}, "z": "Y"}, "Y"),
        ({"a": {"b": [0, "c"]}, "z": "Y"}, "Y"),
        ({"a": ["b"], "z": "Y"}, "Y"),
        ({"a": None, "z": "Y"}, "Y"),
        ({}, ""),
    ],
    ids=str,
)
def test_the_first_path_that_yields_a_text_wins(document, space):
    texts = Texts(Fields(space_key=("a.b[1].c", "z")))

    assert texts.read(dump(document))[1] == space


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        ("text", "text"),
        (True, "true"),
        (False, "false"),
        (12, "12"),
        (12.0, "12"),
        (-0.5, "-0.5"),
        (1e300, "1e300"),
        ([1, "a"], '[1,"a"]'),
        ({"a": {"b": None}}, '{"a":{"b":null}}'),
    ],
    ids=repr,
)
def test_a_value_is_printed_as_kql_prints_it(value, text):
    assert to_string(value) == text


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b'"{\\"a\\":"', b'"[]"', b"{", b"\xff"])
def test_what_is_no_object_has_no_texts(raw):
    assert Texts(Fields()).read(raw) == ("", "", "")


@pytest.mark.parametrize("depth", [100, 100_000])
def test_a_deep_document_is_read_or_has_no_texts(depth):
    raw = b'{"spaceKey":"OPS","deep":' + b"[" * depth + b"]" * depth + b"}"

    assert Texts(Fields()).read(raw)[1] == ("OPS" if depth == 100 else "")
