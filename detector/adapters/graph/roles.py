"""Which of the permissions that the detector needs its token lacks."""

import base64
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

NEEDED: dict[str, tuple[str, ...]] = {
    "SecurityAlert.Create.All": ("SecurityAlert.ReadWrite.All",),
    "SecurityAlert.Read.All": ("SecurityAlert.ReadWrite.All",),
    "SecurityIncident.ReadWrite.All": (),
}
"""The least permission for each purpose, and what would do instead.

Source: microsoft-graph-devx-content, permissions.json.
"""


class _Claims(msgspec.Struct):
    roles: tuple[str, ...] = ()


def granted_roles(token: str) -> frozenset[str]:
    """The roles in an access token; its signature is Graph's business. Empty when unreadable."""
    try:
        part = token.split(".")[1]
        claims = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        return frozenset(msgspec.json.decode(claims, type=_Claims).roles)
    except (IndexError, ValueError, msgspec.MsgspecError):
        return frozenset()


def missing_roles(token: str) -> list[str]:
    """The needed permissions that a token grants neither directly nor through a larger one."""
    granted = granted_roles(token)
    return [role for role, larger in NEEDED.items() if not granted & {role, *larger}]


async def check_roles(credential: "AsyncTokenCredential", root: str) -> list[str]:
    """The missing permissions of a credential. Raises azure.core's AzureError without a token."""
    token = await credential.get_token(f"{root}/.default")
    return missing_roles(token.token)
