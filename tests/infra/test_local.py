"""What people use on a laptop: compose, editor, container, examples."""

import json
import re

import pytest

from tests.infra.support.paths import INFRA, ROOT

COMPOSE = (INFRA / "local/compose.yaml").read_text()
JSON_FILES = [
    ".devcontainer/devcontainer.json",
    ".vscode/extensions.json",
    ".vscode/launch.json",
    ".vscode/settings.json",
    ".vscode/tasks.json",
    "infra/bicepconfig.json",
    "infra/local/eventhubs-config.json",
    "infra/main.parameters.json",
    "local.settings.json.example",
]
EXAMPLE = json.loads((ROOT / "local.settings.json.example").read_text())


@pytest.mark.parametrize("name", JSON_FILES)
def test_a_file_is_json(name):
    assert json.loads((ROOT / name).read_text())


def test_the_example_holds_no_secret_but_the_emulators_published_ones():
    values = " ".join(EXAMPLE["Values"].values())

    assert EXAMPLE["IsEncrypted"] is False
    assert "SharedAccessKey=SAS_KEY_VALUE" in values
    assert "AccountKey=" not in values


def test_the_real_settings_are_ignored_by_git():
    assert "local.settings.json" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_emulators_are_reachable_from_this_machine_only():
    ports = re.findall(r'- "(.+):\d+:\d+"', COMPOSE)

    assert ports
    assert set(ports) == {"127.0.0.1"}


def test_the_emulator_gets_the_configuration_that_is_tested():
    mounted = re.search(r"- \./(.+):/Eventhubs_Emulator/ConfigFiles/Config\.json:ro", COMPOSE)

    assert mounted
    assert (INFRA / "local" / mounted[1]).is_file()


def test_images_are_of_a_version():
    images = re.findall(r"image: (.+)$", COMPOSE, re.MULTILINE)

    assert len(images) == 2
    assert not [image for image in images if image.endswith(":latest") or ":" not in image]


def test_the_licence_of_the_emulator_is_accepted_by_the_person():
    assert "${ACCEPT_EULA:?" in COMPOSE
    assert "ACCEPT_EULA: Y" not in COMPOSE


def test_azurite_takes_the_api_versions_of_new_clients():
    assert "--skipApiVersionCheck" in COMPOSE
    assert "--disableTelemetry" in COMPOSE


def test_the_debugger_attaches_to_the_task_that_starts_the_host():
    tasks = json.loads((ROOT / ".vscode/tasks.json").read_text())["tasks"]
    launch = json.loads((ROOT / ".vscode/launch.json").read_text())["configurations"]
    needed = {one["preLaunchTask"] for one in launch if "preLaunchTask" in one}

    assert needed <= {task["label"] for task in tasks}


def test_tasks_start_what_exists():
    commands = " ".join(
        task["command"] for task in json.loads((ROOT / ".vscode/tasks.json").read_text())["tasks"]
    )

    for path in re.findall(r"infra/[\w./]+", commands):
        assert (ROOT / path).is_file(), path


def test_container_and_editor_recommend_the_same():
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    editor = json.loads((ROOT / ".vscode/extensions.json").read_text())["recommendations"]

    assert container["customizations"]["vscode"]["extensions"] == editor
