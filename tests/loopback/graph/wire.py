"""HTTP in threads, so that clients in any event loop or process can use the server."""

import json
import os
import socket
import struct
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from tests.loopback.graph.service import Reply, Request

Exchange = Callable[[Request], Reply | None]


class Server(ThreadingHTTPServer):
    """Serves `exchange` on 127.0.0.1; a reply of None resets the connection.

    Threads are joined when it closes, and connections can be hung up from outside.
    """

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, port: int, exchange: Exchange, date: Callable[[], str]) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.exchange = exchange
        self.date = date
        self._open: set[socket.socket] = set()

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Accept and remember a connection."""
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def close_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Close and forget a connection."""
        assert isinstance(request, socket.socket)
        self._open.discard(request)
        super().close_request(request)

    def hang_up(self) -> None:
        """End every connection, so that the threads that wait for a next request end."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # the client was faster
                continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """The call log is the log."""

    def date_time_string(self, timestamp: float | None = None) -> str:  # noqa: ARG002
        """The tenant's time, not the machine's."""
        return self._server.date()

    @property
    def _server(self) -> Server:
        assert isinstance(self.server, Server)
        return self.server

    def _serve(self) -> None:
        url = urlsplit(self.path)
        reply = self._server.exchange(
            Request(
                method=self.command,
                path=url.path,
                query=dict(parse_qsl(url.query, keep_blank_values=True)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            )
        )
        try:
            self._reset() if reply is None else self._send(reply)
        except OSError:  # the client has gone: it timed out
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815

    def _send(self, reply: Reply) -> None:
        content = b"" if reply.body is None else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def _reset(self) -> None:
        """Close with a reset: a lingering time of zero makes the kernel send RST, not FIN."""
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        os.close(self.connection.detach())
