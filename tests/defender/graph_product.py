"""The product over a loopback Graph, on one clock."""

from pathlib import Path
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential

from detector.adapters.graph.client import GraphClient
from detector.adapters.graph.payload import marker
from detector.adapters.graph.sink import DefenderSink
from detector.core.episode import Episode
from detector.ports import Limits
from tests.adapters.graph_clients import open_client
from tests.loopback.graph import Incident, LoopbackGraph
from tests.support.product import DrivenClock, Product

DEFAULT_LIMITS = Limits(per_minute=40, per_hour=1_200)
EVIDENCE_URL = "https://evidence.example.com/api/evidence"


def defender_sink(
    graph: LoopbackGraph,
    *,
    limits: Limits = DEFAULT_LIMITS,
    credential: AsyncTokenCredential | None = None,
    timeout_seconds: float = 10,
) -> DefenderSink:
    """The sink, its client over the real msgraph-sdk."""

    async def connect() -> GraphClient:
        return open_client(graph, credential, timeout_seconds=timeout_seconds)

    return DefenderSink(connect, limits, evidence_url=EVIDENCE_URL)


def product_on(
    path: Path, clock: DrivenClock, graph: LoopbackGraph, *, policy: Any = None, **sink: Any
) -> Product:
    """One host; call it again with the same file for another, or for the same one restarted."""
    more = {} if policy is None else {"policy": policy}
    return Product.on(path, clock, defender_sink(graph, **sink), **more)


def active(graph: LoopbackGraph, episode: Episode) -> list[Incident]:
    """The incidents that a responder still has in the queue for the episode."""
    return graph.active_incidents_with_marker(marker(episode.episode_id))
