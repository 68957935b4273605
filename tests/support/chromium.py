"""A real headless Chromium for the tests, driven over the DevTools protocol."""

import asyncio
import fcntl
import json
import os
import subprocess
import tempfile
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from shutil import which
from types import TracebackType
from typing import Any, Self

import aiohttp
import pytest

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
START_SECONDS = 60
ANSWER_SECONDS = 30
STOP_SECONDS = 10
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[str]:
    """The DevTools address of one Chromium for all tests of this process."""
    with running_chromium() as address:
        yield address


@contextmanager
def running_chromium() -> Iterator[str]:
    """Chromium with an empty profile until the block ends; yields its DevTools address."""
    program = installed_chromium()
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        tempfile.TemporaryFile() as log,
    ):
        process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield _address(process, Path(profile), log.fileno())
        finally:
            _stop(process)


def installed_chromium() -> str:
    """The Chromium of this machine; installed by apt-get where that is possible."""
    with (Path(tempfile.gettempdir()) / "detector-tests-chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # pytest-xdist has several processes
        return _found() or _install()


def _found() -> str | None:
    return next(filter(None, map(which, NAMES)), None)


def _install() -> str:
    if os.geteuid() == 0 and which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}  # noqa: TID251 - a child inherits it
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
            subprocess.run(
                ["apt-get", "--quiet", *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
    program = _found()
    if program is None:
        pytest.fail(
            "The page tests need Chromium or Chrome on the PATH: "
            "Debian and Ubuntu: apt-get install chromium; macOS: Google Chrome in /Applications.",
            pytrace=False,
        )
    return program


def _address(process: subprocess.Popen[bytes], profile: Path, log: int) -> str:
    """Chromium writes its port and path into its profile once it listens."""
    written = profile / "DevToolsActivePort"
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if written.exists() and len(lines := written.read_text().split()) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.02)
    pytest.fail(f"Chromium did not start:\n{os.pread(log, 10_000, 0).decode()}", pytrace=False)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Tab:
    """One page of the browser: what it asked the network for, and what it complained of."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._socket = socket
        self._session: dict[str, str] = {}
        self._numbers = count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def __aenter__(self) -> Self:
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", **target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Network", "Log", "Runtime"):
            await self.call(f"{domain}.enable")
        self._target = target
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._session = {}
        await self.call("Target.closeTarget", **self._target)
        self._reader.cancel()

    async def open(self, address: str) -> None:
        """Go there and wait until everything is loaded; forgets what was noted before."""
        self._loaded.clear()
        self.requests.clear()
        self.complaints.clear()
        await self.call("Page.navigate", url=address)
        await asyncio.wait_for(self._loaded.wait(), ANSWER_SECONDS)

    async def look(
        self, *, scheme: str = "light", media: str = "screen", width: int = 1_200
    ) -> None:
        """Show pages in a colour scheme, for a medium, at a width in CSS pixels."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.call("Emulation.setEmulatedMedia", media=media, features=features)
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression, as JSON would have it."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def screenshot(self) -> bytes:
        """A PNG of what is shown."""
        return b64decode((await self.call("Page.captureScreenshot"))["data"])

    async def pdf(self) -> bytes:
        """The page as printed."""
        return b64decode((await self.call("Page.printToPDF", printBackground=True))["data"])

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of one DevTools command; fails with the protocol's error."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": parameters, **self._session}
        await self._socket.send_json(message)
        return await asyncio.wait_for(answer, ANSWER_SECONDS)

    async def _read(self) -> None:
        async for message in self._socket:
            event = json.loads(message.data)
            if (answer := self._answers.pop(event.get("id"), None)) is None:
                self._note(event["method"], event["params"])
            elif "error" in event:
                answer.set_exception(AssertionError(event["error"]))
            else:
                answer.set_result(event["result"])

    def _note(self, method: str, said: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"])
        elif method == "Log.entryAdded":
            self.complaints.append(said["entry"]["text"])
        elif method in {"Runtime.consoleAPICalled", "Runtime.exceptionThrown"}:
            self.complaints.append(json.dumps(said))
        elif method == "Page.loadEventFired":
            self._loaded.set()


@asynccontextmanager
async def new_tab(chromium: str) -> AsyncIterator[Tab]:
    """A tab of its own, closed at the end."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(chromium, max_msg_size=0) as socket,
        Tab(socket) as tab,
    ):
        yield tab
