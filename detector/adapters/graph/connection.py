"""msgraph-sdk as the client uses it: its authentication and adapters, without its retries.

The retry handler is off for every request: by default it repeats a POST after a gateway timeout and
so opens a second incident, and it sleeps up to three minutes where the outbox can reschedule.
The SDK is imported here, when a connection is made, and never on the ingest path.
"""

# pyright: reportMissingTypeStubs=false
# msgraph-sdk carries its types in the code, without a py.typed.
import asyncio
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from detector.adapters.graph.client import GraphClient, Version
from detector.adapters.graph.errors import (
    DEFAULT_WAIT_SECONDS,
    NotNowError,
    RefusedError,
    UnknownOutcomeError,
)

if TYPE_CHECKING:
    import httpx
    from azure.core.credentials_async import AsyncTokenCredential
    from kiota_abstractions.api_error import APIError
    from kiota_abstractions.request_information import RequestInformation
    from msgraph.generated.models.security.incident import Incident


ANY_ERROR = "XXX"
"""Kiota's own word for every status from 400 to 599 (APIError mapping)."""


def connect(
    root: str,
    credential: "AsyncTokenCredential",
    *,
    alerts_version: str,
    allowed_host: str,
    timeout_seconds: float,
) -> GraphClient:
    """A client of the Graph at `root` (no slash at its end), to be used in one event loop.

    The token goes to `allowed_host` only, a bare host name. `timeout_seconds` bounds one request
    with its token. The client closes the credential with itself.
    """
    return GraphClient(
        _Sdk(
            root,
            credential,
            alerts_version=alerts_version,
            allowed_host=allowed_host,
            timeout_seconds=timeout_seconds,
        )
    )


class _Sdk:
    """One pool of connections, an adapter for each API version."""

    def __init__(
        self,
        root: str,
        credential: "AsyncTokenCredential",
        *,
        alerts_version: str,
        allowed_host: str,
        timeout_seconds: float,
    ) -> None:
        import httpx
        from kiota_authentication_azure.azure_identity_authentication_provider import (
            AzureIdentityAuthenticationProvider,
        )
        from msgraph.graph_request_adapter import GraphRequestAdapter
        from msgraph.graph_service_client import GraphServiceClient

        self.root = root
        self._credential = credential
        self._timeout_seconds = timeout_seconds
        self._transport = httpx.AsyncHTTPTransport()
        http = _without_retries(self._transport, timeout_seconds)
        authentication = AzureIdentityAuthenticationProvider(
            credential, scopes=[f"{root}/.default"], allowed_hosts=[allowed_host]
        )
        versions: dict[Version, str] = {"alerts": alerts_version, "v1.0": "v1.0"}
        self._adapters = {name: GraphRequestAdapter(authentication, http) for name in versions}
        for name, version in versions.items():
            self._adapters[name].base_url = f"{root}/{version}"  # a slash at its end is doubled
        # Also registers the JSON reader: without it a refusal loses its text.
        self._builders = GraphServiceClient(request_adapter=self._adapters["v1.0"])

    async def send(self, version: Version, request: "RequestInformation") -> bytes:
        import httpx
        from azure.core.exceptions import AzureError
        from kiota_abstractions.api_error import APIError
        from msgraph.generated.models.o_data_errors.o_data_error import ODataError

        try:
            async with asyncio.timeout(self._timeout_seconds):
                answer: bytes | None = await self._adapters[version].send_primitive_async(
                    request, "bytes", {ANY_ERROR: ODataError}
                )
        except APIError as error:
            raise meaning(error) from error
        except AzureError as error:
            raise NotNowError(f"no token: {error.message}") from error
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NotNowError(f"no connection: {type(error).__name__}") from error
        except (httpx.TransportError, TimeoutError) as error:
            raise UnknownOutcomeError(f"no answer: {type(error).__name__}") from error
        return answer or b""

    def patch_incident(self, incident_id: str, change: "Incident") -> "RequestInformation":
        builder = self._builders.security.incidents.by_incident_id(incident_id)
        return builder.to_patch_request_information(change)

    async def close(self) -> None:
        await self._transport.aclose()  # the SDK's own transport forwards no aclose (1.5.2)
        await self._credential.close()


def _without_retries(
    transport: "httpx.AsyncHTTPTransport", timeout_seconds: float
) -> "httpx.AsyncClient":
    """A client with the SDK's middleware, whose retry handler sends once."""
    import httpx
    from kiota_http.middleware.options import RetryHandlerOption
    from msgraph.graph_request_adapter import options
    from msgraph_core import GraphClientFactory  # type: ignore[import-untyped]

    once = RetryHandlerOption(max_retries=0, should_retry=False)
    prepared: httpx.AsyncClient = GraphClientFactory.create_with_default_middleware(
        client=httpx.AsyncClient(transport=transport, timeout=timeout_seconds),
        options={**options, RetryHandlerOption.get_key(): once},
    )
    return prepared


def meaning(error: "APIError") -> RefusedError | NotNowError | UnknownOutcomeError:
    """What an HTTP error says of the outcome: 429 and 503 nothing done, other 5xx unknown."""
    status = error.response_status_code or 0
    headers = {name.lower(): value for name, value in (error.response_headers or {}).items()}
    text = f"{status}: {error}"
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return NotNowError(text, retry_after_seconds(headers))
    if is_refusal(status):
        return RefusedError(status, str(error))
    return UnknownOutcomeError(text)


def is_refusal(status: int) -> bool:
    """Whether the service itself said no: every 4xx but a request timeout."""
    is_client_error = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return is_client_error and status != HTTPStatus.REQUEST_TIMEOUT


def retry_after_seconds(headers: Mapping[str, str]) -> float:
    """Retry-After in seconds, at least 1: given as such, or as a date less the answer's Date."""
    given = headers.get("retry-after", "")
    if given.isdecimal():
        return max(1.0, float(given))
    try:
        until, now = (parsedate_to_datetime(text) for text in (given, headers.get("date", "")))
    except ValueError:
        return DEFAULT_WAIT_SECONDS
    return max(1.0, (until - now).total_seconds())
