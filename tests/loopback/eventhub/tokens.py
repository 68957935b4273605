"""Shared access signatures, as `$cbs` put-token carries them."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_plus, urlsplit

KEY_NAME: Final = "RootManageSharedAccessKey"
_SCHEME: Final = "SharedAccessSignature "


class UnauthorisedError(Exception):
    """Why a token opens nothing."""


@dataclass(frozen=True, slots=True)
class SharedAccessKey:
    """The key of the namespace; there is one, and it may do everything."""

    value: str
    name: str = KEY_NAME

    def check(self, token: str, audience: str, now: float) -> None:
        """Raise UnauthorisedError unless `token` is signed with this key, for `audience`, alive.

        `now` is in seconds since 1970-01-01 UTC.
        """
        if not token.startswith(_SCHEME):
            raise UnauthorisedError("InvalidToken: a shared access signature is expected.")
        fields = dict(part.partition("=")[::2] for part in token[len(_SCHEME) :].split("&"))
        signed = f"{fields.get('sr', '')}\n{fields.get('se', '')}".encode()
        digest = hmac.new(self.value.encode(), signed, hashlib.sha256).digest()
        given = unquote_plus(fields.get("sig", ""))
        if not hmac.compare_digest(base64.b64encode(digest).decode(), given):
            raise UnauthorisedError("InvalidSignature: The token has an invalid signature.")
        if unquote_plus(fields.get("skn", "")) != self.name:
            raise UnauthorisedError("InvalidSignature: The key name is not known.")
        if not audience.lower().startswith(unquote_plus(fields["sr"]).lower()):
            raise UnauthorisedError("InvalidAudience: The token is for another resource.")
        if float(fields["se"]) < now:
            raise UnauthorisedError("ExpiredToken: The token is expired.")


def path_of(address: str) -> str:
    """The path of an address or audience, with or without scheme and host, without a leading /."""
    return urlsplit(address).path.lstrip("/") if "://" in address else address
