"""Alerts and workbook read only what the code is known to write (infra/log-contract.json)."""

import json
import re

import pytest

from tests.infra.support import kql
from tests.infra.support.bicep import of
from tests.infra.support.paths import INFRA, MODULES, QUERIES

CONTRACT = json.loads((INFRA / "log-contract.json").read_text())
WORKBOOK = json.loads((INFRA / "workbooks/confluence-mining.json").read_text())
ALERTS = {path.stem.removeprefix("alert-"): path for path in sorted(QUERIES.glob("alert-*.kql"))}
# How far back an alert may look, as Azure Monitor allows it.
WINDOWS = {"PT15M", "PT30M", "PT1H", "PT3H", "PT6H", "P2D"}
CHARTS = {item["name"]: item["content"]["query"] for item in WORKBOOK["items"] if item["type"] == 3}
LINES = {
    **{f"alert {name}": path.read_text() for name, path in ALERTS.items()},
    **{f"workbook {name}": query for name, query in CHARTS.items()},
}
TRACES = {name: query for name, query in LINES.items() if "AppTraces" in query}


@pytest.mark.parametrize("query", TRACES.values(), ids=TRACES)
def test_a_query_reads_one_known_event(query):
    events = re.findall(r'tostring\(Line\.event\) == "(\w+)"', query)

    assert len(events) == 1
    assert events[0] in CONTRACT
    assert f'Message has "{events[0]}"' in query


@pytest.mark.parametrize("query", TRACES.values(), ids=TRACES)
def test_a_query_reads_only_fields_of_its_event(query):
    (event,) = re.findall(r'tostring\(Line\.event\) == "(\w+)"', query)
    fields = set(re.findall(r"Line\.(\w+)", query)) - {"event"}

    assert fields <= set(CONTRACT[event])


def test_every_event_of_a_round_is_shown_in_the_workbook():
    shown = {event for query in CHARTS.values() for event in re.findall(r'== "(\w+)"', query)}

    assert shown >= CONTRACT.keys() - {"feedback", "unavailable"}


def test_every_field_of_ingest_is_looked_at_somewhere():
    text = "".join(TRACES.values())

    assert [field for field in CONTRACT["ingested"] if f"Line.{field}" not in text] == []


def test_every_query_binds(tmp_path):
    files = [*QUERIES.glob("*.kql"), INFRA / "workbooks/confluence-mining.json"]

    reports = kql.check(files, tmp_path)

    assert len(reports) == len(list(QUERIES.glob("*.kql"))) + len(CHARTS)
    assert [(one["id"], one["diagnostics"]) for one in reports if one["diagnostics"]] == []


def test_a_query_of_a_column_that_does_not_exist_is_caught(tmp_path):
    wrong = tmp_path / "wrong.kql"
    wrong.write_text("ConfluenceMining_CL | where NoSuchColumn == 1")

    (report,) = kql.check([wrong], tmp_path)

    assert not report["ok"]


def test_every_alert_query_is_deployed_and_every_deployed_one_exists():
    text = (MODULES / "alerts.bicep").read_text()

    assert set(re.findall(r"alert-([\w-]+)\.kql", text)) == ALERTS.keys()


def test_an_alert_is_named_after_its_query():
    text = (MODULES / "alerts.bicep").read_text()
    named = re.findall(r"name: '([\w-]+)', title: '[^']+'\n +query: .+alert-([\w-]+)\.kql", text)

    assert len(named) == len(ALERTS)
    assert [name for name, query in named if name != query] == []


def test_alerts_look_back_as_far_as_azure_allows():
    text = (MODULES / "alerts.bicep").read_text()
    windows = set(re.findall(r"'(P[T\dDHM]+)'", text)) - {"PT5M"}

    assert windows <= WINDOWS


@pytest.mark.parametrize("path", ALERTS.values(), ids=ALERTS)
def test_an_alert_query_has_no_open_token_but_app_and_limit(path):
    assert set(re.findall(r"{(\w+)}", path.read_text())) <= {"app", "limit"}


@pytest.mark.parametrize("path", ALERTS.values(), ids=ALERTS)
def test_an_alert_query_returns_rows_only_when_its_limit_is_passed(path):
    text = path.read_text()

    assert "{limit}" in text
    assert re.search(r"\| where \w+ (==|>) ", text)


@pytest.mark.parametrize("name", ["no-evaluation", "no-input", "no-housekeeping"])
def test_silence_is_a_row_too(name):
    """Without `by`, summarize returns one row for no rows at all."""
    text = ALERTS[name].read_text()

    assert re.search(r"\| summarize \w+ = [^|]*$", text, re.MULTILINE)
    assert " by " not in text.split("| summarize")[1]
    assert text.rstrip().endswith("== 0")


def test_the_alerts_of_the_deployment_include_those_people_ask_for():
    asked = {
        "no-evaluation",
        "no-input",
        "dead-letters",
        "lag",
        "unsent",
        "throttled",
        "rejected-rows",
    }
    resources = of(MODULES / "alerts.bicep", "resource")

    assert asked <= ALERTS.keys()
    assert {"hubThrottled", "sasKeys", "people"} <= resources.keys()
    assert "budget" in of(INFRA / "resources.bicep", "module")
