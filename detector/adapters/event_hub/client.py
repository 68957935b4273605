"""Where a hub is, how to get in, and the SDK's clients for it."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError
from azure.eventhub.aio import CheckpointStore, EventHubConsumerClient, EventHubProducerClient
from azure.eventhub.exceptions import EventHubError

if TYPE_CHECKING:
    from azure.identity.aio import DefaultAzureCredential

UNAVAILABLE = (EventHubError, AzureError)
"""What the SDK raises when the hub or the identity service refuses or does not answer."""


class EventHubUnavailableError(Exception):
    """The hub, or the identity service before it, refused or did not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubAddress:
    """A hub, and how to get in.

    Either a connection string (then `name` may be empty if it has an EntityPath), or a namespace
    such as `example.servicebus.windows.net` with `name`, entered with an Entra identity;
    `client_id` chooses a user-assigned one.
    """

    connection_string: str = ""
    namespace: str = ""
    name: str = ""
    client_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubDescription:
    """What a hub says about itself; deleted and made again, it has another `created_at`."""

    created_at: str
    partitions: tuple[str, ...]


@asynccontextmanager
async def open_producer(
    address: HubAddress, *, retries: int = 3
) -> AsyncGenerator[EventHubProducerClient]:
    """A client that sends; connects when used. Raises ValueError for an unusable address."""
    async with AsyncExitStack() as stack:
        if address.connection_string:
            client = EventHubProducerClient.from_connection_string(
                address.connection_string, eventhub_name=address.name or None, retry_total=retries
            )
        else:
            identity = await stack.enter_async_context(_identity(address))
            client = EventHubProducerClient(
                address.namespace, address.name, identity, retry_total=retries
            )
        yield await stack.enter_async_context(client)


@asynccontextmanager
async def open_consumer(
    address: HubAddress,
    *,
    group: str,
    checkpoints: CheckpointStore | None = None,
    balance_seconds: float = 10.0,
) -> AsyncGenerator[EventHubConsumerClient]:
    """A client that shares the hub's partitions with the others of its consumer group.

    Without `checkpoints` it reads what it is told to and shares nothing.
    Every `balance_seconds` it renews its claims and takes partitions that are free or were given
    up; a claim not renewed for six times as long is free. Raises ValueError as above.
    """
    async with AsyncExitStack() as stack:
        if address.connection_string:
            client = EventHubConsumerClient.from_connection_string(
                address.connection_string,
                group,
                eventhub_name=address.name or None,
                checkpoint_store=checkpoints,
                load_balancing_interval=balance_seconds,
            )
        else:
            client = EventHubConsumerClient(
                address.namespace,
                address.name,
                group,
                await stack.enter_async_context(_identity(address)),
                checkpoint_store=checkpoints,
                load_balancing_interval=balance_seconds,
            )
        yield await stack.enter_async_context(client)


def _identity(address: HubAddress) -> "DefaultAzureCredential":
    from azure.identity.aio import DefaultAzureCredential

    return DefaultAzureCredential(managed_identity_client_id=address.client_id or None)


async def describe(address: HubAddress) -> HubDescription:
    """Ask the hub about itself, which shows at once whether address and identity are good.

    Raises EventHubUnavailableError, and ValueError for an unusable address.
    """
    try:
        async with open_producer(address, retries=1) as client:
            found = await client.get_eventhub_properties()
    except UNAVAILABLE as error:
        raise EventHubUnavailableError(f"Event Hubs: {error}") from error
    created: datetime = found["created_at"]
    return HubDescription(created_at=created.isoformat(), partitions=tuple(found["partition_ids"]))
