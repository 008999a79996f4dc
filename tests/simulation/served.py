"""A simulated world served for a test, and a plain HTTP client for its sockets."""

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from swarm_operator.simulation.faces.serve import Faces
from swarm_operator.simulation.timeline import Timeline
from swarm_operator.simulation.world import World


@contextmanager
def served(*, seed: int = 1) -> Iterator[Faces]:
    """In a folder of its own; the paths that pytest makes are too long for a socket."""
    with TemporaryDirectory(prefix="swarm-operator-test-") as folder:
        timeline = Timeline(start=datetime.now(UTC))  # clients ask by their own clock
        faces = Faces(World(seed=seed, timeline=timeline), Path(folder))
        faces.start()
        try:
            yield faces
        finally:
            faces.stop()


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket, as curl --unix-socket speaks it."""

    def __init__(self, path: str, timeout: float = 5.0) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def connection(faces: Faces, timeout: float = 5.0) -> UnixConnection:
    return UnixConnection(faces.docker_host.removeprefix("unix://"), timeout)


def ask(
    faces: Faces,
    method: str,
    target: str,
    body: bytes | Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Mapping[str, str], bytes]:
    """One request on a connection of its own: status, headers, body."""
    made = connection(faces)
    try:
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        made.request(method, target, raw, {"Content-Type": "application/json", **(headers or {})})
        response = made.getresponse()
        return response.status, dict(response.headers), response.read()
    finally:
        made.close()
