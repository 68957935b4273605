"""The Sentinel sink: rows through the real azure-monitor-ingestion to a strict loopback."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detector.adapters.logs_ingestion import (
    PER_MINUTE,
    SentinelSink,
    Stream,
    connect,
    sentinel_row,
    surge_row,
)
from detector.core.episode import Delivery, Transition
from detector.core.evidence import Evidence
from detector.core.instant import MINUTE
from detector.ports import DeliveryError, Surge
from detector.settings import Settings
from detector.wiring import make_sinks
from tests.loopback.graph import (
    Fault,
    TokenCredential,
    reset,
    server_error,
    throttled,
    unavailable,
)
from tests.loopback.logs import COLUMNS, PUBLISHER, SCOPE, LoopbackLogs, is_of_type
from tests.support.activities import NOON, frozen, views
from tests.support.events import views as records
from tests.support.evidences import EVIDENCES
from tests.support.product import DrivenClock, Product


@pytest.fixture
def logs(clock: DrivenClock) -> Iterator[LoopbackLogs]:
    with LoopbackLogs(COLUMNS, clock=clock) as server:
        yield server


def sentinel_sink(logs: LoopbackLogs, *roles: str, **changes: Any) -> SentinelSink:
    """The sink as wiring makes it, with a credential of the test's."""
    given = {"rule_id": logs.rule_id, "stream": logs.stream, "scope": SCOPE, **changes}

    async def open_stream() -> Stream:
        credential = logs.credential(*roles)
        return connect(logs.endpoint, credential, **{"timeout_seconds": 5.0, **given})

    return SentinelSink(open_stream, evidence_url="https://evidence.example.com")


def an_evidence(**changes: object) -> Evidence:
    """Evidence of sixty views, with changes."""
    return replace(frozen(views(60)), **changes)  # type: ignore[arg-type]


async def refusal(sink: SentinelSink) -> DeliveryError:
    """What the sink says of a delivery that fails."""
    with pytest.raises(DeliveryError) as caught:
        await sink.deliver(an_evidence(), Delivery(attempts=1), NOON)
    await sink.close()
    return caught.value


async def test_a_revision_is_a_row(logs: LoopbackLogs) -> None:
    sink, evidence = sentinel_sink(logs), an_evidence()

    taken = await sink.deliver(evidence, Delivery(attempts=1), NOON)
    await sink.close()

    (row,) = logs.rows
    assert taken.alert_id == row["EpisodeId"] == evidence.episode_id
    assert (row["State"], row["Revision"], row["Severity"]) == ("open", 1, "medium")
    assert row["Title"] == "Confluence data mining by Alice: 60 pages read at 60 a minute"
    assert (row["TotalActions"], row["IPAddresses"]) == (60, ["192.0.2.1"])
    assert row["Conditions"][0] == "bulk_access: 60 actions > 40"  # type: ignore[index]
    assert row["EvidenceUrl"] == f"https://evidence.example.com/{evidence.episode_id}"


@pytest.mark.parametrize(
    ("transition", "state"),
    [(Transition.OPENED, "open"), (Transition.REOPENED, "open"), (Transition.CLOSED, "closed")],
)
async def test_the_state_is_open_until_the_episode_closes(
    transition: Transition, state: str
) -> None:
    assert sentinel_row(an_evidence(transition=transition), NOON).state == state


def test_the_columns_are_those_of_table_and_stream_in_order_and_type() -> None:
    row = sentinel_row(an_evidence(), NOON).model_dump(by_alias=True)

    assert [*row] == [*COLUMNS]
    assert [name for name, value in row.items() if not is_of_type(value, COLUMNS[name])] == []
    assert set(COLUMNS.values()) >= {"string", "int", "long", "real", "datetime", "dynamic"}


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(evidence=EVIDENCES, waiting=st.integers(1, 10**6))
def test_every_row_is_of_the_streams_types_and_small_enough(
    evidence: Evidence, waiting: int
) -> None:
    surge = Surge(surge_id="5" * 32, opened_at=NOON, waiting=waiting, alerts=[evidence] * 50)

    for row in (sentinel_row(evidence, NOON), surge_row(surge, NOON)):
        sent = json.loads(json.dumps(row.model_dump(by_alias=True)))
        assert [*sent] == [*COLUMNS]
        assert [name for name in sent if not is_of_type(sent[name], COLUMNS[name])] == []
        assert len(json.dumps(sent)) < 256 << 10
        texts = f"{sent['Title']} {sent['Story']} {sent['AccountDisplayName']}"
        assert not {"<", "`", "\n"} & set(texts)


