"""Whether a query parses and binds: Microsoft's KQL language service over a table's schema."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.node import MODULES, node

TOOLS = Path(__file__).parents[1] / "tools"
SERVICE = MODULES / "@kusto/language-service-next"


@dataclass(frozen=True, slots=True)
class Checked:
    """What the service says of one query: its errors, and its columns with their types."""

    errors: list[str]
    columns: list[tuple[str, str]]


def check(queries: dict[str, str], folder: Path, schema: str = "defender") -> dict[str, Checked]:
    """Check queries, which are written into the folder, against one of the schemas in tests/tools.

    defender: the documented advanced hunting table. sentinel: the same table in Sentinel.
    """
    files = {name: folder / f"{number}.kql" for number, name in enumerate(queries)}
    for name, file in files.items():
        file.write_text(queries[name], encoding="utf-8")
    command = [node(SERVICE), TOOLS / "kql_check.mjs", *files.values(), "--json"]
    command += ["--schema", TOOLS / f"schema_{schema}.json"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert answer.returncode in (0, 1), answer.stderr
    reports = {Path(report["id"]): report for report in json.loads(answer.stdout)}
    return {name: _checked(reports[file]) for name, file in files.items()}


def _checked(report: dict[str, list[dict[str, str]]]) -> Checked:
    found = [d for d in report["diagnostics"] if d["severity"] == "Error"]
    return Checked(
        [f"{d['line']}:{d['col']} {d['code']} {d['message']}" for d in found],
        [(column["name"], column["type"]) for column in report["resultColumns"]],
    )
