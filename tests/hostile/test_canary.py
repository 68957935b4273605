"""A marker in every field of a record comes out where docs/privacy.md says, and nowhere else."""

import asyncio
import io
import json
import logging
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from detector.adapters.sqlite import SqliteRows
from detector.cli.app import main
from tests.hostile import canaries
from tests.hostile.canaries import SHAPED, marker
from tests.hostile.journey import Came, Journey, shown
from tests.loopback.graph import LoopbackGraph
from tests.loopback.logs import COLUMNS, LoopbackLogs
from tests.support.events import message
from tests.support.product import DrivenClock

pytestmark = [
    # The SDK's own modules warn when the first builder is imported.
    pytest.mark.filterwarnings("ignore:GetQueryParameters is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning"),
]

ROOT = Path(__file__).parents[2]
AT = ("--at", "2026-11-22T10:30:00Z")
Places = Mapping[str, str]


def places_of_one_journey(folder: Path) -> Places:
    """Everything that came out of one journey, by place, in lower case."""
    library = io.StringIO()
    handler = logging.StreamHandler(library)
    root = logging.getLogger()
    root.addHandler(handler)
    level = root.level
    root.setLevel(logging.INFO)
    try:
        found = asyncio.run(travelled(folder))
        found |= commanded(folder)
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
    found["library log"] = library.getvalue()
    return {place: text.lower() for place, text in found.items()}


async def travelled(folder: Path) -> dict[str, str]:
    """The service, its store, its sinks, its page and its log."""
    clock, rows = DrivenClock(), SqliteRows(folder / "state.db", durable=False)
    with LoopbackGraph(clock=clock) as graph, LoopbackLogs(COLUMNS, clock=clock) as logs:
        journey = Journey(
            rows=rows, clock=clock, graph=graph, logs=logs, file=folder / "alerts.jsonl",
            tenant_id=SHAPED["tenantId"], hours=(12, 14),
        )  # fmt: skip
        at = clock.ticks
        odd = [*canaries.rejects(at), *canaries.others(at), *canaries.a_bystander(at)]
        broken = b'{"records": [{"properties": {"AccountDisplayName": "zqrejectedqz", "x": }}]}'
        hit = canaries.a_hit(at)
        (folder / "day.jsonl").write_bytes(message([*hit, *odd]) + b"\n" + broken)
        came = await journey.go(hit, odd, bodies=[broken])
        sent = [f"{c.raw_path} {c.query} {json.dumps(c.body)}" for c in graph.calls]
        await rows.close()
    (hit_episode,) = came.episodes
    assert hit_episode.deliveries["sentinel"].sent_revision == 1
    return {**_texts(came), "graph": "\n".join(sent), "sentinel": json.dumps(logs.rows)}


def _texts(came: Came) -> dict[str, str]:
    tables = {name: "\n".join(texts) for name, texts in came.tables.items()}
    return {
        **tables,
        "log": "\n".join(map(json.dumps, came.log)),
        "health": came.health,
        "page": "\n".join(came.pages.values()),
        "console": came.terminal,
        "alerts file": came.lines,
    }


def commanded(folder: Path) -> dict[str, str]:
    """What the commands print, as tables and as JSON; a user is named by the key."""
    store, day = ["--store", f"sqlite:{folder / 'state.db'}"], str(folder / "day.jsonl")
    played = ["--store", f"sqlite:{folder / 'table.db'}"]
    (listed,) = json.loads(printed("alerts", "list", "--format", "json", *store))
    letters = json.loads(printed("deadletters", "list", "--format", "json", *store))
    mute = ["mutes", "add", listed["user"], "--owner", marker("owner"), "--reason", "drill"]
    runs = [
        printed("run", day, "--format", form, "--store", f"sqlite:{folder / form}.db")
        for form in ("table", "json")
    ]
    once = {
        "run": "\n".join(runs),
        "mutes add": printed(*mute, "--expires", "2099-01-01T00:00:00Z", *store),
        "mutes": asyncio.run(table_of(folder / "state.db", "mutes")),
    }
    commands = {
        "alerts list": [["alerts", "list", *store]],
        "alerts show": [["alerts", "show", listed["id"], *store]],
        "why": [["why", listed["user"], *played]],
        "counters USER": [["counters", listed["user"], *played]],
        "mutes list": [["mutes", "list", *store]],
        "dead letters": [
            ["deadletters", "list", *store],
            *(["deadletters", "show", letter["id"], *store] for letter in letters),
        ],
        "score": [["score", day, *AT]],
        "score --raw-queries": [["score", day, "--raw-queries", *AT]],
    }
    return once | {
        place: "\n".join(
            printed(*line, "--format", form) for line in lines for form in ("table", "json")
        )
        for place, lines in commands.items()
    }


