"""The real msgraph-sdk, pointed at a loopback: what our adapter does, with nothing hidden."""

import json
from types import TracebackType
from typing import Self

import httpx
from azure.core.credentials_async import AsyncTokenCredential
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from kiota_http.middleware.options import RetryHandlerOption
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient
from msgraph_core import GraphClientFactory  # type: ignore[import-untyped]

from detector.adapters.graph.connection import ANY_ERROR
from tests.loopback.graph.schema import Json


class Sdk:
    """One client of `root` with the SDK's own authentication, middleware and retry handler."""

    def __init__(
        self,
        root: str,
        credential: AsyncTokenCredential,
        *,
        allowed_host: str = "127.0.0.1",
        timeout_seconds: float = 5.0,
        scope: str | None = None,
    ) -> None:
        self._root = root
        # The SDK's transport forwards no aclose (msgraph-core 1.5.2): keep the one that can.
        self._transport = httpx.AsyncHTTPTransport()
        self._http = GraphClientFactory.create_with_default_middleware(
            client=httpx.AsyncClient(transport=self._transport, timeout=timeout_seconds)
        )
        self._authentication = AzureIdentityAuthenticationProvider(
            credential, scopes=[scope or f"{root}/.default"], allowed_hosts=[allowed_host]
        )
        # Also registers the JSON reader: without it a refusal is an APIError without its text.
        self.typed = GraphServiceClient(request_adapter=self.adapter("v1.0"))

    def adapter(self, version: str) -> GraphRequestAdapter:
        """The request adapter of one API version; the base address must not end in a slash."""
        adapter = GraphRequestAdapter(self._authentication, self._http)
        adapter.base_url = f"{self._root}/{version}"
        return adapter

    async def send(
        self,
        method: Method,
        path: str,
        body: Json = None,
        *,
        version: str = "v1.0",
        retries: bool = False,
    ) -> dict[str, Json]:
        """The JSON answer to raw JSON; raises ODataError for a refusal."""
        request = RequestInformation(method, "{+baseurl}" + path, {})
        request.headers.try_add("Accept", "application/json")
        if body is not None:
            request.set_stream_content(json.dumps(body).encode(), "application/json")
        if not retries:
            request.add_request_options([RetryHandlerOption(max_retries=0, should_retry=False)])
        answer = await self.adapter(version).send_primitive_async(
            request, "bytes", {ANY_ERROR: ODataError}
        )
        assert isinstance(answer, bytes)
        value: dict[str, Json] = json.loads(answer)
        return value

    async def create(
        self, body: Json, *, version: str = "beta", retries: bool = False
    ) -> dict[str, Json]:
        """Raw createAlert, for which v1.0 of the SDK has no builder."""
        path = "/security/alerts_v2/createAlert"
        return await self.send(Method.POST, path, body, version=version, retries=retries)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._transport.aclose()
