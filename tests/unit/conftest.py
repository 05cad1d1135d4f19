"""A server on this machine, for tests over http."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Server(ThreadingHTTPServer):
    """Serves one file on 127.0.0.1, with or without ranges, and notes the requests."""

    daemon_threads = True
    request_queue_size = 128
    """Connections that wait; a short queue would refuse some where the machine is busy."""

    def __init__(self, data: bytes, behaviour: str = "ranges") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.data, self.behaviour = data, behaviour
        self.requests: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.baler"

    @property
    def gets(self) -> list[str]:
        return [wanted for method, wanted in self.requests if method == "GET"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *args: object) -> None:
        """Keep the test output clean."""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        wanted = self.headers.get("Range", "")
        self.server.requests.append((self.command, wanted))
        data, status = self.server.data, 200
        if self.server.behaviour == "broken" or self.path != "/file.baler":
            data, status = b"", 500 if self.server.behaviour == "broken" else 404
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted)
        if match and status == 200 and self.server.behaviour == "ranges":
            start, stop = int(match[1]), int(match[2] or len(data) - 1) + 1
            data, status = data[start:stop], 206
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if self.server.behaviour == "ranges":
            self.send_header("Accept-Ranges", "bytes")
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(self.server.data)}")
        self.end_headers()
        if with_body:
            self.wfile.write(data)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """`serve(data, behaviour)` starts a server of one file: with ranges, `whole`, or `broken`."""
    pytest.importorskip("aiohttp", reason="http needs aiohttp")
    servers: list[Server] = []

    def start(data: bytes, behaviour: str = "ranges") -> Server:
        server = Server(data, behaviour)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
