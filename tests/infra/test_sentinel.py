"""The Sentinel content fits together: columns, query, rule, and the packed solution."""

import json
import re
import shutil

import build_solution
import cloud
import pytest

from tests.infra.support import kql
from tests.infra.support.paths import INFRA, MODULES, QUERIES, SCRIPTS

COLUMNS = json.loads((INFRA / "sentinel-columns.json").read_text())
RULE = json.loads((INFRA / "sentinel/rule.json").read_text())
TYPES = {"string", "int", "long", "real", "boolean", "datetime", "dynamic"}
RESERVED = {"Type", "TenantId", "SourceSystem", "_ResourceId", "_SubscriptionId"}
ASKED = """TimeGenerated EpisodeId Revision State Title Severity ThreatIndicator AccountObjectId
AccountDisplayName UserPrincipalName IPAddresses UserAgents FirstActivity LastActivity TotalActions
UniquePages UniqueSpaces SensitiveSearchCount ExportCount DownloadCount AccessRatePerMinute Gates
Conditions Techniques EvidenceUrl PolicyFingerprint Story""".split()


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """Column types of the rule's result, as the language service derives them."""
    (report,) = kql.check([QUERIES / "incident.kql"], tmp_path_factory.mktemp("kql"))
    return {column["name"]: column["type"] for column in report["resultColumns"]}


def test_the_table_has_the_columns_of_an_episode_in_order():
    assert [column["name"] for column in COLUMNS] == ASKED


def test_the_columns_are_of_types_a_stream_knows():
    assert {column["type"] for column in COLUMNS} <= TYPES
    assert COLUMNS[0] == {"name": "TimeGenerated", "type": "datetime"}


def test_no_column_takes_a_name_of_log_analytics():
    names = {column["name"] for column in COLUMNS}

    assert not names & RESERVED
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,44}", name) for name in names)


def test_table_and_stream_are_made_from_the_one_list():
    for module in ("sentinel-table.bicep", "logs-ingestion.bicep"):
        assert "loadJsonContent('../sentinel-columns.json')" in (MODULES / module).read_text()


def test_every_column_the_rule_maps_is_in_the_result_as_text(result):
    mapped = [f["columnName"] for entity in RULE["entityMappings"] for f in entity["fieldMappings"]]

    assert {result.get(column) for column in mapped} == {"string"}


def test_every_column_of_the_custom_details_is_in_the_result(result):
    assert set(RULE["customDetails"].values()) <= result.keys()


def test_every_column_of_the_alert_is_in_the_result_as_text(result):
    override = RULE["alertDetailsOverride"]
    formats = override["alertDisplayNameFormat"] + override["alertDescriptionFormat"]
    columns = {*re.findall(r"{{(\w+)}}", formats), override["alertSeverityColumnName"]}

    assert {result.get(column) for column in columns} == {"string"}


def test_the_rule_keeps_to_the_limits_of_sentinel():
    identifiers = [len(entity["fieldMappings"]) for entity in RULE["entityMappings"]]

    assert len(RULE["entityMappings"]) <= 10
    assert max(identifiers) <= 3
    assert len(RULE["customDetails"]) <= 20
    assert all(len(key) <= 20 for key in RULE["customDetails"])
    assert len(RULE["description"]) <= 5000


def test_incidents_are_grouped_by_user():
    grouping = RULE["groupingConfiguration"]

    assert grouping["enabled"]
    assert grouping["matchingMethod"] == "Selected"
    assert grouping["groupByEntities"] == ["Account"]


def test_only_columns_that_exist_are_used_by_the_rule_in_bicep():
    text = (MODULES / "sentinel.bicep").read_text()

    assert set(re.findall(r"(?<!/)\brule\.(\w+)", text)) <= RULE.keys()


def test_severities_are_those_sentinel_knows():
    text = (QUERIES / "incident.kql").read_text().split("| extend Severity = case(")[1]

    assert set(re.findall(r'"([A-Z]\w+)"', text)) == {"High", "Medium", "Low", "Informational"}


def test_the_packed_solution_is_up_to_date(capsys):
    assert build_solution.main(["--check"]) == cloud.OK, capsys.readouterr().out


def test_a_stale_file_is_found_and_written_again(tmp_path, monkeypatch, capsys):
    copy = tmp_path / "infra"
    shutil.copytree(INFRA, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(build_solution, "INFRA", copy)
    (copy / "queries/incident.kql").write_text("ConfluenceMining_CL\n")

    assert build_solution.main(["--check"]) == cloud.FINDINGS
    assert "Analytic Rules/ConfluenceDataMining.yaml" in capsys.readouterr().out
    assert build_solution.main([]) == cloud.OK
    assert build_solution.main(["--check"]) == cloud.OK


def test_the_template_of_the_solution_has_the_rule_as_deployed():
    template = json.loads((INFRA / "sentinel/Package/mainTemplate.json").read_text())
    rule = next(r for r in template["resources"] if r["type"].endswith("/alertRules"))

    assert rule["kind"] == "Scheduled"
    assert rule["properties"]["query"] == (QUERIES / "incident.kql").read_text()
    assert rule["properties"]["entityMappings"] == RULE["entityMappings"]


def test_no_text_of_the_template_is_taken_for_an_expression():
    """ARM evaluates text that begins with a bracket."""
    template = json.loads((INFRA / "sentinel/Package/mainTemplate.json").read_text())

    def texts(value):
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            return [text for one in value for text in texts(one)]
        return [value] if isinstance(value, str) else []

    properties = [resource["properties"] for resource in template["resources"]]
    assert [text for text in texts(properties) if text.startswith("[")] == []


def test_the_yaml_files_name_what_the_solution_lists():
    solution = json.loads((INFRA / "sentinel/Data/Solution_ConfluenceMining.json").read_text())
    listed = solution["Analytic Rules"] + solution["Hunting Queries"] + solution["Workbooks"]

    for path in listed:
        assert (INFRA / "sentinel" / path).is_file()
    assert (INFRA / "sentinel" / solution["Metadata"]).is_file()


@pytest.mark.parametrize("kind", ["Analytic Rules", "Hunting Queries"])
def test_every_value_of_a_yaml_file_is_json(kind):
    text = (INFRA / "sentinel" / kind / "ConfluenceDataMining.yaml").read_text()
    head, query = text.split("\nquery: |\n")

    fields = {
        line.split(": ", 1)[0]: json.loads(line.split(": ", 1)[1]) for line in head.splitlines()
    }
    assert fields["tactics"] == ["Collection"]
    assert all(line.startswith("  ") or not line for line in query.splitlines())


def test_the_builder_reads_what_bicep_reads():
    bicep = (MODULES / "sentinel.bicep").read_text()
    script = (SCRIPTS / "build_solution.py").read_text()

    for source in re.findall(r"Content\('\.\./([^']+)'\)", bicep):
        assert f'"{source}"' in script
