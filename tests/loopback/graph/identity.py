"""The managed identity endpoint of a function app, so that the real credential works locally.

`ManagedIdentityCredential` asks IDENTITY_ENDPOINT with the header X-IDENTITY-HEADER, as on App
Service and Functions (api-version 2019-08-01).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from tests.loopback.graph.service import Reply, Request
from tests.loopback.graph.tokens import mint_token

IDENTITY_PATH = "/msi/token"
IDENTITY_HEADER = "loopback"
LIFETIME = timedelta(days=1)


def answer_identity(request: Request, roles: Iterable[str], now: datetime) -> Reply:
    """A token with the roles for the resource that is asked for, else 400."""
    resource = request.query.get("resource", "")
    is_fine = (
        request.query.get("api-version") == "2019-08-01"
        and request.headers.get("x-identity-header") == IDENTITY_HEADER
    )
    if not is_fine or not resource:
        return Reply(status=400, body={"statusCode": 400, "message": "Bad identity request."})
    expires = now + LIFETIME
    return Reply(
        status=200,
        body={
            "access_token": mint_token(*roles, audience=resource, expires=expires),
            "expires_on": str(int(expires.timestamp())),
            "resource": resource,
            "token_type": "Bearer",
            "client_id": request.query.get("client_id"),
        },
    )
