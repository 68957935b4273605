"""The service around the use cases: nothing but the store stops a partition or a round."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from detector.core.activity import Activity
from detector.core.instant import HOUR, MINUTE
from detector.core.policy import Policy
from detector.core.reading import Message
from detector.core.rules import Verdict, judge_user
from detector.core.vocabulary import Vocabulary
from detector.ports import Rows, StoreUnavailableError
from detector.service import Service
from detector.settings import Settings
from detector.telemetry import Line
from detector.wiring import make_detector, make_source
from tests.support.activities import NOON, RECOMMENDED
from tests.support.events import message, views

HUB = "example.servicebus.windows.net/cloudappevents/0"


def serving(rows: Rows, log: list[Line], now: int = NOON) -> Service:
    detector = make_detector(rows, RECOMMENDED, [])
    source = make_source(detector, Settings())
    return Service(detector=detector, source=source, clock=lambda: now, log=log.append, host="one")


def of_users(*users: int) -> list[Message]:
    records = [record for user in users for record in views(60, NOON - MINUTE, user=user)]
    return [Message(message(records), HUB, 41, NOON)]


async def test_a_user_whose_data_raises_costs_no_other_user(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[Line] = []
    service = serving(rows, log)
    await service.ingest(of_users(1, 2, 3))

    def judging(
        activities: Sequence[Activity], at: int, policy: Policy, words: Vocabulary, **how: bool
    ) -> Verdict:
        if activities[0].session.account_object_id.endswith("2"):
            raise ZeroDivisionError
        return judge_user(activities, at, policy, words, **how)

    monkeypatch.setattr("detector.evaluate.judge_user", judging)
    await service.tick()

    (evaluated,) = [line for line in log if line["event"] == "evaluated"]
    assert (evaluated["hits"], evaluated["backlog"]) == (2, 1)
    assert evaluated["errors"] == {"ZeroDivisionError": 1}


async def test_a_round_that_takes_too_long_leaves_the_rest_to_the_next(rows: Rows) -> None:
    log: list[Line] = []
    service = serving(rows, log)
    await service.ingest(of_users(1, 2, 3))

    await service.tick(seconds=0)
    await service.tick(seconds=60)

    rounds = [line for line in log if line["event"] == "evaluated"]
    assert [(line["users"], line["backlog"]) for line in rounds] == [(1, 2), (2, 0)]
    assert [line["event"] for line in log].count("dispatched") == 2


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(StoreUnavailableError("busy"), "busy", id="the store is away"),
        pytest.param(ZeroDivisionError(), "ZeroDivisionError", id="a bug"),
        pytest.param(None, "TimeoutError", id="it takes too long"),
    ],
)
async def test_judging_in_ingest_never_brings_the_batch_back(
    rows: Rows, monkeypatch: pytest.MonkeyPatch, error: Exception | None, said: str
) -> None:
    log: list[Line] = []
    service = replace(serving(rows, log, NOON + 10 * MINUTE), judging_seconds=0.05)
    await service.detector.state.meta.set_instant("tick", NOON)

    async def ticking(self: Service, seconds: float) -> None:
        if error:
            raise error
        await asyncio.sleep(60)

    monkeypatch.setattr(Service, "tick", ticking)
    await service.ingest(of_users(1))

    assert log[-1] == {"event": "unavailable", "reason": said}
    assert len(await service.detector.state.marks.pending(NOON + HOUR)) == 1


async def test_ingest_judges_where_the_timer_has_never_ticked(rows: Rows) -> None:
    log: list[Line] = []
    await serving(rows, log, NOON).ingest(of_users(1))
    before = [line["event"] for line in log]

    await serving(rows, log, NOON + 6 * MINUTE).ingest(of_users(2))

    assert before == ["ingested"]
    assert [line["hits"] for line in log if line["event"] == "evaluated"] == [2]


async def test_a_message_that_is_taken_out_is_a_rejected_one_in_the_log(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[Line] = []
    service = serving(rows, log)

    async def raising(self: Service, messages: Sequence[Message]) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Service, "_take", raising)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await service.ingest(of_users(1))
    await service.ingest(of_users(1))

    (line,) = log
    assert (line["event"], line["partition"], line["rejected"]) == ("ingested", HUB, 1)
    assert len(await service.detector.state.dead_letters.every()) == 1
