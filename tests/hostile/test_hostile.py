"""Hostile texts through the real path, on SQLite and on Azurite: stored, judged, told, harmless."""

import asyncio
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from detector.adapters.azure_tables import open_tables
from detector.adapters.sqlite import SqliteRows
from detector.core.hunting import hunting_queries
from detector.ports import Rows
from detector.state.store import State
from tests.defender.graph_product import EVIDENCE_URL
from tests.hostile import checks
from tests.hostile.corpus import ENTRIES, accounts, as_read, one_account
from tests.hostile.journey import Came, Journey
from tests.loopback.graph import LoopbackGraph
from tests.loopback.logs import COLUMNS, LoopbackLogs
from tests.support.command import Command
from tests.support.kusto import check
from tests.support.product import DrivenClock

pytestmark = [
    # The SDK's own modules warn when the first builder is imported.
    pytest.mark.filterwarnings("ignore:GetQueryParameters is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning"),
]

KEY = re.compile(r"[0-9a-z_|]{1,120}")


@dataclass(frozen=True, slots=True)
class Travelled:
    """One journey of every entry: what came out, and what Graph and Sentinel were sent."""

    is_azurite: bool
    folder: Path
    came: Came
    activities: dict[str, int]
    graph: list[dict[str, Any]]
    sentinel: list[dict[str, Any]]


def travel(folder: Path, rows: Rows, *, is_azurite: bool) -> Travelled:
    clock = DrivenClock()
    with LoopbackGraph(clock=clock) as graph, LoopbackLogs(COLUMNS, clock=clock) as logs:
        journey = Journey(
            rows=rows, clock=clock, graph=graph, logs=logs, file=folder / "alerts.jsonl",
            incidents=not is_azurite,
        )  # fmt: skip
        came, activities = asyncio.run(_go(journey))
        sent = [call.body for call in graph.calls if isinstance(call.body, dict)]
        return Travelled(is_azurite, folder, came, activities, sent, [*logs.rows])


async def _go(journey: Journey) -> tuple[Came, dict[str, int]]:
    """On Azurite one account meets what is no key: of its requests there are many."""
    at = journey.clock.ticks
    others = accounts if journey.incidents else one_account
    try:
        came = await journey.go(accounts(at, "keys", "odata") + others(at, "log_lines", "texts"))
        state = State(journey.rows)
        days = await state.ledger.days()
        loaded = {e.user: await state.ledger.load(e.user, 0, days) for e in came.episodes}
        return came, {user: len(found.activities) for user, found in loaded.items()}
    finally:
        await journey.rows.close()


# ── what goes in is there, under keys that nobody chose ──


def every_account_is_stored_judged_and_told_of(travelled: Travelled) -> None:
    told = {e.account_object_id or e.account_display_name: e for e in travelled.came.episodes}
    known = [name for name in ENTRIES if name.startswith(("keys", "odata"))]
    expected = {as_read(ENTRIES[n]) for n in (known if travelled.is_azurite else ENTRIES)}
    if travelled.is_azurite:
        expected.add("Everything")

    assert {*told} == expected
    unsent = {
        name: delivery.error
        for name, episode in told.items()
        for delivery in episode.deliveries.values()
        if delivery.sent_revision != episode.revision
    }
    assert unsent == {}
    assert all(number >= 3 for number in travelled.activities.values())


def evidence_reads_back_to_the_letter(travelled: Travelled) -> None:
    spaces = {c.text for e in travelled.came.evidence for c in e.spaces}
    agents = {c.text for e in travelled.came.evidence for c in e.user_agents}
    accounts = {name for e in travelled.came.evidence for name in e.account_ids}

    for name, text in ENTRIES.items():
        if not travelled.is_azurite or name.startswith(("keys", "odata")):
            assert as_read(text) in spaces & agents & accounts, name


def no_byte_of_a_record_is_in_a_key(travelled: Travelled) -> None:
    assert len(travelled.came.keys) > 200
    assert [key for key in travelled.came.keys if not KEY.fullmatch(key)] == []


# ── what comes out is harmless ──


def log_lines_are_single_and_ours(travelled: Travelled) -> None:
    lines = [json.dumps(line) for line in travelled.came.log]

    checks.are_log_lines(lines)
    assert len(lines) > len(travelled.came.episodes)


def pages_have_nothing_live(travelled: Travelled) -> None:
    for page in travelled.came.pages.values():
        checks.is_page(page)


