"""The workbook opens, and says where its numbers come from."""

import json

import pytest

from tests.infra.support.paths import INFRA, MODULES

TEXT = (INFRA / "workbooks/confluence-mining.json").read_text()
WORKBOOK = json.loads(TEXT)
CHARTS = [item for item in WORKBOOK["items"] if item["type"] == 3]


def test_it_is_a_workbook():
    assert WORKBOOK["version"] == "Notebook/1.0"
    assert WORKBOOK["fallbackResourceIds"] == ["__workspace__"]


def test_every_item_has_its_own_name():
    names = [item["name"] for item in WORKBOOK["items"]]

    assert len(set(names)) == len(names)


def test_its_tokens_are_those_that_bicep_replaces():
    bicep = (MODULES / "workbook.bicep").read_text()

    for token in ("__app__", "__workspace__"):
        assert token in TEXT
        assert f"'{token}'" in bicep


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart["name"])
def test_a_chart_has_a_title_a_time_range_and_words_for_no_data(chart):
    content = chart["content"]

    assert content["title"]
    assert content["timeContextFromParameter"] == "TimeRange"
    assert content["noDataMessage"]


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart["name"])
def test_a_chart_of_log_lines_is_of_the_chosen_app(chart):
    query = chart["content"]["query"]

    assert "AppTraces" not in query or 'AppRoleName =~ "{App}"' in query


def test_it_shows_what_the_issue_asks_for():
    names = {chart["name"] for chart in CHARTS}

    assert names >= {"episode-transitions", "users", "distance", "throughput", "not-read"}


def test_no_chart_of_log_lines_shows_a_person():
    people = ("AccountObjectId", "AccountDisplayName", "UserPrincipalName")
    lines = [c["content"]["query"] for c in CHARTS if "AppTraces" in c["content"]["query"]]

    assert not [query for query in lines for word in people if word in query]
