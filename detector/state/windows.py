"""One row per judged user: the window as last evaluated; derived, never authoritative."""

import json
from collections.abc import Mapping
from contextlib import suppress

from detector.core.instant import format_instant
from detector.core.rules import Verdict
from detector.core.summary import Summary
from detector.ports import ConflictError, Operation, Row, Rows, Transaction, Value
from detector.state.keys import VERSION, WINDOWS, bucket_of, readable

_WORST_SESSIONS = 5
_MOMENTS = frozenset({"AsOf", "ExpiresAt"})


def columns(summary: Summary, indicator: str) -> dict[str, object]:
    """The query's 17 projected columns, by name and in order; sets are lists, instants text."""
    session = summary.session
    return {
        "Timestamp": format_instant(summary.first_activity),
        "AccountDisplayName": session.account_display_name,
        "AccountObjectId": session.account_object_id,
        "IPAddress": session.ip_address,
        "UserAgent": session.user_agent,
        "TotalActions": summary.total_actions,
        "UniquePages": summary.unique_pages,
        "UniqueSpaces": summary.unique_spaces,
        "SensitiveSearchCount": summary.sensitive_search_count,
        "SensitiveTermsFound": list(summary.sensitive_terms_found),
        "ExportCount": summary.export_count,
        "DownloadCount": summary.download_count,
        "AccessRatePerMinute": summary.access_rate_per_minute,
        "ThreatIndicator": indicator,
        "ActionTypes": list(summary.action_types),
        "SampleTitles": list(summary.sample_titles),
        "LastActivity": format_instant(summary.last_activity),
    }


class Windows:
    """Reads and writes the windows table."""

    def __init__(self, rows: Rows) -> None:
        """Keep the rows."""
        self._rows = rows

    async def put(self, user: str, verdict: Verdict, expires_at: int, before: Row | None) -> bool:
        """Write the user's window; True when it says something else than the row before.

        `before` is the row as it was before the data was read. Where somebody has written since,
        perhaps from more data, it raises ConflictError. A user without activities has no row, and
        a row of a newer version is left alone.
        """
        if before is not None and not readable(before):
            return False
        values = _values(verdict, expires_at)
        if before is None:
            if values is None:
                return False
            operation = Operation("insert", user, values)
        elif values is None:
            operation = Operation("delete", user, etag=before.etag)
        else:
            operation = Operation("replace", user, values, before.etag)
        await self._rows.submit(Transaction(WINDOWS, bucket_of(user), [operation]))
        return before is None or values is None or _facts(before.values) != _facts(values)

    async def get(self, user: str) -> Row | None:
        """The user's row, or None."""
        return await self._rows.get(WINDOWS, bucket_of(user), user)

    async def users_shown_as(self, name: str) -> list[str]:
        """The keys of the users whose window shows this name; several may share one."""
        return [r.key for r in await self.every() if name == r.values.get("AccountDisplayName")]

    async def every(self) -> list[Row]:
        """Every row, in order of keys."""
        return await self._rows.scan_all(WINDOWS)

    async def delete(self, *rows: Row) -> None:
        """Remove rows that nobody has rewritten since they were read."""
        for row in rows:
            operation = Operation("delete", row.key, etag=row.etag)
            with suppress(ConflictError):
                await self._rows.submit(Transaction(WINDOWS, row.partition, [operation]))


def _facts(values: Mapping[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if name not in _MOMENTS}


def _json(value: object) -> str:
    """As a person reads it: an escaped letter would also take six times its room."""
    return json.dumps(value, ensure_ascii=False)


def _values(verdict: Verdict, expires_at: int) -> dict[str, Value] | None:
    summary = verdict.user_summary
    if summary is None:
        return None
    by_session = {f.summary.session: f.indicator for f in verdict.findings}
    worst = sorted(verdict.sessions, key=lambda s: s.session not in by_session)
    rows = [columns(s, by_session.get(s.session, "")) for s in worst[:_WORST_SESSIONS]]
    shown = columns(summary, verdict.indicator or "")
    gates = dict.fromkeys(gate for f in verdict.passing for gate in f.gates)
    flat = {k: v if isinstance(v, str | int | float) else _json(v) for k, v in shown.items()}
    return {
        "V": VERSION,
        **flat,
        "Gates": _json(list(gates)),
        "IsHit": verdict.is_hit,
        "SessionCount": len(verdict.sessions),
        "Unread": verdict.unread,
        "Sessions": _json(rows),
        "AsOf": format_instant(verdict.at),
        "ExpiresAt": format_instant(expires_at),
    }
