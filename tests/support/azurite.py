"""A real Azurite for the tests: its own process, on ports nobody else uses."""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.node import MODULES, node

PROGRAM = MODULES / "azurite/dist/src/azurite.js"
START_SECONDS = 60
STOP_SECONDS = 10
# Accounts cost nothing until used; each is an empty store of its own.
ACCOUNTS = ("devstoreaccount1", *(f"test{number}" for number in range(1000)))
# Azurite's published key: it opens nothing else.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True, slots=True, kw_only=True)
class Azurite:
    """A running Azurite; `ports` by service: Blob, Queue, Table."""

    process: subprocess.Popen[bytes]
    ports: dict[str, int]
    unused: Iterator[str] = field(default_factory=lambda: iter(ACCOUNTS[1:]))

    def connection_string(self, account: str = ACCOUNTS[0]) -> str:
        """What the Azure clients connect with; `account` is one of ACCOUNTS."""
        endpoints = ";".join(
            f"{service}Endpoint=http://127.0.0.1:{port}/{account}"
            for service, port in self.ports.items()
        )
        return f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={KEY};{endpoints};"


@contextmanager
def running_azurite(location: Path | None = None) -> Iterator[Azurite]:
    """Azurite until the block ends, in memory or on disk at `location`.

    On disk it loses acknowledged writes when it is killed within 5 seconds; stopping it loses none.
    """
    storage = ["--inMemoryPersistence"] if location is None else ["--location", str(location)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [node(PROGRAM), PROGRAM, "--skipApiVersionCheck", "--disableTelemetry", *storage]
            + [f"--{service}Port=0" for service in ("blob", "queue", "table")],
            env={**os.environ, "AZURITE_ACCOUNTS": ";".join(f"{name}:{KEY}" for name in ACCOUNTS)},  # noqa: TID251 - a child inherits it
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield Azurite(process=process, ports=_listening_ports(process, log.fileno()))
        finally:
            _stop(process)


@pytest.fixture(scope="session")
def azurite_server() -> Iterator[Azurite]:
    """One Azurite for all tests of this process."""
    with running_azurite() as server:
        yield server


@pytest.fixture(scope="session")
def azurite(azurite_server: Azurite) -> str:
    """The connection string of an account that all tests share."""
    return azurite_server.connection_string()


@pytest.fixture
def azurite_account(azurite_server: Azurite) -> str:
    """The connection string of an account that no other test has: an empty store."""
    return azurite_server.connection_string(next(azurite_server.unused))


def _listening_ports(process: subprocess.Popen[bytes], log: int) -> dict[str, int]:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        text = os.pread(log, 100_000, 0).decode()
        listening = re.findall(r"(\w+) service is successfully listening at \S+:(\d+)", text)
        if len(listening) == 3:
            return {service: int(port) for service, port in listening}
        time.sleep(0.05)
    pytest.fail(f"Azurite did not start:\n{os.pread(log, 100_000, 0).decode()}", pytrace=False)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
