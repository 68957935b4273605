"""Which operations exist, under which method and path, and who may call them."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from tests.loopback.graph import contract
from tests.loopback.graph.errors import RefusedError

VERSIONS = ("v1.0", "beta")
ACTION = r"(?:microsoft\.graph\.security\.)?createAlert"


class Operation(StrEnum):
    """The operations of the slice; faults and the call log name them."""

    CREATE_ALERT = "createAlert"
    LIST_ALERTS = "listAlerts"
    GET_ALERT = "getAlert"
    PATCH_ALERT = "patchAlert"
    COMMENT_ALERT = "commentAlert"
    LIST_INCIDENTS = "listIncidents"
    GET_INCIDENT = "getIncident"
    PATCH_INCIDENT = "patchIncident"
    COMMENT_INCIDENT = "commentIncident"


@dataclass(frozen=True, slots=True)
class Route:
    """One operation; any of `roles` suffices."""

    operation: Operation
    method: str
    path: str
    roles: tuple[str, ...]


ALERTS = "/security/alerts_v2"
INCIDENTS = "/security/incidents"
ROUTES = (
    Route(Operation.CREATE_ALERT, "POST", rf"{ALERTS}/{ACTION}", contract.CREATE_ALERT),
    Route(Operation.LIST_ALERTS, "GET", ALERTS, contract.READ_ALERTS),
    Route(Operation.GET_ALERT, "GET", rf"{ALERTS}/([^/]+)", contract.READ_ALERTS),
    Route(Operation.PATCH_ALERT, "PATCH", rf"{ALERTS}/([^/]+)", contract.WRITE_ALERTS),
    Route(Operation.COMMENT_ALERT, "POST", rf"{ALERTS}/([^/]+)/comments", contract.WRITE_ALERTS),
    Route(Operation.LIST_INCIDENTS, "GET", INCIDENTS, contract.READ_INCIDENTS),
    Route(Operation.GET_INCIDENT, "GET", rf"{INCIDENTS}/([^/]+)", contract.READ_INCIDENTS),
    Route(Operation.PATCH_INCIDENT, "PATCH", rf"{INCIDENTS}/([^/]+)", contract.WRITE_INCIDENTS),
    Route(
        Operation.COMMENT_INCIDENT,
        "POST",
        rf"{INCIDENTS}/([^/]+)/comments",
        contract.WRITE_INCIDENTS,
    ),
)


def find_route(
    method: str, path: str, *, creates_in: Collection[str]
) -> tuple[Route, str, tuple[str, ...]]:
    """The route, the API version and the parts of `/{version}/path`; 404 or 405 otherwise.

    Empty segments are dropped, because the SDK's default base address ends in a slash.
    createAlert is a path only in the versions `creates_in`.
    """
    version, _, rest = re.sub(r"/+", "/", path).strip("/").partition("/")
    if version not in VERSIONS:
        raise RefusedError(404, f"Invalid version: {version}")
    found = [(route, match) for route in ROUTES if (match := re.fullmatch(route.path, f"/{rest}"))]
    if not found:
        raise RefusedError(404, f"Resource not found for the segment '{rest}'.")
    for route, match in found:
        is_there = route.operation is not Operation.CREATE_ALERT or version in creates_in
        if route.method == method and is_there:
            return route, version, match.groups()
    raise RefusedError(405, "Specified HTTP method is not allowed for the request target.")
