"""What is sent to Graph is within its limits and harmless, whatever a record says."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detector.adapters.graph.payload import (
    alert_input,
    change_comment,
    entities,
    marker,
    surge_input,
)
from detector.core.evidence import Counted, Evidence
from detector.core.plain import length, one_line, unmarked
from detector.core.report import who
from detector.ports import Surge
from tests.defender.graph_product import EVIDENCE_URL
from tests.loopback.graph import contract
from tests.support.activities import NOON, frozen
from tests.support.activities import views as actions
from tests.support.evidences import EVIDENCES, TEXTS

MARKUP = ("<", "[", "]", "`", "|")

at_length = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def description(evidence: Evidence) -> str:
    """What an alert says."""
    given = alert_input(evidence, marker(evidence.episode_id), evidence_url=EVIDENCE_URL)
    return str(given["description"])


@at_length
@given(evidence=EVIDENCES, is_graver=st.booleans())
def test_every_alert_keeps_to_what_graph_takes(evidence: Evidence, is_graver: bool) -> None:
    reference = marker(evidence.episode_id, evidence.severity if is_graver else "")
    incident = "128" if is_graver else ""
    given = alert_input(evidence, reference, evidence_url=EVIDENCE_URL, incident_id=incident)

    sent = json.loads(json.dumps({"createAlertInput": given}))
    assert contract.CREATE_ALERT_BODY(sent) is None
    assert str(given["description"]).endswith(reference)
    assert length(str(given["description"])) <= 5_000
    assert length(str(given["title"])) <= 200
    assert length(str(given["recommendedActions"])) <= 4_000
    assert ("linkToIncident" in given) is is_graver
    json.dumps(given, ensure_ascii=False).encode()  # no half of a character


@at_length
@given(evidence=EVIDENCES)
def test_no_alert_has_markup_links_or_control_characters_of_a_record(evidence: Evidence) -> None:
    given = alert_input(evidence, marker(evidence.episode_id))

    text = f"{given['title']}\n{given['description']}"
    assert [sign for sign in (*MARKUP, "://") if sign in text] == []
    assert all(c.isprintable() or c == "\n" for c in text)
    assert not any(sign in str(given["recommendedActions"]) for sign in ("<", "://"))


@at_length
@given(evidence=EVIDENCES)
def test_the_first_sentence_is_always_whole_enough_to_name_who(evidence: Evidence) -> None:
    assert description(evidence).startswith(unmarked(who(evidence), 80)[:40])


@at_length
@given(evidence=EVIDENCES)
def test_a_comment_is_at_most_a_thousand_characters_and_the_same_each_time(
    evidence: Evidence,
) -> None:
    text = change_comment(evidence, evidence_url=EVIDENCE_URL)

    assert 0 < length(text) <= 1_000
    assert text == change_comment(evidence, evidence_url=EVIDENCE_URL)
    assert text.startswith(f"Revision {evidence.revision}, {evidence.transition.value} ")
    assert EVIDENCE_URL in text


@at_length
@given(alerts=st.lists(EVIDENCES, max_size=3), waiting=st.integers(1, 10**6))
def test_every_surge_keeps_to_what_graph_takes(alerts: list[Evidence], waiting: int) -> None:
    surge = Surge(surge_id="5" * 32, opened_at=NOON, waiting=waiting, alerts=alerts * 20)

    given = surge_input(surge, reference := marker(surge.surge_id, "surge"))

    assert contract.CREATE_ALERT_BODY({"createAlertInput": json.loads(json.dumps(given))}) is None
    assert f"{waiting:,} alerts" in str(given["title"])
    assert str(given["description"]).endswith(reference)


@given(text=TEXTS, most=st.integers(1, 300))
@settings(deadline=None)
def test_text_made_plain_is_one_line_within_its_limit(text: str, most: int) -> None:
    line = unmarked(text, most)

    assert length(line) <= most
    assert line == one_line(line, most)
    assert "\n" not in line


def an_evidence(**changes: object) -> Evidence:
    """Evidence of sixty views, with changes."""
    return replace(frozen(actions(60)), **changes)  # type: ignore[arg-type]


def test_what_does_not_fit_is_cut_from_the_least_important_end() -> None:
    pages = tuple(Counted(text=f"{n} " + "p" * 380, count=1) for n in range(100))
    terms = tuple(Counted(text="s" * 380, count=1) for _ in range(30))

    text = description(an_evidence(pages=pages, spaces=terms, user_agents=terms))

    present = [name for name in ("Why it fired", "Who", "From where", "When", "Spaces", "Pages")
               if f"\n{name}:" in text]  # fmt: skip
    assert present == ["Why it fired", "Who", "From where", "When", "Spaces"]
    assert text.splitlines()[-3:-1] == ["…", f"Evidence: {EVIDENCE_URL}/" + text[-33:-1]]


@pytest.mark.parametrize(
    ("name", "length_of_name"),
    [pytest.param("n" * 5_000, 80, id="long"), pytest.param("\U0001f600" * 900, 41, id="emoji")],
)
def test_a_long_name_leaves_room_for_what_was_done(name: str, length_of_name: int) -> None:
    evidence = an_evidence(account_display_name=name)

    assert len(who(evidence)) <= length_of_name
    given = alert_input(evidence, "(ref)")
    assert str(given["title"]).endswith(": 60 pages read at 60 a minute")
    assert " made 60 actions on 60 pages " in str(given["description"])


def test_at_most_fifty_addresses_are_entities() -> None:
    addresses = tuple(Counted(text=f"192.0.2.{n}", count=1) for n in range(200))

    found = entities(an_evidence(ip_addresses=addresses))

    assert len([e for e in found if e["entityType"] == "ip"]) == 50
    assert found[1]["identifierValue"] == "192.0.2.0"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        pytest.param("", "(ref:cfm-e)", id="first"),
        pytest.param("high", "(ref:cfm-e-high)", id="graver"),
    ],
)
def test_no_marker_is_part_of_another(part: str, expected: str) -> None:
    assert marker("e", part) == expected
    assert marker("e") not in marker("e", "high")
