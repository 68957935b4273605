"""The `Bodies` port on a blob container, through `azure-storage-blob`."""
# pyright: reportUnknownMemberType=false
# The client takes **kwargs without types.

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ServiceRequestError,
)
from azure.storage.blob.aio import ContainerClient, LinearRetry

from detector.ports import StoreUnavailableError

EMULATED = "dead-letters"
"""The container of a connection string, the emulator's, made when it is not there.

In Azure the deployment makes it, with the rule that empties it.
"""

_AT_ONCE = 8
_BOUNDS: dict[str, Any] = {"connection_timeout": 5, "read_timeout": 20}
_RETRIES, _BACKOFF_SECONDS = 3, 1
"""The client's own bounds are 15 s before the first of three, and 60 s for an answer."""


def open_container(setting: str, *, backoff: int = _BACKOFF_SECONDS) -> "BlobBodies":
    """The container at an https address, opened as the Entra identity, or the emulator's.

    `backoff` are the seconds before a request is sent again. Nothing is sent yet. Raises
    ValueError for neither address nor connection string.
    """
    logging.getLogger("azure.core.pipeline.policies.http_logging_policy").setLevel(logging.WARNING)
    retry = LinearRetry(backoff, retry_total=_RETRIES, random_jitter_range=0)
    bounds: dict[str, Any] = {**_BOUNDS, "retry_policy": retry}
    if setting.startswith("https://"):
        from azure.identity.aio import DefaultAzureCredential

        identity = DefaultAzureCredential()
        client = ContainerClient.from_container_url(setting, credential=identity, **bounds)
        return BlobBodies(client, identity)
    try:
        client = ContainerClient.from_connection_string(setting, EMULATED, **bounds)
    except ValueError as error:
        # The client's own message may quote what it was given: a key must not reach a log.
        raise ValueError("neither file:PATH, an https address nor a connection string") from error
    return BlobBodies(client)


class BlobBodies:
    """Blobs of one container."""

    def __init__(
        self, container: ContainerClient, credential: AsyncTokenCredential | None = None
    ) -> None:
        """Use the client; it and its credential are closed at the end."""
        self._container = container
        self._credential = credential

    async def put(self, bodies: Mapping[str, bytes]) -> Mapping[str, str]:
        """See the port. An address at which nobody answers refuses: it may be a wrong one."""
        names = [*bodies]
        refused: dict[str, str] = {}
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            whys = await asyncio.gather(*(self._put(name, bodies[name]) for name in some))
            refused |= {name: why for name, why in zip(some, whys, strict=True) if why}
        return refused

    async def get(self, name: str) -> bytes | None:
        """See the port."""
        try:
            found = await self._container.download_blob(name)
            return await found.readall()
        except AzureError as error:
            if _status(error) == HTTPStatus.NOT_FOUND:
                return None
            raise StoreUnavailableError(f"Blob Storage: {_code(error)}") from error

    async def delete(self, name: str) -> None:
        """See the port."""
        try:
            await self._container.delete_blob(name)
        except AzureError as error:
            if _is_for_now(error):
                raise StoreUnavailableError(f"Blob Storage: {_code(error)}") from error

    async def close(self) -> None:
        """See the port."""
        await self._container.close()
        if self._credential is not None:
            await self._credential.close()

    async def _put(self, name: str, body: bytes) -> str:
        """Keep one; returns why it will never be taken, or ""."""
        try:
            await self._upload(name, body)
        except AzureError as error:
            if _is_for_now(error):
                raise StoreUnavailableError(f"Blob Storage: {_code(error)}") from error
            return _code(error)
        return ""

    async def _upload(self, name: str, body: bytes) -> None:
        try:
            await self._container.upload_blob(name, body, overwrite=True)
        except HttpResponseError as error:
            if _code(error) != "ContainerNotFound" or self._credential is not None:
                raise
            with suppress(ResourceExistsError):
                await self._container.create_container()
            await self._container.upload_blob(name, body, overwrite=True)


def _is_for_now(error: AzureError) -> bool:
    """Throttled, the service's own fault, or an answer that was lost."""
    status = _status(error)
    if status is None:
        return not isinstance(error, ServiceRequestError)
    lost = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in lost


def _status(error: AzureError) -> int | None:
    status: object = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def _code(error: AzureError) -> str:
    code: object = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or type(error).__name__)
