"""`python -m tests.bounds [--small]`: every case at full size in its own process, as a table.

Exit code 1 where a bound is not kept. Takes about 15 minutes on two cores.
"""

import sys
import tempfile
from pathlib import Path

from tests.bounds.limits import FULL, SMALL, broken, run

HEADER = ("case", "events", "rows", "rows/1000", "seconds", "eval CPU s", "peak MB", "verdict")
ROW = "{:<8} {:>10} {:>9} {:>10} {:>8} {:>11} {:>8}  {}"


def main() -> int:
    """Print the table."""
    sizes = SMALL if "--small" in sys.argv else FULL
    failed = 0
    print(ROW.format(*HEADER), flush=True)
    for shape, events in sizes.items():
        with tempfile.TemporaryDirectory() as folder:
            found = run(shape, events, f"sqlite:{Path(folder) / 'state.db'}")
        wrong = broken(found)
        failed += bool(wrong)
        told = "; ".join(wrong) or ("kept, counts are at least" if found.unread else "kept")
        print(
            ROW.format(
                shape,
                f"{events:,}",
                f"{found.rows:,}",
                f"{found.written * 1_000 / events:,.1f}",
                f"{found.seconds:,.0f}",
                f"{found.fold_seconds:,.2f}",
                found.peak_mb,
                told,
            ),
            flush=True,
        )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
