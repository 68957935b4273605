"""outputs.py and postprovision.py: what the deployment says, in words for shells and people."""

import shlex

import cloud
import outputs
import postprovision

FOUND = {"azurE_RESOURCE_GROUP": {"value": "rg test"}, "eventhuB_NAME": {"value": "cloudappevents"}}
ENVIRONMENT = {
    "AZURE_FUNCTION_NAME": "func-test",
    "AZURE_RESOURCE_GROUP": "rg-test",
    "DETECTOR_IDENTITY_NAME": "id-test",
    "DETECTOR_SINK": "none",
    "EVENTHUB_NAME": "cloudappevents",
    "EVENTHUB_NAMESPACE_ID": "/subscriptions/s/resourceGroups/rg/providers/x/namespaces/n",
    "EVIDENCE_REDIRECT_URL": "https://func-test.example.com/.auth/login/aad/callback",
}


class Azure:
    def __init__(self):
        self.commands = []

    def __call__(self, *arguments):
        self.commands.append(arguments)
        return {"properties": {"outputs": FOUND}}


def test_names_are_upper_case_however_the_command_line_spells_them():
    assert outputs.outputs_of(Azure(), "confluence-mining", None) == {
        "AZURE_RESOURCE_GROUP": "rg test",
        "EVENTHUB_NAME": "cloudappevents",
    }


def test_a_shell_reads_the_lines_back(capsys):
    assert outputs.main([], run=Azure()) == cloud.OK
    lines = capsys.readouterr().out.splitlines()

    assert [shlex.split(line) for line in lines] == [
        ["AZURE_RESOURCE_GROUP=rg test"],
        ["EVENTHUB_NAME=cloudappevents"],
    ]


def test_a_pipeline_gets_them_unquoted(capsys):
    outputs.main(["--plain"], run=Azure())

    assert "AZURE_RESOURCE_GROUP=rg test" in capsys.readouterr().out.splitlines()


def test_a_deployment_to_one_group_is_looked_for_there():
    azure = Azure()

    outputs.main(["--resource-group", "rg"], run=azure)

    assert azure.commands == [
        ("deployment", "group", "show", "--name", "confluence-mining", "--resource-group", "rg")
    ]


def test_no_answer_has_its_own_exit_code(capsys):
    def away(*arguments):
        raise cloud.CloudError("no connection")

    assert outputs.main([], run=away) == cloud.NO_ANSWER
    assert "no connection" in capsys.readouterr().err


def test_the_next_steps_name_what_to_paste(capsys):
    assert postprovision.main([], ENVIRONMENT) == cloud.OK
    said = capsys.readouterr().out

    assert ENVIRONMENT["EVENTHUB_NAMESPACE_ID"] in said
    assert "grant_graph.py --identity-name id-test" in said
    assert ENVIRONMENT["EVIDENCE_REDIRECT_URL"] in said


def test_the_sentinel_sink_needs_no_graph_permissions(capsys):
    postprovision.main([], {**ENVIRONMENT, "DETECTOR_SINK": "sentinel"})

    assert "Grant the Graph permissions" not in capsys.readouterr().out


def test_a_page_that_is_registered_is_not_asked_for_again(capsys):
    postprovision.main([], {**ENVIRONMENT, "EVIDENCE_URL": "https://func-test.example.com/api"})

    assert "Register the evidence page" not in capsys.readouterr().out


def test_missing_outputs_are_named(capsys):
    assert postprovision.main([], {"EVENTHUB_NAME": "cloudappevents"}) == cloud.USAGE
    assert "AZURE_FUNCTION_NAME" in capsys.readouterr().err
