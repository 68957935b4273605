"""What the scripts rely on: tokens stay with their service, and failures have a name."""

import cloud
import pytest


def api(graph):
    return cloud.Api(root=f"{graph.root}/v1.0", token="test")


def test_a_missing_document_is_none(graph):
    assert api(graph).find("servicePrincipals/nobody") is None


def test_a_refusal_names_its_status(graph):
    with pytest.raises(cloud.CloudError) as refused:
        cloud.Api(root=f"{graph.root}/v1.0", token="wrong").get("organization?$select=id")

    assert refused.value.status == 401


def test_only_a_missing_document_is_none(graph):
    graph.fails = 503

    with pytest.raises(cloud.CloudError) as away:
        api(graph).find("organization?$select=id")

    assert away.value.status == 503


def test_a_service_that_is_not_there_is_a_cloud_error():
    with pytest.raises(cloud.CloudError) as away:
        cloud.Api(root="http://127.0.0.1:9/v1.0", token="test", timeout_seconds=2).get("anything")

    assert away.value.status == 0


def test_pages_are_followed(graph):
    graph.incidents = [{"id": str(number)} for number in range(5)]

    found = api(graph).rows("security/incidents?$top=1")

    assert [one["id"] for one in found] == ["0", "1", "2", "3", "4"]


def test_a_next_link_to_another_host_gets_no_token(graph):
    with pytest.raises(cloud.CloudError, match="is not below"):
        api(graph).get("http://127.0.0.2:1/v1.0/servicePrincipals")


def test_without_the_command_line_the_message_says_so(monkeypatch):
    monkeypatch.setenv("PATH", "")

    with pytest.raises(cloud.CloudError, match="not installed"):
        cloud.az("account", "show")


@pytest.fixture
def fake_az(tmp_path, monkeypatch):
    """An executable called az that answers as told."""

    def answer(script):
        path = tmp_path / "az"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return answer


def test_the_output_of_a_command_is_parsed(fake_az):
    fake_az("""printf '{"arguments": "%s"}' "$*" """)

    assert cloud.az("group", "show") == {"arguments": "group show --only-show-errors --output json"}


def test_a_command_without_output_returns_nothing(fake_az):
    fake_az("exit 0")

    assert cloud.az("group", "delete") is None


def test_a_failing_command_says_why(fake_az):
    fake_az("echo 'ResourceGroupNotFound' >&2; exit 3")

    with pytest.raises(cloud.CloudError, match="az group show --name: ResourceGroupNotFound"):
        cloud.az("group", "show", "--name", "nothing")


def test_a_token_of_the_environment_needs_no_command_line(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("GRAPH_ACCESS_TOKEN", "given")

    assert cloud.access_token(cloud.GRAPH, "GRAPH_ACCESS_TOKEN") == "given"


def test_without_one_the_command_line_is_asked(fake_az, monkeypatch):
    monkeypatch.delenv("GRAPH_ACCESS_TOKEN", raising=False)
    fake_az("""printf '{"accessToken": "from az"}'""")

    assert cloud.access_token(cloud.GRAPH, "GRAPH_ACCESS_TOKEN") == "from az"