@pytest.mark.parametrize(
    ("fault", "retry_after"),
    [
        pytest.param(throttled(42), 42, id="429"),
        pytest.param(throttled(None), None, id="429 without a time"),
        pytest.param(unavailable(), None, id="503"),
        pytest.param(Fault(status=403), None, id="403"),
        pytest.param(Fault(status=413), None, id="413"),
        pytest.param(server_error(), None, id="500"),
        pytest.param(reset(after_commit=False), None, id="reset"),
    ],
)
async def test_a_fault_is_one_call_and_says_when_to_come_again(
    logs: LoopbackLogs, fault: Fault, retry_after: float | None
) -> None:
    logs.faults.append(fault)

    error = await refusal(sentinel_sink(logs))

    assert (error.retry_after, logs.calls, logs.rows) == (retry_after, 1, [])


@pytest.mark.parametrize(
    ("roles", "changes", "said"),
    [
        pytest.param(("Reader",), {}, "no access to ingest", id="role"),
        pytest.param((), {"rule_id": "dcr-" + "9" * 32}, "no access to ingest", id="rule"),
        pytest.param((), {"stream": "Custom-Other_CL"}, "was not found", id="stream"),
        pytest.param((), {"scope": "https://example.com/.default"}, "audience", id="scope"),
    ],
)
async def test_what_is_set_wrong_is_told(
    logs: LoopbackLogs, roles: tuple[str, ...], changes: dict[str, str], said: str
) -> None:
    assert said in str(await refusal(sentinel_sink(logs, *roles, **changes)))


async def test_an_endpoint_that_does_not_answer_is_told(clock: DrivenClock) -> None:
    with LoopbackLogs(COLUMNS, clock=clock) as gone:
        sink = sentinel_sink(gone)

    assert "Cannot connect" in str(await refusal(sink))


async def test_an_endpoint_that_hangs_is_given_up(logs: LoopbackLogs) -> None:
    hold = logs.hold()

    error = await refusal(sentinel_sink(logs, timeout_seconds=0.3))
    hold.release()

    assert error.retry_after is None


async def test_a_token_is_never_sent_in_clear_to_another_machine(clock: DrivenClock) -> None:
    credential = TokenCredential(PUBLISHER, clock=clock)

    async def open_stream() -> Stream:
        return connect(
            "http://logs.example.com", credential, rule_id="dcr-0", stream="Custom-X_CL",
            scope=SCOPE, timeout_seconds=1,
        )  # fmt: skip

    error = await refusal(SentinelSink(open_stream))

    assert "TLS" in str(error)


async def test_a_fault_ends_with_the_row_in_the_table(
    store: Path, clock: DrivenClock, logs: LoopbackLogs
) -> None:
    logs.faults += [throttled(90), reset(after_commit=True), unavailable()]
    async with Product.on(store, clock, sentinel_sink(logs)) as product:
        await product.feed(records(60, clock.ticks))
        await product.minutes(20)

        episode = await product.episode()
        assert {row["EpisodeId"] for row in logs.rows} == {episode.episode_id}
        assert episode.deliveries["sentinel"].sent_revision == 1
        assert await product.state.marks.outbox() == []


async def test_a_surge_is_a_row_of_its_own(logs: LoopbackLogs) -> None:
    sink = sentinel_sink(logs)
    surge = Surge(surge_id="5" * 32, opened_at=NOON, waiting=99, alerts=[an_evidence()])

    await sink.announce(surge, Delivery(attempts=1), NOON + MINUTE)
    await sink.close()

    (row,) = logs.rows
    assert row["Title"] == "Confluence data mining: surge of 99 alerts"
    assert "medium: Confluence data mining by Alice" in str(row["Story"])


@pytest.mark.parametrize(
    ("cloud", "scope"),
    [
        ("global", "https://monitor.azure.com/.default"),
        ("usgov", "https://monitor.azure.us/.default"),
        ("usgovdod", "https://monitor.azure.us/.default"),
    ],
)
def test_the_token_is_asked_for_the_cloud(cloud: str, scope: str) -> None:
    assert Settings.model_validate({"cloud": cloud}).logs_scope == scope


@pytest.mark.parametrize(("asked", "limit"), [(10, 10), (40, PER_MINUTE)])
def test_rows_are_paced_as_the_scheduled_rule_can_take_them(asked: int, limit: int) -> None:
    given = Settings(
        sink="sentinel",
        logs_endpoint="https://logs.example.com",
        logs_rule_id="dcr-0",
        creates_per_minute=asked,
    )

    (sink,) = make_sinks(given)

    assert sink.limits is not None
    assert sink.limits.per_minute == limit
    assert 5 * PER_MINUTE < 150
