"""The Sentinel sink: one row for each state of an episode, through the Logs Ingestion API.

A scheduled rule (Bicep) turns rows into alerts. Sending a row twice does no harm: the rule takes
each revision once. Everything on this way is generally available.
"""

# pyright: reportMissingTypeStubs=false
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal

from detector.core.episode import Delivery, Transition
from detector.core.evidence import Evidence
from detector.core.instant import format_instant
from detector.core.plain import unmarked
from detector.core.report import condition_line, story, surge_story, surge_title, title
from detector.ports import AlertSink, DeliveryError, Limits, Surge

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

TECHNIQUES = ("T1213.001",)

PER_MINUTE = 29
"""A scheduled rule raises at most 150 alerts a run, and ours runs every five minutes."""

_TITLE, _NAME, _ADDRESS, _STORY = 256, 1_000, 64, 4_000
_AGENT, _MOST_AGENTS = 256, 20
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


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
    account_object_id: str = ""
    account_display_name: str = ""
    user_principal_name: str = ""
    ip_addresses: list[str] = Field(default=[], serialization_alias="IPAddresses")
    user_agents: list[str] = []
    first_activity: str
    last_activity: str
    total_actions: int = 0
    unique_pages: int = 0
    unique_spaces: int = 0
    sensitive_search_count: int = 0
    export_count: int = 0
    download_count: int = 0
    access_rate_per_minute: float = 0.0
    gates: list[str] = []
    conditions: list[str] = []
    techniques: list[str] = list(TECHNIQUES)
    evidence_url: str = ""
    policy_fingerprint: str = ""
    story: str


class Stream(Protocol):
    """The stream of a data collection rule. `upload` raises azure.core's errors."""

    async def upload(self, row: SentinelRow) -> None:
        """Send one row."""
        ...

    async def close(self) -> None:
        """Close its sockets and its credential."""
        ...


class SentinelSink(AlertSink):
    """Uploads rows; connects on first use."""

    name = "sentinel"

    def __init__(
        self,
        connect: Callable[[], Awaitable[Stream]],
        limits: Limits | None = None,
        *,
        evidence_url: str = "",
    ) -> None:
        """`connect` opens the stream when it is first needed; it is closed with the sink."""
        self.limits = limits
        self._connect = connect
        self._stream: Stream | None = None
        self._evidence_url = evidence_url

    async def deliver(self, evidence: Evidence, delivery: Delivery, now: int) -> Delivery:
        """Upload the revision's row. Raises DeliveryError: sending it again is always safe."""
        await self._upload(sentinel_row(evidence, now, evidence_url=self._evidence_url))
        return replace(delivery, alert_id=evidence.episode_id)

    async def announce(self, surge: Surge, delivery: Delivery, now: int) -> Delivery:
        """Upload one row for the surge."""
        await self._upload(surge_row(surge, now))
        return replace(delivery, alert_id=surge.surge_id)

    async def close(self) -> None:
        """Close the stream, if one was opened."""
        if self._stream is not None:
            await self._stream.close()
            self._stream = None

    async def _upload(self, row: SentinelRow) -> None:
        from azure.core.exceptions import AzureError, HttpResponseError

        try:
            if self._stream is None:
                self._stream = await self._connect()
            await self._stream.upload(row)
        except HttpResponseError as error:
            headers: Mapping[str, str] = getattr(error.response, "headers", {})
            wait = headers.get("Retry-After", "")
            seconds = float(wait) if wait.isdecimal() else None
            raise DeliveryError(str(error), retry_after=seconds) from error
        except AzureError as error:
            raise DeliveryError(str(error)) from error


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
        title=unmarked(title(evidence), _TITLE),
        severity=evidence.severity,
        threat_indicator=evidence.indicator,
        account_object_id=unmarked(evidence.account_object_id, _NAME),
        account_display_name=unmarked(evidence.account_display_name, _NAME),
        user_principal_name=unmarked(principals[0], _NAME) if principals else "",
        ip_addresses=[unmarked(c.text, _ADDRESS) for c in evidence.ip_addresses],
        user_agents=[unmarked(c.text, _AGENT) for c in evidence.user_agents[:_MOST_AGENTS]],
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
        evidence_url=page,
        policy_fingerprint=evidence.policy_fingerprint,
        story=unmarked(story(evidence), _STORY),
    )


def surge_row(surge: Surge, now: int) -> SentinelRow:
    """The row of a surge: an episode of nobody, with the gravest alerts in its story."""
    titles = "; ".join(f"{alert.severity}: {title(alert)}" for alert in surge.alerts)
    return SentinelRow(
        time_generated=format_instant(now),
        episode_id=surge.surge_id,
        revision=1,
        state="open",
        title=surge_title(surge.waiting),
        severity="high",
        threat_indicator="Surge of alerts",
        first_activity=format_instant(surge.opened_at),
        last_activity=format_instant(now),
        story=unmarked(f"{surge_story(surge.waiting)} {titles}", _STORY),
    )


def connect(
    endpoint: str,
    credential: "AsyncTokenCredential",
    *,
    rule_id: str,
    stream: str,
    scope: str,
    timeout_seconds: float,
) -> Stream:
    """The stream at a data collection endpoint; each request is sent once. Not kept to one loop.

    The token goes over TLS only, except to this machine.
    """
    return _Stream(endpoint, credential, rule_id, stream, scope, timeout_seconds)


class _Stream:
    def __init__(
        self,
        endpoint: str,
        credential: "AsyncTokenCredential",
        rule_id: str,
        stream: str,
        scope: str,
        timeout_seconds: float,
    ) -> None:
        from azure.monitor.ingestion.aio import LogsIngestionClient

        self._client = LogsIngestionClient(
            endpoint,
            credential,
            credential_scopes=[scope],
            retry_total=0,  # by default it sleeps through Retry-After; the outbox reschedules
            connection_timeout=timeout_seconds,
            read_timeout=timeout_seconds,
        )
        self._credential = credential
        self._rule_id, self._name = rule_id, stream
        self._enforce_https = urlsplit(endpoint).hostname not in _LOOPBACK

    async def upload(self, row: SentinelRow) -> None:
        rows: list[MutableMapping[str, Any]] = [row.model_dump(by_alias=True)]
        await self._client.upload(
            self._rule_id, self._name, rows, enforce_https=self._enforce_https
        )

    async def close(self) -> None:
        await self._client.close()
        await self._credential.close()
