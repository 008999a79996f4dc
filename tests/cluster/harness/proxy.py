"""Counting proxies for the Docker socket and for Consul: what was asked, and faults on demand.

Bytes pass unchanged. A connection of a client is one connection to the server, so that whatever
is special about a connection (streams, upgrades) stays as it is.
"""

import contextlib
import json
import re
import socket
import tempfile
import threading
import time
import urllib.parse
from http import HTTPStatus
from pathlib import Path
from typing import Self

from tests.cluster.harness import connections, forward, http_messages, network
from tests.cluster.harness.faults import Fault, Faults, Kind, Request
from tests.cluster.harness.http_exchange import Exchange, Incoming

_VERSION = re.compile(r"^/v1\.\d+(?=/)")
_READS = ("GET", "HEAD", "OPTIONS")
_TXN_READS = ("get", "get-tree", "check-index", "check-session", "check-not-exists")


class Proxy:
    """Records every HTTP request on its way to a server, and puts faults in its way.

    Use it in a `with`, or `close` it. With `keep_bodies` the bodies of requests are kept.
    """

    def __init__(
        self, listen: connections.Connect, connect: connections.Connect, *, keep_bodies: bool
    ) -> None:
        self.keep_bodies = keep_bodies
        self.faults = Faults()
        self._connect = connect
        self._requests: list[Request] = []
        self._streams: dict[socket.socket, Request] = {}
        self._lock = threading.Lock()
        self._server = connections.Server(listen, self._serve, type(self).__name__)
        self._server.open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and cut all connections."""
        self._server.close()

    # What was asked.

    @property
    def requests(self) -> list[Request]:
        """All requests since the start or the last `reset`, in their order."""
        with self._lock:
            return list(self._requests)

    def writes(self, path: str = "*") -> list[Request]:
        """Return the requests that change something, below paths that match (a glob)."""
        pattern = Fault(Kind.DELAY, path=path, times=None)
        return [r for r in self.requests if self.is_write(r) and pattern.applies_to(r)]

    def is_write(self, request: Request) -> bool:
        return request.method not in _READS

    def reset(self) -> None:
        """Forget the requests so far; faults stay."""
        with self._lock:
            self._requests.clear()

    # Faults. `method` and `path` are globs; `times=None` means until `clear_faults`.

    def delay(
        self, seconds: float, *, times: int | None = None, method: str = "*", path: str = "*"
    ) -> Fault:
        """Hold requests up before the server sees them."""
        return self.faults.add(Fault(Kind.DELAY, method, path, times, seconds=seconds))

    def answer(
        self,
        status: int,
        message: str = "",
        *,
        times: int | None = 1,
        method: str = "*",
        path: str = "*",
    ) -> Fault:
        """Answer requests with an error instead of passing them on."""
        text = self.error_body(message or HTTPStatus(status).phrase)
        return self.faults.add(Fault(Kind.ANSWER, method, path, times, status=status, answer=text))

    def drop(self, *, times: int | None = 1, method: str = "*", path: str = "*") -> Fault:
        """Cut the connection instead of passing requests on."""
        return self.faults.add(Fault(Kind.DROP, method, path, times))

    def lose_answer(self, *, times: int | None = 1, method: str = "*", path: str = "*") -> Fault:
        """Pass requests on and cut the connection once the server has begun to answer."""
        return self.faults.add(Fault(Kind.LOSE_ANSWER, method, path, times))

    def clear_faults(self) -> None:
        """Let everything pass again (`refuse` is ended by `accept`)."""
        self.faults.clear()

    def refuse(self) -> None:
        """Cut all connections and refuse new ones, as a server that is not there."""
        self._server.close()

    def accept(self) -> None:
        """Listen again, at the same address, after `refuse`."""
        self._server.open()

    def drop_streams(self) -> None:
        """Cut the connections whose response is under way: event streams, blocking reads."""
        with self._lock:
            for connection in self._streams:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def streams(self) -> list[Request]:
        """Return the requests whose response is under way."""
        with self._lock:
            return list(self._streams.values())

    def error_body(self, message: str) -> str:
        """Return the body of an error as this server words it."""
        return message

    def wants_body(self, request: Request) -> bool:  # noqa: ARG002
        """Say whether the body of a request is needed to judge it."""
        return self.keep_bodies

    def plain_path(self, path: str) -> str:
        return urllib.parse.unquote(path)

    # Serving.

    def _serve(self, client: socket.socket) -> None:
        with self._server.cut_with_us(self._connect()) as server:
            incoming = Incoming(client)
            while (raw := incoming.read_head(closes_with=server)) is not None:
                if not self._pass_on(raw, incoming, server):
                    return

    def _pass_on(self, raw: bytes, incoming: Incoming, server: socket.socket) -> bool:
        """Serve one request; return whether the connection goes on."""
        head = http_messages.parse_head(raw)
        request = self._request(head)
        body = http_messages.request_body(head, keep=self.wants_body(request))
        exchange = Exchange(incoming, server, request, body)
        raw += exchange.take_small_body(head)
        with self._lock:
            self._requests.append(request)
        fault = self.faults.strike(request)
        match fault.kind if fault else None:
            case Kind.DROP:
                return False
            case Kind.ANSWER if fault:
                exchange.answer(fault.status, fault.answer)
                return False
            case Kind.DELAY if fault:
                time.sleep(fault.seconds)
        with self._lock:
            self._streams[incoming.connection] = request
        try:
            return exchange.run(raw, lose_answer=bool(fault and fault.kind is Kind.LOSE_ANSWER))
        finally:
            with self._lock:
                del self._streams[incoming.connection]

    def _request(self, head: http_messages.Head) -> Request:
        method, target, _ = head.first_line
        url = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        return Request(method, self.plain_path(url.path), query, headers=head.headers)


class DockerProxy(Proxy):
    """A counting proxy for an engine's Unix socket."""

    def __init__(
        self, upstream: Path | str, path: Path | None = None, *, keep_bodies: bool = False
    ) -> None:
        """Listen at `path` (default: in a directory of its own) for the engine at `upstream`."""
        self._own: tempfile.TemporaryDirectory[str] | None = None
        if path is None:
            self._own = tempfile.TemporaryDirectory(prefix="docker-proxy-")
            path = Path(self._own.name, "docker.sock")
        self.socket = path
        super().__init__(
            lambda: _listen_unix(path), lambda: _connect_unix(upstream), keep_bodies=keep_bodies
        )

    def refuse(self) -> None:
        super().refuse()
        self.socket.unlink(missing_ok=True)

    def close(self) -> None:
        super().close()
        self.socket.unlink(missing_ok=True)
        if self._own is not None:
            self._own.cleanup()

    def plain_path(self, path: str) -> str:
        return _VERSION.sub("", super().plain_path(path))

    def error_body(self, message: str) -> str:
        return json.dumps({"message": message})


