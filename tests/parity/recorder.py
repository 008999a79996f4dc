"""A proxy for a Docker socket that keeps the bodies of the requests which create objects."""

from __future__ import annotations

import http.client
import json
import re
import socket
import socketserver
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Self

KINDS = ("services", "networks", "configs", "secrets")
"""The kinds of objects that `docker stack deploy` creates, as the Engine API's paths name them."""

_CREATE = re.compile(r"^(?:/v[0-9.]+)?/(services|networks|configs|secrets)/create(?:\?|$)")
_HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive"})


@dataclass(frozen=True, slots=True)
class Created:
    """One request to create an object, and the engine's HTTP status."""

    kind: str
    body: dict[str, Any]
    status: int


@dataclass
class Recording:
    """Everything that went through the proxy since it was made."""

    created: list[Created] = field(default_factory=list)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def address_string(self) -> str:
        return "client"

    def log_message(self, *_: object) -> None:
        """Stay silent: the CLI's own output is what a reader wants to see."""

    def _forward(self) -> None:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = self._read_chunks()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP}
        upstream = UnixConnection(self.server.upstream)
        try:
            upstream.request(self.command, self.path, body or None, headers)
            response = upstream.getresponse()
            data, status, answered = response.read(), response.status, response.getheaders()
        except http.client.RemoteDisconnected:  # what an engine does whose handler panics
            data, status = b'{"message": "the engine closed the connection"}', 502
            answered = [("Content-Type", "application/json")]
        finally:
            upstream.close()
        self._record(body, status)
        self.send_response_only(status)
        for key, value in answered:
            if key.lower() not in _HOP_BY_HOP:
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _read_chunks(self) -> bytes:
        parts: list[bytes] = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _record(self, body: bytes, status: int) -> None:
        match = _CREATE.match(self.path)
        if match and self.command == "POST":
            created = Created(match[1], json.loads(body), status)
            with self.server.lock:
                self.server.recording.created.append(created)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _forward  # noqa: N815


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, path: str, upstream: str) -> None:
        self.upstream = upstream
        self.recording = Recording()
        self.lock = threading.Lock()
        super().__init__(path, _Handler)


class RecordingProxy:
    """Stands between a Docker client and the engine at `upstream` while the `with` block runs."""

    def __init__(self, path: Path, upstream: Path) -> None:
        self.path = path
        self._server = _Server(str(path), str(upstream))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def host(self) -> str:
        """The value for `DOCKER_HOST`."""
        return f"unix://{self.path}"

    def take(self) -> Recording:
        """What went through since the last call."""
        with self._server.lock:
            taken, self._server.recording = self._server.recording, Recording()
        return taken

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.path.unlink(missing_ok=True)
