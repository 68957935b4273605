"""Where things are in the repository."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
INFRA = ROOT / "infra"
MODULES = INFRA / "modules"
QUERIES = INFRA / "queries"
SCRIPTS = INFRA / "scripts"
NODE_MODULES = ROOT / "tests" / "node_modules"
BICEP = sorted([*INFRA.glob("*.bicep"), *MODULES.glob("*.bicep")])


def name(path: Path) -> str:
    """The path below the repository, for the id of a test."""
    return path.relative_to(ROOT).as_posix()
