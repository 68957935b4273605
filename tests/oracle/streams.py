"""Random streams of CloudAppEvents: what they hold, and the bytes they may travel as.

A stream is a few runs of similar events, so that counters come near the query's thresholds; its
instants crowd around the edges of one window.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from hypothesis import strategies as st

from detector.core.reading import Message
from tests.oracle.duckdb_query import Event, iso

TICK, SECOND, MINUTE = 1, 10_000_000, 600_000_000
HOUR, DAY = 60 * MINUTE, 1440 * MINUTE
EDGE = int(datetime(2026, 3, 11, 12, tzinfo=UTC).timestamp()) * SECOND + 4_321_567
"""The end of the window that the instants crowd around."""

ALICE, BOB = ("00000000-0000-0000-0000-000000000001", "Alice"), (None, "Bob")
ACCOUNTS = (ALICE, (ALICE[0], "alice"), BOB, (BOB[0], "bob"), ("Bob", None), (None, None))
ADDRESSES, AGENTS = ("192.0.2.1", "192.0.2.2", None), ("Firefox", "python-requests/2.32.0", None)
APPS = (
    {"application": "Confluence"},
    {"application": "Jira (Atlassian)"},
    {"application": "Other", "app_name": "atlassian-cloud"},
    {"application": "ConfluenceCloud"},
    {"application": "Confluence", "app_name": "Other"},
    {},
)
VIEWS = ("PageViewed", "page_viewed", "SPACEVIEWED", "ContentViewed")
TAKING = ("ContentExported", "SpaceExported", "pageprinted", "attachment_downloaded")
OTHERS = ("SearchPerformed", "space_exported", "confluence_page_viewed", "Wiki opened")
SEARCHES = (
    None,
    None,
    "",
    "rota",
    "vpn",
    "my_password?",
    "passwords",
    "api key",
    "api-key",
    "ñaws",
)
NOT_TEXT = ((12, "12"), (True, "true"), (["x", 1], '["x",1]'), ({"a": None}, '{"a":null}'))
"""JSON values in the place of a text, and what KQL's tostring makes of them."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A distinct event, its ReportId if it has one, and its RawEventData."""

    event: Event
    report_id: str | int | None
    raw: dict[str, object] | str | list[int] | None


@st.composite
def instants(draw: st.DrawFn) -> int:
    """Near the beginning or the end of the window, near a minute's boundary, or anywhere."""
    base = draw(st.sampled_from([EDGE - DAY, EDGE - DAY, EDGE, EDGE - HOUR, EDGE - 2 * DAY]))
    kind = draw(st.sampled_from(["edge", "minute", "anywhere"]))
    if kind == "edge":
        return base + draw(st.sampled_from([-1, 0, 1]))
    minutes = draw(st.integers(-3, 1_440)) * MINUTE
    if kind == "minute":
        return base - base % MINUTE + minutes + draw(st.sampled_from([-1, 0]))
    return base + minutes + draw(st.integers(0, MINUTE - 1))


