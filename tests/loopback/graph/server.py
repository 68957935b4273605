"""The loopback Graph as a test sees it: state, faults, holds and the log of calls."""

import json
import re
import threading
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from typing import Self

from tests.loopback.graph.errors import RefusedError, error_body
from tests.loopback.graph.faults import PATIENCE_SECONDS, Fault, Hold, Script
from tests.loopback.graph.identity import IDENTITY_PATH, answer_identity
from tests.loopback.graph.routes import Operation, find_route
from tests.loopback.graph.schema import Json
from tests.loopback.graph.service import Reply, Request, Rules, Service
from tests.loopback.graph.state import Alert, Clock, Incident, Tenant
from tests.loopback.graph.tokens import TokenCredential
from tests.loopback.graph.wire import Server

DETECTOR_ROLES = (
    "SecurityAlert.Create.All",
    "SecurityAlert.Read.All",
    "SecurityIncident.ReadWrite.All",
)
"""What docs and the permissions script grant to the detector; nothing else is needed."""


@dataclass(kw_only=True)
class Call:
    """One request as it arrived; `status` stays None when the client got no answer.

    `path` is without empty segments, `raw_path` as sent.
    """

    operation: Operation | None
    method: str
    path: str
    raw_path: str
    query: dict[str, str]
    body: Json
    headers: dict[str, str]
    status: int | None = None


class LoopbackGraph:
    """Microsoft Graph security on 127.0.0.1, for one tenant.

    `clock` answers an aware instant. `visibility_delay` hides what is younger from lists.
    `creates_in`: the API versions that have createAlert. `page`: rows of a page without $top.
    `audience`: what tokens must be for; the server's own root when absent. `identity_roles`: what
    the managed identity of its host is granted.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        port: int = 0,
        visibility_delay: timedelta = timedelta(0),
        creates_in: Collection[str] = ("beta",),
        page: int = 50,
        audience: str | None = None,
        identity_roles: Collection[str] = DETECTOR_ROLES,
    ) -> None:
        self._clock = clock
        self._identity_roles = identity_roles
        self._http = Server(port, self.exchange, self.date)
        self.root = f"http://127.0.0.1:{self._http.server_address[1]}"
        rules = Rules(
            audiences=(audience or self.root,),
            creates_in=creates_in,
            visibility_delay=visibility_delay,
            page=page,
        )
        self._tenant = Tenant(clock)
        self._service = Service(self._tenant, rules, self.root)
        self._script = Script()
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._holds: list[Hold] = []
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self.calls: list[Call] = []

    # ── what a test asks ──

    @property
    def alerts(self) -> dict[str, Alert]:
        """All alerts by id, in the order of creation."""
        return self._tenant.alerts

    @property
    def incidents(self) -> dict[str, Incident]:
        """All incidents by id, in the order of creation."""
        return self._tenant.incidents

    def active_incidents_with_marker(self, marker: str) -> list[Incident]:
        """Incidents still in the queue with an alert whose title or description has the marker."""
        with self._lock:
            ids = {alert.incident_id for alert in self.alerts.values() if marker in alert.text()}
            return [one for one in self.incidents.values() if one.id in ids and one.is_active]

    def calls_of(self, operation: Operation) -> list[Call]:
        """The requests of one operation in the order of arrival."""
        return [call for call in self.calls if call.operation is operation]

    @property
    def faults_left(self) -> int:
        """Scripted faults that no request has met yet."""
        return len(self._script)

    # ── what a test arranges ──

    def fault(self, operation: Operation, fault: Fault, *, times: int = 1) -> None:
        """Disturb the next `times` requests of an operation; faults queue up in order."""
        with self._lock:
            self._script.add(operation, fault, times)

    def hold(self, operation: Operation, *, after_commit: bool = False) -> Hold:
        """Stop the next request of an operation, before or after it takes effect."""
        hold = Hold()
        self._holds.append(hold)
        self.fault(operation, Fault(hold=hold, after_commit=after_commit))
        return hold

    def merge(self, source: str, *, into: str) -> None:
        """Defender merges an incident into another."""
        with self._lock:
            self._tenant.merge(source, into=into)

    def classify(
        self,
        incident_id: str,
        classification: str,
        determination: str = "unknown",
        *,
        by: str = "analyst@example.com",
        resolve: bool = True,
    ) -> None:
        """A person classifies an incident and, unless told otherwise, resolves it."""
        with self._lock:
            self._tenant.classify(
                incident_id, classification, determination, by=by, resolve=resolve
            )

    def credential(self, *roles: str) -> TokenCredential:
        """A credential with these roles, else with the detector's three."""
        return TokenCredential(*(roles or DETECTOR_ROLES), clock=self._clock)

    # ── lifetime ──

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for hold in self._holds:
            hold.freed.set()
        self._http.shutdown()
        self._http.hang_up()
        self._http.server_close()
        self._thread.join()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()

    # ── one exchange, in its own thread ──

    def exchange(self, request: Request) -> Reply | None:
        """The reply to a request; None resets the connection."""
        if request.path == IDENTITY_PATH:
            return answer_identity(request, self._identity_roles, self._clock())
        call, fault = self._arrive(request)
        reply = self._reply(request) if fault is None else self._disturbed(request, fault)
        call.status = None if reply is None else reply.status
        if fault is not None and fault.hold is not None:
            fault.hold.done.set()
        return reply

    def _arrive(self, request: Request) -> tuple[Call, Fault | None]:
        operation = self._operation(request)
        call = Call(
            operation=operation,
            method=request.method,
            path=re.sub(r"/+", "/", request.path),
            raw_path=request.path,
            query=dict(request.query),
            body=_json(request.body),
            headers={k: v for k, v in request.headers.items() if k != "authorization"},
        )
        with self._lock:
            self.calls.append(call)
            return call, self._script.take(operation) if operation else None

    def _operation(self, request: Request) -> Operation | None:
        creates_in = self._service.rules.creates_in
        try:
            return find_route(request.method, request.path, creates_in=creates_in)[0].operation
        except RefusedError:
            return None

    def _disturbed(self, request: Request, fault: Fault) -> Reply | None:
        reply = self._reply(request) if fault.after_commit else None
        self._closing.wait(fault.delay_seconds)
        if fault.hold is not None:
            fault.hold.arrived.set()
            fault.hold.freed.wait(PATIENCE_SECONDS)
        if fault.is_reset or self._closing.is_set():
            return None
        if fault.status is not None:
            return self._refusal(fault.status, "A scripted fault.", fault.headers(self._clock()))
        return reply or self._reply(request)

    def _reply(self, request: Request) -> Reply:
        with self._lock:
            try:
                return self._service.answer(request)
            except RefusedError as refused:
                return self._refusal(refused.status, refused.message, {})

    def _refusal(self, status: int, message: str, headers: dict[str, str]) -> Reply:
        body = error_body(status, message, number=len(self.calls), at=self._clock())
        if status == 401:
            headers = {**headers, "WWW-Authenticate": 'Bearer realm="", error="invalid_token"'}
        return Reply(status=status, body=body, headers=headers)

    def date(self) -> str:
        """The server's own time, for the Date header."""
        return format_datetime(self._clock(), usegmt=True)


def _json(body: bytes) -> Json:
    try:
        value: Json = json.loads(body)
    except ValueError:
        return None
    return value
