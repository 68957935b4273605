"""What the Defender sink does in Graph: alerts, incidents, comments, tags.

createAlert and comments go as raw JSON, for which msgraph-sdk 1.65 has no builder. Changes of
incidents use its typed builder for the request and raw JSON for the answer, because the first typed
answer imports 1,200 modules: 24 ms instead of seconds, measured. Proven against the loopback Graph
under tests/loopback; never run against a tenant.
"""

# pyright: reportMissingTypeStubs=false
# msgraph-sdk carries its types in the code, without a py.typed.
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self, TypeVar
from urllib.parse import quote

import msgspec

from detector.adapters.graph.errors import UnknownOutcomeError

if TYPE_CHECKING:
    from kiota_abstractions.request_information import RequestInformation
    from msgraph.generated.models.security.incident import Incident as TypedIncident

MOST_PAGES, ALERTS_IN_A_PAGE = 100, 100
MOST_REDIRECTS = 10

Version = Literal["alerts", "v1.0"]
"""`alerts` is the version that has createAlert, a setting; the rest is generally available."""

Method = Literal["GET", "POST"]

T = TypeVar("T")


class Connection(Protocol):
    """The SDK behind the client; every request is sent once."""

    root: str

    async def send(self, version: Version, request: "RequestInformation") -> bytes:
        """The body of a success. Raises one of the three errors."""
        ...

    def patch_incident(self, incident_id: str, change: "TypedIncident") -> "RequestInformation":
        """The SDK's request for a change of an incident."""
        ...

    async def close(self) -> None:
        """Close its sockets."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedAlert:
    """An alert and the incident that Defender put it in."""

    alert_id: str
    incident_id: str


class _Wire(msgspec.Struct, rename="camel"):
    """Graph's JSON; properties that are not named here are ignored."""


class Comment(_Wire):
    """A comment of an incident."""

    comment: str | None = None


class _Alert(_Wire):
    id: str
    incident_id: str
    title: str | None = None
    description: str | None = None

    @property
    def created(self) -> CreatedAlert:
        return CreatedAlert(alert_id=self.id, incident_id=self.incident_id)

    def has(self, marker: str) -> bool:
        return marker in (self.title or "") or marker in (self.description or "")


class Incident(_Wire):
    """An incident as Graph answers it, never one that was merged into another."""

    id: str
    status: str
    created_date_time: str
    classification: str | None = None
    determination: str | None = None
    redirect_incident_id: str | None = None
    custom_tags: tuple[str, ...] = ()
    comments: tuple[Comment, ...] = ()
    alerts: tuple[_Alert, ...] = ()


class _Alerts(_Wire):
    value: tuple[_Alert, ...]
    next_link: str = msgspec.field(default="", name="@odata.nextLink")


class _Incidents(_Wire):
    value: tuple[Incident, ...]


