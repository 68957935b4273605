"""Microsoft's own language service over the queries (tests/tools/kql_check.mjs)."""

import json
import subprocess
from pathlib import Path

from tests.infra.support.paths import INFRA, NODE_MODULES, ROOT

CHECK = ROOT / "tests" / "tools" / "kql_check.mjs"


def tables() -> dict[str, dict[str, str]]:
    """Columns by table: those of Microsoft, and ours from its one list."""
    schema = json.loads((INFRA.parent / "tests/infra/tables.json").read_text())["tables"]
    columns = json.loads((INFRA / "sentinel-columns.json").read_text())
    return {**schema, "ConfluenceMining_CL": {one["name"]: one["type"] for one in columns}}


def check(files: list[Path], scratch: Path) -> list[dict]:
    """What the language service says about every query of the files, a report each."""
    schema = scratch / "schema.json"
    schema.write_text(json.dumps({"tables": tables()}))
    command = ["env", f"KQL_NODE_MODULES={NODE_MODULES}", "node", str(CHECK)]
    command += [*map(str, files), "--schema", str(schema), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{done.stderr}\n(npm ci in tests/ installs the language service)")
    return json.loads(done.stdout)
