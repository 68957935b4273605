"""The source query once more, in DuckDB SQL: the oracle the detector is compared with.

Written from the semantics of KQL alone; it imports nothing of the detector and shares none of its
tables. It answers over distinct events: telling copies apart is the detector's own job.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Literal

import duckdb

TERMS = """password|passwd|credential|secret|api key|apikey|token|vpn|ssh|private key|aws|azure|gcp|
database password|db pass|connection string|bearer|service account|ldap|kerberos|access key"""
COLUMNS = """Timestamp AccountDisplayName AccountObjectId IPAddress UserAgent TotalActions
UniquePages UniqueSpaces SensitiveSearchCount SensitiveTermsFound ExportCount DownloadCount
AccessRatePerMinute ThreatIndicator ActionTypes SampleTitles LastActivity""".split()
SET_CAPS = {"SensitiveTermsFound": 5, "ActionTypes": 8, "SampleTitles": 10}

# An instant is a BIGINT of 100 ns: a DuckDB TIMESTAMP has microseconds, and a DOUBLE loses ticks.
MACROS = """
CREATE MACRO start_of(unit, tick) AS tick - ((tick % unit) + unit) % unit;
CREATE MACRO datetime_diff(unit, a, b) AS (start_of(unit, a) - start_of(unit, b)) // unit;
CREATE MACRO rounded(x, places) AS
  round_even(x::DOUBLE * pow(10, places), 0) / pow(10, places);
CREATE MACRO rate(total, minutes) AS rounded(total::DOUBLE / greatest(minutes, 1), 2);
CREATE MACRO is_listed(action) AS lower(action) IN (
  'pageviewed', 'contentviewed', 'spaceviewed', 'attachmentdownloaded', 'contentexported',
  'spaceexported', 'pageprinted', 'searchperformed', 'page_viewed', 'space_viewed',
  'content_exported', 'attachment_downloaded', 'search_performed');
CREATE MACRO is_export(action) AS lower(action) IN (
  'contentexported', 'spaceexported', 'pageprinted', 'content_exported', 'space_exported');
CREATE MACRO is_download(action) AS
  lower(action) IN ('attachmentdownloaded', 'attachment_downloaded');
CREATE MACRO first_text(a, b) AS coalesce(nullif(a, ''), b, '');
CREATE MACRO is_kept(total, sensitive, exports, spaces) AS
  total > 40 OR sensitive > 0 OR exports > 5 OR (spaces > 5 AND total > 20);
CREATE MACRO indicator(rate, sensitive, exports, spaces, total) AS CASE
  WHEN rate > 10 THEN 'Automated scraping detected — exceeds 10 pages/min'
  WHEN sensitive > 0 THEN 'Credential/secret hunting via search queries'
  WHEN exports > 5 THEN 'Bulk content export activity'
  WHEN spaces > 10 THEN 'Multi-space enumeration pattern'
  WHEN total > 100 THEN 'High-volume bulk access'
  ELSE 'Elevated Confluence access above threshold' END;
"""

# All instants in one run: planning costs more than running. A group is a session or, by user, who
# the session belongs to.
QUERY = """
WITH listed AS (
  SELECT instant, tick, action,
    coalesce(object_id, '') AS object_id, coalesce(display_name, '') AS display_name,
    coalesce(address, '') AS address, coalesce(agent, '') AS agent,
    coalesce(search, '') AS search, coalesce(space, '') AS space,
    first_text(object_name, page_title) AS title,
    regexp_matches(coalesce(search, ''), $sensitive) AS is_sensitive,
  FROM events, (SELECT unnest($instants::BIGINT[]) AS instant)
  WHERE tick > instant - 24 * 36000000000 AND is_listed(action)
    AND regexp_matches(first_text(app_name, application), $apps)
), grouped AS (
  SELECT instant, {keys} AS key,
    any_value(display_name) AS display_name, any_value(object_id) AS object_id,
    any_value(address) AS address, any_value(agent) AS agent,
    count(*) AS total, count(DISTINCT title) AS pages, count(DISTINCT space) AS spaces,
    count(*) FILTER (is_sensitive) AS sensitive, count(*) FILTER (is_export(action)) AS exports,
    count(*) FILTER (is_download(action)) AS downloads, list(DISTINCT action) AS actions,
    list(DISTINCT title) AS titles, list(DISTINCT search) AS searches,
    min(tick) AS first_tick, max(tick) AS last_tick,
  FROM listed GROUP BY ALL
)
SELECT instant, key, is_kept(total, sensitive, exports, spaces) AS is_kept,
  first_tick AS "Timestamp", display_name AS "AccountDisplayName", object_id AS "AccountObjectId",
  address AS "IPAddress", agent AS "UserAgent", total AS "TotalActions", pages AS "UniquePages",
  spaces AS "UniqueSpaces", sensitive AS "SensitiveSearchCount", searches AS "SensitiveTermsFound",
  exports AS "ExportCount", downloads AS "DownloadCount",
  rate(total, datetime_diff(600000000, last_tick, first_tick)) AS "AccessRatePerMinute",
  indicator("AccessRatePerMinute", sensitive, exports, spaces, total) AS "ThreatIndicator",
  actions AS "ActionTypes", titles AS "SampleTitles", last_tick AS "LastActivity"
