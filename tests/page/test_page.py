"""The evidence page: what it says of an incident, and that nothing in it is live."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256

import pytest

from detector.core.episode import Transition
from detector.core.evidence import Counted
from detector.core.instant import HOUR, parse_instant
from detector.core.playbook import blind_spots, hunting_queries, look_alikes, response_commands
from detector.core.report import first_steps, story, title
from detector.page import CONTENT_SECURITY_POLICY, render_page
from tests.page.html_reading import Reading
from tests.support.evidence import SESSION, START, empty_evidence, hostile_evidence, make_evidence

NOW = parse_instant("2026-03-12T08:00:00Z")

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "closed title and style": "</title></style><script>alert(1)</script>",
    "event handler": '"><img src=x onerror=alert(1)>',
    "attribute": "' onmouseover='alert(1)",
    "svg": "<svg onload=alert(1)><a xlink:href=javascript:alert(1)>",
    "javascript address": "javascript:alert(1)",
    "comment": "<!-- hidden -->",
    "entity": "&lt;b&gt; &#x202e; &amp;",
    "template": "{{ 7 * 7 }}{% raw %}{# hidden #}",
    "frame": "<iframe srcdoc='<script>1</script>'></iframe><base href=//example.com>",
    "regular expression": "(*[",
    "very long": "A" * 100_000,
}


def render(*revisions):
    return render_page(revisions or [make_evidence()], rendered_at=NOW)


def read(*revisions):
    return Reading(render(*revisions))


def test_the_page_says_title_story_severity_indicator_and_state():
    evidence = make_evidence()
    page = read(evidence)

    assert title(evidence) in page.text
    assert story(evidence) in page.text
    assert "High severity" in page.text
    assert "Credential/secret hunting via search queries" in page.text
    assert "Open Credential" in page.text


def test_a_closed_episode_says_when_it_was_closed():
    evidence = make_evidence(transition=Transition.CLOSED, closed_at=START + 30 * HOUR)

    assert "Closed 2026-03-13 01:30Z" in read(evidence).text


@pytest.mark.parametrize(
    ("alone", "said"),
    [
        (True, "The source query alone fires on this, too."),
        (False, "The source query alone would have stayed silent."),
    ],
    ids=["fires", "silent"],
)
def test_the_page_says_whether_the_source_query_alone_would_have_fired(alone, said):
    assert said in read(make_evidence(source_alone=alone)).text


def test_each_condition_shows_value_threshold_and_whether_its_gate_held():
    text = read().text

    assert "Bulk access yes actions 48 > 40" in text
    assert "Credential hunting yes sensitive searches 3 > 0" in text
    assert "Space enumeration no spaces 4 > 5 actions 48 > 20" in text
    assert "The indicator's own yes sensitive searches 3 > 0" in text


def test_the_page_says_who_from_where_and_when():
    text = read().text

    for said in (
        "Name Mallory",
        "Entra object id 00000000-0000-0000-0000-000000000042",
        "Account ids mallory@example.com",
        "Privileged unknown",
        "Addresses 203.0.113.42 (46) , 2001:db8::7 (2)",
        "Countries NL (48)",
        "Providers Example Networks (48)",
        "Agents python-requests/2.32.3 (46) (scripted)",
        "First activity 2026-03-11 19:30Z",
        "Last activity 2026-03-11 19:59Z",
        "Peak minute 2026-03-11 19:40Z, 9 actions",
        "Episode opened 2026-03-11 20:00Z",
    ):
        assert said in text


def test_spaces_and_pages_stand_with_their_counts():
    text = read().text

    assert "Spaces: 2 most used of 4 Name Actions Share OPS 30 SEC 15" in text
    assert "Pages: 2 most used of 32 Name Actions Clusters runbook 3 Key rotation 1" in text


def test_more_than_twenty_pages_are_folded_away():
    pages = tuple(Counted(text=f"Page {number}", count=1) for number in range(25))
    text = read(make_evidence(pages=pages, unique_pages=25)).text

    assert "5 more pages" in text
    assert "Page 24 1" in text


def test_a_search_shows_its_terms_set_apart_and_what_followed():
    page = render()

    assert "*** *** <mark>vpn</mark> *** <mark>Secret</mark>" in page
    assert "2026-03-11 19:31Z *** *** vpn *** Secret 2 Key rotation Clusters runbook.pdf" in (
        Reading(page).text
    )


def test_exports_and_downloads_are_listed():
    assert "1 of 5 At Action Content Space 2026-03-11 19:33Z attachment_downloaded" in read().text


def test_sessions_stand_with_their_numbers():
    calm = replace(SESSION, indicator="", ip_address="", user_agent="", access_rate_per_minute=0.5)
    text = read(make_evidence(sessions=(SESSION, calm))).text

    assert "2 of 2: the same account, address and agent" in text
    assert "2026-03-11 19:30Z 2026-03-11 19:59Z 46 30 4 3 1 4 1.59 Credential/secret" in text
    assert "no address no agent" in text
    assert "0.5 passes no gate" in text


def test_the_page_has_the_whole_playbook():
    evidence = make_evidence()
    page = render()
    text = Reading(page).text

    for words in (*first_steps(evidence), *blind_spots(evidence)):
        assert words in text
    for name, question in look_alikes(evidence):
        assert f"{name}. {question}" in text
    for command in response_commands(evidence):
        assert " ".join(command.command.split()) in text
        assert command.undo in text
    for name, query in hunting_queries(evidence):
        assert name in text
        assert query in "".join(Reading(page).texts)
    assert "T1213.001 Data from Information Repositories: Confluence detected" in text
    assert "T1552 Unsecured Credentials possible searched for secret, vpn" in text
    assert "DET0358 , analytic AN1019" in text


def test_the_newest_revision_is_shown_and_earlier_ones_are_told_newest_first():
    revisions = [
        make_evidence(revision=number, total_actions=number * 1_000, frozen_at=START + number)
        for number in (2, 3, 1)
    ]
    text = read(*revisions).text

    assert "made 3,000 actions" in text
    assert "made 2,000 actions" not in text
    assert text.index(" 2,000 ") < text.index(" 1,000 ")


def test_a_single_revision_has_no_earlier_ones():
    assert "Earlier revisions" not in read().text


def test_an_episode_without_evidence_is_an_error():
    with pytest.raises(ValueError, match="no evidence"):
        render_page([], rendered_at=NOW)


def test_empty_evidence_still_makes_a_page():
    text = read(empty_evidence()).text

    for said in (
        "No condition is kept.",
        "No minute is kept.",
        "No space was named.",
        "No page was named.",
        "No search was seen.",
        "None was seen.",
        "No session is kept.",
        "Name unknown",
        "Addresses none recorded",
    ):
        assert said in text


def test_the_same_evidence_makes_the_same_bytes():
    assert render() == render()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_shown_and_changes_nothing_of_the_page(text):
    harmless, hostile = read(hostile_evidence("harmless")), read(hostile_evidence(text))

    assert hostile.tags == harmless.tags
    assert hostile.comments == []
    assert [(t, n) for t, n, _ in hostile.attributes] == [(t, n) for t, n, _ in harmless.attributes]
    assert " ".join(text.split()) in hostile.text


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_reaches_no_attribute(text):
    values = [value for _, _, value in read(hostile_evidence(text)).attributes]

    assert [value for value in values if text in value] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("invoice\u202efdp.exe", "invoice[U+202E]fdp.exe"),
        ("nul\0 esc\x1b[31m", "nul[U+0000] esc[U+001B][31m"),
        ("zero\u200bwidth", "zero[U+200B]width"),
        ("lone \ud800", "lone [U+D800]"),
        ("tag\U000e0041", "tag[U+E0041]"),
        ("no-break\u00a0space", "no-break space"),
    ],
    ids=["right to left", "controls", "zero width", "surrogate", "tag", "no-break space"],
)
def test_what_cannot_be_seen_is_shown(text, shown):
    page = render(hostile_evidence(text))

    assert shown in page
    assert text not in page
    page.encode()


def test_the_page_allows_itself_its_own_style_and_nothing_else():
    page = render()
    style = re.search("<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = b64encode(sha256(style.encode()).digest()).decode()

    assert CONTENT_SECURITY_POLICY.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert CONTENT_SECURITY_POLICY in Reading(page).values("content")
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_has_no_script_and_points_only_to_attack():
    page = read()

    assert page.tags.keys() & {"script", "link", "img", "iframe", "object", "form", "base"} == set()
    assert page.values("src") + page.values("style") + page.values("xlink:href") == []
    assert [name for _, name, _ in page.attributes if name.startswith("on")] == []
    for address in page.values("href"):
        assert address.startswith(("#", "https://attack.mitre.org/"))


def test_every_reference_within_the_page_has_its_target():
    page = read()
    ids = page.values("id")

    assert len(ids) == len(set(ids))
    for reference in page.values("aria-labelledby"):
        assert reference in ids
    for address in page.values("href"):
        assert address[1:] in ids or address.startswith("https:")
