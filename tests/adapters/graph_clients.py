"""A Graph client of a loopback, as wiring makes one of the real Graph."""

from azure.core.credentials_async import AsyncTokenCredential

from detector.adapters.graph.client import GraphClient
from detector.adapters.graph.connection import connect
from tests.loopback.graph import LoopbackGraph


def open_client(
    graph: LoopbackGraph,
    credential: AsyncTokenCredential | None = None,
    *,
    alerts_version: str = "beta",
    allowed_host: str = "127.0.0.1",
    timeout_seconds: float = 5,
) -> GraphClient:
    """A client with the detector's three permissions, unless a credential is given."""
    return connect(
        graph.root,
        credential or graph.credential(),
        alerts_version=alerts_version,
        allowed_host=allowed_host,
        timeout_seconds=timeout_seconds,
    )
