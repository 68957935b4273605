"""The alerts and incidents of one tenant, and what Defender and people do to them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.loopback.graph.errors import RefusedError
from tests.loopback.graph.schema import Json

Clock = Callable[[], datetime]
FIRST_INCIDENT = 128


def wall_clock() -> datetime:
    """The machine's time: for people, and for clients that compare with their own."""
    return datetime.now(UTC)  # noqa: TID251


def instant(at: datetime) -> str:
    """ISO 8601 in UTC with seven fractional digits, as Graph writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


@dataclass(kw_only=True)
class Comment:
    """One comment of an alert or incident."""

    text: str
    by: str
    at: datetime

    def to_json(self) -> Json:
        """Microsoft.graph.security.alertComment."""
        return {
            "comment": self.text,
            "createdByDisplayName": self.by,
            "createdDateTime": instant(self.at),
        }


@dataclass(kw_only=True)
class Case:
    """What alerts and incidents share."""

    id: str
    created: datetime
    updated: datetime
    severity: str
    status: str
    classification: str = "unknown"
    determination: str = "unknown"
    assigned_to: str | None = None
    comments: list[Comment] = field(default_factory=list[Comment])

    def change(self, body: dict[str, Json], *, at: datetime) -> None:
        """Take over what a checked PATCH body sets."""
        names = {"assignedTo": "assigned_to", "customTags": "custom_tags"}
        for name, value in body.items():
            if not name.startswith("@"):
                setattr(self, names.get(name, name), value)
        self.updated = at

    def shared_json(self) -> dict[str, Json]:
        """The properties that alerts and incidents have in common."""
        return {
            "id": self.id,
            "createdDateTime": instant(self.created),
            "lastUpdateDateTime": instant(self.updated),
            "severity": self.severity,
            "status": self.status,
            "classification": self.classification,
            "determination": self.determination,
            "assignedTo": self.assigned_to,
            "comments": [comment.to_json() for comment in self.comments],
        }


@dataclass(kw_only=True)
class Alert(Case):
    """An alert; `given` is the createAlertInput it was made from."""

    incident_id: str
    given: dict[str, Json]

    def text(self) -> str:
        """Everything a marker can stand in."""
        return f"{self.given['title']}\n{self.given['description']}"

    def to_json(self) -> dict[str, Json]:
        """Microsoft.graph.security.alert, as in the documented answer of createAlert."""
        given = self.given
        return {
            "@odata.type": "#microsoft.graph.security.alert",
            **self.shared_json(),
            "providerAlertId": f"manual_{self.id.removesuffix('_aml')}",
            "incidentId": self.incident_id,
            "serviceSource": "microsoft365Defender",
            "detectionSource": "manual",
            "title": given["title"],
            "description": given["description"],
            "category": given["category"],
            "recommendedActions": given.get("recommendedActions"),
            "mitreTechniques": given.get("mitreTechniques", []),
            "alertWebUrl": f"https://security.microsoft.com/alerts/{self.id}",
            "incidentWebUrl": f"https://security.microsoft.com/incidents/{self.incident_id}",
            "evidence": [],
        }


@dataclass(kw_only=True)
class Incident(Case):
    """An incident; `redirect_to` is set when Defender merged it into another."""

    title: str
    custom_tags: list[str] = field(default_factory=list[str])
    redirect_to: str | None = None

    @property
    def is_active(self) -> bool:
        """Whether a responder still has it in the queue."""
        return self.status in ("active", "inProgress", "awaitingAction")

    def to_json(self) -> dict[str, Json]:
        """Microsoft.graph.security.incident."""
        return {
            "@odata.type": "#microsoft.graph.security.incident",
            **self.shared_json(),
            "displayName": self.title,
            "customTags": [*self.custom_tags],
            "systemTags": [],
            "redirectIncidentId": self.redirect_to,
            "incidentWebUrl": f"https://security.microsoft.com/incidents/{self.id}",
        }


class Tenant:
    """All alerts and incidents by id, in the order of their creation."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.alerts: dict[str, Alert] = {}
        self.incidents: dict[str, Incident] = {}

    def create_alert(self, given: dict[str, Json]) -> Alert:
        """A new alert in the incident it links to, else in an incident of its own."""
        at, severity = self.clock(), str(given["severity"])
        incident = self._linked(given) or self._open(str(given["title"]), severity, at)
        incident.updated = at
        alert = Alert(
            id=f"ea00000000-0000-0000-0000-{len(self.alerts) + 1:012d}_aml",
            created=at,
            updated=at,
            severity=severity,
            status="new",
            incident_id=incident.id,
            given=given,
        )
        self.alerts[alert.id] = alert
        return alert

    def _linked(self, given: dict[str, Json]) -> Incident | None:
        number = given.get("linkToIncident") or 0
        if not number:
            return None
        incident = self.incidents.get(str(number))
        if incident is None:
            raise RefusedError(400, f"linkToIncident: incident {number} does not exist.")
        return self.not_redirected(incident)

    def _open(self, title: str, severity: str, at: datetime) -> Incident:
        number = str(FIRST_INCIDENT + len(self.incidents))
        self.incidents[number] = Incident(
            id=number, created=at, updated=at, severity=severity, status="active", title=title
        )
        return self.incidents[number]

    def not_redirected(self, incident: Incident) -> Incident:
        """The incident, unless it was merged: what Graph does then is not documented."""
        if incident.redirect_to is not None:
            raise RefusedError(
                400, f"Incident {incident.id} was merged into {incident.redirect_to}."
            )
        return incident

    def alerts_of(self, incident_id: str) -> list[Alert]:
        """The alerts of one incident, oldest first."""
        return [alert for alert in self.alerts.values() if alert.incident_id == incident_id]

    def merge(self, source: str, *, into: str) -> None:
        """Defender groups an incident with another: status redirected, alerts move."""
        if source == into or self.incidents[into].redirect_to is not None:
            raise ValueError(f"{source} cannot be merged into {into}")
        incident = self.incidents[source]
        incident.status, incident.redirect_to, incident.updated = "redirected", into, self.clock()
        for alert in self.alerts_of(source):
            alert.incident_id = into

    def classify(
        self, incident_id: str, classification: str, determination: str, *, by: str, resolve: bool
    ) -> None:
        """A person judges an incident and its alerts, and perhaps closes them."""
        for case in (self.incidents[incident_id], *self.alerts_of(incident_id)):
            case.classification, case.determination = classification, determination
            case.assigned_to, case.updated = by, self.clock()
            case.status = "resolved" if resolve else "inProgress"
