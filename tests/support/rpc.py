"""The host's messages, as far as the worker library reads them.

In Azure these are protobuf messages; the library reaches them only by name and attribute, so plain
classes of the same names do. Field names and numbers are those of FunctionRpc.proto.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace


@dataclass(kw_only=True)
class CollectionBytes:
    bytes: list[bytes]


@dataclass(kw_only=True)
class CollectionString:
    string: list[str]


@dataclass(kw_only=True)
class CollectionSInt64:
    sint64: list[int]


@dataclass(kw_only=True)
class RpcHttp:
    method: str = ""
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: TypedData | None
    status_code: str = ""
    cookies: list[object] | None = None
    enable_content_negotiation: bool = False


@dataclass(kw_only=True)
class TypedData:
    """A value of one kind: at most one field is set."""

    string: str | None = None
    json: str | None = None
    bytes: bytes | None = None
    int: int | None = None
    double: float | None = None
    http: RpcHttp | None = None
    collection_bytes: CollectionBytes | None = None
    collection_string: CollectionString | None = None
    collection_sint64: CollectionSInt64 | None = None

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 - protobuf's name
        return next((name for name, value in vars(self).items() if value is not None), None)


@dataclass(kw_only=True)
class ParameterBinding:
    name: str
    data: TypedData

    def WhichOneof(self, _group: str) -> str:  # noqa: N802 - protobuf's name
        return "data"


@dataclass(kw_only=True)
class RpcException:
    message: str
    stack_trace: str = ""
    source: str = ""


@dataclass(kw_only=True)
class StatusResult:
    Failure = 0
    Success = 1

    status: int
    exception: RpcException | None = None


@dataclass(kw_only=True)
class BindingInfo:
    undefined = 0
    out = 1
    inout = 2

    type: str
    direction: int
    data_type: int | None


@dataclass(kw_only=True)
class RpcRetryOptions:
    max_retry_count: int
    retry_strategy: str
    delay_interval: object = None
    minimum_interval: object = None
    maximum_interval: object = None


@dataclass(kw_only=True)
class RpcFunctionMetadata:
    name: str
    function_id: str
    directory: str
    script_file: str
    entry_point: str
    language: str
    is_proxy: bool
    managed_dependency_enabled: bool
    bindings: dict[str, BindingInfo]
    raw_bindings: list[str]
    retry_options: RpcRetryOptions | None
    properties: dict[str, str]


@dataclass(kw_only=True)
class WorkerMetadata:
    runtime_name: str
    runtime_version: str
    worker_version: str
    worker_bitness: str
    custom_properties: dict[str, str]


@dataclass(kw_only=True)
class WorkerInitResponse:
    capabilities: dict[str, str]
    worker_metadata: WorkerMetadata
    result: StatusResult


@dataclass(kw_only=True)
class FunctionMetadataResponse:
    use_default_metadata_indexing: bool
    function_metadata_results: list[RpcFunctionMetadata] | None
    result: StatusResult


@dataclass(kw_only=True)
class InvocationRequest:
    invocation_id: str
    function_id: str
    input_data: list[ParameterBinding]
    trigger_metadata: dict[str, TypedData]
    retry_context: SimpleNamespace
    trace_context: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(trace_parent="", trace_state="", attributes={})
    )


@dataclass(kw_only=True)
class InvocationResponse:
    invocation_id: str
    result: StatusResult
    return_value: TypedData | None = None
    output_data: list[ParameterBinding] = field(default_factory=list)
