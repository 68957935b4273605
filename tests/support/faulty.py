"""A loopback in front of a real service: it answers for it, loses its answers, or hangs up."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import ClientSession, web
from yarl import URL


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request.

    answer: the service never sees it; lost: it is applied and answered for; hang_up: it is applied
    and the connection closed; never: no answer comes at all.
    """

    kind: Literal["answer", "lost", "hang_up", "never"]
    status: int = 503
    code: str = "ServerBusy"
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None

    def response(self) -> web.Response:
        error = f'{{"odata.error": {{"code": "{self.code}", "message": {{"value": "so"}}}}}}'
        body = error if self.body is None else self.body
        headers = {"Content-Type": "application/json", **self.headers}
        return web.Response(status=self.status, text=body, headers=headers)


@dataclass(slots=True)
class Faulty:
    """The running loopback. `faults` are for the next requests, in order; then all goes well.

    None is for a request that goes well, too.
    """

    url: str = ""
    faults: list[Fault | None] = field(default_factory=list)
    seen: list[str] = field(default_factory=list[str])


@asynccontextmanager
async def faulty(target: str) -> AsyncGenerator[Faulty]:
    """A loopback before `target`, an http://host:port without a path."""
    loopback = Faulty()
    async with ClientSession(auto_decompress=False) as session:
        runner = web.AppRunner(_app(loopback, session, target), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        loopback.url = f"http://{host}:{port}"
        yield loopback
        await runner.cleanup()


def _app(loopback: Faulty, session: ClientSession, target: str) -> web.Application:
    async def handle(request: web.Request) -> web.StreamResponse:
        loopback.seen.append(f"{request.method} {request.path_qs}")
        fault = loopback.faults.pop(0) if loopback.faults else None
        if fault is not None and fault.kind == "never":
            await asyncio.sleep(60)
        if fault is not None and fault.kind == "answer":
            return fault.response()
        body = await request.read()
        async with session.request(
            request.method,
            URL(target + request.raw_path, encoded=True),
            headers=request.headers,
            data=body or None,
            skip_auto_headers=("Content-Type",),
        ) as answer:
            content = await answer.read()
        if fault is None:
            return web.Response(
                status=answer.status, body=content, headers=_end_to_end(answer.headers.items())
            )
        if fault.kind == "hang_up":
            assert request.transport is not None
            request.transport.close()
        return fault.response()

    app = web.Application(client_max_size=8 << 20)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


def _end_to_end(headers) -> dict[str, str]:
    between_neighbours = {"connection", "keep-alive", "transfer-encoding", "content-length", "date"}
    return {name: value for name, value in headers if name.lower() not in between_neighbours}
