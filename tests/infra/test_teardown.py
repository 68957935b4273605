"""teardown.py lists before it removes, and touches only what is ours."""

import cloud
import pytest
import teardown

from tests.infra.support.graph import CREATE, GRAPH_ID, IDENTITY_ID

GROUP = "/subscriptions/s/resourceGroups/rg-detector"
SHARED = "/subscriptions/s/resourceGroups/rg-shared/providers"
WORKSPACE = f"{SHARED}/Microsoft.OperationalInsights/workspaces/log"
NAMESPACE = f"{SHARED}/Microsoft.EventHub/namespaces/hubs"
RULE = f"{WORKSPACE}/providers/Microsoft.SecurityInsights/alertRules/rule"
OUTPUTS = {
    "AZURE_RESOURCE_GROUP": "rg-detector",
    "DETECTOR_IDENTITY_NAME": "id-cfmining-test",
    "DETECTOR_IDENTITY_PRINCIPAL_ID": IDENTITY_ID,
    "EVENTHUB_CONSUMER_GROUP": "detector",
    "EVENTHUB_NAME": "cloudappevents",
    "EVENTHUB_NAMESPACE_ID": NAMESPACE,
    "SENTINEL_RULE_ID": RULE,
    "WORKSPACE_ID": WORKSPACE,
}


class Azure:
    """A subscription as the command line shows it; `removed` are the ids that went."""

    def __init__(self, **changes):
        self.outputs = {**OUTPUTS, **changes}
        self.removed = []

    def __call__(self, *arguments):
        verb = " ".join(arguments[:3])
        if "delete" in arguments:
            self.removed.append(arguments[-1])
            return None
        answers = {
            "deployment sub show": {
                "properties": {"outputs": {k: {"value": v} for k, v in self.outputs.items()}}
            },
            "group show --name": {"id": GROUP},
            "lock list --resource-group": [
                {"name": "detector-keep", "id": f"{GROUP}/locks/ours"},
                {"name": "theirs", "id": f"{GROUP}/locks/theirs"},
            ],
            "role assignment list": [
                self.role(f"{GROUP}/providers/x", "inside"),
                self.role(f"{NAMESPACE}/eventhubs/cloudappevents", "outside"),
            ],
            "rest --method get": {
                "value": [
                    self.search("Confluence data mining in CloudAppEvents", "ours"),
                    self.search("Somebody else's query", "theirs"),
                ]
            },
        }
        return answers[verb]

    @staticmethod
    def role(scope, name):
        return {"scope": scope, "id": name, "roleDefinitionName": "Azure Event Hubs Data Receiver"}

    @staticmethod
    def search(title, name):
        return {"id": f"{WORKSPACE}/savedSearches/{name}", "properties": {"displayName": title}}


@pytest.fixture
def granted(graph):
    """A tenant in which the identity holds a permission and the page is registered."""
    graph.assignments = [
        {
            "id": "grant",
            "appRoleId": CREATE,
            "resourceId": GRAPH_ID,
            "resourceDisplayName": "Microsoft Graph",
        }
    ]
    name = "id-cfmining-test-evidence"
    graph.applications = {f"object-{name}": {"id": f"object-{name}", "appId": f"app-{name}"}}
    return graph


def run(azure, tenant, *options):
    return teardown.main(list(options), run=azure, graph_root=tenant.root)


def test_without_yes_it_only_lists(granted, capsys):
    azure = Azure()

    assert run(azure, granted) == cloud.FINDINGS
    assert azure.removed == []
    assert granted.requests == []
    said = capsys.readouterr().out
    for word in ("lock", "role", "consumers", "rule", "hunting", "permission", "application"):
        assert f"left {word}" in said
    assert "by hand: the Defender XDR streaming setting" in said


def test_with_yes_it_removes_what_is_ours_outside_the_group(granted):
    azure = Azure()

    assert run(azure, granted, "--yes") == cloud.OK
    assert azure.removed == [
        f"{GROUP}/locks/ours",
        "outside",
        f"{NAMESPACE}/eventhubs/cloudappevents/consumergroups/detector",
        f"{RULE}?api-version=2025-09-01",
        f"{WORKSPACE}/savedSearches/ours",
    ]
    assert granted.assignments == []
    assert granted.applications == {}


def test_the_table_of_episodes_stays_unless_asked_for(granted):
    azure = Azure()

    run(azure, granted, "--yes", "--with-data")

    assert azure.removed[-1] == f"{WORKSPACE}/tables/ConfluenceMining_CL"


def test_what_goes_with_the_group_is_left_to_it(granted, capsys):
    azure = Azure(
        EVENTHUB_NAMESPACE_ID=f"{GROUP}/providers/Microsoft.EventHub/namespaces/own",
        WORKSPACE_ID=f"{GROUP.upper()}/providers/Microsoft.OperationalInsights/workspaces/own",
    )

    run(azure, granted)

    said = capsys.readouterr().out
    assert "consumers" not in said
    assert "hunting" not in said
    assert "left rule" not in said


def test_another_sink_leaves_nothing_in_the_workspace(granted, capsys):
    run(Azure(SENTINEL_RULE_ID=""), granted)

    assert "left rule" not in capsys.readouterr().out


def test_it_can_run_again_when_everything_is_gone(graph):
    azure = Azure(SENTINEL_RULE_ID="", EVENTHUB_NAMESPACE_ID=f"{GROUP}/x/y/namespaces/own")

    def emptied(*arguments):
        return [] if arguments[0] in ("lock", "role") else azure(*arguments)

    del graph.principals[IDENTITY_ID]

    assert run(emptied, graph) == cloud.OK


def test_azure_that_does_not_answer_is_told_apart(graph, capsys):
    def away(*arguments):
        raise cloud.CloudError("no such deployment")

    assert run(away, graph) == cloud.NO_ANSWER
    assert "no such deployment" in capsys.readouterr().err
