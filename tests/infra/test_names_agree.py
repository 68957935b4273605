"""One name for one thing: ADRs, Bicep, compose, emulator and examples."""

import json
import re

import publish
import pytest

from tests.infra.support import adr
from tests.infra.support.bicep import of, properties
from tests.infra.support.paths import INFRA, MODULES, ROOT

RESOURCES = INFRA / "resources.bicep"
EXAMPLE = json.loads((ROOT / "local.settings.json.example").read_text())["Values"]
EMULATOR = json.loads((INFRA / "local/eventhubs-config.json").read_text())
# The platform's own settings, in Azure and on a laptop.
PLATFORM = {
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__tableServiceUri",
    "EVENTHUB__clientId",
    "EVENTHUB__credential",
    "EVENTHUB__fullyQualifiedNamespace",
    "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID",
}
LAPTOP = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage", "EVENTHUB"}
# Settings that have no place in Azure.
ONLY_LOCAL = {"DETECTOR_ALERTS_FILE", "DETECTOR_GRAPH_ROOT"}


def deployed_settings():
    variables = of(RESOURCES, "var")
    return {
        name: value
        for variable, indent in (("settings", 2), ("rowSettings", 6), ("evidenceSettings", 6))
        for name, value in properties(variables[variable].body, indent).items()
    }


def test_the_function_app_gets_the_settings_of_the_adr_and_no_others():
    deployed = deployed_settings().keys()

    assert deployed - PLATFORM == adr.settings() - ONLY_LOCAL


def test_the_deployed_platform_settings_are_those_of_the_list():
    assert deployed_settings().keys() & PLATFORM == PLATFORM


def test_the_local_example_uses_known_settings():
    assert EXAMPLE.keys() - LAPTOP <= adr.settings()


def test_the_local_example_has_what_the_decorators_refer_to():
    assert EXAMPLE.keys() >= {
        "EVENTHUB_NAME",
        "EVENTHUB_CONSUMER_GROUP",
        "EVALUATE_SCHEDULE",
        "HOUSEKEEP_SCHEDULE",
    }


@pytest.mark.parametrize("name", ["EVALUATE_SCHEDULE", "HOUSEKEEP_SCHEDULE"])
def test_schedules_are_the_same_locally_and_in_azure(name):
    assert f"'{EXAMPLE[name]}'" in deployed_settings()[name]


def test_the_hub_is_named_the_same_everywhere():
    (hub,) = EMULATOR["UserConfig"]["NamespaceConfig"][0]["Entities"]
    variables = of(RESOURCES, "var")

    assert EXAMPLE["EVENTHUB_NAME"] == hub["Name"] == "cloudappevents"
    assert variables["hubName"].rest == f"= hub.?name ?? '{hub['Name']}'"


def test_the_consumer_group_is_named_the_same_everywhere():
    (hub,) = EMULATOR["UserConfig"]["NamespaceConfig"][0]["Entities"]
    groups = [group["Name"] for group in hub["ConsumerGroups"]]
    variables = of(RESOURCES, "var")

    assert groups == [EXAMPLE["EVENTHUB_CONSUMER_GROUP"]] == ["detector"]
    assert variables["consumerGroup"].rest == "= hub.?consumerGroup ?? 'detector'"


def test_the_emulator_keeps_to_its_own_limits():
    (namespace,) = EMULATOR["UserConfig"]["NamespaceConfig"]
    (hub,) = namespace["Entities"]

    assert namespace["Name"] == "emulatorNs1"
    assert 1 <= hub["PartitionCount"] <= 32
    assert "$Default" not in json.dumps(hub)


def test_partitions_are_as_many_locally_as_in_azure():
    (hub,) = EMULATOR["UserConfig"]["NamespaceConfig"][0]["Entities"]

    assert f"hub.?partitionCount ?? {hub['PartitionCount']}" in RESOURCES.read_text()


def test_the_tables_of_the_schema_exist_from_the_start():
    created = re.findall(r"'(\w+)'", of(RESOURCES, "var")["tables"].rest)

    assert frozenset(created) == adr.tables()


def test_publishing_waits_for_the_functions_of_the_adr():
    assert adr.functions() == publish.FUNCTIONS


def test_always_ready_instances_are_those_of_ingest():
    assert "name: 'function:ingest'" in (MODULES / "function-app.bicep").read_text()
    assert "ingest" in adr.functions()


def test_only_the_health_page_is_open_to_everyone():
    text = (MODULES / "easy-auth.bicep").read_text()

    assert f"excludedPaths: ['{adr.routes()['health']}']" in text


def test_the_evidence_address_is_the_route_of_the_page():
    route = adr.routes()["evidence"].removesuffix("/{episode}")

    assert deployed_settings()["DETECTOR_EVIDENCE_URL"].endswith(f".azurewebsites.net{route}'")


def test_the_sentinel_table_and_stream_are_named_the_same_everywhere():
    named = {
        "modules/sentinel-table.bicep": "ConfluenceMining_CL",
        "modules/logs-ingestion.bicep": "Custom-ConfluenceMining_CL",
        "queries/incident.kql": "ConfluenceMining_CL",
        "queries/alert-rejected-rows.kql": "ConfluenceMining_CL",
        "workbooks/confluence-mining.json": "ConfluenceMining_CL",
        "scripts/teardown.py": "ConfluenceMining_CL",
    }

    for path, name in named.items():
        assert name in (INFRA / path).read_text(), path


def test_containers_of_settings_are_created():
    text = RESOURCES.read_text()

    assert "containers: ['packages']" in text
    assert "containers: ['dead-letters']" in text
    assert "blobEndpoint}dead-letters'" in deployed_settings()["DETECTOR_DEAD_LETTER_BODIES"]


def test_raw_bodies_are_kept_only_where_somebody_asks():
    setting = deployed_settings()["DETECTOR_DEAD_LETTER_BODIES"]
    roles = of(MODULES / "roles.bicep", "resource")

    assert of(RESOURCES, "param")["keepDeadLetterBodies"].default == "false"
    assert setting.startswith("keepDeadLetterBodies ? ")
    assert setting.endswith(" : ''")
    assert "if (keepsBodies)" in roles["stateBlobs"].rest
    assert "if (keepsBodies && !empty(operatorPrincipalId))" in roles["operatorBlobs"].rest