@st.composite
def runs(draw: st.DrawFn, number: int) -> list[Sent]:
    """Similar events of one session, one after the other."""
    account, address, agent = (draw(st.sampled_from(c)) for c in (ACCOUNTS, ADDRESSES, AGENTS))
    names = draw(st.sampled_from([VIEWS, VIEWS, TAKING, OTHERS]))
    length = draw(st.sampled_from([1, 2, 5, 6, 11, 20, 21, 40, 41, 101]))
    start, step = draw(instants()), draw(st.sampled_from([0, 1, SECOND, MINUTE // 2, 5 * MINUTE]))
    spaces, titles = draw(st.integers(0, 12)), draw(st.integers(0, 12))
    app = draw(st.sampled_from(APPS if draw(st.integers(0, 3)) == 0 else APPS[:3]))
    search = draw(st.sampled_from(SEARCHES))
    odd = draw(st.sampled_from([None, None, None, *NOT_TEXT]))
    broken = draw(st.sampled_from([False] * 7 + [True]))
    identity = draw(st.sampled_from(["own", "own", "number", "shared", "none"]))
    made: list[Sent] = []
    for i in range(length):
        named = i % 3 != 0
        title = f"Page {i % titles}" if titles else None
        raw: dict[str, object] = {"spaceKey": f"S{i % spaces}" if spaces else None}
        raw |= {"pageTitle": None if named else title, "searchQuery": search, "pagetitle": "other"}
        space = raw["spaceKey"]
        if odd is not None and i % 4 == 1:
            raw["spaceKey"], space = odd
        event = Event(
            tick=start + i * step,
            action=names[i % len(names)],
            object_id=account[0],
            display_name=account[1],
            address=address,
            agent=agent,
            object_name=title if named else None,
            search=None if broken else search,
            space=None if broken else space,
            page_title=None if broken or named else title,
            **app,
        )
        ids = {"own": f"r{number}-{i}", "number": number * 1_000 + i, "shared": f"r{number}"}
        shared_at_once = identity == "shared" and step == 0
        report_id = ids["own"] if shared_at_once else ids.get(identity)
        made.append(Sent(event, report_id, draw(st.sampled_from(UNREADABLE)) if broken else raw))
    return made


UNREADABLE = (None, "", "no JSON", "[1]", [1, 2])
"""Forms of RawEventData that have no properties."""

streams = (
    st.integers(1, 6)
    .flatmap(lambda n: st.tuples(*map(runs, range(n))))
    .map(lambda found: [sent for run in found for sent in run])
)


def travelling(sent: Sequence[Sent], random: Random, *, again: int = 0) -> list[bytes]:
    """The events, shuffled, as lines; some that have a ReportId come once or twice more."""
    named = [s for s in sent if s.report_id is not None]
    copies = random.choices(named, k=again) if named else []
    records = [*sent, *copies]
    random.shuffle(records)
    return list(_lines([_record(s, random) for s in records], random))


def _lines(rows: list[dict[str, object]], random: Random) -> Iterator[bytes]:
    """Flat rows, single records and envelopes of up to five, mixed with what is not ours."""
    form = random.choice(["flat", "envelope", "mixed"])
    while rows:
        shape = random.choice(["flat", "envelope"]) if form == "mixed" else form
        if shape == "flat":
            yield json.dumps(rows.pop()).encode()
            continue
        taken = [_enveloped(rows.pop()) for _ in range(min(len(rows), random.randint(1, 5)))]
        if random.random() < 0.2:
            taken.insert(0, {**taken[0], "category": "AdvancedHunting-EmailEvents"})
        alone = len(taken) == 1 and random.random() < 0.3
        yield json.dumps(taken[0] if alone else {"records": taken}).encode()


def _enveloped(row: dict[str, object]) -> dict[str, object]:
    return {
        "time": "2026-03-11T12:00:00Z",
        "tenantId": "00000000-0000-0000-0000-0000000000ff",
        "operationName": "Publish",
        "category": "AdvancedHunting-CloudAppEvents",
        "properties": row,
    }


def _record(sent: Sent, random: Random) -> dict[str, object]:
    """One row: what is missing is null, "" or left out; RawEventData an object or its text."""
    event, raw = sent.event, sent.raw
    if isinstance(raw, dict):
        raw = _sparse(raw, random)
        raw = json.dumps(raw) if random.random() < 0.4 else raw
    row = {
        "Timestamp": iso(event.tick),
        "ActionType": event.action,
        "Application": event.application,
        "AppName": event.app_name,
        "AccountObjectId": event.object_id,
        "AccountDisplayName": event.display_name,
        "IPAddress": event.address,
        "UserAgent": event.agent,
        "ObjectName": event.object_name,
        "ReportId": sent.report_id,
        "RawEventData": raw,
        "IsAdminOperation": random.choice([False, 0, "", None]),
    }
    names = list(row)
    random.shuffle(names)
    return _sparse({name: row[name] for name in names}, random)


def _sparse(values: dict[str, object], random: Random) -> dict[str, object]:
    """Nulls stay, become "" or are left out; but a flag and RawEventData may be any of them."""
    shown: dict[str, object] = {}
    for name, value in values.items():
        form = random.choice(["null", "empty", "absent"]) if value is None else "as it is"
        if form != "absent":
            shown[name] = "" if form == "empty" else value
    return shown


def split(lines: Sequence[bytes], random: Random, *, live: bool) -> list[list[Message]]:
    """Lines as messages, in batches of any size.

    live: as from an Event Hub, enqueued later than all events; some messages come again.
    """
    if live:
        enqueued = EDGE + 9 * DAY
        messages = [Message(line, "hub/0", n, enqueued) for n, line in enumerate(lines)]
        messages += random.choices(messages, k=random.randint(0, 5))
        random.shuffle(messages)
    else:
        messages = [Message(line, "file", n) for n, line in enumerate(lines, 1)]
    batches: list[list[Message]] = [[]]
    for message in messages:
        batches[-1].append(message)
        if random.random() < 0.2:
            batches.append([])
    return batches
