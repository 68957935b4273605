"""The worker harness behaves as the real worker does, traps included."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.worker import AppError, Worker, event_hub_metadata

APPS = Path(__file__).parents[1] / "support/apps"
NOON = datetime(2026, 11, 21, 12, 0, 0, 123000, tzinfo=UTC)


@pytest.fixture
def worker() -> Iterator[Worker]:
    with Worker(APPS / "sound") as worker:
        yield worker


def test_the_metadata_is_what_the_host_reads(worker: Worker) -> None:
    functions = worker.index()

    assert set(functions) == {"ingest", "evaluate", "health"}
    assert functions["ingest"].trigger == {
        "direction": "IN",
        "dataType": "BINARY",
        "type": "eventHubTrigger",
        "name": "events",
        "connection": "EVENTHUB",
        "eventHubName": "%EVENTHUB_NAME%",
        "cardinality": "MANY",
        "consumerGroup": "%EVENTHUB_CONSUMER_GROUP%",
    }
    assert functions["evaluate"].trigger["schedule"] == "%EVALUATE_SCHEDULE%"
    assert [one["type"] for one in functions["health"].bindings] == ["httpTrigger", "http"]


def test_the_retry_policy_is_kept(worker: Worker) -> None:
    functions = worker.index()
    retry = functions["ingest"].retry

    assert retry is not None
    assert (retry.max_retry_count, retry.retry_strategy) == (-1, "exponential_backoff")
    assert (retry.minimum_interval, retry.maximum_interval) == (
        timedelta(seconds=2),
        timedelta(minutes=1),
    )
    assert functions["evaluate"].retry is None


def test_a_batch_arrives_with_its_place_in_the_hub(worker: Worker) -> None:
    outcome = worker.invoke_event_hub(
        "ingest",
        [b"one", b"\xff\x00"],
        partition="7",
        first_sequence=41,
        enqueued=NOON,
        retry_count=3,
    )

    assert outcome.succeeded
    assert outcome.exception == ""
    assert [(one["body"], one["sequence"]) for one in worker.app.SEEN] == [
        (b"one", 41),
        (b"\xff\x00", 42),
    ]
    assert {(one["partition"], one["retry"]) for one in worker.app.SEEN} == {("7", 3)}


def test_enqueued_times_are_naive(worker: Worker) -> None:
    worker.invoke_event_hub("ingest", [b"{}"] * 2, enqueued=[NOON, NOON.replace(microsecond=0)])

    assert [one["enqueued"] for one in worker.app.SEEN] == [
        datetime(2026, 11, 21, 12, 0, 0, 123000),  # noqa: DTZ001 - the trap
        datetime(2026, 11, 21, 12, 0, 0),  # noqa: DTZ001
    ]


def test_an_empty_body_arrives_when_the_data_type_is_binary(worker: Worker) -> None:
    outcome = worker.invoke_event_hub("ingest", [b"", b"{}"])

    assert outcome.succeeded
    assert [one["body"] for one in worker.app.SEEN] == [b"", b"{}"]


def test_events_without_a_key_are_left_out_of_the_key_array(worker: Worker) -> None:
    worker.invoke_event_hub("ingest", [b"a", b"b", b"c"], partition_keys=[None, "k", ""])

    assert [one["key"] for one in worker.app.SEEN] == [None, "k", ""]
    assert worker.app.SEEN[0]["keys"] == ["k"]


def test_an_exception_comes_back_as_a_failure(worker: Worker) -> None:
    outcome = worker.invoke_event_hub("ingest", [b"boom"])

    assert not outcome.succeeded
    assert outcome.exception == "ValueError: boom"
    assert 'raise ValueError("boom")' in outcome.stack_trace


def test_bodies_without_their_metadata_fail_the_whole_batch(worker: Worker) -> None:
    outcome = worker.invoke_event_hub("ingest", [b"{}"], metadata=event_hub_metadata(2))

    assert not outcome.succeeded
    assert outcome.exception == "AssertionError: Number of bodies and metadata mismatched"
    assert worker.app.SEEN == []


def test_a_missing_partition_context_reaches_the_app(worker: Worker) -> None:
    metadata = event_hub_metadata(1)
    del metadata["PartitionContext"]

    outcome = worker.invoke_event_hub("ingest", [b"{}"], metadata=metadata)

    assert outcome.succeeded
    assert worker.app.SEEN[0]["partition"] is None


def test_a_timer_says_whether_it_is_late(worker: Worker) -> None:
    status = {"Last": "2026-11-21T11:59:00+00:00", "Next": "2026-11-21T12:00:00+00:00"}

    assert worker.invoke_timer("evaluate", past_due=True, status=status).succeeded
    assert worker.invoke_timer("evaluate").succeeded
    assert [
        {"past_due": True, "status": status},
        {"past_due": False, "status": {}},
    ] == worker.app.SEEN


def test_an_answer_has_status_headers_and_body(worker: Worker) -> None:
    answer = worker.invoke_http("health", params={"part": "store"}, query={"at": "noon"})

    assert answer.succeeded
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("application/json")
    assert json.loads(answer.body) == {"part": "store", "at": "noon"}


def test_a_request_whose_function_raises_is_a_500(worker: Worker) -> None:
    answer = worker.invoke_http("health", params={"part": "x"}, query={"at": "never"})

    assert (answer.succeeded, answer.status_code) == (False, 500)
    assert answer.exception == "RuntimeError: no such time"


@pytest.mark.parametrize(
    ("app", "reason"),
    [
        pytest.param(
            "modern_list",
            "FunctionLoadError: cannot load the ingest function: "
            "binding events has invalid non-type annotation list",
            id="list[...] instead of typing.List",
        ),
        pytest.param(
            "broken_import",
            "ModuleNotFoundError: No module named 'no_such_package'",
            id="a package that is not installed",
        ),
    ],
)
def test_an_app_that_azure_could_not_load_is_refused(app: str, reason: str) -> None:
    with Worker(APPS / app) as worker, pytest.raises(AppError) as refusal:
        worker.index()

    assert str(refusal.value).startswith(reason)


def test_one_app_after_another_each_is_new() -> None:
    for _ in range(2):
        with Worker(APPS / "sound") as worker:
            worker.invoke_event_hub("ingest", [b"{}"])

            assert len(worker.app.SEEN) == 1