def the_terminal_and_the_file_show_only_what_can_be_seen(travelled: Travelled) -> None:
    checks.is_terminal_text(travelled.came.terminal, "terminal")
    checks.is_json_lines(travelled.came.lines, "file")
    assert len(travelled.came.lines.splitlines()) == len(travelled.came.episodes)


def incidents_and_comments_are_plain(travelled: Travelled) -> None:
    alerts = [body["createAlertInput"] for body in travelled.graph if "createAlertInput" in body]
    comments = [body["comment"] for body in travelled.graph if "comment" in body]

    for alert in alerts:
        text = f"{alert['title']}\n{alert['description']}"
        checks.is_plain(text, "alert", link=EVIDENCE_URL)
        checks.is_visible(alert["recommendedActions"], "recommended actions")
        assert not re.search(r"<|://", alert["recommendedActions"])
        assert text.count("(ref:cfm-") - text.count("(ref:cfm-" + "0" * 32) == 1
    for comment in comments:
        checks.is_plain(str(comment), "comment", link=EVIDENCE_URL)
    assert len(alerts) == len(comments) == len(ENTRIES)


def sentinel_rows_are_plain(travelled: Travelled) -> None:
    for row in travelled.sentinel:
        for name, value in row.items():
            for text in value if isinstance(value, list) else [value]:
                checks.is_plain(str(text), name, link=EVIDENCE_URL)
    assert len(travelled.sentinel) == len(ENTRIES)


def every_quote_of_a_hunting_query_is_its_own(travelled: Travelled) -> None:
    for evidence in travelled.came.evidence:
        for title, query in hunting_queries(evidence):
            checks.is_query(query, title)


def hunting_queries_are_what_kusto_takes(travelled: Travelled) -> None:
    queries = {
        f"{e.account_object_id or e.account_display_name!r}": query
        for e in travelled.came.evidence
        for title, query in hunting_queries(e)
        if title.startswith("Other accounts")
    }
    assert len(queries) > len(ENTRIES) - 9

    checked = check(queries, travelled.folder)

    assert {name: found.errors for name, found in checked.items() if found.errors} == {}


STORED = (
    every_account_is_stored_judged_and_told_of,
    evidence_reads_back_to_the_letter,
    no_byte_of_a_record_is_in_a_key,
)
HARMLESS = (
    log_lines_are_single_and_ours,
    pages_have_nothing_live,
    the_terminal_and_the_file_show_only_what_can_be_seen,
    every_quote_of_a_hunting_query_is_its_own,
)
TOLD = (
    incidents_and_comments_are_plain,
    sentinel_rows_are_plain,
    hunting_queries_are_what_kusto_takes,
)


# ── commands, over the store they left behind ──


def commands_print_only_what_can_be_seen(travelled: Travelled, command: Command) -> None:
    lines = [["alerts", "list"], ["deadletters", "list"]]
    for episode in travelled.came.episodes[::6]:
        lines += [["alerts", "show", episode.episode_id], ["counters", episode.user]]
        lines += [["why", episode.user, "--at", "2026-11-22T10:05:00Z"]]
    for line in lines:
        for form in ("table", "json"):
            result = command(*line, "--format", form)
            assert result.code == 0, (line, result.err)
            checks.is_visible(result.out + result.err, " ".join(line))


def a_user_can_be_named_whatever_the_name_is(command: Command) -> None:
    for name, text in ENTRIES.items():
        if name.startswith("odata"):
            result = command("why", as_read(text), "--format", "json")
            assert result.code == 0, (name, result.err)
            assert result.document["is_hit"] is True


# ── the two journeys: one test each, so that no second process makes them again ──


def test_on_sqlite_all_is_stored_told_and_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "state.db"
    travelled = travel(tmp_path, SqliteRows(store, durable=False), is_azurite=False)
    command = Command(store, monkeypatch, capsys)

    for holds in (*STORED, *HARMLESS, *TOLD):
        holds(travelled)
    commands_print_only_what_can_be_seen(travelled, command)
    a_user_can_be_named_whatever_the_name_is(command)


def test_on_azurite_all_is_stored_told_and_harmless(tmp_path: Path, azurite_account: str) -> None:
    travelled = travel(tmp_path, open_tables(azurite_account), is_azurite=True)

    for holds in (*STORED, *HARMLESS):
        holds(travelled)
