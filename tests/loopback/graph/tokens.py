"""Unsigned tokens with chosen roles: what an app's access token says, without a signature."""

import base64
import json
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from azure.core.credentials import AccessToken

from tests.loopback.graph.errors import RefusedError
from tests.loopback.graph.schema import Json

GRAPH_APP = "00000003-0000-0000-c000-000000000000"


def mint_token(*roles: str, audience: str, expires: datetime) -> str:
    """A token in the form of a JWT; `alg` is none and the signature is empty."""
    claims: dict[str, Json] = {
        "aud": audience,
        "exp": int(expires.timestamp()),
        "tid": "00000000-0000-0000-0000-000000000001",
        "appid": "00000000-0000-0000-0000-000000000002",
        "idtyp": "app",
        "roles": list(roles),
    }
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}."


def _part(claims: dict[str, Json]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


def roles_of(authorization: str | None, *, audiences: Collection[str], at: datetime) -> list[str]:
    """The roles of a bearer token that is meant for us and still valid, else 401."""
    if not authorization or not authorization.startswith("Bearer "):
        raise RefusedError(401, "Access token is empty.")
    try:
        part = authorization.split(".")[1]
        claims: Json = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        raise RefusedError(401, "IDX14100: JWT is not well formed.") from None
    if not isinstance(claims, dict) or claims.get("aud") not in audiences:
        raise RefusedError(401, "Access token validation failure. Invalid audience.")
    expires, roles = claims.get("exp"), claims.get("roles")
    if not isinstance(expires, int) or at.timestamp() >= expires:
        raise RefusedError(401, "Lifetime validation failed, the token is expired.")
    return [str(role) for role in roles] if isinstance(roles, list) else []


class TokenCredential:
    """An async credential that mints a token with its roles for whatever scope is asked."""

    def __init__(
        self, *roles: str, clock: Callable[[], datetime], lifetime: timedelta = timedelta(hours=1)
    ) -> None:
        self.roles = roles
        self.scopes: list[str] = []
        self._clock = clock
        self._lifetime = lifetime

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,  # noqa: ARG002
        tenant_id: str | None = None,  # noqa: ARG002
        enable_cae: bool = False,  # noqa: ARG002
        **_: object,
    ) -> AccessToken:
        """A token whose audience is the scope without `/.default`; the scopes are kept."""
        self.scopes.extend(scopes)
        expires = self._clock() + self._lifetime
        audience = scopes[0].removesuffix("/.default")
        token = mint_token(*self.roles, audience=audience, expires=expires)
        return AccessToken(token, int(expires.timestamp()))

    async def close(self) -> None:
        """Nothing to close."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()
