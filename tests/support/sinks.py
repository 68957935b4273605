"""A sink in memory that fails as it is told, and finds again what it has."""

from dataclasses import dataclass, field, replace
from typing import Literal

from detector.core.episode import Delivery
from detector.core.evidence import Evidence
from detector.ports import AlertSink, DeliveryError, Limits, OutcomeUnknownError

Outcome = Literal["taken", "refused", "throttled", "answer lost", "never arrived"]
RETRY_AFTER = 90.0


@dataclass(slots=True)
class Alert:
    """What a responder has: one alert of one episode, and every revision it was told of."""

    alert_id: str
    episode_id: str
    told: list[Evidence] = field(default_factory=list[Evidence])


class MemorySink(AlertSink):
    """`outcomes` are those of the next deliveries, in order; then all goes well.

    Without the look-up that a second attempt asks for, it would make a second alert, as Graph does.
    """

    def __init__(
        self, *outcomes: Outcome, name: str = "memory", limits: Limits | None = None
    ) -> None:
        self.name = name
        self.limits = limits
        self.outcomes = list(outcomes)
        self.alerts: list[Alert] = []
        self.tries: list[tuple[int, int]] = []
        """(revision, attempts) of every delivery that was tried."""

    async def deliver(self, evidence: Evidence, delivery: Delivery, now: int) -> Delivery:
        del now
        self.tries.append((evidence.revision, delivery.attempts))
        outcome = self.outcomes.pop(0) if self.outcomes else "taken"
        if outcome == "refused":
            raise DeliveryError("503 so it goes")
        if outcome == "throttled":
            raise DeliveryError("429 later", retry_after=RETRY_AFTER)
        if outcome == "never arrived":
            raise OutcomeUnknownError("no answer")
        alert = self._alert(evidence.episode_id, delivery)
        alert.told.append(evidence)
        if outcome == "answer lost":
            raise OutcomeUnknownError("no answer")
        return replace(delivery, alert_id=alert.alert_id, incident_id=f"incident {alert.alert_id}")

    def _alert(self, episode_id: str, delivery: Delivery) -> Alert:
        may_exist = delivery.attempts > 1 or delivery.alert_id
        for alert in self.alerts:
            if may_exist and alert.episode_id == episode_id:
                return alert
        made = Alert(f"{self.name}-{len(self.alerts) + 1}", episode_id)
        self.alerts.append(made)
        return made

    def revisions(self) -> list[list[int]]:
        """The revisions that each alert was told of."""
        return [[evidence.revision for evidence in alert.told] for alert in self.alerts]
