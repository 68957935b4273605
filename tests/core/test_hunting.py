"""Hunting queries: what they ask, and that no value can leave its literal."""

import json
import re

import pytest

from detector.core.evidence import Counted
from detector.core.hunting import hunting_queries
from tests.support.evidence import empty_evidence, hostile_evidence, make_evidence

LITERAL = re.compile(r'"(?:[^"\\\n]|\\.)*"')


def query(evidence, start):
    return next(text for title, text in hunting_queries(evidence) if title.startswith(start))


def test_the_account_is_hunted_by_object_id_from_a_day_before_to_a_day_after():
    lines = query(make_evidence(), "Everything").splitlines()

    assert lines[0] == "CloudAppEvents"
    assert lines[1] == (
        "| where Timestamp between (datetime(2026-03-10T19:30:00.0000000Z) .. "
        "datetime(2026-03-12T19:59:00.0000000Z))"
    )
    assert lines[2] == '| where AccountObjectId =~ "00000000-0000-0000-0000-000000000042"'


def test_an_account_without_object_id_is_hunted_by_its_name():
    text = query(make_evidence(account_object_id=""), "Everything")

    assert '| where AccountDisplayName == "Mallory"' in text


def test_a_nameless_session_is_hunted_by_address_and_agent():
    nameless = make_evidence(account_object_id="", account_display_name="")

    assert '| where IPAddress == "203.0.113.42" and UserAgent == "python-requests/2.32.3"' in query(
        nameless, "Everything"
    )
    assert '| where IPAddress == "" and UserAgent == ""' in query(empty_evidence(), "Everything")


def test_sign_ins_are_hunted_from_all_addresses_of_the_incident():
    text = query(make_evidence(), "Sign-ins")

    assert text.startswith("SigninLogs\n")
    assert '| where IPAddress in ("203.0.113.42", "2001:db8::7")' in text


def test_other_accounts_from_the_same_addresses_leave_this_one_out():
    text = query(make_evidence(), "Other accounts")

    assert '| where not(AccountObjectId =~ "00000000-0000-0000-0000-000000000042")' in text


def test_the_usual_addresses_are_those_of_thirty_days():
    text = query(make_evidence(), "The account's usual")

    assert "between (datetime(2026-02-09T19:59:00.0000000Z) .. " in text
    assert 'UserId =~ "00000000-0000-0000-0000-000000000042"' in text
    assert 'InThisIncident = IPAddress in ("203.0.113.42", "2001:db8::7")' in text


def test_the_usual_addresses_of_an_account_without_any_today_are_still_a_query():
    text = query(make_evidence(ip_addresses=()), "The account's usual")

    assert 'IPAddress in ("")' in text


def test_queries_that_need_an_address_or_an_object_id_are_left_out_without_one():
    assert len(hunting_queries(make_evidence())) == 4
    assert len(hunting_queries(make_evidence(ip_addresses=()))) == 2
    assert len(hunting_queries(make_evidence(account_object_id=""))) == 3
    assert len(hunting_queries(empty_evidence())) == 1


def test_at_most_twenty_addresses_are_written_into_a_query():
    many = tuple(Counted(text=f"192.0.2.{number}", count=1) for number in range(30))

    assert query(make_evidence(ip_addresses=many), "Sign-ins").count("192.0.2.") == 20


@pytest.mark.parametrize(
    "text",
    [
        'x" or true or "',
        "back\\",
        'back\\"slash',
        "line\n| take 1",
        "cr\r\u2028\u2029\x85 ends of lines",
        "nul\0",
        "\u202eright to left",
        "tag \U000e0041",
        "lone \ud800",
        "// comment",
        "Zoë 中文",
    ],
    ids=ascii,
)
def test_no_value_leaves_its_literal(text):
    for _, hunted in hunting_queries(hostile_evidence(text)):
        literals = LITERAL.findall(hunted)
        outside = LITERAL.sub("", hunted)

        assert '"' not in outside
        assert text.strip() not in outside
        assert hunted.replace("\n", "").isprintable()
        assert any(json.loads(literal) == text for literal in literals)


def test_letters_of_any_language_stay_readable():
    assert '== "Zoë 中文"' in query(
        make_evidence(account_object_id="", account_display_name="Zoë 中文"), "Everything"
    )
