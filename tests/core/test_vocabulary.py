"""What one name means under a policy."""

from dataclasses import replace

import pytest

from detector.core.vocabulary import Kind, Vocabulary
from tests.support.activities import RECOMMENDED, SOURCE, WORDS

NOTHING = Kind(counts=False, export=False, download=False, space_export=False, known=False)
COUNTED = NOTHING._replace(counts=True, known=True)


@pytest.mark.parametrize(
    ("policy", "action", "expected"),
    [
        pytest.param("source", "PAGEVIEWED", COUNTED, id="in any case"),
        pytest.param("source", "PagePrinted", COUNTED._replace(export=True), id="an export"),
        pytest.param("source", "SpaceExported", COUNTED._replace(export=True), id="of a space"),
        pytest.param(
            "source", "attachment_downloaded", COUNTED._replace(download=True), id="a download"
        ),
        pytest.param("source", "space_exported", NOTHING, id="listed as export, never counted"),
        pytest.param("source", "confluence_page_viewed", NOTHING, id="the connector's name"),
        pytest.param("source", "", NOTHING, id="no name"),
        pytest.param("recommended", "confluence_page_viewed", COUNTED, id="known to recommended"),
        pytest.param(
            "recommended",
            "Space_Exported",
            COUNTED._replace(export=True, space_export=True),
            id="a whole space",
        ),
        pytest.param(
            "recommended", "User_Login", NOTHING._replace(known=True), id="known, not counted"
        ),
        pytest.param("recommended", "jira_issue_viewed", NOTHING, id="in no table"),
    ],
)
def test_a_name_means(policy: str, action: str, expected: Kind) -> None:
    assert WORDS[policy].kind(action) == expected


def test_a_name_that_is_not_counted_is_no_export_download_or_space_export() -> None:
    only_views = replace(RECOMMENDED, actions=("PageViewed",), known_actions=("SpaceExported",))
    words = Vocabulary(only_views)

    assert words.kind("SpaceExported") == NOTHING._replace(known=True)
    assert words.kind("AttachmentDownloaded") == NOTHING


def test_an_app_is_a_whole_term_of_its_name() -> None:
    words = Vocabulary(replace(SOURCE, apps=("Wiki",)))

    assert [words.is_app(name) for name in ("our wiki", "wikis", "Confluence")] == [
        True,
        False,
        False,
    ]


def test_terms_that_another_policy_found_count_only_if_they_are_this_ones() -> None:
    words = Vocabulary(replace(SOURCE, sensitive_search_terms=("vpn",)))

    assert words.is_sensitive(("ssh", "vpn"))
    assert not words.is_sensitive(("ssh",))
    assert not words.is_sensitive(())
