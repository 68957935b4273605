"""The composition root: settings in, a running detector out. The only place that names adapters."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from detector.adapters.sqlite import SqliteRows
from detector.core.policy import Policy
from detector.core.vocabulary import Vocabulary
from detector.dispatch import Dispatcher
from detector.evaluate import Evaluator
from detector.policies import load_policy
from detector.ports import AlertSink, Bodies, DeliveryError, ForEach, Limits, Rows, one_by_one
from detector.settings import Settings, SettingsError
from detector.sources.cloud_app_events import CloudAppEvents
from detector.state.store import State

if TYPE_CHECKING:
    from detector.adapters.graph.client import GraphClient

_LOGS_TIMEOUT_SECONDS = 20.0
_USERS_AT_ONCE = 3
"""One of them may take 350 MB (ledger.MOST_LOADED), and an instance has 2 GB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """Everything one process needs, made once."""

    state: State
    policy: Policy
    vocabulary: Vocabulary
    evaluator: Evaluator
    dispatcher: Dispatcher
    sinks: Sequence[AlertSink]


def open_rows(store: str, settings: Settings) -> Rows:
    """The store named `sqlite:PATH` or `azure`. Raises SettingsError where it cannot be one."""
    kind, _, path = store.partition(":")
    if kind == "sqlite" and path:
        return SqliteRows(path)
    if store == "azure":
        from detector.adapters.azure_tables import open_tables

        try:
            return open_tables(settings.state)
        except ValueError as error:
            message = f"DETECTOR_STATE: {error}"
            raise SettingsError(message) from error
    message = f"store {store!r}: write sqlite:PATH or azure"
    raise SettingsError(message)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncGenerator[Rows]:
    """The settings' store, closed at the end."""
    rows = open_rows(settings.store, settings)
    try:
        yield rows
    finally:
        await rows.close()


def open_bodies(settings: Settings) -> Bodies | None:
    """Where raw bodies of dead letters go: `file:PATH`, a container, or None: nowhere.

    Raises SettingsError for anything else.
    """
    kind, _, path = settings.dead_letter_bodies.partition(":")
    if not kind:
        return None
    if kind == "file" and path:
        from detector.adapters.folder_bodies import FolderBodies

        return FolderBodies(Path(path))
    from detector.adapters.blob_bodies import open_container

    try:
        return open_container(settings.dead_letter_bodies)
    except ValueError as error:
        message = f"DETECTOR_DEAD_LETTER_BODIES: {error}"
        raise SettingsError(message) from error


@asynccontextmanager
async def bodies_opened(settings: Settings) -> AsyncGenerator[Bodies | None]:
    """The settings' bodies, closed at the end."""
    bodies = open_bodies(settings)
    try:
        yield bodies
    finally:
        if bodies is not None:
            await bodies.close()


@asynccontextmanager
async def closing(sinks: Sequence[AlertSink]) -> AsyncGenerator[None]:
    """Close the sinks at the end."""
    try:
        yield
    finally:
        for sink in sinks:
            await sink.close()


async def scrub(rows: Rows) -> None:
    """Leave no byte of what was deleted in a store that would keep it."""
    if isinstance(rows, SqliteRows):
        await rows.vacuum()


def make_detector(
    rows: Rows, policy: Policy, sinks: Sequence[AlertSink], bodies: Bodies | None = None
) -> Detector:
    """Wire the use cases over one store."""
    state = State(rows, bodies)
    vocabulary = Vocabulary(policy)
    source = load_policy("source")
    evaluator = Evaluator(
        state=state,
        policy=policy,
        vocabulary=vocabulary,
        source=source,
        source_vocabulary=Vocabulary(source),
        sinks=tuple(sink.name for sink in sinks),
        for_each=_for_each(rows),
    )
    return Detector(
        state=state,
        policy=policy,
        vocabulary=vocabulary,
        evaluator=evaluator,
        dispatcher=Dispatcher(state=state, policy=policy, sinks=sinks),
        sinks=sinks,
    )


def _for_each(rows: Rows) -> ForEach:
    """SQLite has one writer; requests to the service are made for several users at once."""
    if isinstance(rows, SqliteRows):
        return one_by_one
    from detector.adapters.azure_tables import at_once

    return partial(at_once, most=_USERS_AT_ONCE)


def make_source(detector: Detector, settings: Settings, *, clocked: bool = False) -> CloudAppEvents:
    """The reader of CloudAppEvents under the detector's policy."""
    return CloudAppEvents(
        detector.policy, detector.vocabulary, tenant_id=settings.tenant_id, clocked=clocked
    )


def make_sinks(settings: Settings) -> list[AlertSink]:
    """The sinks the settings ask for; one at most creates incidents, `none` is an empty list."""
    sinks: list[AlertSink] = []
    if settings.sink == "defender":
        sinks.append(_defender(settings))
    elif settings.sink == "sentinel":
        sinks.append(_sentinel(settings))
    if settings.alerts_file:
        from detector.adapters.json_lines import JsonLinesSink

        sinks.append(JsonLinesSink(Path(settings.alerts_file)))
    return sinks


def _defender(settings: Settings) -> AlertSink:
    from detector.adapters.graph.sink import DefenderSink

    async def connect_to_graph() -> "GraphClient":
        from azure.identity.aio import DefaultAzureCredential

        from detector.adapters.graph.connection import connect

        return connect(
            settings.graph,
            DefaultAzureCredential(),
            alerts_version=settings.graph_alerts_version,
            allowed_host=urlsplit(settings.graph).hostname or "",
            timeout_seconds=settings.graph_timeout_seconds,
        )

    limits = Limits(per_minute=settings.creates_per_minute, per_hour=settings.creates_per_hour)
    return DefenderSink(connect_to_graph, limits, evidence_url=settings.evidence_url)


async def missing_permissions(settings: Settings) -> list[str]:
    """Permissions that the sink needs and its identity lacks. Raises DeliveryError, no token."""
    if settings.sink != "defender":
        return []
    from azure.core.exceptions import AzureError
    from azure.identity.aio import DefaultAzureCredential

    from detector.adapters.graph.roles import check_roles

    async with DefaultAzureCredential() as credential:
        try:
            return await check_roles(credential, settings.graph)
        except AzureError as error:
            raise DeliveryError(
                f"no token for {settings.graph}: {error.message.splitlines()[0]}"
            ) from error


def _sentinel(settings: Settings) -> AlertSink:
    from detector.adapters.logs_ingestion import PER_MINUTE, SentinelSink, Stream

    if not (settings.logs_endpoint and settings.logs_rule_id):
        raise SettingsError(
            "DETECTOR_SINK=sentinel needs DETECTOR_LOGS_ENDPOINT and DETECTOR_LOGS_RULE_ID"
        )

    async def connect_to_logs() -> Stream:
        from azure.identity.aio import DefaultAzureCredential

        from detector.adapters.logs_ingestion import connect

        return connect(
            settings.logs_endpoint,
            DefaultAzureCredential(),
            rule_id=settings.logs_rule_id,
            stream=settings.logs_stream,
            scope=settings.logs_scope,
            timeout_seconds=_LOGS_TIMEOUT_SECONDS,
        )

    per_minute = min(settings.creates_per_minute, PER_MINUTE)
    limits = Limits(per_minute=per_minute, per_hour=settings.creates_per_hour)
    return SentinelSink(connect_to_logs, limits, evidence_url=settings.evidence_url)
