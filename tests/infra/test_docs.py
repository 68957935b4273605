"""The pages say what the files say."""

import re

import pytest
import smoke

from tests.infra.support.bicep import of
from tests.infra.support.paths import INFRA, MODULES, QUERIES, ROOT, SCRIPTS

DEPLOY = (ROOT / "docs/deploy.md").read_text()
ALERTS = (ROOT / "docs/alerts.md").read_text()
PAGES = {"deploy.md": DEPLOY, "alerts.md": ALERTS}


def headings(text):
    """Anchors of a page, as GitHub makes them."""
    found = re.findall(r"^##+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in found}


def test_every_alert_has_its_page_section_and_its_line_in_the_table():
    names = {path.stem.removeprefix("alert-") for path in QUERIES.glob("alert-*.kql")}
    names |= {"hub-throttled", "sas-keys"}

    assert names <= headings(ALERTS)
    assert set(re.findall(r"^\| \[([\w-]+)\]", ALERTS, re.MULTILINE)) == names


def test_severities_are_those_that_are_deployed():
    text = (MODULES / "alerts.bicep").read_text()
    deployed = dict(re.findall(r"alert-([\w-]+)\.kql'\)\n +limit: \w+, severity: (\d)", text))
    told = dict(re.findall(r"^\| \[([\w-]+)\]\(#[\w-]+\) \| (\d) ", ALERTS, re.MULTILINE))

    assert {name: told[name] for name in deployed} == deployed


def test_every_parameter_is_named():
    for name in of(INFRA / "main.bicep", "param"):
        if name != "budgetStart":
            assert f"`{name}`" in DEPLOY, name


@pytest.mark.parametrize("page", PAGES)
def test_options_that_are_named_exist(page):
    groups = {"hub", "app", "incidents", "network", "operations"}
    options = set(re.findall(r"^  (\w+): ", (INFRA / "types.bicep").read_text(), re.MULTILINE))
    named = re.findall(r"`(\w+)\.(\w+)(?::[^`]*)?`", PAGES[page])

    assert [f"{g}.{o}" for g, o in named if g in groups and o not in options] == []


def test_outputs_that_are_named_exist():
    outputs = of(INFRA / "main.bicep", "output").keys()
    named = set(re.findall(r"output `([A-Z_]+)`", DEPLOY)) | set(
        re.findall(r'"\$([A-Z_]+)"', DEPLOY)
    )

    assert named
    assert named <= outputs


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = PAGES[page]

    for target, anchor in re.findall(r"\]\((?!http)([\w./-]*)#?([\w-]*)\)", text):
        linked = PAGES.get(target or page) or (ROOT / "docs" / target).read_text()
        assert not anchor or anchor in headings(linked), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page):
    named = re.findall(r"\b((?:infra|tests)/[\w./-]*\w\.\w+)", PAGES[page])

    assert [path for path in named if "NAME" not in path and not (ROOT / path).exists()] == []


def test_every_script_is_explained():
    scripts = {p.name for p in SCRIPTS.glob("*.py") if "__main__" in p.read_text()}
    silent = {"build_solution.py", "postprovision.py"}  # its own README; run by azd

    assert [name for name in scripts - silent if name not in DEPLOY] == []


def test_every_exit_code_of_the_smoke_test_is_explained():
    rows = re.findall(r"^\| (\d+) \| ", DEPLOY, re.MULTILINE)
    codes = [0, 2, 3, smoke.HEALTH, smoke.SEND, smoke.COUNTER, smoke.EPISODE, smoke.INCIDENT]

    assert rows == [str(code) for code in [*codes, smoke.CLOSE]]


def test_every_variable_of_the_pipelines_is_explained():
    text = "".join(path.read_text() for path in (ROOT / ".github/workflows").glob("*.yml"))

    assert [
        name for name in set(re.findall(r"vars\.(\w+)", text)) if f"`{name}`" not in DEPLOY
    ] == []


def test_every_variable_of_the_parameter_files_is_explained():
    text = (INFRA / "main.bicepparam").read_text() + (INFRA / "main.parameters.json").read_text()
    names = set(re.findall(r"readEnvironmentVariable\('(\w+)'", text))
    names |= set(re.findall(r"\${(\w+)", text))

    assert [name for name in names if f"`{name}`" not in DEPLOY] == []


def test_it_says_what_was_never_run():
    assert "never-run-against-live-azure" in headings(DEPLOY)
