"""grant_graph.py gives what is needed, once, and can say so without changing anything."""

import cloud
import grant_graph
import pytest

from tests.infra.support.graph import CREATE, IDENTITY_ID, INCIDENTS, MAIL, TENANT_ID

REDIRECT = "https://app.example.com/.auth/login/aad/callback"


def run(graph, *options):
    return grant_graph.main(
        ["--identity-name", "id-cfmining-test", "--graph", graph.root, *options]
    )


def held(graph):
    return {assignment["appRoleId"] for assignment in graph.assignments}


def test_the_two_permissions_of_the_detector_are_granted(graph):
    assert run(graph) == cloud.OK
    assert held(graph) == {CREATE, INCIDENTS}
    assert {a["principalId"] for a in graph.assignments} == {IDENTITY_ID}


def test_the_role_for_applications_is_chosen_where_people_have_one_of_the_same_name(graph):
    run(graph)

    assert CREATE in held(graph)


def test_running_again_changes_nothing(graph):
    run(graph)
    writes = list(graph.requests)

    assert run(graph) == cloud.OK
    assert graph.requests == writes


def test_check_reports_what_is_missing_and_changes_nothing(graph, capsys):
    assert run(graph, "--check") == cloud.FINDINGS
    assert graph.requests == []
    assert "missing  SecurityAlert.Create.All" in capsys.readouterr().out


def test_check_is_satisfied_after_granting(graph):
    run(graph)

    assert run(graph, "--check") == cloud.OK


def test_check_finds_a_permission_that_is_not_needed(graph, capsys):
    run(graph)
    run(graph, "--permission", "Mail.Read")

    assert MAIL in held(graph)
    assert run(graph, "--check") == cloud.FINDINGS
    assert "excess   Mail.Read" in capsys.readouterr().out


def test_one_permission_alone_can_be_asked_for(graph):
    assert run(graph, "--permission", "SecurityAlert.Create.All") == cloud.OK
    assert held(graph) == {CREATE}


def test_a_permission_this_tenant_does_not_know_grants_nothing(graph, capsys):
    assert run(graph, "--permission", "No.Such.Permission") == cloud.NO_ANSWER
    assert held(graph) == set()
    assert "No.Such.Permission" in capsys.readouterr().err


def test_the_identity_may_be_given_by_its_object_id(graph):
    options = ["--principal-id", IDENTITY_ID, "--graph", graph.root]

    assert grant_graph.main(options) == cloud.OK
    assert held(graph) == {CREATE, INCIDENTS}


def test_an_unknown_identity_is_an_error(graph, capsys):
    options = ["--identity-name", "nobody", "--graph", graph.root]

    assert grant_graph.main(options) == cloud.NO_ANSWER
    assert "0 managed identities are named nobody" in capsys.readouterr().err


def test_a_refusal_of_graph_is_an_error(graph, capsys):
    graph.fails = 403

    assert run(graph) == cloud.NO_ANSWER
    assert "403" in capsys.readouterr().err


def test_the_evidence_page_is_registered_without_a_secret(graph):
    assert run(graph, "--evidence-redirect-url", REDIRECT) == cloud.OK

    (application,) = graph.applications.values()
    (credentials,) = graph.credentials.values()
    assert application["web"]["redirectUris"] == [REDIRECT]
    assert application["signInAudience"] == "AzureADMyOrg"
    assert credentials == [
        {
            "name": "detector",
            "issuer": f"https://login.microsoftonline.com/{TENANT_ID}/v2.0",
            "subject": IDENTITY_ID,
            "audiences": ["api://AzureADTokenExchange"],
            "description": "The managed identity of the function app.",
        }
    ]


def test_nobody_may_read_evidence_until_assigned(graph):
    run(graph, "--evidence-redirect-url", REDIRECT)

    principal = graph.principals["principal-app-id-cfmining-test-evidence"]
    assert principal["appRoleAssignmentRequired"] is True


def test_registering_again_makes_no_second_application_or_credential(graph):
    run(graph, "--evidence-redirect-url", REDIRECT)
    run(graph, "--evidence-redirect-url", REDIRECT)

    assert len(graph.applications) == 1
    assert [len(held) for held in graph.credentials.values()] == [1]


def test_a_changed_redirect_address_is_corrected(graph):
    run(graph, "--evidence-redirect-url", "https://old.example.com/callback")
    run(graph, "--evidence-redirect-url", REDIRECT)

    (application,) = graph.applications.values()
    assert application["web"]["redirectUris"] == [REDIRECT]


def test_check_sees_a_registration_that_is_missing(graph, capsys):
    run(graph)
    writes = list(graph.requests)

    assert run(graph, "--check", "--evidence-redirect-url", REDIRECT) == cloud.FINDINGS
    assert graph.requests == writes
    assert "app registration id-cfmining-test-evidence" in capsys.readouterr().out


def test_check_sees_everything_that_differs_in_a_registration(graph, capsys):
    run(graph, "--evidence-redirect-url", REDIRECT)
    graph.credentials.clear()
    graph.principals["principal-app-id-cfmining-test-evidence"]["appRoleAssignmentRequired"] = False

    run(graph, "--check", "--evidence-redirect-url", "https://new.example.com/callback")

    said = capsys.readouterr().out
    assert "redirect address https://new.example.com/callback" in said
    assert "trust in the managed identity" in said
    assert "enterprise application that requires assignment" in said


@pytest.mark.parametrize("options", [[], ["--identity-name", "a", "--principal-id", "b"]])
def test_exactly_one_way_to_name_the_identity_is_needed(options):
    with pytest.raises(SystemExit) as stopped:
        grant_graph.main(options)

    assert stopped.value.code == cloud.USAGE
