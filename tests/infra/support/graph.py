"""Microsoft Graph on the loopback: as much of it as the scripts use, with a memory."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
GRAPH_ID = "00000000-0000-0000-0000-000000000001"
IDENTITY_ID = "00000000-0000-0000-0000-000000000002"
TENANT_ID = "00000000-0000-0000-0000-000000000003"
CREATE = "00000000-0000-0000-0000-000000000011"
INCIDENTS = "00000000-0000-0000-0000-000000000012"
MAIL = "00000000-0000-0000-0000-000000000013"
DELEGATED = "00000000-0000-0000-0000-000000000014"


def _role(role, value, kind="Application"):
    return {"id": role, "value": value, "allowedMemberTypes": [kind]}


def _tenant():
    roles = [
        _role(CREATE, "SecurityAlert.Create.All"),
        _role(INCIDENTS, "SecurityIncident.ReadWrite.All"),
        _role(MAIL, "Mail.Read"),
        _role(DELEGATED, "SecurityAlert.Create.All", "User"),
    ]
    return {
        GRAPH_ID: {"id": GRAPH_ID, "appId": GRAPH_APP_ID, "appRoles": roles},
        IDENTITY_ID: {"id": IDENTITY_ID, "appId": "x", "displayName": "id-cfmining-test"},
    }


@dataclass
class Graph:
    """A tenant. `requests` are the writes, as METHOD path."""

    root: str = ""
    principals: dict = field(default_factory=_tenant)
    assignments: list = field(default_factory=list)
    applications: dict = field(default_factory=dict)
    credentials: dict = field(default_factory=dict)
    incidents: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    page_size: int = 1
    fails: int = 0
    """Status of every answer, when not 0."""

    def answer(self, method, path, body):
        """(status, document) for a request."""
        if self.fails:
            return self.fails, {"error": {"code": "planted"}}
        if method != "GET":
            self.requests.append(f"{method} {path}")
        for pattern, handler in ROUTES:
            if found := re.fullmatch(pattern, path):
                return handler(self, method, body, *found.groups(""))
        return 404, {"error": {"code": "NotFound", "message": path}}

    def page(self, rows, path):
        """One page of a collection, with the address of the next."""
        skip = int(found[1]) if (found := re.search(r"skip=(\d+)", path)) else 0
        document = {"value": rows[skip : skip + self.page_size]}
        if skip + self.page_size < len(rows):
            base = re.sub(r"[?&]skip=\d+", "", path)
            mark = "&" if "?" in base else "?"
            following = f"{base}{mark}skip={skip + self.page_size}"
            document["@odata.nextLink"] = f"{self.root}/v1.0/{following.replace(' ', '%20')}"
        return 200, document


def principals(graph, method, body, query):
    if method == "POST":
        created = {"id": f"principal-{body['appId']}", **body}
        graph.principals[created["id"]] = created
        return 201, created
    rows = [
        one
        for one in graph.principals.values()
        if f"'{one['appId']}'" in query or f"'{one.get('displayName')}'" in query
    ]
    return graph.page(rows, f"servicePrincipals{query}")


def principal(graph, method, body, identity):
    by_app = re.fullmatch(r"\(appId='(.*)'\)", identity)
    key = identity.lstrip("/")
    if by_app:
        key = next((k for k, one in graph.principals.items() if one["appId"] == by_app[1]), "")
    if key not in graph.principals:
        return 404, {"error": {"code": "NotFound"}}
    if method == "PATCH":
        graph.principals[key].update(body)
    return 200, graph.principals[key]


def assignments(graph, method, body, identity, query):
    if method == "POST":
        if any(one["appRoleId"] == body["appRoleId"] for one in graph.assignments):
            return 400, {"error": {"message": "Permission being assigned already exists"}}
        graph.assignments.append(
            {"id": f"a{len(graph.assignments)}", "resourceDisplayName": "Microsoft Graph", **body}
        )
        return 201, graph.assignments[-1]
    return graph.page(graph.assignments, f"servicePrincipals/{identity}/appRoleAssignments{query}")


def assignment(graph, method, _body, _identity, key):
    graph.assignments = [one for one in graph.assignments if one["id"] != key]
    return 204, None


def applications(graph, method, body):
    created = {"id": f"object-{body['uniqueName']}", "appId": f"app-{body['uniqueName']}", **body}
    graph.applications[created["id"]] = created
    return 201, created


def application(graph, method, body, identity):
    by_name = re.fullmatch(r"\(uniqueName='(.*)'\)", identity)
    key = f"object-{by_name[1]}" if by_name else identity.lstrip("/")
    if key not in graph.applications:
        return 404, {"error": {"code": "NotFound"}}
    if method == "DELETE":
        del graph.applications[key]
        return 204, None
    if method == "PATCH":
        graph.applications[key].update(body)
    return 200, graph.applications[key]


def credentials(graph, method, body, identity):
    held = graph.credentials.setdefault(identity, [])
    if method == "POST":
        held.append(body)
        return 201, body
    return 200, {"value": held}


def organization(graph, method, body):
    return 200, {"value": [{"id": TENANT_ID}]}


def incidents(graph, method, body, query):
    return graph.page(graph.incidents, f"security/incidents{query}")


def incident(graph, method, body, key):
    for one in graph.incidents:
        if one["id"] == key:
            if method == "PATCH":
                one.update(body)
            return 200, one
    return 404, {"error": {"code": "NotFound"}}


def health(graph, method, body):
    """Not Graph: the health page of a detector, for whom one loopback server is enough."""
    return 503, {"status": "unhealthy", "faults": ["hub/3: no event for 30,000 s"]}


ROUTES = (
    (r"servicePrincipals(\?.*)?", principals),
    (r"servicePrincipals/([^/]+)/appRoleAssignments(\?.*)?", assignments),
    (r"servicePrincipals/([^/]+)/appRoleAssignments/([^/]+)", assignment),
    (r"servicePrincipals(/[^/]+|\(appId='[^']*'\))", principal),
    (r"applications", applications),
    (r"applications/([^/]+)/federatedIdentityCredentials", credentials),
    (r"applications(/[^/]+|\(uniqueName='[^']*'\))", application),
    (r"organization\?.*", organization),
    (r"security/incidents(\?.*)", incidents),
    (r"security/incidents/([^/]+)", incident),
    (r"health", health),
)


@contextmanager
def serving(graph: Graph) -> Iterator[Graph]:
    """The tenant behind an address of this machine; a token other than `test` is refused."""

    class Handler(BaseHTTPRequestHandler):
        def do(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            parts = urlsplit(self.path)
            path = unquote(parts.path.removeprefix("/v1.0/"))
            path += f"?{unquote(parts.query)}" if parts.query else ""
            status, document = 401, {"error": {"code": "InvalidAuthenticationToken"}}
            if self.headers.get("Authorization") == "Bearer test" or path == "health":
                status, document = graph.answer(self.command, path, body)
            payload = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_PATCH = do_DELETE = do  # noqa: N815 - names of http.server

        def log_message(self, *arguments):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        graph.root = f"http://127.0.0.1:{server.server_address[1]}"
        yield graph
        server.shutdown()
        thread.join()
