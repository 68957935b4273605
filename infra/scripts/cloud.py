"""The Azure command line and JSON over HTTPS: all that the scripts need of the cloud."""

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

# What a script's exit code says (docs/adr/0002-names.md).
OK: Final = 0
FINDINGS: Final = 1
USAGE: Final = 2
NO_ANSWER: Final = 3

GRAPH: Final = "https://graph.microsoft.com"

Document = dict[str, Any]
Az = Callable[..., Any]
"""Runs one command of the Azure command line and returns what it printed, as JSON."""


class CloudError(Exception):
    """A service did not answer, or refused; `status` is the HTTP status, 0 without an answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


def az(*arguments: str) -> Any:  # noqa: ANN401 - JSON
    """The parsed output of `az ARGUMENTS`; None when it prints nothing. Raises CloudError."""
    program = shutil.which("az")
    if program is None:
        raise CloudError("the Azure command line (az) is not installed or not on the path")
    command = [program, *arguments, "--only-show-errors", "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CloudError(
            f"az {' '.join(arguments[:3])}: {done.stderr.strip() or done.stdout.strip()}"
        )
    return json.loads(done.stdout) if done.stdout.strip() else None


def access_token(resource: str, environment_name: str) -> str:
    """A token for a resource: the environment variable, else of whoever is signed in to az."""
    given = os.environ.get(environment_name)
    return given or str(az("account", "get-access-token", "--resource", resource)["accessToken"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A JSON interface below one address, such as https://graph.microsoft.com/v1.0."""

    root: str
    token: str
    timeout_seconds: float = 30.0

    def get(self, path: str) -> Document:
        """The document at a path. Raises CloudError, with status 404 when there is none."""
        return self.send("GET", path)

    def find(self, path: str) -> Document | None:
        """The document at a path, or None when there is none. Raises CloudError otherwise."""
        try:
            return self.get(path)
        except CloudError as error:
            if error.status == 404:  # noqa: PLR2004 - Not Found
                return None
            raise

    def rows(self, path: str) -> Iterator[Document]:
        """Every element of a paged collection, following its next links."""
        page: str | None = path
        while page:
            document = self.get(page)
            yield from document.get("value", [])
            page = document.get("@odata.nextLink") or document.get("nextLink")

    def send(self, method: str, path: str, body: Document | None = None) -> Document:
        """The answer to a request; an empty document when the answer has no body."""
        address = path if urlsplit(path).scheme else f"{self.root.rstrip('/')}/{path.lstrip('/')}"
        # The token goes to its own service, whatever a next link says.
        if urlsplit(address).netloc != urlsplit(self.root).netloc:
            raise CloudError(f"{address} is not below {self.root}")
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(address, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_seconds) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                detail = error.read().decode(errors="replace")[:500]
            raise CloudError(f"{method} {path}: {error.code} {detail}", error.code) from error
        except OSError as error:
            raise CloudError(f"{method} {address}: {error}") from error
        return json.loads(text) if text else {}
