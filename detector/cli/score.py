"""`score`: what the query would return over files, at one instant."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from detector.adapters.sqlite import SqliteRows
from detector.cli.common import (
    Format,
    FormatOption,
    PolicyOption,
    err,
    out,
    plain,
    policy_named,
    print_json,
    run_async,
)
from detector.cli.inputs import InputError, batches, check_inputs
from detector.core.activity import Rejected
from detector.core.instant import InstantError, parse_instant
from detector.core.policy import Policy
from detector.core.rules import Finding, judge_user
from detector.core.vocabulary import Vocabulary
from detector.ingest import IngestReport, ingest, total
from detector.sources.cloud_app_events import CloudAppEvents
from detector.state.store import State
from detector.state.windows import columns

LITERAL = parse_instant("0001-02-01")
"""The instant at which files are ingested: before all of them, so that nothing is late."""

_LINES = 100_000

_NUMBERS = {
    "TotalActions": "actions",
    "UniquePages": "pages",
    "UniqueSpaces": "spaces",
    "SensitiveSearchCount": "sensitive searches",
    "ExportCount": "exports",
    "DownloadCount": "downloads",
    "AccessRatePerMinute": "a minute",
}


def score(
    files: Annotated[list[str], typer.Argument(help="NDJSON files; - is standard input.")],
    at: Annotated[str, typer.Option("--at", help="The instant, with its zone.", metavar="INSTANT")],
    by: Annotated[
        Literal["session", "user"], typer.Option("--by", help="The query's groups, or users.")
    ] = "session",
    policy: PolicyOption = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
    raw_queries: Annotated[
        bool, typer.Option("--raw-queries", help="Print search texts as they were typed.")
    ] = False,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", help="Write rejected records here, as NDJSON.")
    ] = None,
    fail_on_findings: Annotated[
        bool, typer.Option("--fail-on-findings", help="Exit with 1 when anything is found.")
    ] = False,
) -> None:
    """Print the rows that the query returns over FILES at INSTANT.

    Literal, as the query: Timestamp > INSTANT - 24 h, no upper bound. Every distinct event counts
    once.

    Examples:
      python -m detector score examples/day.jsonl --at 2026-03-12T00:00:00Z

      gzip -dc export.json.gz | python -m detector score - --at 2026-03-12T00:00:00Z --format json
    """
    try:
        instant = parse_instant(at, zone_required=True)
    except InstantError as error:
        raise typer.BadParameter(str(error), param_hint="--at") from error
    if rejects is not None:
        _check_rejects(rejects, files)
    check_inputs(files)
    chosen = policy_named(policy, "source")
    findings, report, rejected = run_async(
        _score(files, instant, by, chosen, raw_queries=raw_queries)
    )
    if rejects is not None:
        _write_rejects(rejects, rejected)
    _print(findings, report, format, at)
    if fail_on_findings and findings:
        raise typer.Exit(1)


async def _score(
    files: Sequence[str], at: int, by: str, policy: Policy, *, raw_queries: bool
) -> tuple[list[Finding], IngestReport, list[Rejected]]:
    vocabulary = Vocabulary(policy)
    source = CloudAppEvents(policy, vocabulary, raw_queries=raw_queries)
    reports: list[IngestReport] = []
    rejected: list[Rejected] = []
    with tempfile.TemporaryDirectory(prefix="detector-score-") as folder:
        rows = SqliteRows(Path(folder) / "ledger.db", durable=False)
        try:
            state = State(rows)
            for batch in batches(files, lines=_LINES, console=err):
                reading = source.read(batch)
                rejected += reading.rejected
                reports.append(
                    await ingest(
                        reading, state=state, policy=policy, vocabulary=vocabulary, now=LITERAL
                    )
                )
            findings: list[Finding] = []
            async for _, activities in state.ledger.users(at - policy.time_window):
                verdict = judge_user(activities, at, policy, vocabulary)
                merged = verdict.user_finding_under(policy)
                findings += verdict.findings if by == "session" else merged
        finally:
            await rows.close()
    return sorted(findings, key=_order), total(reports), rejected


def _order(finding: Finding) -> tuple[object, ...]:
    return (-finding.summary.total_actions, finding.summary.session)


def _write_rejects(path: Path, rejected: Sequence[Rejected]) -> None:
    try:
        with path.open("wb") as file:
            file.writelines(msgspec.json.encode(r) + b"\n" for r in rejected)
    except OSError as error:
        message = f"{path}: cannot be written ({error.strerror})"
        raise InputError(message) from error


def _print(findings: Sequence[Finding], report: IngestReport, form: Format, at: str) -> None:
    if form is Format.JSON:
        rows = [columns(f.summary, f.indicator) for f in findings]
        print_json(rows)
    else:
        out.print(f"{len(findings)} found in the window that ends {at}")
        for finding in findings:
            _print_row(columns(finding.summary, finding.indicator))
    err.print(
        f"{report.records:,} records: {report.activities:,} Atlassian activities, "
        f"{report.ignored:,} of other tables and applications, {report.rejected:,} rejected",
        soft_wrap=True,
    )
    for action, count in sorted(report.unmapped.items(), key=lambda pair: -pair[1])[:5]:
        err.print(f"  not in any table of the policy: {plain(action)} ({count:,})", soft_wrap=True)


def _print_row(row: dict[str, object]) -> None:
    account = row["AccountDisplayName"] or row["AccountObjectId"] or "(no account)"
    place = " · ".join(str(row[n]) for n in ("IPAddress", "UserAgent") if row[n])
    numbers = " · ".join(
        f"{row[column]} {words}" for column, words in _NUMBERS.items() if row[column]
    )
    out.print(f"\n[bold]{plain(str(account))}[/]  {row['ThreatIndicator']}", soft_wrap=True)
    out.print(f"  {numbers} · {row['Timestamp']} to {row['LastActivity']}", soft_wrap=True)
    if place:
        out.print(f"  [dim]{plain(place)}[/]", soft_wrap=True)


def _check_rejects(path: Path, inputs: Sequence[str]) -> None:
    """Refuse a file that cannot be written before anything is read in vain."""
    if path.exists() and any(Path(name).exists() and path.samefile(name) for name in inputs):
        message = f"{path}: is read, so it cannot be written"
        raise InputError(message)
    _write_rejects(path, [])
