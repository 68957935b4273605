"""What every sink promises: the `AlertSink` port, as far as one without a service can keep it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from detector.adapters.json_lines import JsonLinesSink
from detector.core.episode import Delivery
from detector.ports import AlertSink, DeliveryError, OutcomeUnknownError, Surge
from tests.support.activities import ALICE, NOON, frozen, views
from tests.support.sinks import RETRY_AFTER, MemorySink

EVIDENCE = frozen(views(41))
OTHERS = ALICE._replace(account_object_id="00000000-0000-0000-0000-000000000002")
FIRST_TRY = Delivery(attempts=1)

SINKS: dict[str, Callable[[Path], AlertSink]] = {
    "memory": lambda _: MemorySink(),
    "file": lambda folder: JsonLinesSink(folder / "alerts" / "alerts.jsonl"),
}


@pytest.fixture(params=SINKS)
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> AlertSink:
    return SINKS[request.param](tmp_path)


async def test_a_delivery_says_what_the_sink_calls_the_alert(sink: AlertSink) -> None:
    taken = await sink.deliver(EVIDENCE, FIRST_TRY, NOON)

    assert taken.alert_id
    assert replace(taken, alert_id="", incident_id="") == FIRST_TRY


async def test_a_later_revision_is_told_under_the_same_name(sink: AlertSink) -> None:
    first = await sink.deliver(EVIDENCE, FIRST_TRY, NOON)

    again = await sink.deliver(replace(EVIDENCE, revision=2), first, NOON + 1)

    assert again.alert_id == first.alert_id


async def test_a_second_try_is_told_under_the_same_name(sink: AlertSink) -> None:
    first = await sink.deliver(EVIDENCE, FIRST_TRY, NOON)

    again = await sink.deliver(EVIDENCE, Delivery(attempts=2), NOON + 1)

    assert again.alert_id == first.alert_id


async def test_another_episode_has_another_name(sink: AlertSink) -> None:
    first = await sink.deliver(EVIDENCE, FIRST_TRY, NOON)

    other = await sink.deliver(frozen(views(41, session=OTHERS)), FIRST_TRY, NOON)

    assert other.alert_id != first.alert_id


async def test_a_sink_without_incidents_has_nothing_to_reconcile_announce_or_resolve(
    sink: AlertSink,
) -> None:
    taken = await sink.deliver(EVIDENCE, FIRST_TRY, NOON)
    due = replace(taken, reconcile_at=NOON + 1)
    surge = Surge(surge_id="0" * 32, opened_at=NOON, waiting=1, alerts=[EVIDENCE])

    assert await sink.reconcile(EVIDENCE, due, NOON + 1) == taken
    assert await sink.announce(surge, FIRST_TRY, NOON) == FIRST_TRY
    assert await sink.resolution(taken) is None
    assert sink.limits is None


class TestMemory:
    """The faults that the use cases are tested with are the port's."""

    @pytest.mark.parametrize(("outcome", "retry_after"), [("refused", None), ("throttled", 90.0)])
    async def test_a_refusal_leaves_nothing(self, outcome, retry_after) -> None:
        sink = MemorySink(outcome)

        with pytest.raises(DeliveryError) as refused:
            await sink.deliver(EVIDENCE, FIRST_TRY, NOON)

        assert refused.value.retry_after == retry_after
        assert RETRY_AFTER == 90.0
        assert sink.alerts == []

    @pytest.mark.parametrize(("outcome", "left"), [("answer lost", 1), ("never arrived", 0)])
    async def test_an_unknown_outcome_may_leave_an_alert(self, outcome, left: int) -> None:
        sink = MemorySink(outcome)

        with pytest.raises(OutcomeUnknownError):
            await sink.deliver(EVIDENCE, FIRST_TRY, NOON)
        assert len(sink.alerts) == left
        await sink.deliver(EVIDENCE, Delivery(attempts=2), NOON)

        assert len(sink.alerts) == 1

    async def test_a_first_try_does_not_look_up(self) -> None:
        """As with Graph: whoever sends as if for the first time makes a second alert."""
        sink = MemorySink()

        for _ in range(2):
            await sink.deliver(EVIDENCE, FIRST_TRY, NOON)

        assert sink.revisions() == [[1], [1]]


async def test_a_file_that_cannot_be_written_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "alerts").write_text("a file where a folder should be")

    with pytest.raises(DeliveryError, match=r"alerts\.jsonl"):
        await SINKS["file"](tmp_path).deliver(EVIDENCE, FIRST_TRY, NOON)
