"""Runs a function app through the library that the Functions worker itself runs.

The library is real; the host is not: what the host would send is built here, field by field.
"""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Self

import azure_functions_runtime as runtime

from tests.support import rpc
from tests.support.rpc import TypedData

MODULE = "function_app"
BYTES_AN_EVENT = 1024


class AppError(Exception):
    """The worker library refused the app; the text is what the host would log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """An indexed function; bindings are the trigger first, as the host gets them."""

    identity: str
    bindings: Sequence[Mapping[str, Any]]
    retry: rpc.RpcRetryOptions | None

    @property
    def trigger(self) -> Mapping[str, Any]:
        return next(one for one in self.bindings if one["type"].lower().endswith("trigger"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the host learns; `exception` is "Type: text", empty after a success."""

    succeeded: bool
    exception: str = ""
    stack_trace: str = ""
    value: TypedData | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOutcome(Outcome):
    """What the caller gets; a function that raised is a 500."""

    status_code: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Worker:
    """The app in a folder, in this process; one at a time, and not from asynchronous code.

    All invocations share one event loop, as in Azure.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._functions: Mapping[str, Function] | None = None

    def __enter__(self) -> Self:
        sys.modules.pop(MODULE, None)
        sys.path.insert(0, self._folder)
        runtime.start_threadpool_executor()
        self._loop = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        return self

    def __exit__(self, *_: object) -> None:
        # The app has no end of its own: in Azure its process has. Here its stores must be closed.
        for service in getattr(sys.modules.get(MODULE), "_services", {}).values():
            self._loop.run(service.detector.state.rows.close())
        self._loop.close()
        runtime.stop_threadpool_executor()
        sys.path.remove(self._folder)
        sys.modules.pop(MODULE, None)

    @property
    def app(self) -> ModuleType:
        """The imported function_app.py."""
        return sys.modules[MODULE]

    def index(self) -> Mapping[str, Function]:
        """The functions by name; raises AppError where the app would not start."""
        if self._functions is None:
            start = SimpleNamespace(capabilities={}, function_app_directory=self._folder)
            result = self._ask("worker_init_request", start).result
            if result.status != rpc.StatusResult.Success:
                raise AppError(result.exception.message)
            found = self._ask("functions_metadata_request", None).function_metadata_results
            self._functions = {
                one.name: Function(
                    identity=one.function_id,
                    bindings=[json.loads(binding) for binding in one.raw_bindings],
                    retry=one.retry_options,
                )
                for one in found
            }
        return self._functions

    def invoke_event_hub(
        self,
        function: str,
        bodies: Sequence[bytes],
        *,
        retry_count: int = 0,
        metadata: Mapping[str, TypedData] | None = None,
        **batch: Any,
    ) -> Outcome:
        """Deliver one batch; its metadata is `metadata`, or made by event_hub_metadata."""
        data = TypedData(collection_bytes=rpc.CollectionBytes(bytes=list(bodies)))
        if metadata is None:
            metadata = event_hub_metadata(len(bodies), **batch)
        return self._invoke(function, data, metadata, retry_count)

    def invoke_timer(
        self, function: str, *, past_due: bool = False, status: Mapping[str, str] | None = None
    ) -> Outcome:
        """Tick; `status` is the schedule's Last, Next and LastUpdated."""
        timer = {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": status,
            "IsPastDue": past_due,
        }
        return self._invoke(function, TypedData(json=json.dumps(timer)))

    def invoke_http(
        self,
        function: str,
        *,
        method: str = "GET",
        url: str = "http://localhost/",
        params: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> HttpOutcome:
        """Request; `params` are the route's, which the host takes from the address."""
        request = rpc.RpcHttp(
            method=method,
            url=url,
            params=dict(params or {}),
            query=dict(query or {}),
            headers=dict(headers or {}),
            body=TypedData(bytes=body),
        )
        outcome = self._invoke(function, TypedData(http=request))
        if outcome.value is None or outcome.value.http is None:
            return HttpOutcome(
                succeeded=False, exception=outcome.exception, stack_trace=outcome.stack_trace
            )
        answer = outcome.value.http
        content = answer.body or TypedData()
        return HttpOutcome(
            succeeded=True,
            value=outcome.value,
            status_code=int(answer.status_code),
            headers=answer.headers,
            body=content.bytes or (content.string or "").encode(),
        )

    def _invoke(
        self,
        function: str,
        data: TypedData,
        metadata: Mapping[str, TypedData] | None = None,
        retry_count: int = 0,
    ) -> Outcome:
        known = self.index()[function]
        retry = SimpleNamespace(
            retry_count=retry_count,
            max_retry_count=known.retry.max_retry_count if known.retry else 0,
            exception=None,
        )
        request = rpc.InvocationRequest(
            invocation_id="00000000-0000-0000-0000-000000000001",
            function_id=known.identity,
            input_data=[rpc.ParameterBinding(name=known.trigger["name"], data=data)],
            trigger_metadata=dict(metadata or {}),
            retry_context=retry,
        )
        response = self._ask("invocation_request", request)
        fault = response.result.exception or rpc.RpcException(message="")
        return Outcome(
            succeeded=response.result.status == rpc.StatusResult.Success,
            exception=fault.message,
            stack_trace=fault.stack_trace,
            value=response.return_value,
        )

    def _ask(self, kind: str, message: object) -> Any:
        request = SimpleNamespace(
            request=SimpleNamespace(**{kind: message}),
            properties={"host": "127.0.0.1", "protos": rpc},
        )
        return self._loop.run(getattr(runtime, kind)(request))


def event_hub_metadata(
    count: int,
    *,
    partition: str = "0",
    first_sequence: int = 0,
    enqueued: datetime | Sequence[datetime] = datetime(2026, 11, 21, 12, tzinfo=UTC),
    partition_keys: Sequence[str | None] | None = None,
    namespace: str = "example.servicebus.windows.net",
    hub: str = "cloudappevents",
    consumer_group: str = "detector",
) -> dict[str, TypedData]:
    """What the host sends beside `count` bodies; one `enqueued` may stand for all.

    Two things look wrong and are right: times have no zone, and PartitionKeyArray leaves out
    events without a key, so that its indices do not match the events'.
    """
    moments = [enqueued] * count if isinstance(enqueued, datetime) else list(enqueued)
    keys = list(partition_keys or [None] * count)
    sequences = [first_sequence + index for index in range(count)]
    times = [_naive(moment) for moment in moments]
    context = {
        "FullyQualifiedNamespace": namespace,
        "EventHubName": hub,
        "ConsumerGroup": consumer_group,
        "PartitionId": partition,
        "IsCheckpointingAfterInvocation": True,
    }
    system = [
        {
            "SequenceNumber": sequence,
            "Offset": sequence * BYTES_AN_EVENT,
            "OffsetString": str(sequence * BYTES_AN_EVENT),
            "PartitionKey": key,
            "EnqueuedTimeUtc": time,
        }
        for sequence, key, time in zip(sequences, keys, times, strict=True)
    ]
    offsets = [one["OffsetString"] for one in system]
    return {
        "PartitionContext": TypedData(json=json.dumps(context)),
        "TriggerPartitionContext": TypedData(json=json.dumps(context)),
        "SystemPropertiesArray": TypedData(json=json.dumps(system)),
        "PropertiesArray": TypedData(json=json.dumps([{}] * count)),
        "SequenceNumberArray": TypedData(collection_sint64=rpc.CollectionSInt64(sint64=sequences)),
        "OffsetArray": _strings(offsets),
        "OffsetStringArray": _strings(offsets),
        "EnqueuedTimeUtcArray": TypedData(json=json.dumps(times)),
        "PartitionKeyArray": _strings([key for key in keys if key]),
    }


def _naive(moment: datetime) -> str:
    """A .NET DateTime of unspecified kind as JSON: no zone, no trailing zeros."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return text.rstrip("0").rstrip(".")


def _strings(values: Sequence[str]) -> TypedData:
    return TypedData(collection_string=rpc.CollectionString(string=list(values)))
