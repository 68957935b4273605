"""`score` against a DuckDB query with the same answer on the same file, each in its own process.

    python benchmarks/score_vs_duckdb.py --records 200000

Wall time includes the start of the process, reading, de-duplication and the 17 columns; DuckDB has
every thread. Goals: 200,000 records in the streaming envelope at most 2.5 times DuckDB's time;
1,000,000 flat rows at most 8 times, in less than 1.5 GiB.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

AT, AT_TICK = "2026-03-12T00:00:00Z", 17_732_736_000_000_000
TYPES = {
    **dict.fromkeys(
        "Timestamp ActionType Application AppName AccountObjectId AccountDisplayName IPAddress "
        "UserAgent ObjectName ReportId".split(),
        "VARCHAR",
    ),
    "RawEventData": "STRUCT(searchQuery VARCHAR, spaceKey VARCHAR, pageTitle VARCHAR)",
}
FIELDS = ", ".join(f'"{name}" {kind}' for name, kind in TYPES.items())
READ = {
    "envelope": f"""SELECT unnest(r.properties) FROM (SELECT unnest(records) AS r FROM read_json(
      $file, format = 'newline_delimited', maximum_object_size = 67108864,
      columns = {{records: 'STRUCT(category VARCHAR, properties STRUCT({FIELDS}))[]'}}))
      WHERE r.category LIKE '%CloudAppEvents'""",
    "flat": f"""SELECT * FROM read_json($file, format = 'newline_delimited',
      columns = {{{", ".join(f"'{name}': '{kind}'" for name, kind in TYPES.items())}}})""",
}
EVENTS = """CREATE TEMP TABLE events AS SELECT
  epoch_ns(rtrim("Timestamp", 'Z')::TIMESTAMP_NS) // 100 AS tick, Application AS application,
  AppName AS app_name, ActionType AS action, AccountObjectId AS object_id,
  AccountDisplayName AS display_name, IPAddress AS address, UserAgent AS agent,
  ObjectName AS object_name, RawEventData.searchQuery AS search, RawEventData.spaceKey AS space,
  RawEventData.pageTitle AS page_title
FROM (SELECT DISTINCT ON (ReportId) * FROM ({read}))"""

Rows = list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class Run:
    """One process: what it printed, how long it took, how much memory it had at most."""

    rows: Rows
    seconds: float
    cpu_seconds: float
    peak_mib: float


def main() -> None:
    """Measure one form or both; or, as the peer's own process, answer over a file."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--records", type=int, default=200_000)
    options.add_argument("--form", choices=READ, help="default: both")
    options.add_argument("--repeat", type=int, default=3, help="runs of each, in turn")
    options.add_argument("--peer", help=argparse.SUPPRESS)
    options.add_argument("--whole-sets", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.peer:
        print(json.dumps(peer(chosen.peer, chosen.form, whole_sets=chosen.whole_sets)))
        return
    for form in [chosen.form] if chosen.form else READ:
        measure(form, chosen.records, chosen.repeat)


def measure(form: str, records: int, repeat: int) -> None:
    """Generate a file, run both over it in turn, compare the answers and print."""
    from detector.samples.bulk import bulk

    with tempfile.TemporaryDirectory(prefix="score-vs-duckdb-") as folder:
        file = Path(folder) / f"{form}.jsonl"
        with file.open("wb") as out:
            out.writelines(bulk(records, flat=form == "flat", seed=1213))
        print(f"{form}: {records:,} records, {file.stat().st_size / 2**20:,.0f} MiB")
        score = [sys.executable, "-m", "detector", "score", str(file), "--at", AT]
        score += ["--format", "json", "--raw-queries"]
        query = [sys.executable, __file__, "--form", form, "--peer", str(file)]
        pairs = [(run(score), run(query)) for _ in range(repeat)]
        whole = run([*query, "--whole-sets"])
    for ours, theirs in pairs:
        compare(ours.rows, theirs.rows, whole.rows)
    for name, runs in zip(("score", "DuckDB"), zip(*pairs, strict=True), strict=True):
        wall, cpu = (median(getattr(r, n) for r in runs) for n in ("seconds", "cpu_seconds"))
        peak = max(r.peak_mib for r in runs)
        each = 1e6 * wall / records
        print(f"  {name:<7}{wall:7.2f} s, {cpu:7.2f} s of CPU, {each:6.1f} us a record", end="")
        print(f", peak {peak:6,.0f} MiB")
    ratios = [ours.seconds / theirs.seconds for ours, theirs in pairs]
    every = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(f"  {len(whole.rows)} equal rows; wall ratio {median(ratios):.2f} of {every}")


def run(command: Sequence[str]) -> Run:
    """Run to the end; the peak is the process's own resident set, as the kernel counted it."""
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=printed, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise SystemExit(errors.read().decode())
        printed.seek(0)
        cpu_seconds = usage.ru_utime + usage.ru_stime
        return Run(json.load(printed), seconds, cpu_seconds, usage.ru_maxrss / 1024)


def peer(file: str, form: str, *, whole_sets: bool) -> Rows:
    """The query's rows over the file, by DuckDB; its sets cut as make_set's, or whole."""
    import duckdb

    from tests.oracle import duckdb_query as oracle

    db = duckdb.connect()
    db.execute(oracle.MACROS)
    db.execute(EVENTS.format(read=READ[form]), {"file": file})
    caps = {} if whole_sets else oracle.SET_CAPS
    cut = ", ".join(f'"{name}"[:{cap}] AS "{name}"' for name, cap in caps.items())
    rows = oracle.QUERY.format(keys=oracle.KEYS["session"])
    found = db.execute(
        f"SELECT * {f'REPLACE ({cut})' if cut else ''} FROM ({rows}) "
        'WHERE is_kept ORDER BY "TotalActions" DESC, key',
        {"instants": [AT_TICK], "sensitive": oracle.SENSITIVE, "apps": oracle.APPS},
    ).fetchall()
    named = [dict(zip(oracle.COLUMNS, row[3:], strict=True)) for row in found]
    moments = ("Timestamp", "LastActivity")
    return [row | {name: oracle.iso(row[name]) for name in moments} for row in named]


def compare(ours: Rows, theirs: Rows, whole: Rows) -> None:
    """Stop unless the answers are equal; a set may keep any values, but as many as the query's."""
    from tests.oracle.duckdb_query import COLUMNS, SET_CAPS

    for said, row, sets in zip(ours, theirs, whole, strict=True):
        for name in COLUMNS:
            equal = said[name] == row[name]
            if name in SET_CAPS:
                equal = len(said[name]) == len(row[name]) and set(said[name]) <= set(sets[name])
            if not equal:
                raise SystemExit(f"{name} differs: score {said}, DuckDB {row}")


if __name__ == "__main__":
    main()
