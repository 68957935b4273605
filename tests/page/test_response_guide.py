"""The response guide says what the incident says: the same commands, look-alikes, techniques."""

from pathlib import Path

import pytest

from detector.core.hunting import hunting_queries
from detector.core.playbook import DETECTION, look_alikes, response_commands, techniques
from tests.support.evidence import make_evidence

GUIDE = (Path(__file__).parents[2] / "docs/response.md").read_text(encoding="utf-8")
UNKNOWN = make_evidence(episode_id="EPISODE-ID", account_object_id="", account_ids=())


@pytest.mark.parametrize("command", response_commands(UNKNOWN), ids=lambda command: command.title)
def test_the_guide_has_the_command_and_how_to_take_it_back(command):
    assert f"\n{command.command}\n" in GUIDE
    if not command.undo.startswith(("nothing", "cannot")):
        assert f"\n{command.undo}\n" in GUIDE


def test_the_guide_takes_the_steps_in_the_same_order():
    places = [GUIDE.index(f"\n{command.command}\n") for command in response_commands(UNKNOWN)[1:]]

    assert places == sorted(places)


def test_the_guide_has_every_look_alike():
    for name, _ in look_alikes(make_evidence()):
        assert f"| {name} |" in GUIDE


def test_the_guide_has_every_technique():
    for technique in techniques(make_evidence())[1:]:
        assert f"| {technique.identifier} {technique.name} |" in GUIDE
    for identifier in ("T1213.001", *DETECTION):
        assert identifier in GUIDE


def test_the_guide_names_every_hunting_query():
    for title, _ in hunting_queries(make_evidence()):
        assert title.split(",")[0].removesuffix(" (Sentinel)") in GUIDE


@pytest.mark.parametrize("name", ["evidence-light.png", "evidence-dark.png"])
def test_the_pictures_of_the_guide_are_there_and_small(name):
    picture = Path(__file__).parents[2] / "docs" / name

    assert f"]({name})" in GUIDE
    assert picture.stat().st_size <= 300 * 1024
