"""package.py: what goes in, what never does, and the same bytes every time."""

import subprocess
import zipfile

import cloud
import package
import pytest
from ignore import is_ignored, read

IGNORED = """
# history and tools
.git*
.vscode/
tests/
docs/
*.md
!keep.md
/local.settings.json*
**/cache/
data/*.csv
scratch?.txt
[Tt]emp/
"""
TREE = """
function_app.py host.json requirements.txt README.md keep.md local.settings.json
local.settings.json.example .gitignore .vscode/tasks.json tests/test_one.py docs/adr/1.md
detector/__init__.py detector/README.md detector/core/tests/x.py detector/cache/a detector/data.csv
data/rows.csv data/deep/rows.csv scratch1.txt scratch12.txt temp/a Temp/b nested/local.settings.json
""".split()


@pytest.fixture
def app(tmp_path):
    """A folder with a function app and everything around it."""
    root = tmp_path / "app"
    for name in TREE:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}\n")
    (root / ".funcignore").write_text(IGNORED)
    return root


def names(target):
    with zipfile.ZipFile(target) as content:
        return content.namelist()


def test_the_package_holds_what_is_not_ignored(app, tmp_path):
    package.build(app, tmp_path / "one.zip")

    assert names(tmp_path / "one.zip") == [
        ".funcignore",
        "data/deep/rows.csv",
        "detector/__init__.py",
        "detector/data.csv",
        "function_app.py",
        "host.json",
        "keep.md",
        "requirements.txt",
        "scratch12.txt",
    ]


def test_ignoring_is_what_git_does(app):
    """Git is the definition of these rules; .funcignore says it follows them."""
    subprocess.run(["git", "init", "--quiet", str(app)], check=True)
    (app / ".gitignore").write_text(IGNORED)
    done = subprocess.run(
        ["git", "-C", str(app), "check-ignore", "--no-index", *TREE],
        capture_output=True,
        text=True,
        check=False,
    )
    rules = read(IGNORED.splitlines())

    def ours(name):
        parts = name.split("/")
        folders = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
        inside = any(is_ignored(folder, is_folder=True, rules=rules) for folder in folders)
        return inside or is_ignored(name, is_folder=False, rules=rules)

    assert sorted(name for name in TREE if ours(name)) == sorted(done.stdout.split())


def test_secrets_stay_out_even_without_an_ignore_file(app, tmp_path):
    (app / ".funcignore").unlink()
    (app / ".env").write_text("SECRET=1")

    package.build(app, tmp_path / "one.zip")

    secrets = {"local.settings.json", "nested/local.settings.json", ".env"}
    assert not secrets & set(names(tmp_path / "one.zip"))


def test_links_are_not_followed(app, tmp_path):
    (tmp_path / "elsewhere.txt").write_text("not ours")
    (app / "link.txt").symlink_to(tmp_path / "elsewhere.txt")

    package.build(app, tmp_path / "one.zip")

    assert "link.txt" not in names(tmp_path / "one.zip")


def test_the_same_files_make_the_same_bytes(app, tmp_path):
    first = package.build(app, tmp_path / "one.zip")
    for path in app.rglob("*.py"):
        path.touch()
        path.chmod(0o700)
    second = package.build(app, tmp_path / "two.zip")

    assert first == second
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_a_changed_file_makes_another_package(app, tmp_path):
    first = package.build(app, tmp_path / "one.zip")
    (app / "host.json").write_text("{}")

    assert package.build(app, tmp_path / "two.zip") != first


@pytest.mark.parametrize("name", package.REQUIRED)
def test_a_folder_that_is_no_function_app_is_refused(app, name, tmp_path, capsys):
    (app / name).unlink()

    code = package.main(["--root", str(app), "--output", str(tmp_path / "one.zip")])

    assert code == cloud.USAGE
    assert name in capsys.readouterr().err
    assert not (tmp_path / "one.zip").exists()


def test_the_package_is_named_after_the_version(app, capsys):
    (app / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "2.3.4"\n')

    assert package.main(["--root", str(app)]) == cloud.OK
    assert "confluence-mining-detector-2.3.4.zip" in capsys.readouterr().out
    assert (app / "dist/confluence-mining-detector-2.3.4.zip").is_file()


def test_a_package_never_contains_a_package(app):
    package.main(["--root", str(app)])
    package.main(["--root", str(app)])

    assert not [n for n in names(app / "dist/confluence-mining-detector-0.0.0.zip") if "dist" in n]
