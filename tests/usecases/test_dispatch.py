"""The outbox: each revision reaches each sink once, whatever a sink or another host does."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from detector.adapters.sqlite import SqliteRows
from detector.core.activity import Activity, user_of
from detector.core.episode import Delivery, Status
from detector.core.evidence import Evidence
from detector.core.instant import DAY, HOUR, MINUTE, SECOND
from detector.dispatch import LEASE
from detector.ports import Operation, Rows, Transaction
from detector.state.keys import EPISODES
from detector.state.mutes import Mute
from tests.support.activities import ALICE, NOON, RECOMMENDED, activity, search, views
from tests.support.hosts import USER, Host, Overtaken, host
from tests.support.sinks import RETRY_AFTER, MemorySink, Outcome

HIT = views(41, start=NOON - 41 * MINUTE, every=MINUTE)
WORSE = views(90, start=NOON, every=MINUTE)


async def opened(rows: Rows, *sinks: MemorySink, activities: Sequence[Activity] = HIT) -> Host:
    """A host with an episode that was opened at noon and not yet sent."""
    ready = host(rows, sinks=sinks)
    await ready.ingest(activities, NOON)
    await ready.evaluate(NOON)
    return ready


async def escalate(ready: Host, at: int) -> None:
    await ready.ingest(WORSE, at)
    await ready.evaluate(at)


async def mute(ready: Host, rule: str, *, until: int) -> None:
    wish = Mute(
        user=USER,
        rule=rule,
        owner="bob@example.com",
        reason="a backup job",
        origin="person",
        created_at=NOON,
        expires_at=until,
    )
    await ready.state.mutes.add(wish)


async def delivery(ready: Host, sink: str = "memory") -> Delivery:
    return (await ready.episodes())[-1].deliveries[sink]


async def test_an_opened_episode_is_sent_once(rows: Rows) -> None:
    sink = MemorySink()
    ready = await opened(rows, sink)

    report = await ready.dispatch(NOON)
    again = await ready.dispatch(NOON + MINUTE)

    assert (report.sent, report.pending, again.sent) == (1, 0, 0)
    assert sink.revisions() == [[1]]
    assert [alert.episode_id for alert in report.alerts] == [sink.alerts[0].episode_id]
    assert await ready.state.marks.outbox() == []
    sent = await delivery(ready)
    assert (sent.status, sent.sent_revision, sent.alert_id) == (Status.SENT, 1, "memory-1")


async def test_nobody_s_episode_is_sent_to_nobody(rows: Rows) -> None:
    ready = host(rows, sinks=[MemorySink()])

    report = await ready.dispatch(NOON)

    assert (report.sent, report.pending, report.oldest_unsent) == (0, 0, None)


async def test_an_escalation_is_told_to_the_same_alert(rows: Rows) -> None:
    sink = MemorySink()
    ready = await opened(rows, sink)
    await ready.dispatch(NOON)
    await escalate(ready, NOON + 2 * HOUR)

    await ready.dispatch(NOON + 2 * HOUR)

    assert sink.revisions() == [[1, 2]]
    assert sink.alerts[0].told[-1].total_actions == 131


async def test_an_escalation_before_the_first_sending_is_told_at_once(rows: Rows) -> None:
    sink = MemorySink()
    ready = await opened(rows, sink)
    await escalate(ready, NOON + 2 * HOUR)

    await ready.dispatch(NOON + 2 * HOUR)

    assert sink.revisions() == [[2]]


async def test_an_episode_that_closed_before_it_was_sent_is_sent_as_it_was_opened(
    rows: Rows,
) -> None:
    sink = MemorySink()
    ready = await opened(rows, sink)
    await ready.evaluate(NOON + DAY)

    report = await ready.dispatch(NOON + DAY)

    assert not (await ready.episodes())[0].is_open
    assert [told.total_actions for told in sink.alerts[0].told] == [41]
    assert (report.sent, report.pending) == (1, 0)


async def test_a_refusal_is_tried_again_ever_more_rarely(rows: Rows) -> None:
    sink = MemorySink(*["refused"] * 7)
    ready = await opened(rows, sink)

    tried = []
    for minute in range(180):
        before = len(sink.tries)
        report = await ready.dispatch(NOON + minute * MINUTE)
        if len(sink.tries) > before:
            tried.append(minute)
            assert (report.failed, report.pending, report.oldest_unsent) == (1, 1, NOON)

    assert tried == [0, 1, 3, 8, 23, 83, 143]
    assert (await delivery(ready)).error == "503 so it goes"
    await ready.dispatch(NOON + 203 * MINUTE)
    assert sink.revisions() == [[1]]
    assert (await delivery(ready)).error == ""


async def test_a_sink_is_not_asked_before_it_said(rows: Rows) -> None:
    sink = MemorySink("throttled")
    ready = await opened(rows, sink)
    wait = round(RETRY_AFTER * SECOND)
    await ready.dispatch(NOON)

    await ready.dispatch(NOON + wait - 1)
    assert len(sink.tries) == 1
    await ready.dispatch(NOON + wait)

    assert sink.revisions() == [[1]]


@pytest.mark.parametrize("outcome", ["answer lost", "never arrived"])
async def test_an_unknown_outcome_is_looked_up_when_its_lease_has_ended(
    rows: Rows, outcome: Outcome
) -> None:
    sink = MemorySink(outcome)
    ready = await opened(rows, sink)

    report = await ready.dispatch(NOON)
    unknown = await delivery(ready)
    await ready.dispatch(NOON + LEASE - 1)
    assert (report.failed, len(sink.tries)) == (1, 1)
    assert (unknown.status, unknown.error) == (Status.LEASED, "no answer")
    await ready.dispatch(NOON + LEASE)

    assert sink.tries == [(1, 1), (1, 2)]
    assert len(sink.alerts) == 1
    assert await ready.state.marks.outbox() == []


class Killed(BaseException):
    """The process dies."""


class Dying(MemorySink):
    """The process dies right after the sink has taken the alert."""

    async def deliver(self, evidence, delivery, now):
        taken = await super().deliver(evidence, delivery, now)
        if len(self.tries) == 1:
            raise Killed
        return taken


async def test_a_process_that_died_after_sending_leaves_one_alert(rows: Rows) -> None:
    sink = Dying()
    ready = await opened(rows, sink)
    with pytest.raises(Killed):
        await ready.dispatch(NOON)

    await ready.dispatch(NOON + LEASE)

    assert sink.tries == [(1, 1), (1, 2)]
    assert len(sink.alerts) == 1
    assert await ready.state.marks.outbox() == []


async def test_a_failing_sink_does_not_hold_up_another(rows: Rows) -> None:
    bad, good = MemorySink("refused", name="bad"), MemorySink(name="good")
    ready = await opened(rows, bad, good)

    report = await ready.dispatch(NOON)

    assert (good.revisions(), bad.revisions()) == ([[1]], [])
    assert (report.sent, report.failed, report.pending) == (1, 1, 1)
    await ready.dispatch(NOON + MINUTE)
    assert (good.revisions(), bad.revisions()) == ([[1]], [[1]])


async def test_a_muted_episode_is_held_until_the_mute_expires(rows: Rows) -> None:
    sink = MemorySink()
    ready = await opened(rows, sink)
    await mute(ready, "any", until=NOON + HOUR)

    report = await ready.dispatch(NOON + HOUR - 1)
    assert (report.held, report.sent, sink.tries) == (1, 0, [])
    assert len(await ready.state.marks.outbox()) == 1
    await ready.dispatch(NOON + HOUR)

    assert sink.revisions() == [[1]]


async def test_a_mute_of_one_gate_does_not_hold_another(rows: Rows) -> None:
    sink = MemorySink()
    ready = await opened(rows, sink, activities=[*HIT, search(NOON - HOUR)])
    await mute(ready, "bulk_access", until=NOON + DAY)

    await ready.dispatch(NOON)

    assert sink.revisions() == [[1]]


async def test_what_was_sent_once_is_not_held_any_more(rows: Rows) -> None:
    sink = MemorySink()
    ready = await opened(rows, sink)
    await ready.dispatch(NOON)
    await escalate(ready, NOON + 2 * HOUR)
    await mute(ready, "any", until=NOON + DAY)

    await ready.dispatch(NOON + 2 * HOUR)

    assert sink.revisions() == [[1, 2]]


async def test_an_episode_below_the_minimum_severity_is_held_until_it_is_graver(
    rows: Rows,
) -> None:
    sink = MemorySink()
    policy = replace(RECOMMENDED, minimum_severity="high")
    ready = host(rows, sinks=[sink], policy=policy)
    await ready.ingest(HIT, NOON)
    await ready.evaluate(NOON)

    assert (await ready.dispatch(NOON)).held == 1
    exports = [activity(NOON, "SpaceExported", title=f"S{n}") for n in range(6)]
    await ready.ingest(exports, NOON + MINUTE)
    await ready.evaluate(NOON + MINUTE)
    await ready.dispatch(NOON + MINUTE)

    assert [told.severity for told in sink.alerts[0].told] == ["high"]


async def test_the_gravest_is_sent_first(rows: Rows) -> None:
    sink = MemorySink()
    ready = await opened(rows, sink)
    other = ALICE._replace(account_object_id="00000000-0000-0000-0000-000000000002")
    exports = [activity(NOON, "SpaceExported", session=other) for _ in range(6)]
    await ready.ingest(exports, NOON + MINUTE)
    await ready.evaluate(NOON + MINUTE)

    await ready.dispatch(NOON + MINUTE)

    assert [alert.told[0].user for alert in sink.alerts] == [user_of(other), USER]


async def test_a_new_episode_is_a_new_alert(rows: Rows) -> None:
    sink = MemorySink()
    ready = await opened(rows, sink)
    await ready.dispatch(NOON)
    await ready.evaluate(NOON + DAY)
    await ready.dispatch(NOON + DAY)
    await ready.ingest(views(50, start=NOON + 2 * DAY, every=MINUTE), NOON + 2 * DAY + HOUR)
    await ready.evaluate(NOON + 2 * DAY + HOUR)

    await ready.dispatch(NOON + 2 * DAY + HOUR)

    assert len({alert.episode_id for alert in sink.alerts}) == 2
    assert [told[0] for told in sink.revisions()] == [1, 1]


async def overtaken_dispatches(folder: Path, meanwhile):
    """For each call of a dispatch: the call, the host and the sink after it was overtaken."""
    at = 0
    while True:
        rows: Rows = SqliteRows(folder / f"{at}.db", durable=False)
        sink = MemorySink()
        await opened(rows, sink)
        slow = Overtaken(rows, at, lambda rows=rows, sink=sink: meanwhile(host(rows, sinks=[sink])))
        await host(slow, sinks=[sink]).dispatch(NOON)
        if slow.happened:
            yield slow.calls[at], host(rows, sinks=[sink]), sink
        await rows.close()
        if not slow.happened:
            break
        at += 1


async def test_two_dispatchers_send_once_wherever_one_overtakes_the_other(tmp_path: Path) -> None:
    calls = []
    async for call, after, sink in overtaken_dispatches(
        tmp_path, lambda other: other.dispatch(NOON)
    ):
        await after.dispatch(NOON + LEASE)
        assert sink.revisions() == [[1]], call
        assert await after.state.marks.outbox() == [], call
        calls.append(call)

    assert "submit episodes" in calls


async def test_an_escalation_while_an_alert_is_sent_is_told_next(tmp_path: Path) -> None:
    at = NOON + 2 * HOUR

    async for call, after, sink in overtaken_dispatches(
        tmp_path, lambda other: escalate(other, at)
    ):
        await after.dispatch(at)
        await after.dispatch(at + LEASE)
        assert sink.revisions()[0][-1] == 2, call
        assert len(sink.alerts) == 1, call
        assert sink.alerts[0].told[-1].total_actions == 131, call
        assert await after.state.marks.outbox() == [], call


@pytest.mark.parametrize(("fate", "marks"), [("newer", 1), ("forgotten", 0)])
async def test_an_episode_that_goes_while_it_is_sent(rows: Rows, fate: str, marks: int) -> None:
    """A newer version may have something left to send; nobody has of one that is gone."""

    class Slow(MemorySink):
        async def deliver(self, evidence: Evidence, delivery: Delivery, now: int) -> Delivery:
            (stored,) = await ready.state.episodes.every()
            if fate == "forgotten":
                await ready.state.episodes.delete(stored)
            else:
                newer = Operation("replace", stored.row.key, {**stored.row.values, "V": 2})
                await rows.submit(Transaction(EPISODES, stored.row.partition, [newer]))
            return await super().deliver(evidence, delivery, now)

    ready = await opened(rows, Slow())
    await ready.dispatch(NOON)

    assert len(await ready.state.marks.outbox()) == marks
