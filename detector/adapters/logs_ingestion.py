"""The Sentinel sink: one row for each state of an episode, through the Logs Ingestion API.

A scheduled rule (Bicep) turns rows into alerts. Sending a row twice does no harm: the rule takes
each revision once. Everything on this way is generally available.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_pascal

from detector.core.episode import Delivery, Transition
from detector.core.evidence import Evidence
from detector.core.instant import format_instant
from detector.core.plain import unmarked
from detector.core.report import condition_line, story, title
from detector.ports import AlertSink, DeliveryError

TECHNIQUES = ("T1213.001",)
_TEXT = 1_000


class SentinelRow(BaseModel):
    """A row of ConfluenceMining_CL; infra/sentinel-columns.json declares the same columns."""

    model_config = ConfigDict(alias_generator=to_pascal, populate_by_name=True, frozen=True)

    time_generated: str
    episode_id: str
    revision: int
    state: str
    title: str
    severity: str
    threat_indicator: str
    account_object_id: str
    account_display_name: str
    user_principal_name: str
    ip_addresses: list[str]
    user_agents: list[str]
    first_activity: str
    last_activity: str
    total_actions: int
    unique_pages: int
    unique_spaces: int
    sensitive_search_count: int
    export_count: int
    download_count: int
    access_rate_per_minute: float
    gates: list[str]
    conditions: list[str]
    techniques: list[str]
    evidence_url: str
    policy_fingerprint: str
    story: str


Upload = Callable[[list[MutableMapping[str, Any]]], Awaitable[None]]
"""Sends rows to the stream of the data collection rule; raises azure.core's errors."""


class SentinelSink(AlertSink):
    """Uploads rows; connects on first use."""

    name = "sentinel"

    def __init__(self, connect: Callable[[], Awaitable[Upload]], *, evidence_url: str = "") -> None:
        """`connect` makes the uploader when it is first needed."""
        self._connect = connect
        self._upload: Upload | None = None
        self._evidence_url = evidence_url

    async def deliver(self, evidence: Evidence, delivery: Delivery, now: int) -> Delivery:
        """Upload the revision's row. Raises DeliveryError: sending it again is always safe."""
        from azure.core.exceptions import AzureError, HttpResponseError

        row = sentinel_row(evidence, now, evidence_url=self._evidence_url)
        try:
            if self._upload is None:
                self._upload = await self._connect()
            await self._upload([row.model_dump(by_alias=True)])
        except HttpResponseError as error:
            headers: Mapping[str, str] = getattr(error.response, "headers", {})
            wait = headers.get("Retry-After", "")
            seconds = float(wait) if wait.isdigit() else None
            raise DeliveryError(str(error), retry_after=seconds) from error
        except AzureError as error:
            raise DeliveryError(str(error)) from error
        return replace(delivery, alert_id=evidence.episode_id)


def sentinel_row(evidence: Evidence, now: int, *, evidence_url: str = "") -> SentinelRow:
    """The row of one revision of an episode."""
    principals = [name for name in evidence.account_ids if "@" in name]
    page = f"{evidence_url.rstrip('/')}/{evidence.episode_id}" if evidence_url else ""
    closed = evidence.transition is Transition.CLOSED
    return SentinelRow(
        time_generated=format_instant(now),
        episode_id=evidence.episode_id,
        revision=evidence.revision,
        state="closed" if closed else "open",
        title=unmarked(title(evidence), 256),
        severity=evidence.severity,
        threat_indicator=evidence.indicator,
        account_object_id=evidence.account_object_id,
        account_display_name=unmarked(evidence.account_display_name, _TEXT),
        user_principal_name=principals[0] if principals else "",
        ip_addresses=[c.text for c in evidence.ip_addresses],
        user_agents=[unmarked(c.text, _TEXT) for c in evidence.user_agents],
        first_activity=format_instant(evidence.first_activity),
        last_activity=format_instant(evidence.last_activity),
        total_actions=evidence.total_actions,
        unique_pages=evidence.unique_pages,
        unique_spaces=evidence.unique_spaces,
        sensitive_search_count=evidence.sensitive_search_count,
        export_count=evidence.export_count,
        download_count=evidence.download_count,
        access_rate_per_minute=evidence.access_rate_per_minute,
        gates=list(evidence.gates),
        conditions=[f"{c.gate}: {condition_line(c)}" for c in evidence.conditions if c.held],
        techniques=list(TECHNIQUES),
        evidence_url=page,
        policy_fingerprint=evidence.policy_fingerprint,
        story=unmarked(story(evidence), 4_000),
    )
