"""`python -m tests.scenarios.accept` writes what the sample day does now as what it should do.

Read the difference before committing it: it is a change of what people are woken for.
"""

import asyncio
import json
import tempfile
from pathlib import Path

from tests.scenarios.play import POLICIES, golden_file, play


def main() -> None:
    for policy in POLICIES:
        with tempfile.TemporaryDirectory() as folder:
            outcome = asyncio.run(play(policy, Path(folder)))
        golden_file(policy).write_text(json.dumps(outcome, indent=2, ensure_ascii=False) + "\n")
        print(f"{golden_file(policy)}: {len(outcome['raised'])} raised")


if __name__ == "__main__":
    main()
