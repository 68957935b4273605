"""The services the smoke test speaks to.

An address means Azure, with the identity of whoever is signed in; a connection string means the
emulators and loopbacks of a laptop.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from cloud import Api, CloudError, Document

if TYPE_CHECKING:
    from azure.data.tables import TableServiceClient
    from azure.eventhub import EventHubProducerClient


@contextmanager
def answered(service: str) -> Iterator[None]:
    """What the Azure libraries raise, as CloudError."""
    from azure.core.exceptions import AzureError
    from azure.eventhub.exceptions import EventHubError

    try:
        yield
    except (AzureError, EventHubError, OSError) as error:
        raise CloudError(f"{service}: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """The Event Hub. Needs Azure Event Hubs Data Sender on it, or a connection string."""

    address: str
    name: str

    def client(self) -> "EventHubProducerClient":
        """A client for the address."""
        from azure.eventhub import EventHubProducerClient
        from azure.identity import DefaultAzureCredential

        if "SharedAccessKey" in self.address:
            return EventHubProducerClient.from_connection_string(
                self.address, eventhub_name=self.name
            )
        return EventHubProducerClient(self.address, self.name, DefaultAzureCredential())

    def send(self, bodies: Sequence[bytes]) -> None:
        """Sends messages, spread over partitions as the stream does. Raises CloudError."""
        from azure.eventhub import EventData

        with answered("Event Hub"), self.client() as client:
            for body in bodies:
                client.send_event(EventData(body))


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The tables of the detector. Needs Storage Table Data Reader, or a connection string."""

    address: str

    def client(self) -> "TableServiceClient":
        """A client for the address."""
        from azure.data.tables import TableServiceClient
        from azure.identity import DefaultAzureCredential

        if self.address.startswith("http"):
            return TableServiceClient(self.address, credential=DefaultAzureCredential())
        return TableServiceClient.from_connection_string(self.address)

    def row(self, table: str, account_object_id: str) -> Document | None:
        """The newest row of an account in a table; None when there is none. Raises CloudError."""
        with answered(f"table {table}"), self.client() as client:
            rows = client.get_table_client(table).query_entities(
                "AccountObjectId eq @account", parameters={"account": account_object_id}
            )
            found = sorted((dict(row) for row in rows), key=lambda row: str(row["RowKey"]))
        return found[-1] if found else None


def delivery(episode: Document, sink: str) -> Document:
    """What the outbox of an episode says about a sink; empty before it was first tried."""
    deliveries: dict[str, Document] = json.loads(episode["Body"]).get("deliveries", {})
    return deliveries.get(sink, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Incidents:
    """Incidents of Microsoft Defender. Needs SecurityIncident.ReadWrite.All."""

    api: Api

    def find(self, words: str, since: datetime) -> Document | None:
        """The incident whose name, or an alert of which, holds these words. Raises CloudError.

        Graph cannot filter by name, so what was created since then is read.
        """
        moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        condition = quote(f"createdDateTime ge {moment}")
        for incident in self.api.rows(
            f"security/incidents?$filter={condition}&$expand=alerts&$top=50"
        ):
            titles = [alert.get("title") or "" for alert in incident.get("alerts", [])]
            if any(words in text for text in [incident.get("displayName") or "", *titles]):
                return self.followed(incident)
        return None

    def followed(self, incident: Document) -> Document:
        """The incident, or the one Defender merged it into."""
        while redirect := incident.get("redirectIncidentId"):
            incident = self.api.get(f"security/incidents/{redirect}")
        return incident

    def close(self, incident_id: str) -> None:
        """Resolves an incident as a security test. Raises CloudError."""
        change = {
            "status": "resolved",
            "classification": "informationalExpectedActivity",
            "determination": "securityTesting",
        }
        self.api.send("PATCH", f"security/incidents/{incident_id}", change)
