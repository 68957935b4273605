"""`score`: what the query would return over files, at one instant."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from detector.cli.common import (
    Format,
    FormatOption,
    PolicyOption,
    err,
    out,
    plain,
    policy_named,
    print_json,
)
from detector.cli.inputs import InputError, batches, check_inputs
from detector.cli.scoring import Job, score_batches
from detector.core.activity import Rejected
from detector.core.instant import InstantError, parse_instant
from detector.core.plain import escaped
from detector.ingest import IngestReport, total

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
    instant = _instant(at)
    if rejects is not None:
        _check_rejects(rejects, files)
    check_inputs(files)
    with tempfile.TemporaryDirectory(prefix="detector-score-") as folder:
        job = Job(
            path=Path(folder) / "ledger.db",
            policy=policy_named(policy, "source"),
            at=instant,
            by=by,
            raw_queries=raw_queries,
        )
        reports, rejected, found = score_batches(job, batches(files, console=err))
    if rejects is not None:
        _write_rejects(rejects, rejected)
    rows = [row for _, row in found]
    _print(rows, total(reports), format, at)
    if fail_on_findings and rows:
        raise typer.Exit(1)


def _instant(at: str) -> int:
    try:
        return parse_instant(at, zone_required=True)
    except InstantError as error:
        raise typer.BadParameter(str(error), param_hint="--at") from error


_PLACE = ("reason", "where", "source", "sequence", "index", "size", "sha256")
"""Of a rejected record; its body stays where it is."""


def _write_rejects(path: Path, rejected: Sequence[Rejected]) -> None:
    try:
        with path.open("wb") as file:
            for one in rejected:
                place = {name: getattr(one, name) for name in _PLACE}
                file.write(escaped(msgspec.json.encode(place).decode()).encode() + b"\n")
    except OSError as error:
        message = f"{path}: cannot be written ({error.strerror})"
        raise InputError(message) from error


def _print(rows: Sequence[dict[str, object]], report: IngestReport, form: Format, at: str) -> None:
    if form is Format.JSON:
        print_json(rows)
    else:
        out.print(f"{len(rows)} found in the window that ends {at}")
        for row in rows:
            _print_row(row)
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
