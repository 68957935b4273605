"""The service without HTTP: a request in, a reply out, in the order Graph checks them."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from tests.loopback.graph import contract
from tests.loopback.graph.errors import RefusedError
from tests.loopback.graph.odata import next_link, parse_query
from tests.loopback.graph.routes import Operation, find_route
from tests.loopback.graph.schema import Check, Json
from tests.loopback.graph.state import Alert, Case, Comment, Incident, Tenant, instant
from tests.loopback.graph.tokens import roles_of

Row = dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What came over the wire; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes back; a body of None is no body."""

    status: int
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a test may choose of the service."""

    audiences: Collection[str]
    creates_in: Collection[str]
    visibility_delay: timedelta
    page: int


class Service:
    """Answers requests over one tenant. Raises RefusedError and then changes nothing."""

    def __init__(self, tenant: Tenant, rules: Rules, root: str) -> None:
        self.tenant = tenant
        self.rules = rules
        self.root = root

    def answer(self, request: Request) -> Reply:
        """401, then 404 and 405, then 403, then 400, then the operation."""
        roles = roles_of(
            request.headers.get("authorization"),
            audiences=self.rules.audiences,
            at=self.tenant.clock(),
        )
        route, version, parts = find_route(
            request.method, request.path, creates_in=self.rules.creates_in
        )
        if not set(roles) & set(route.roles):
            raise RefusedError(
                403,
                "Missing application roles. API required roles: "
                f"{','.join(route.roles)}, application roles: {','.join(roles)}.",
            )
        match route.operation:
            case Operation.LIST_ALERTS:
                return self._list_alerts(request, version)
            case Operation.LIST_INCIDENTS:
                return self._list_incidents(request, version)
            case operation:
                if request.query:
                    raise RefusedError(400, f"Query options are not supported by {operation}.")
                return self._single(operation, request, parts)

    def _single(self, operation: Operation, request: Request, parts: tuple[str, ...]) -> Reply:
        match operation:
            case Operation.CREATE_ALERT:
                given = checked(request, contract.CREATE_ALERT_BODY)["createAlertInput"]
                assert isinstance(given, dict)
                return Reply(status=201, body=self.tenant.create_alert(given).to_json())
            case Operation.GET_ALERT:
                return Reply(status=200, body=self._alert(parts[0]).to_json())
            case Operation.PATCH_ALERT:
                alert = self._alert(parts[0])
                alert.change(checked(request, contract.PATCH_ALERT_BODY), at=self.tenant.clock())
                return Reply(status=200, body=alert.to_json())
            case Operation.COMMENT_ALERT:
                return self._comment(self._alert(parts[0]), request)
            case Operation.GET_INCIDENT:
                return Reply(status=200, body=self._incident(parts[0]).to_json())
            case Operation.PATCH_INCIDENT:
                incident = self.tenant.not_redirected(self._incident(parts[0]))
                body = checked(request, contract.PATCH_INCIDENT_BODY)
                incident.change(body, at=self.tenant.clock())
                return Reply(status=200, body=incident.to_json())
            case Operation.COMMENT_INCIDENT:
                incident = self.tenant.not_redirected(self._incident(parts[0]))
                return self._comment(incident, request)
            case _:
                raise AssertionError(operation)

    def _alert(self, number: str) -> Alert:
        if number not in self.tenant.alerts:
            raise RefusedError(404, f"Alert {number} was not found.")
        return self.tenant.alerts[number]

    def _incident(self, number: str) -> Incident:
        if number not in self.tenant.incidents:
            raise RefusedError(404, f"Incident {number} was not found.")
        return self.tenant.incidents[number]

    def _comment(self, case: Case, request: Request) -> Reply:
        body, at = checked(request, contract.COMMENT_BODY), self.tenant.clock()
        case.comments.append(Comment(text=str(body["comment"]), by="application", at=at))
        case.updated = at
        return Reply(status=200, body={"value": [one.to_json() for one in case.comments]})

    def _list_alerts(self, request: Request, version: str) -> Reply:
        rows = [alert.to_json() for alert in self.tenant.alerts.values()]
        return self._page(request, version, rows, contract.FILTERS_ON_ALERTS, most=2**31 - 1)

    def _list_incidents(self, request: Request, version: str) -> Reply:
        rows = [incident.to_json() for incident in self.tenant.incidents.values()]
        most = contract.MOST_INCIDENTS_IN_A_PAGE
        return self._page(request, version, rows, contract.FILTERS_ON_INCIDENTS, most=most)

    def _page(
        self,
        request: Request,
        version: str,
        rows: list[Row],
        filterable: Mapping[str, tuple[str, ...] | None],
        *,
        most: int,
    ) -> Reply:
        of_incidents = filterable is contract.FILTERS_ON_INCIDENTS
        query = parse_query(
            request.query, filterable, page=self.rules.page, most=most, expand=of_incidents
        )
        passing = query.select(self._visible(rows))[::-1]  # documented: the most recent first
        page = passing[query.skip : query.skip + query.top]
        if query.is_expanded:
            page = [{**row, "alerts": self._alerts_of(str(row["id"]))} for row in page]
        body: Row = {"value": [*page]}
        if query.is_counted:
            body["@odata.count"] = len(passing)
        if query.top and len(passing) > query.skip + query.top:
            path = "incidents" if of_incidents else "alerts_v2"
            url = f"{self.root}/{version}/security/{path}"
            body["@odata.nextLink"] = next_link(url, request.query, query)
        return Reply(status=200, body=body)

    def _visible(self, rows: list[Row]) -> list[Row]:
        until = instant(self.tenant.clock() - self.rules.visibility_delay)
        return [row for row in rows if str(row["createdDateTime"]) <= until]

    def _alerts_of(self, number: str) -> list[Json]:
        return [*self._visible([alert.to_json() for alert in self.tenant.alerts_of(number)])]


def checked(request: Request, check: Check) -> Row:
    """The JSON object of a request that passes the check, else 415 or 400."""
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise RefusedError(415, "The content type must be application/json.")
    try:
        body: Json = json.loads(request.body)
    except ValueError:
        raise RefusedError(400, "Unable to read JSON request payload.") from None
    if (complaint := check(body)) is not None:
        raise RefusedError(400, f"Invalid request body: {complaint}.")
    assert isinstance(body, dict)  # every check of a whole body is of an object
    return body
