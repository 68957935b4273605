"""`why USER`: every window of a user, how far each was from firing, and what became of it."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, TypedDict

import typer

from detector.cli.common import (
    Format,
    FormatOption,
    PolicyOption,
    StoreOption,
    out,
    plain,
    policy_named,
    print_json,
    run_async,
    settings_to_read,
)
from detector.cli.users import find_user
from detector.core.episode import Ending, Episode
from detector.core.explain import Distance, distances, nearest
from detector.core.instant import InstantError, format_instant, parse_instant
from detector.core.policy import Policy
from detector.core.report import COLUMN_WORDS
from detector.core.rules import Verdict, judge_user
from detector.core.severity import severity_of
from detector.core.summary import Summary
from detector.core.vocabulary import Vocabulary
from detector.dispatch import MUTED, held_back
from detector.state.mutes import Mute
from detector.state.store import State
from detector.wiring import opened


def why(
    user: Annotated[str, typer.Argument(help="Object id, display name, or the user's key.")],
    at: Annotated[
        str | None, typer.Option("--at", help="The instant, with its zone; else the last tick.")
    ] = None,
    store: StoreOption = None,
    policy: PolicyOption = None,
    format: FormatOption = Format.TABLE,  # noqa: A002
) -> None:
    """Tell why there was, or was not, an incident: gates, distances, and what held it back.

    Example:
      python -m detector why Mallory --at 2026-03-11T20:00:00Z --store sqlite:.detector/demo.db
    """
    try:
        instant = parse_instant(at, zone_required=True) if at else None
    except InstantError as error:
        raise typer.BadParameter(str(error), param_hint="--at") from error
    document = run_async(_why(user, instant, store, policy))
    if format is Format.JSON:
        print_json(document)
        return
    out.print(f"[bold]{plain(user)}[/] at {document['at']}: {document['outcome']}", soft_wrap=True)
    for window in document["windows"]:
        _print_window(window)


class _Window(TypedDict):
    """One summary of the user, with every condition and what the nearest gate lacked."""

    kind: str
    ip_address: str
    user_agent: str
    total_actions: int
    conditions: list[dict[str, Any]]
    nearest: str | None
    missing: list[str]


class _Answer(TypedDict):
    """What the command prints as JSON."""

    user: str
    at: str
    policy: str
    is_hit: bool
    indicator: str | None
    severity: str | None
    outcome: str
    windows: list[_Window]


async def _why(text: str, at: int | None, store: str | None, policy_name: str | None) -> _Answer:
    settings = settings_to_read(store)
    policy = policy_named(policy_name, "recommended", settings)
    vocabulary = Vocabulary(policy)
    async with opened(settings) as rows:
        state = State(rows)
        user = await find_user(state, text)
        now = at or await state.meta.instant("tick") or time.time_ns() // 100
        days = await state.ledger.days()
        loaded = await state.ledger.load(user, now - policy.time_window, days)
        verdict = judge_user(loaded.activities, now, policy, vocabulary, bounded=at is not None)
        episodes = [s.episode for s in await state.episodes.history(user)]
        mutes = await state.mutes.of(user)
    severity = severity_of(verdict, policy, vocabulary)
    return {
        "user": user,
        "at": format_instant(now),
        "policy": policy.name,
        "is_hit": verdict.is_hit,
        "indicator": verdict.indicator,
        "severity": severity if verdict.is_hit else None,
        "outcome": _outcome(verdict, policy, episodes, mutes, now),
        "windows": [_window(kind, s, policy) for kind, s in _summaries(verdict, policy)],
    }


def _summaries(verdict: Verdict, policy: Policy) -> list[tuple[str, Summary]]:
    merged = verdict.user_summary
    gated = "user" if policy.gate_users else "user (not gated by this policy)"
    sessions = [("session", summary) for summary in verdict.sessions]
    return [(gated, merged), *sessions] if merged else sessions


def _outcome(
    verdict: Verdict,
    policy: Policy,
    episodes: Sequence[Episode],
    mutes: Sequence[Mute],
    now: int,
) -> str:
    """In one sentence: what became of the verdict, and why."""
    if not verdict.is_hit:
        return "no incident: no gate held"
    covering = [e for e in episodes if e.opened_at <= now and (e.is_open or now < e.closed_at)]
    if not covering:
        last = episodes[-1] if episodes else None
        if last is not None and last.ending is Ending.RESOLVED:
            return f"no new incident: a person resolved it as {last.classification}"
        return "a hit that no evaluation has judged yet"
    episode = covering[-1]
    name = f"episode {episode.episode_id[:12]}, open since {format_instant(episode.opened_at)}"
    sent = [sink for sink, delivery in episode.deliveries.items() if delivery.sent_revision]
    if sent:
        return f"merged into {name}, sent to {', '.join(sent)}"
    reason = held_back(episode, mutes, policy, now)
    if reason == MUTED:
        owners = ", ".join(
            f"{m.rule} by {m.owner} ({m.reason})" for m in mutes if now < m.expires_at
        )
        return f"held back, muted: {owners}; {name}"
    if reason:
        least = policy.minimum_severity
        return f"held back: {episode.severity} is below the minimum severity {least}; {name}"
    return f"waits to be sent; {name}"


def _window(kind: str, summary: Summary, policy: Policy) -> _Window:
    closest = nearest(summary, policy)
    return {
        "kind": kind,
        "ip_address": summary.session.ip_address,
        "user_agent": summary.session.user_agent,
        "total_actions": summary.total_actions,
        "conditions": [{**asdict(d), "held": d.held} for d in distances(summary, policy)],
        "nearest": closest[0] if closest else None,
        "missing": [_lack(d) for d in closest[1] if not d.held] if closest else [],
    }


def _lack(distance: Distance) -> str:
    return f"{distance.missing:g} more {COLUMN_WORDS[distance.column]}"


def _print_window(window: _Window) -> None:
    place = " · ".join(filter(None, (window["ip_address"], window["user_agent"])))
    out.print(
        f"\n{window['kind']}  {window['total_actions']} actions  {plain(place)}", soft_wrap=True
    )
    for c in window["conditions"]:
        mark = "held" if c["held"] else f"{c['missing']:g} short"
        words = COLUMN_WORDS[c["column"]]
        out.print(f"  {c['gate']:<19} {c['value']:>6g} {words} > {c['threshold']:g}  {mark}")
    if window["missing"]:
        out.print(f"  nearest: {window['nearest']}, {' and '.join(window['missing'])}")