async def table_of(store: Path, table: str) -> str:
    """The rows of one table as text."""
    rows = SqliteRows(store)
    try:
        found = await rows.scan_all(table)
    finally:
        await rows.close()
    return "\n".join(text for row in found for text in (row.partition, row.key, *shown(row)))


def printed(*arguments: str) -> str:
    """What a command says on both its streams."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
        patch.setattr(sys, "argv", ["detector", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code, said.getvalue()
    return said.getvalue()


# ── which field's marker may come out where: docs/privacy.md has the same table ──

STORED = ("counters", "windows", "episodes", "evidence", "mutes", "marks", "deadletters", "meta")
SHOWN = {"page", "alerts file", "alerts show", "run"}
KEPT = {"counters", "evidence"} | SHOWN
SCORED = {"score", "score --raw-queries"}
QUERY = {"windows", "counters USER"} | SCORED
SENT = {"graph", "sentinel"}

ALLOWED: dict[str, set[str]] = {
    "AccountObjectId": KEPT | QUERY | SENT | {"episodes"},
    "AccountDisplayName": KEPT | QUERY | SENT | {"episodes", "console", "alerts list"},
    "AccountId": KEPT | SENT,
    "IPAddress": KEPT | QUERY | SENT | {"why"},
    "UserAgent": KEPT | QUERY | SENT | {"why"},
    "CountryCode": KEPT,
    "ISP": KEPT,
    "ObjectName": KEPT | QUERY | {"graph"},
    "RawEventData: page title": KEPT | QUERY | {"graph"},
    "RawEventData: space key": KEPT | {"graph"},
    "RawEventData: search text": {"score --raw-queries"},
    "ActionType, where no policy knows it": {"counters", "meta", "health", "run"} | SCORED,
    "Timestamp, where it is none": {"deadletters", "dead letters"},
}
"""All else, and everything of records that are ignored or rejected: nowhere."""

ELSEWHERE = {"Isp": "ISP", "taken": "ObjectName"} | {
    "pageTitle": "RawEventData: page title",
    "spaceKey": "RawEventData: space key",
    "searchQuery": "RawEventData: search text",
    "ActionType": "ActionType, where no policy knows it",
    "Timestamp": "Timestamp, where it is none",
}
"""Markers that are filed under another name."""

UNNAMED = (
    "ISP UnknownColumn operationName Tenant UnknownField tenantId category spaceKey pageTitle"
    " bystander owner searchQuery taken rejected ignored RawEventData.unknown RawEventData.email"
).split()


def test_each_marker_is_found_where_it_may_be_and_nowhere_else(tmp_path: Path) -> None:
    places = places_of_one_journey(tmp_path)
    assert {*STORED, "log", "library log"} <= {p for p, text in places.items() if len(text) > 20}

    names = [*canaries.DOCUMENTED, *UNNAMED]
    found = {
        name: {place for place, text in places.items() if marker(name).lower() in text}
        for name in names
    }

    assert found == {name: _allowed(name) for name in names}


def _allowed(name: str) -> set[str]:
    """Who is no hit is in the counters and the window only; a mute holds what was typed."""
    others = {"bystander": {"counters", "windows"}, "owner": {"mutes", "mutes list"}}
    return others.get(name) or ALLOWED.get(ELSEWHERE.get(name, name), set())


def test_the_privacy_page_has_the_same_table() -> None:
    page = (ROOT / "docs/privacy.md").read_text(encoding="utf-8")
    rows = [
        f"| {name} | {_listed(places & {*STORED})} | {_listed(places - {*STORED})} |"
        for name, places in ALLOWED.items()
    ]

    assert "\n".join(rows) in page


def _listed(places: set[str]) -> str:
    shown = {"graph": "Defender", "sentinel": "Sentinel", "page": "evidence page", "run": "`run`"}
    names = [shown.get(place, place if place in {*STORED} else f"`{place}`") for place in places]
    return ", ".join(sorted(names, key=lambda name: name.strip("`").lower())) or "nowhere"