class ConsulProxy(Proxy):
    """A counting proxy for Consul's HTTP API."""

    def __init__(
        self,
        upstream: tuple[str, int],
        listen: tuple[str, int] = ("127.0.0.1", 0),
        *,
        namespace: Path | None = None,
        keep_bodies: bool = False,
    ) -> None:
        """Listen at `listen` for the server at `upstream`; both as seen in `namespace` (or here)."""
        self._address = listen

        def make_listener() -> socket.socket:
            made = network.socket_in(namespace) if namespace else socket.socket()
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(self._address)
            made.listen(128)
            host, port = made.getsockname()
            self._address = (host, port)  # the same one again, after `refuse`
            return made

        connect = forward.connector(namespace, *upstream)
        super().__init__(make_listener, connect, keep_bodies=keep_bodies)

    @property
    def url(self) -> str:
        """Its URL, for programs that run where it listens: in the lab, if it was made for one."""
        host, port = self._address
        return f"http://{host}:{port}"

    def is_write(self, request: Request) -> bool:
        """Session renewals, and transactions that only read or check, are no writes."""
        if request.path == "/v1/txn":
            operations = json.loads(request.body or b"[]")
            return any(
                kind.lower() != "kv" or operation.get("Verb") not in _TXN_READS
                for one in operations
                for kind, operation in one.items()
            )
        return super().is_write(request) and not _is_renewal(request)

    def renewals(self) -> list[Request]:
        """Return the renewals of sessions."""
        return [request for request in self.requests if _is_renewal(request)]

    def wants_body(self, request: Request) -> bool:
        return self.keep_bodies or request.path == "/v1/txn"


def _is_renewal(request: Request) -> bool:
    return request.path.startswith("/v1/session/renew/")


def _listen_unix(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    path.unlink(missing_ok=True)
    made.bind(str(path))
    made.listen(128)
    return made


def _connect_unix(path: Path | str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    try:
        made.connect(str(path))
    except BaseException:
        made.close()
        raise
    return made
