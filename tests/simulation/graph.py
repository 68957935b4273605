"""Microsoft Graph for the simulator, below the product's own Defender sink.

createAlert has no key of ours, answers late or never, and new alerts show late in the list.
"""

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from detector.adapters.graph.client import Comment, CreatedAlert, Incident
from detector.adapters.graph.errors import NotNowError, UnknownOutcomeError
from tests.simulation.requests import Call, NoAnswerError, NotDoneError, Task
from tests.simulation.scheduler import Scheduler

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Alert:
    """A created alert; `text` has the marker, `visible_at` is when lists begin to show it.

    `episode_id` is whose it really is, whatever the text says.
    """

    created: CreatedAlert
    text: str
    visible_at: int
    episode_id: str


@dataclass(slots=True)
class SimulatedIncident:
    """An incident; `ended_by` is "", "person" or "duplicate"."""

    id: str
    ended_by: str = ""
    classification: str = ""
    tags: list[str] = field(default_factory=list[str])
    comments: list[str] = field(default_factory=list[str])


class Graph:
    """The service's side."""

    def __init__(self, scheduler: Scheduler, *, shown_after: Callable[[], int]) -> None:
        self.scheduler = scheduler
        self._shown_after = shown_after
        self.alerts: list[Alert] = []
        self.incidents: dict[str, SimulatedIncident] = {}
        self._delivering: dict[Task | None, str] = {}

    @contextmanager
    def delivering(self, episode_id: str) -> Generator[None]:
        """What the current task creates is this episode's."""
        task = self.scheduler.current
        self._delivering[task] = episode_id
        try:
            yield
        finally:
            del self._delivering[task]

    def owner(self) -> str:
        """The episode that the current task delivers; "" is none."""
        return self._delivering.get(self.scheduler.current, "")

    def create(self, given: Mapping[str, object], episode_id: str) -> CreatedAlert:
        """Every creation makes an alert; one that is linked to no incident makes an incident."""
        incident_id = str(given.get("linkToIncident") or len(self.incidents) + 1)
        self.incidents.setdefault(incident_id, SimulatedIncident(incident_id))
        created = CreatedAlert(alert_id=f"a{len(self.alerts) + 1}", incident_id=incident_id)
        shown = self.scheduler.now + self._shown_after()
        self.alerts.append(Alert(created, str(given["description"]), shown, episode_id))
        return created

    def find(self, marker: str) -> list[CreatedAlert]:
        """The alerts that already show in the list."""
        now = self.scheduler.now
        return [a.created for a in self.alerts if marker in a.text and a.visible_at <= now]

    def incidents_of(self, episode_id: str) -> list[SimulatedIncident]:
        """Those with an alert of the episode, visible or not, without closed duplicates."""
        ids = {a.created.incident_id for a in self.alerts if a.episode_id == episode_id}
        found = [self.incidents[i] for i in sorted(ids)]
        return [incident for incident in found if incident.ended_by != "duplicate"]


class SimulatedGraphClient:
    """What the Defender sink asks of a GraphClient."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def create_alert(self, given: Mapping[str, object]) -> CreatedAlert:
        """See GraphClient."""
        owner = self._graph.owner()
        label = ("createAlert", owner, given["title"])
        return await _translated(Call("post", label, lambda: self._graph.create(given, owner)))

    async def find_alerts(self, marker: str, since: str) -> list[CreatedAlert]:
        """See GraphClient."""
        del since
        return await _translated(Call("read", ("find", marker), lambda: self._graph.find(marker)))

    async def get_incident(self, incident_id: str) -> Incident:
        """See GraphClient."""
        return await _translated(
            Call("read", ("get incident", incident_id), lambda: self._read(incident_id))
        )

    async def tag_incident(self, incident_id: str, tags: Sequence[str]) -> Incident:
        """See GraphClient."""

        def effect() -> None:
            self._graph.incidents[incident_id].tags += tags

        await _translated(Call("post", ("tag", incident_id), effect))
        return self._read(incident_id)

    async def comment_incident(self, incident_id: str, text: str) -> Incident:
        """See GraphClient."""
        incident = await self.get_incident(incident_id)
        if all(comment.comment != text for comment in incident.comments):
            comments = self._graph.incidents[incident_id].comments
            await _translated(Call("post", ("comment", incident_id), lambda: comments.append(text)))
        return incident

    async def resolve_duplicate(self, alert: CreatedAlert, *, of: str, marker: str) -> bool:
        """See GraphClient."""
        del marker
        if alert.incident_id == of:
            return False

        def effect() -> None:
            self._graph.incidents[alert.incident_id].ended_by = "duplicate"

        await _translated(Call("post", ("resolve duplicate", alert.incident_id), effect))
        return True

    def _read(self, incident_id: str) -> Incident:
        known = self._graph.incidents[incident_id]
        return Incident(
            id=known.id,
            status="resolved" if known.ended_by else "active",
            created_date_time="",
            classification=known.classification or None,
            comments=tuple(Comment(comment=text) for text in known.comments),
        )


async def _translated(call: Awaitable[T]) -> T:
    try:
        return await call
    except NotDoneError as error:
        raise NotNowError("simulated", 60) from error
    except NoAnswerError as error:
        raise UnknownOutcomeError("simulated") from error
