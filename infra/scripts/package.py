"""Builds the package of the function app: the same bytes from the same files.

What .funcignore leaves out stays out. Exit codes: 0 built; 2 the folder is not a package.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from cloud import OK, USAGE
from ignore import Rule, is_ignored, read

ROOT = Path(__file__).resolve().parents[2]
REQUIRED = ("function_app.py", "host.json", "requirements.txt", "detector/__init__.py")
# Even without a .funcignore: history, environments and secrets are never shipped.
ALWAYS = (".git", ".venv*/", "/dist/", "local.settings.json", ".env", "__pycache__/")
VENDORED = ".python_packages/lib/site-packages"
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first moment a ZIP file can hold: every entry has it, so builds do not differ by clock."""


def files(root: Path, rules: Sequence[Rule]) -> Iterator[Path]:
    """The files of a package, in the order of their names."""
    pending = [root]
    found: list[Path] = []
    while pending:
        for path in pending.pop().iterdir():
            name = path.relative_to(root).as_posix()
            if path.is_symlink() or is_ignored(name, is_folder=path.is_dir(), rules=rules):
                continue
            (pending if path.is_dir() else found).append(path)
    return iter(sorted(found, key=lambda path: path.relative_to(root).as_posix()))


def vendor(requirements: Path, folder: Path) -> None:
    """Puts the dependencies for Linux into a folder, for this Python version. Wheels only.

    Markers are judged by the Python that runs this, so it must be that of the function app.
    """
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    command += ["--requirement", str(requirements), "--target", str(folder), "--no-compile"]
    command += [
        "--only-binary=:all:",
        "--platform=manylinux2014_x86_64",
        "--platform=manylinux_2_28_x86_64",
    ]
    subprocess.run(command, check=True)


def write(target: Path, entries: Iterator[tuple[str, Path]]) -> None:
    """Writes a ZIP file whose bytes depend on names and contents alone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as package:
        for name, path in entries:
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, on every machine
            entry.external_attr = 0o644 << 16
            package.writestr(entry, path.read_bytes())


def build(root: Path, target: Path, *, with_dependencies: bool = False) -> str:
    """Builds the package and returns its SHA-256. Raises ValueError for a folder that is none."""
    missing = [name for name in REQUIRED if not (root / name).is_file()]
    if missing:
        raise ValueError(f"{root} is no function app: {', '.join(missing)} is missing")
    ignore_file = root / ".funcignore"
    lines = ignore_file.read_text().splitlines() if ignore_file.is_file() else []
    own = [
        (path.relative_to(root).as_posix(), path) for path in files(root, read([*lines, *ALWAYS]))
    ]
    with tempfile.TemporaryDirectory() as scratch:
        packages = Path(scratch)
        if with_dependencies:
            vendor(root / "requirements.txt", packages)
        theirs = [
            (f"{VENDORED}/{path.relative_to(packages).as_posix()}", path)
            for path in files(packages, read(["__pycache__/", "/bin/"]))
        ]
        write(target, iter(sorted(own + theirs)))
    return hashlib.sha256(target.read_bytes()).hexdigest()


def version(root: Path) -> str:
    """The version of the project; 0.0.0 where no pyproject.toml says."""
    project = root / "pyproject.toml"
    if not project.is_file():
        return "0.0.0"
    return str(tomllib.loads(project.read_text())["project"]["version"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the script and returns its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of the function app")
    parser.add_argument(
        "--output", type=Path, help="default: dist/confluence-mining-detector-VERSION.zip"
    )
    parser.add_argument(
        "--vendor",
        action="store_true",
        help="put the dependencies in, where Azure may not fetch them (run by the app's Python)",
    )
    options = parser.parse_args(arguments)
    name = f"confluence-mining-detector-{version(options.root)}.zip"
    target = options.output or options.root / "dist" / name
    try:
        digest = build(options.root, target, with_dependencies=options.vendor)
    except ValueError as error:
        print(f"package: {error}", file=sys.stderr)
        return USAGE
    print(f"{digest}  {target}")
    return OK


if __name__ == "__main__":
    sys.exit(main())
