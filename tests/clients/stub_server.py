"""A small HTTP server that answers as told and remembers what it was asked."""

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; `body` is sent as it is if it is bytes, as JSON otherwise."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def payload(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Answering = Callable[[Asked], Reply | None]
"""None: the connection is closed without an answer."""


class StubServer:
    """What a test holds of a running stub."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.connections = 0
        self.answer: Answering = lambda _: Reply(500, {"message": "nothing was prepared"})


def _handler(stub: StubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            stub.connections += 1
            super().setup()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            request = Asked(self.command, self.path, dict(self.headers), self.rfile.read(length))
            stub.asked.append(request)
            reply = stub.answer(request)
            if reply is None:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.payload)))
            self.end_headers()
            self.wfile.write(reply.payload)

        do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

    return Handler


class _UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextmanager
def unix_stub(path: Path) -> Iterator[StubServer]:
    """A stub on a Unix socket; its URL is a DOCKER_HOST."""
    stub = StubServer(f"unix://{path}")
    handler: Any = _handler(stub)
    handler.address_string = lambda _self: "unix"
    with _running(_UnixServer(str(path), handler)):
        yield stub


@contextmanager
def tcp_stub(wrap: Callable[[Any], Any] | None = None) -> Iterator[StubServer]:
    """A stub on the loopback; `wrap` may put TLS around its socket."""
    stub = StubServer("")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(stub))
    server.daemon_threads = True
    if wrap:
        server.socket = wrap(server.socket)
    stub.url = f"{'https' if wrap else 'http'}://127.0.0.1:{server.server_address[1]}"
    with _running(server):
        yield stub


@contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class Durations:
    """Remembers what was timed."""

    def __init__(self) -> None:
        self.labels: list[dict[str, str]] = []

    def observe(self, name: str, labels: Any, seconds: float) -> None:
        assert name == "api_request_duration_seconds"
        assert seconds >= 0
        self.labels.append(dict(labels))
