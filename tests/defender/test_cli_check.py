"""`check`: what is missing is named before it is needed."""

from pathlib import Path

import pytest

from tests.loopback.graph import DETECTOR_ROLES, LoopbackGraph, wall_clock
from tests.loopback.graph.identity import IDENTITY_HEADER, IDENTITY_PATH
from tests.support.command import Command


def as_host(monkeypatch: pytest.MonkeyPatch, graph: LoopbackGraph) -> None:
    """Settings and identity as a function app has them."""
    monkeypatch.setenv("DETECTOR_SINK", "defender")
    monkeypatch.setenv("DETECTOR_GRAPH_ROOT", graph.root)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{graph.root}{IDENTITY_PATH}")
    monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)


def test_all_is_there(command: Command) -> None:
    result = command("check", "--format", "json")

    assert (result.code, result.document["ok"]) == (0, True)
    assert [one["check"] for one in result.document["checks"]] == [
        "settings", "policy", "store", "sink",
    ]  # fmt: skip
    assert [one["ok"] for one in result.document["checks"]] == [True] * 4


def test_a_token_with_every_role_is_fine(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with LoopbackGraph(clock=wall_clock) as graph:
        as_host(monkeypatch, graph)

        result = command("check")

    assert result.code == 0
    assert result.out.splitlines()[-1] == "ok    sink      every permission is granted"


@pytest.mark.parametrize("missing", DETECTOR_ROLES)
def test_a_role_that_the_token_lacks_is_named(
    command: Command, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    granted = tuple(role for role in DETECTOR_ROLES if role != missing)
    with LoopbackGraph(clock=wall_clock, identity_roles=granted) as graph:
        as_host(monkeypatch, graph)

        result = command("check", "--format", "json")

    sink = result.document["checks"][-1]
    assert (result.code, sink["ok"]) == (2, False)
    assert sink["detail"] == f"not granted: {missing} (docs/deploy.md)"


def test_a_host_without_identity_is_a_service_that_did_not_answer(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LoopbackGraph(clock=wall_clock) as graph:
        as_host(monkeypatch, graph)
        monkeypatch.setenv("IDENTITY_HEADER", "not the one")
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")

        result = command("check")

    assert (result.code, f"no token for {graph.root}" in result.out) == (3, True)


def test_sentinel_without_its_rule_is_told(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DETECTOR_SINK", "sentinel")

    result = command("check")

    assert (result.code, "DETECTOR_LOGS_RULE_ID" in result.out) == (2, True)


def test_a_policy_that_cannot_work_is_told_and_the_rest_is_checked(
    command: Command, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text('{"name": "x", "apps": []}')

    result = command("check", "--policy", policy, "--format", "json")

    assert result.code == 2
    assert [one["ok"] for one in result.document["checks"]] == [True, False, True, True]


def test_a_store_that_does_not_answer_is_told(command: Command, store: Path) -> None:
    store.write_bytes(b"this is not a database, and it is long enough to be read as one")

    result = command("check", "--format", "json")

    assert (result.code, result.document["checks"][2]["ok"]) == (3, False)


def test_a_typo_in_a_setting_is_told_first_and_alone(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DETECTOR_SINKK", "defender")

    result = command("check")

    assert result.code == 2
    assert result.out.startswith("FAILS settings  DETECTOR_SINKK: ")
    assert len(result.out.splitlines()) == 1


def test_it_works_as_a_program(command: Command) -> None:
    result = command.as_program("check", DETECTOR_STORE=f"sqlite:{command.store}")

    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("ok    settings  store sqlite, sink none\n")
