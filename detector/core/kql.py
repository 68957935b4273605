"""A policy written out as the KQL query it is equal to.

At the source policy this is the source query, word for word, but for `AppName`: the real table has
`Application`, so both are taken.
"""

import json
import re
from collections.abc import Iterable, Iterator

from detector.core.policy import Policy, steps
from detector.core.rules import ELEVATED, GATES, INDICATORS, Condition

COLUMNS = {
    "total_actions": "TotalActions",
    "unique_pages": "UniquePages",
    "unique_spaces": "UniqueSpaces",
    "sensitive_search_count": "SensitiveSearchCount",
    "export_count": "ExportCount",
    "download_count": "DownloadCount",
    "space_export_count": "SpaceExportCount",
    "access_rate_per_minute": "AccessRatePerMinute",
}
"""Our name of each counter, and the query's."""

GROUP = ("AccountObjectId", "AccountDisplayName", "IPAddress", "UserAgent")
_BY_SESSION = "by " + ", ".join(GROUP)
_BY_USER = "by UserKey"
_USER_KEY = (
    '| extend UserKey = case(isnotempty(AccountObjectId), strcat("oid:", AccountObjectId), '
    'isnotempty(AccountDisplayName), strcat("name:", AccountDisplayName), '
    'strcat("session:", IPAddress, "|", UserAgent))'
)

_NO_KEYWORD = re.compile(r"[a-z]+[A-Z][A-Za-z0-9]*")
"""Names that are certainly none of KQL's own words; any other is written in brackets."""


def query(policy: Policy, *, by: str = "session") -> str:
    """The query for CloudAppEvents; `by="user"` merges a user's sessions."""
    return "\n".join((*_head(policy), *_events(policy, by), *_summary(policy, by), *_rows())) + "\n"


def _head(policy: Policy) -> Iterator[str]:
    if policy.access_threshold.bulk_access is not None:
        yield f"let BulkAccessThreshold = {policy.access_threshold.bulk_access};"
    yield "let SensitiveSearchTerms = dynamic(["
    yield _lines(policy.sensitive_search_terms, 6)
    yield "]);"
    yield (
        "// Detect bulk Confluence access and credential hunting "
        "via Microsoft Defender for Cloud Apps"
    )


def _events(policy: Policy, by: str) -> Iterator[str]:
    fields = policy.fields
    yield "CloudAppEvents"
    yield f"| where Timestamp > ago({policy.time_window_hours}h)"
    yield (
        '| extend AppName = coalesce(column_ifexists("AppName", ""), '
        'column_ifexists("Application", ""))'
    )
    yield f"| where AppName has_any ({_list(policy.apps)})"
    yield f"| where ActionType in~ (\n{_lines(policy.actions, 3)}\n)"
    yield f"| extend SearchQuery = {_text(fields.search_query)}"
    yield f"| extend SpaceKey = {_text(fields.space_key)}"
    yield f"| extend PageTitle = {_text(fields.page_title, 'tostring(ObjectName)')}"
    yield "| extend IsSensitiveSearch = (SearchQuery has_any (SensitiveSearchTerms))"
    if by == "user":
        yield _USER_KEY


def _summary(policy: Policy, by: str) -> Iterator[str]:
    yield "| summarize"
    yield "TotalActions = count(),"
    yield "UniquePages = dcount(PageTitle),"
    yield "UniqueSpaces = dcount(SpaceKey),"
    yield "SensitiveSearchCount = countif(IsSensitiveSearch == true),"
    yield f"ExportCount = countif(ActionType in~ ({_list(policy.export_actions)})),"
    yield f"DownloadCount = countif(ActionType in~ ({_list(policy.download_actions)})),"
    if _counts_space_exports(policy):
        names = _list(policy.space_export_actions)
        yield f"SpaceExportCount = countif(ActionType in~ ({names})),"
    if by == "user":
        yield from (f"{name} = take_any({name})," for name in GROUP)
    yield "ActionTypes = make_set(ActionType, 8),"
    yield "SampleTitles = make_set(PageTitle, 10),"
    yield "SensitiveTermsFound = make_set(SearchQuery, 5),"
    yield "FirstActivity = min(Timestamp),"
    yield "LastActivity = max(Timestamp)"
    yield _BY_USER if by == "user" else _BY_SESSION
    yield "| where " + ("\nor ".join(_gates(policy)) or "false")
    yield (
        "| extend DurationMinutes = max_of(datetime_diff('minute', LastActivity, FirstActivity), 1)"
    )
    yield "| extend AccessRatePerMinute = round(toreal(TotalActions) / DurationMinutes, 2)"
    yield f"| extend ThreatIndicator = {_case(policy)}"


def _rows() -> Iterator[str]:
    yield "| project"
    yield "Timestamp = FirstActivity,"
    yield "AccountDisplayName,"
    yield "AccountObjectId,"
    yield "IPAddress,"
    yield "UserAgent,"
    yield "TotalActions,"
    yield "UniquePages,"
    yield "UniqueSpaces,"
    yield "SensitiveSearchCount,"
    yield "SensitiveTermsFound,"
    yield "ExportCount,"
    yield "DownloadCount,"
    yield "AccessRatePerMinute,"
    yield "ThreatIndicator,"
    yield "ActionTypes,"
    yield "SampleTitles,"
    yield "LastActivity"
    yield "| sort by TotalActions desc"


def _gates(policy: Policy) -> Iterator[str]:
    for name, conditions in GATES.items():
        lines = [_condition(c, policy.access_threshold) for c in conditions]
        if any(line is None for line in lines):
            continue
        text = " and ".join(line for line in lines if line is not None)
        if name == "bulk_access":
            text = "TotalActions > BulkAccessThreshold"
        yield f"({text})" if len(lines) > 1 else text


def _case(policy: Policy) -> str:
    rows = [
        f"{line}, {_quoted(label)},"
        for label, condition in INDICATORS.items()
        if (line := _condition(condition, policy.indicator_threshold)) is not None
    ]
    return "case(\n" + "\n".join((*rows, f"{_quoted(ELEVATED)})")) if rows else _quoted(ELEVATED)


def _condition(condition: Condition, thresholds: object) -> str | None:
    number: float | None = getattr(thresholds, condition.threshold)
    return None if number is None else f"{COLUMNS[condition.column]} > {_number(number)}"


def _counts_space_exports(policy: Policy) -> bool:
    thresholds = (policy.access_threshold.space_exports, policy.indicator_threshold.space_exports)
    return bool(policy.space_export_actions) or thresholds != (None, None)


def _number(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)


def _text(paths: tuple[str, ...], *first: str) -> str:
    parts = (*first, *(f"tostring(RawEventData{_property(path)})" for path in paths))
    return parts[0] if len(parts) == 1 else f"coalesce({', '.join(parts)})" if parts else '""'


def _property(path: str) -> str:
    return "".join(
        f".{step}"
        if isinstance(step, str) and _NO_KEYWORD.fullmatch(step)
        else f"[{json.dumps(step, ensure_ascii=False)}]"
        for step in steps(path)
    )


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, names)) or '""'


def _lines(names: tuple[str, ...], width: int) -> str:
    rows = [names[start : start + width] for start in range(0, len(names), width)]
    return ",\n".join(map(_list, rows))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