class GraphClient:
    """What the Defender sink does in Graph. Every method may raise the errors of `errors.py`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection and the credential; afterwards nothing else may be called."""
        await self._connection.close()

    async def create_alert(self, given: Mapping[str, object]) -> CreatedAlert:
        """Create an alert from a createAlertInput; Defender opens or chooses the incident.

        There is no idempotency key: after UnknownOutcomeError, look for the marker first.
        """
        body = {"createAlertInput": given}
        answer = await self._call("POST", "/security/alerts_v2/createAlert", body, "alerts")
        return _decode(answer, _Alert).created

    async def find_alerts(self, marker: str, since: str) -> list[CreatedAlert]:
        """Alerts created from `since` on (ISO 8601, Z) whose text has the marker, oldest first.

        Graph cannot filter by text, so all alerts of the time are read; new ones may show late.
        """
        condition = f"createdDateTime ge {since} and serviceSource eq 'microsoft365Defender'"
        path = f"/security/alerts_v2?$filter={quote(condition)}&$top={ALERTS_IN_A_PAGE}"
        found: dict[str, CreatedAlert] = {}  # by id: a page may repeat the end of the one before
        for _ in range(MOST_PAGES):
            page = _decode(await self._call("GET", path), _Alerts)
            found |= {alert.id: alert.created for alert in page.value if alert.has(marker)}
            if not page.next_link:
                return [*reversed(found.values())]  # documented: the most recent come first
            path = self._path(page.next_link)
        raise UnknownOutcomeError(f"more than {MOST_PAGES * ALERTS_IN_A_PAGE} alerts since {since}")

    async def get_incident(self, incident_id: str) -> Incident:
        """The incident, or the one it was merged into."""
        number = incident_id
        for _ in range(MOST_REDIRECTS):
            path = f"/security/incidents/{quote(number, safe='')}"
            incident = _decode(await self._call("GET", path), Incident)
            if not incident.redirect_incident_id:
                return incident
            number = incident.redirect_incident_id
        raise UnknownOutcomeError(f"incident {incident_id}: more than {MOST_REDIRECTS} redirects")

    async def tag_incident(self, incident_id: str, tags: Sequence[str]) -> Incident:
        """Add tags, keep those of others; a tag set at the same moment may be lost."""
        from msgraph.generated.models.security.incident import Incident as TypedIncident

        incident = await self.get_incident(incident_id)
        missing = [tag for tag in tags if tag not in incident.custom_tags]
        if missing:
            tags = [*incident.custom_tags, *missing]
            await self._change(incident.id, TypedIncident(custom_tags=tags))
        return incident

    async def comment_incident(self, incident_id: str, text: str) -> Incident:
        """Comment, unless the incident already has this very comment (a repeated attempt)."""
        incident = await self.get_incident(incident_id)
        if all(comment.comment != text for comment in incident.comments):
            body = {"@odata.type": "microsoft.graph.security.alertComment", "comment": text}
            await self._call("POST", f"/security/incidents/{quote(incident.id)}/comments", body)
        return incident

    async def resolve_duplicate(self, alert: CreatedAlert, *, of: str, marker: str) -> bool:
        """Close the incident of a second alert of the episode that has incident `of`.

        False, and nothing is closed, where Defender merged the two, where it is closed already,
        or where the incident holds an alert without the marker: somebody else's work.
        """
        from msgraph.generated.models.security.incident import Incident as TypedIncident
        from msgraph.generated.models.security.incident_status import IncidentStatus

        incident = await self.get_incident(alert.incident_id)
        original = await self.get_incident(of)
        if incident.id == original.id or incident.status == "resolved":
            return False
        is_ours = await self._has_only(incident, marker)
        await self.comment_incident(incident.id, f"Duplicate of incident {original.id}. {marker}")
        if is_ours:
            await self._change(incident.id, TypedIncident(status=IncidentStatus.Resolved))
        return is_ours

    async def _has_only(self, incident: Incident, marker: str) -> bool:
        """Whether every alert of the incident has the marker; only the list shows alerts."""
        condition = quote(f"createdDateTime eq {incident.created_date_time}")
        path = f"/security/incidents?$filter={condition}&$expand=alerts&$top=50"
        page = _decode(await self._call("GET", path), _Incidents)
        return any(
            one.id == incident.id and one.alerts and all(alert.has(marker) for alert in one.alerts)
            for one in page.value
        )

    async def _change(self, incident_id: str, change: "TypedIncident") -> None:
        await self._connection.send("v1.0", self._connection.patch_incident(incident_id, change))

    def _path(self, link: str) -> str:
        """A link of Graph as a path of v1.0; a link elsewhere is not followed."""
        path = link.removeprefix(f"{self._connection.root}/v1.0")
        if path == link:
            raise UnknownOutcomeError("the next page is at another address")
        return path

    async def _call(
        self, method: Method, path: str, body: object = None, version: Version = "v1.0"
    ) -> bytes:
        from kiota_abstractions.method import Method as Verb
        from kiota_abstractions.request_information import RequestInformation

        request = RequestInformation(Verb(method), f"{{+baseurl}}{path}", {})
        request.headers.try_add("Accept", "application/json")
        if body is not None:
            request.set_stream_content(json.dumps(body).encode(), "application/json")
        return await self._connection.send(version, request)


def _decode(answer: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer, type=kind)
    except msgspec.MsgspecError as error:
        raise UnknownOutcomeError(f"an answer that cannot be read: {error}") from error
