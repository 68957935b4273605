"""The Defender sink: one incident for each episode, through Microsoft Graph.

createAlert has no idempotency key. So every alert carries a marker; after an unknown outcome the
marker is looked up before anything is sent again, and later whatever duplicate has become visible
is closed. Escalations join the incident; merged incidents are followed.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from detector.adapters.graph.client import CreatedAlert, GraphClient
from detector.adapters.graph.errors import NotNowError, RefusedError, UnknownOutcomeError
from detector.adapters.graph.payload import TAGS, alert_input, change_comment, marker, surge_input
from detector.core.delivery import needs_alert
from detector.core.episode import Delivery
from detector.core.evidence import Evidence
from detector.core.instant import MINUTE, format_instant
from detector.ports import (
    AlertSink,
    DeliveryError,
    Limits,
    OutcomeUnknownError,
    Resolution,
    Surge,
)

RECONCILE_AFTER = 15 * MINUTE
"""When a late duplicate must have become visible in Graph's lists."""

_LOOK_BACK = 10 * MINUTE

T = TypeVar("T")

Connect = Callable[[], Awaitable[GraphClient]]


class DefenderSink(AlertSink):
    """Creates, escalates and comments incidents; connects to Graph on first use."""

    name = "defender"

    def __init__(self, connect: Connect, limits: Limits, *, evidence_url: str = "") -> None:
        """`connect` makes the client, and imports msgraph-sdk, when it is first needed.

        The client is closed with the sink.
        """
        self.limits = limits
        self._connect = connect
        self._client: GraphClient | None = None
        self._evidence_url = evidence_url

    async def deliver(self, evidence: Evidence, delivery: Delivery, now: int) -> Delivery:
        """See the port."""
        if not delivery.alert_id:
            delivery = await self._create(evidence, delivery, now)
        elif needs_alert(delivery, evidence.severity):
            delivery = await self._escalate(evidence, delivery)
        return await self._annotate(evidence, delivery)

    async def reconcile(self, evidence: Evidence, delivery: Delivery, now: int) -> Delivery:
        """Close the incidents of other alerts that carry this episode's marker."""
        del now
        reference = marker(evidence.episode_id)

        async def work() -> Delivery:
            graph = await self._graph()
            for alert in await graph.find_alerts(reference, _since(evidence, delivery)):
                if alert.alert_id != delivery.alert_id:
                    await graph.resolve_duplicate(alert, of=delivery.incident_id, marker=reference)
            return replace(delivery, reconcile_at=0)

        return await _translated(work(), delivery)

    async def announce(self, surge: Surge, delivery: Delivery, now: int) -> Delivery:
        """One alert for the surge."""
        del now
        reference = marker(surge.surge_id, "surge")
        created = await _translated(
            self._create_once(
                surge_input(surge, reference),
                reference,
                since=_since(surge, delivery),
                seek=delivery.attempts > 1,
            ),
            delivery,
        )
        return replace(delivery, alert_id=created.alert_id, incident_id=created.incident_id)

    async def resolution(self, delivery: Delivery) -> Resolution | None:
        """What people made of the incident, or of the one it was merged into."""
        if not delivery.incident_id:
            return None

        async def work() -> Resolution:
            incident = await (await self._graph()).get_incident(delivery.incident_id)
            return Resolution(
                resolved=incident.status == "resolved",
                classification=incident.classification or "",
                incident_id=incident.id,
            )

        return await _translated(work(), delivery)

    async def _create(self, evidence: Evidence, delivery: Delivery, now: int) -> Delivery:
        reference = marker(evidence.episode_id)
        given = alert_input(evidence, reference, evidence_url=self._evidence_url)
        seek = delivery.attempts > 1
        created = await _translated(
            self._create_once(given, reference, since=_since(evidence, delivery), seek=seek),
            delivery,
        )
        return replace(
            delivery,
            alert_id=created.alert_id,
            incident_id=created.incident_id,
            sent_severity=evidence.severity,
            reconcile_at=now + RECONCILE_AFTER if seek else 0,
        )

    async def _escalate(self, evidence: Evidence, delivery: Delivery) -> Delivery:
        """A graver alert in the same incident, so that the queue shows the severity rise."""
        reference = marker(evidence.episode_id, evidence.severity)

        async def work() -> Delivery:
            graph = await self._graph()
            incident = await graph.get_incident(delivery.incident_id)
            given = alert_input(
                evidence,
                reference,
                evidence_url=self._evidence_url,
                incident_id=incident.id,
            )
            seek = delivery.attempts > 1
            since = _since(evidence, delivery)
            await self._create_once(given, reference, since=since, seek=seek)
            return replace(delivery, incident_id=incident.id, sent_severity=evidence.severity)

        return await _translated(work(), delivery)

    async def _annotate(self, evidence: Evidence, delivery: Delivery) -> Delivery:
        """Tags and a comment; both may be repeated. The alert's ids are kept whatever happens."""

        async def work() -> Delivery:
            graph = await self._graph()
            tagged = await graph.tag_incident(delivery.incident_id, TAGS)
            text = change_comment(evidence, evidence_url=self._evidence_url)
            await graph.comment_incident(tagged.id, text)
            return replace(delivery, incident_id=tagged.id)

        return await _translated(work(), delivery)

    async def _create_once(
        self, given: Mapping[str, object], reference: str, *, since: str, seek: bool
    ) -> CreatedAlert:
        """The alert with the marker if an earlier try got through, else a new one."""
        graph = await self._graph()
        found = await graph.find_alerts(reference, since) if seek else []
        return found[0] if found else await graph.create_alert(given)

    async def _graph(self) -> GraphClient:
        if self._client is None:
            self._client = await self._connect()
        return self._client

    async def close(self) -> None:
        """Close the connection to Graph, if one was made."""
        if self._client is not None:
            await self._client.close()
            self._client = None


async def _translated(work: Awaitable[T], progress: Delivery) -> T:
    """Graph's errors as the port's, with what was certainly done before."""
    try:
        return await work
    except NotNowError as error:
        raise DeliveryError(
            str(error), retry_after=error.retry_after_seconds, progress=progress
        ) from error
    except RefusedError as error:
        raise DeliveryError(str(error), progress=progress) from error
    except UnknownOutcomeError as error:
        raise OutcomeUnknownError(str(error), progress=progress) from error


def _since(subject: Evidence | Surge, delivery: Delivery) -> str:
    """From the first try on, in whole seconds; clocks differ a little."""
    return format_instant((delivery.tried_at or subject.opened_at) - _LOOK_BACK)[:19] + "Z"