FROM grouped ORDER BY total DESC, key
"""
KEYS = {
    "session": "row(object_id, display_name, address, agent)",
    "user": """CASE WHEN object_id <> '' THEN row('id', object_id, '')
      WHEN display_name <> '' THEN row('name', display_name, '')
      ELSE row('session', address, agent) END""",
}


def has_any(phrases: Iterable[str]) -> str:
    """`has_any` as a pattern of RE2: a phrase literally, neither of its ends inside a term."""
    shapes: dict[tuple[str, str], list[str]] = {}
    for phrase in phrases:
        before = r"(?:^|[^\pL\pN])" if phrase[0].isalnum() else ""
        after = r"(?:$|[^\pL\pN])" if phrase[-1].isalnum() else ""
        shapes.setdefault((before, after), []).append(_literal(phrase))
    alternatives = (f"{b}(?:{'|'.join(found)}){a}" for (b, a), found in shapes.items())
    return "(?i)" + "|".join(alternatives)


def _literal(phrase: str) -> str:
    return "".join(c if c.isalnum() or c == " " else f"\\x{{{ord(c):x}}}" for c in phrase)


SENSITIVE = has_any(TERMS.replace("\n", "").split("|"))
APPS = has_any(["Confluence", "Atlassian"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One distinct event, as the query sees its row; None is a null column."""

    tick: int
    application: str | None = None
    app_name: str | None = None
    action: str | None = None
    object_id: str | None = None
    display_name: str | None = None
    address: str | None = None
    agent: str | None = None
    object_name: str | None = None
    search: str | None = None
    space: str | None = None
    page_title: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the query: the 17 columns, sets complete, and whether `where` lets it pass."""

    key: tuple[str, ...]
    is_kept: bool
    columns: dict[str, object]


class Oracle:
    """A DuckDB of its own with the table `events`; close it when done."""

    def __init__(self) -> None:
        self._db = duckdb.connect(config={"threads": 1})
        self._db.execute("PRAGMA disable_optimizer")  # it takes longer than the rows of a test
        texts = ", ".join(f"{field.name} VARCHAR" for field in fields(Event)[1:])
        self._db.execute(f"CREATE TABLE events (tick BIGINT, {texts})")
        self._db.execute(MACROS)

    def load(self, events: Iterable[Event]) -> None:
        """Make these the only events."""
        self._db.execute("DELETE FROM events")
        columns = list(zip(*map(astuple, events), strict=True))
        if columns:
            lists = ", ".join(
                f"unnest(${name}::{'BIGINT' if name == 'tick' else 'VARCHAR'}[])" for name in _NAMES
            )
            values = dict(zip(_NAMES, map(list, columns), strict=True))
            self._db.execute(f"INSERT INTO events SELECT {lists}", values)

    def rows(
        self, *instants: int, by: Literal["session", "user"] = "session"
    ) -> dict[int, list[Row]]:
        """Every group at each instant, also those that `where` drops, largest first."""
        values = {"instants": sorted(set(instants)), "sensitive": SENSITIVE, "apps": APPS}
        found: dict[int, list[Row]] = {instant: [] for instant in instants}
        rows = self._db.execute(QUERY.format(keys=KEYS[by]), values).fetchall()
        for instant, key, kept, *rest in rows:
            found[instant].append(Row(_key(key), kept, _columns(rest)))
        return found

    def value(self, expression: str, **values: object) -> object:
        """One SQL expression of the macros above."""
        found = self._db.execute(f"SELECT {expression}", values).fetchone()
        assert found is not None
        return found[0]

    def close(self) -> None:
        self._db.close()


_NAMES = [field.name for field in fields(Event)]


def _key(key: object) -> tuple[str, ...]:
    assert isinstance(key, tuple | dict)
    return tuple(key.values()) if isinstance(key, dict) else key


def _columns(values: list[object]) -> dict[str, object]:
    row = dict(zip(COLUMNS, values, strict=True))
    for moment in ("Timestamp", "LastActivity"):
        tick = row[moment]
        assert isinstance(tick, int)
        row[moment] = iso(tick)
    return row


def iso(tick: int) -> str:
    """An instant as the detector prints it."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=tick // 10)
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}{tick % 10}Z"
