"""A strict Logs Ingestion API on the loopback interface.

Source: Learn, azure-monitor/logs/logs-ingestion-api-overview (URI, headers, 204, Retry-After, 1 MB
a call) and the data collection rule's stream declaration. Stricter than the service, which drops
what it does not know: a column that the stream lacks, or of another type, is 400.
"""

import json
import re
import threading
import zlib
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Self

from tests.loopback.graph.errors import RefusedError, error_body
from tests.loopback.graph.faults import Fault, Hold
from tests.loopback.graph.schema import Json
from tests.loopback.graph.service import Reply, Request
from tests.loopback.graph.state import Clock
from tests.loopback.graph.tokens import TokenCredential, roles_of
from tests.loopback.graph.wire import Server

_LIST = Path(__file__).parents[3] / "infra/sentinel-columns.json"
COLUMNS = {column["name"]: column["type"] for column in json.loads(_LIST.read_text())}
"""The stream's columns by name, as the data collection rule declares them."""

API_VERSION = "2023-01-01"
SCOPE = "https://monitor.azure.com/.default"
PUBLISHER = "Monitoring Metrics Publisher"
LARGEST_CALL = 1 << 20
PATH = re.compile(r"/dataCollectionRules/(dcr-[0-9a-f]{32})/streams/(Custom-\w+)")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z")


def is_of_type(value: Json, kind: str) -> bool:
    """Whether a JSON value fills a column of the type without loss."""
    if kind in ("int", "long"):
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "real":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "datetime":
        return isinstance(value, str) and _INSTANT.fullmatch(value) is not None
    kinds = {"string": str, "boolean": bool, "dynamic": list | dict}
    return isinstance(value, kinds[kind])


class LoopbackLogs:
    """One data collection rule with one stream; `rows` is what the table holds."""

    def __init__(
        self,
        columns: Mapping[str, str],
        *,
        clock: Clock,
        rule_id: str = "dcr-" + "0" * 31 + "1",
        stream: str = "Custom-ConfluenceMining_CL",
    ) -> None:
        self.columns, self.rule_id, self.stream = columns, rule_id, stream
        self.rows: list[dict[str, Json]] = []
        self.calls = 0
        self.faults: list[Fault] = []
        self._clock = clock
        self._http = Server(0, self.exchange, lambda: format_datetime(clock(), usegmt=True))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self.endpoint = f"http://127.0.0.1:{self._http.server_address[1]}"

    def credential(self, *roles: str) -> TokenCredential:
        """A credential that may write to the rule, unless other roles are given."""
        return TokenCredential(*(roles or (PUBLISHER,)), clock=self._clock)

    def hold(self) -> Hold:
        """Stop the next call before it takes effect."""
        hold = Hold()
        self.faults.append(Fault(hold=hold))
        return hold

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.hang_up()
        self._http.server_close()
        self._thread.join()

    def exchange(self, request: Request) -> Reply | None:
        """The reply to a request; None resets the connection."""
        self.calls += 1
        fault = self.faults.pop(0) if self.faults else Fault()
        reply = self._answer(request) if fault.after_commit else None
        if fault.hold is not None:
            fault.hold.arrived.set()
            fault.hold.freed.wait(10)
            fault.hold.done.set()
        if fault.is_reset:
            return None
        if fault.status is not None:
            return self._refusal(fault.status, "A scripted fault.", fault.headers(self._clock()))
        return reply or self._answer(request)

    def _answer(self, request: Request) -> Reply:
        try:
            self.rows += self._checked(request, self._clock())
        except RefusedError as refused:
            return self._refusal(refused.status, refused.message, {})
        return Reply(status=204)

    def _refusal(self, status: int, message: str, headers: dict[str, str]) -> Reply:
        body = error_body(status, message, number=self.calls, at=self._clock())
        return Reply(status=status, body=body, headers=headers)

    def _checked(self, request: Request, at: datetime) -> list[dict[str, Json]]:
        audiences = (SCOPE.removesuffix("/.default"),)
        roles = roles_of(request.headers.get("authorization"), audiences=audiences, at=at)
        match = PATH.fullmatch(request.path)
        if request.method != "POST" or match is None:
            raise RefusedError(404, "No such operation.")
        if request.query != {"api-version": API_VERSION}:
            raise RefusedError(400, "The api-version is missing or not supported.")
        if PUBLISHER not in roles or match[1] != self.rule_id:
            raise RefusedError(403, "The token has no access to ingest data for the rule.")
        if match[2] != self.stream:
            raise RefusedError(404, f"Stream {match[2]} was not found in the rule.")
        return self._rows(request)

    def _rows(self, request: Request) -> list[dict[str, Json]]:
        if request.headers.get("content-type", "").split(";")[0] != "application/json":
            raise RefusedError(415, "The content type must be application/json.")
        body = request.body
        if request.headers.get("content-encoding") == "gzip":
            body = zlib.decompress(body, 16 + zlib.MAX_WBITS)
        if len(body) > LARGEST_CALL:
            raise RefusedError(413, "The body is larger than 1 MB.")
        rows: Json = json.loads(body)
        if not isinstance(rows, list):
            raise RefusedError(400, "The body must be an array.")
        return [self._row(row) for row in rows]

    def _row(self, row: Json) -> dict[str, Json]:
        if not isinstance(row, dict) or [*row] != [*self.columns]:
            raise RefusedError(400, "The row has not the columns of the stream, in order.")
        for name, value in row.items():
            if not is_of_type(value, self.columns[name]):
                raise RefusedError(400, f"{name}: no {self.columns[name]}: {value!r}")
        return row
