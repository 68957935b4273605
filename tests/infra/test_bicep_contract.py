"""What every template keeps to, whatever it deploys."""

import json
import re

import pytest

from tests.infra.support.bicep import declarations, of, properties
from tests.infra.support.paths import BICEP, INFRA, MODULES, name

MAIN, RESOURCES = INFRA / "main.bicep", INFRA / "resources.bicep"
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Azure's built-in roles; ids as Microsoft publishes them.
ROLES = {
    "eventHubsDataReceiver": "a638d3c7-ab3a-418d-83e6-5f17a39d4fde",
    "eventHubsDataSender": "2b629674-e913-4c01-ae53-ef4638d8f975",
    "monitoringMetricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "storageBlobDataContributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "storageBlobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "storageTableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
}
GRAPH = "00000003-0000-0000-c000-000000000000"
every_file = pytest.mark.parametrize("path", BICEP, ids=name)


@every_file
def test_every_parameter_output_and_type_is_described(path):
    undescribed = [
        found.name
        for found in declarations(path)
        if found.kind in ("param", "output", "type") and not found.decorated("description")
    ]

    assert undescribed == []


@every_file
def test_every_number_text_and_list_is_bounded(path):
    free = {"location"}  # Azure knows its regions
    unbounded = [
        found.name
        for found in of(path, "param").values()
        if found.name not in free
        and (
            (
                found.type == "int"
                and not (found.decorated("minValue") and found.decorated("maxValue"))
            )
            or (
                found.type == "string"
                and not (found.decorated("minLength") or found.decorated("maxLength"))
            )
            or (found.type.endswith("[]") and not found.decorated("maxLength"))
        )
    ]

    assert unbounded == []


def test_every_option_is_described_with_its_default():
    text = (INFRA / "types.bicep").read_text()
    options = re.findall(r"((?:  @.*\n)+)  (\w+): (.+)\n", text)

    assert len(options) > 20
    for decorators, option, kind in options:
        assert "@description(" in decorators, option
        assert kind.endswith("?"), f"{option} must be optional"
        if kind == "int?":
            assert "@minValue(" in decorators, option
            assert "@maxValue(" in decorators, option


def test_the_two_entry_points_take_the_same_parameters():
    def shape(found):
        return found.type, found.default, [d for d in found.decorators if "description" not in d]

    ours = {n: shape(found) for n, found in of(RESOURCES, "param").items()}
    theirs = {n: shape(found) for n, found in of(MAIN, "param").items()}
    del theirs["resourceGroupName"]
    ours["location"] = theirs["location"] = None

    assert theirs == ours


def test_the_subscription_template_passes_every_parameter_on():
    body = of(MAIN, "module")["resources"].body

    assert properties(body, 4) == {n: n for n in of(RESOURCES, "param")}


def test_the_subscription_template_gives_every_output_back():
    outputs = of(MAIN, "output")

    assert outputs.keys() == of(RESOURCES, "output").keys()
    for n, found in outputs.items():
        assert found.rest == f"string = resources.outputs.{n}"


@every_file
def test_modules_are_given_every_parameter_they_need(path):
    for found in of(path, "module").values():
        target = (path.parent / found.rest.split("'")[1]).resolve()
        given = set(properties(found.body, 4)) | set(properties(found.body, 6))
        given |= set(re.findall(r"params: { (\w+): ", found.body))
        needed = {n for n, param in of(target, "param").items() if param.default is None}

        assert needed <= given, f"{found.name}: {needed - given}"


def test_every_module_is_deployed_by_someone():
    text = "".join(path.read_text() for path in BICEP)
    unused = [p.name for p in MODULES.glob("*.bicep") if f"{p.name}'" not in text]

    assert unused == []


def test_only_roles_of_the_list_are_assigned():
    text = (MODULES / "role-ids.bicep").read_text()

    assert dict(re.findall(r"^  (\w+): '([0-9a-f-]{36})'$", text, re.MULTILINE)) == ROLES


def test_no_identifier_but_those_of_roles_and_graph_is_written_into_a_template():
    found = {guid for path in BICEP for guid in GUID.findall(path.read_text())}

    assert found == {*ROLES.values(), GRAPH}


def test_no_role_is_given_to_a_whole_group_or_subscription():
    for path in BICEP:
        for found in of(path, "resource").values():
            if "roleAssignments" in found.rest:
                assert properties(found.body, 2).get("scope"), f"{name(path)}: {found.name}"


@every_file
def test_no_key_is_read_or_written(path):
    text = path.read_text()
    forbidden = (
        "listKeys",
        "listAccountSas",
        "AccountKey",
        "SharedAccessKey",
        "@secure",
        "getSecret",
    )

    assert [word for word in forbidden if word in text] == []


def test_no_output_holds_a_secret():
    outputs = of(MAIN, "output")
    suspicious = re.compile(r"key|secret|password|connection", re.IGNORECASE)

    assert [n for n in outputs if suspicious.search(n)] == []


def test_storage_takes_no_keys_and_shows_nothing_to_the_public():
    text = (MODULES / "storage.bicep").read_text()

    assert "allowSharedKeyAccess: false" in text
    assert "allowBlobPublicAccess: false" in text
    assert "minimumTlsVersion: 'TLS1_2'" in text
    assert text.count("Microsoft.Storage/storageAccounts@") == 1


def test_keys_of_the_hub_are_on_only_for_the_defender_stream():
    text = (MODULES / "eventhub.bicep").read_text()

    assert "disableLocalAuth: !defenderStreaming" in text


def test_isolation_closes_state_and_host_and_leaves_the_hub_to_the_stream():
    storage = (MODULES / "storage.bicep").read_text()
    hub = (MODULES / "eventhub.bicep").read_text()

    assert "publicNetworkAccess: isolated ? 'Disabled' : 'Enabled'" in storage
    assert "var isOpen = !isolated || defenderStreaming" in hub
    assert hub.count("publicNetworkAccess: isOpen ? 'Enabled' : 'Disabled'") == 2


@every_file
def test_preview_versions_are_used_only_where_there_is_no_other(path):
    versions = re.findall(r"'(Microsoft\.[\w./]+)@([\w.-]+)'", path.read_text())
    preview = {kind for kind, version in versions if "preview" in version}

    assert preview <= {"Microsoft.Insights/diagnosticSettings"}


@every_file
def test_every_file_that_is_loaded_exists(path):
    for loaded in re.findall(r"load(?:Text|Json)Content\('([^']+)'\)", path.read_text()):
        assert (path.parent / loaded).is_file(), loaded


def test_parameter_files_name_parameters_that_exist():
    known = of(MAIN, "param")
    azd = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    given = re.findall(r"^param (\w+) = ", (INFRA / "main.bicepparam").read_text(), re.MULTILINE)

    assert azd.keys() <= known.keys()
    assert set(given) <= known.keys()
    assert known["environmentName"].default is None
    assert "environmentName" in given
