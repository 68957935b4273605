"""The playbook: look-alikes, techniques, blind spots and commands, filled in from the evidence."""

import pytest

from detector.core.evidence import Counted
from detector.core.playbook import (
    DETECTION,
    Command,
    blind_spots,
    look_alikes,
    response_commands,
    techniques,
)
from tests.support.evidence import empty_evidence, hostile_evidence, make_evidence

SIX = {
    "Content migration",
    "Documentation audit by writers",
    "Search indexing crawler",
    "Onboarding",
    "Backup or archival",
    "Developer tooling",
}
CALM = {
    "scripted_agent": False,
    "access_rate_per_minute": 1.0,
    "sensitive_search_count": 0,
    "export_count": 0,
    "space_export_count": 0,
    "download_count": 0,
    "searches": (),
}


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"access_rate_per_minute": 10.01}, {"Content migration", "Search indexing crawler"}),
        ({"access_rate_per_minute": 10.0}, {"Documentation audit by writers"}),
        ({"sensitive_search_count": 1}, {"Onboarding"}),
        ({"export_count": 6}, {"Backup or archival"}),
        ({"space_export_count": 1}, {"Backup or archival"}),
        ({"scripted_agent": True, "sensitive_search_count": 1}, {"Developer tooling"}),
    ],
    ids=["fast", "slow", "searched", "exported", "space exported", "scripted and searched"],
)
def test_the_look_alikes_that_resemble_the_evidence_come_first(changes, first):
    names = [name for name, _ in look_alikes(make_evidence(**CALM | changes))]

    assert set(names[: len(first)]) == first
    assert len(names) == 6
    assert set(names) == SIX


def test_each_look_alike_asks_one_question_that_names_the_person():
    for _, question in look_alikes(make_evidence()):
        assert question.endswith("?")
        assert question.count("?") == 1
        assert "Mallory" in question
        assert "<" not in question


def test_the_developer_is_asked_about_the_agent_and_the_address_that_were_seen():
    questions = dict(look_alikes(make_evidence()))

    assert "python-requests/2.32.3 from 203.0.113.42" in questions["Developer tooling"]


@pytest.mark.parametrize(
    ("spaces", "said"), [(1, "covers 1 space,"), (1_200, "covers 1,200 spaces,")], ids=str
)
def test_the_writers_are_asked_about_as_many_spaces(spaces, said):
    questions = dict(look_alikes(make_evidence(unique_spaces=spaces)))

    assert said in questions["Documentation audit by writers"]


def test_look_alikes_of_evidence_without_address_and_agent_say_so():
    questions = dict(look_alikes(empty_evidence()))

    assert "an unknown agent from an unknown address" in questions["Developer tooling"]


def test_a_value_that_looks_like_a_placeholder_is_left_as_it_is():
    questions = dict(look_alikes(make_evidence(account_display_name="<ADDRESS>")))

    assert questions["Onboarding"].startswith("Did <ADDRESS> join")


def test_only_the_confluence_technique_is_called_detected():
    found = techniques(make_evidence())

    assert [t.identifier for t in found if t.certainty == "detected"] == ["T1213.001"]
    assert DETECTION == ("DET0358", "AN1019")


@pytest.mark.parametrize(
    ("changes", "possible"),
    [
        ({}, "T1078.004 T1552 T1539 T1119 T1567"),
        (CALM, "T1078.004 T1539"),
        (CALM | {"ip_addresses": ()}, "T1078.004"),
        (
            CALM | {"ip_addresses": (), "user_agents": (Counted(text="a", count=1),) * 2},
            "T1078.004 T1539",
        ),
        (CALM | {"download_count": 1, "ip_addresses": ()}, "T1078.004 T1567"),
    ],
    ids=["all", "two addresses", "nothing", "two agents", "one download"],
)
def test_related_techniques_are_possible_where_something_speaks_for_them(changes, possible):
    found = techniques(make_evidence(**changes))

    assert " ".join(t.identifier for t in found if t.certainty == "possible") == possible


def test_the_terms_searched_for_speak_for_unsecured_credentials():
    whys = {t.identifier: t.why for t in techniques(make_evidence())}

    assert whys["T1552"] == "searched for secret, vpn"
    assert whys["T1213.001"] == "bulk_access, credential_hunting"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"searches": ()}, "No search was seen"),
        ({"user_agents": ()}, "No user agent was recorded"),
        ({"user_agents": (Counted(text="curl/8", count=46),)}, "2 of 48 actions have none"),
        ({"ip_addresses": ()}, "No address was recorded"),
        ({"account_object_id": ""}, "no Entra object id"),
        ({"privileged": "unknown"}, "do not say whether the account is privileged"),
        ({"truncated": True}, "More happened than is kept"),
    ],
    ids=["search", "agent", "some agents", "address", "object id", "privileged", "truncated"],
)
def test_what_is_missing_from_the_evidence_is_said(changes, said):
    complete = {"privileged": "no", "user_agents": (Counted(text="curl/8", count=48),)}

    assert said in " ".join(blind_spots(make_evidence(**complete | changes)))
    assert said not in " ".join(blind_spots(make_evidence(**complete)))


def test_what_no_evidence_can_show_is_always_said():
    said = " ".join(blind_spots(make_evidence(privileged="no")))

    assert "one list request returns up to 250 pages" in said
    assert "some Atlassian plans" in said
    assert "hours late" in said
    assert "masked" in said


def test_containment_keeps_the_evidence_first_and_deletes_tokens_last():
    commands = response_commands(make_evidence())

    assert all(isinstance(command, Command) for command in commands)
    assert commands[0].command == (
        "python -m detector alerts show 0123456789abcdef0123456789abcdef --html evidence.html"
    )
    assert "cannot be undone" in commands[-1].undo
    assert [c.undo for c in commands[:-1] if "cannot" in c.undo] == []


def test_commands_carry_the_ids_of_the_incident():
    evidence = make_evidence(
        account_ids=("mallory@example.com", "712020:00000000-0000-0000-0000-000000000042")
    )
    text = "\n".join(command.command for command in response_commands(evidence))

    assert "Revoke-MgUserSignInSession -UserId '00000000-0000-0000-0000-000000000042'" in text
    assert "/users/712020:00000000-0000-0000-0000-000000000042/manage/lifecycle/disable" in text
    assert "DELETE 'https://api.atlassian.com/users/712020:" in text


@pytest.mark.parametrize(
    "text", ["x'; rm -rf /; '", "$(id)", "00000000-0000-0000-0000-000000000042\n"], ids=repr
)
def test_an_id_that_has_not_the_form_of_one_never_reaches_a_command(text):
    commands = response_commands(hostile_evidence(text))

    for command in commands:
        assert text not in command.command + command.undo
    assert "-UserId 'ENTRA-OBJECT-ID'" in commands[1].command
    assert "/users/ATLASSIAN-ACCOUNT-ID/manage/" in commands[2].command
