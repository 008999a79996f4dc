"""The daemon's own HTTP server: `/metrics`, `/livez`, `/readyz`.

It has no authentication and shows no secret; bind it to an address that only the ones who may see
it reach.
"""

import errno
import json
import socket
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from swarm_operator.settings import Address

REQUEST_TIMEOUT_S: Final = 10.0
"""A client that sends nothing for so long is hung up on."""


class Health(Protocol):
    """What the daemon knows of its own state. Both answer with sentences; empty means well."""

    def live(self) -> list[str]:
        """What does not move any more: a loop, a watch. A restart is the cure."""
        ...

    def ready(self) -> list[str]:
        """Why this process could not take part now: no complete snapshot, no Consul, …"""
        ...


class CannotListen(Exception):
    """The address cannot be listened on; the text says why and what to do."""


class Page(NamedTuple):
    """An answer."""

    status: HTTPStatus
    content_type: str
    body: bytes


class HttpServer:
    """Serves in threads of its own, from `start` to `stop`."""

    def __init__(
        self,
        address: Address,
        registry: CollectorRegistry,
        health: Health,
        before_scrape: Callable[[], None] = lambda: None,
    ) -> None:
        """Binds at once. `before_scrape` may set gauges that age (seconds since …).

        Raises CannotListen.
        """
        pages = _Pages(registry, health, before_scrape)
        try:
            self._server = _server(address, pages.answer)
        except OSError as error:
            raise CannotListen(_why_not(address, error)) from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="http"
        )
        self._thread.daemon = True

    @property
    def address(self) -> Address:
        """Where it listens; the port is the real one where 0 was asked for."""
        host, port = self._server.server_address[:2]
        return Address(str(host), int(port))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; answers under way are not waited for."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(timeout=2)
        self._server.server_close()


class _Pages:
    """What is answered, apart from how."""

    def __init__(
        self, registry: CollectorRegistry, health: Health, before_scrape: Callable[[], None]
    ) -> None:
        self._registry = registry
        self._health = health
        self._before_scrape = before_scrape

    def answer(self, path: str, accept: str) -> Page:
        match path:
            case "/":
                return _text(HTTPStatus.OK, INDEX)
            case "/metrics":
                return self._metrics(accept)
            case "/livez":
                return _verdict("live", self._health.live(), accept)
            case "/readyz":
                return _verdict("ready", self._health.ready(), accept)
            case _:
                return _text(HTTPStatus.NOT_FOUND, f"not found\n\n{INDEX}")

    def _metrics(self, accept: str) -> Page:
        self._before_scrape()
        encode, content_type = choose_encoder(accept)
        return Page(HTTPStatus.OK, content_type, encode(self._registry))


INDEX: Final = """\
swarm-operator

/metrics  for Prometheus
/livez    200 while everything moves, else 503 and what does not: restart it
/readyz   200 while it leads, or could take over at once, else 503 and why not
"""


def _verdict(name: str, problems: list[str], accept: str) -> Page:
    status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
    if "application/json" in accept:
        body = json.dumps({name: not problems, "problems": problems}, ensure_ascii=False)
        return Page(status, "application/json", body.encode() + b"\n")
    lines = [f"not {name}", *(f"- {problem}" for problem in problems)] if problems else ["ok"]
    return _text(status, "\n".join(lines) + "\n")


def _text(status: HTTPStatus, text: str) -> Page:
    return Page(status, "text/plain; charset=utf-8", text.encode())


def _server(address: Address, answer: Callable[[str, str], Page]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        # Head and body go out as two segments; with Nagle's algorithm and delayed
        # acknowledgements every answer would take 40 ms longer.
        disable_nagle_algorithm = True
        protocol_version = "HTTP/1.1"
        server_version = "swarm-operator"
        sys_version = ""
        timeout = REQUEST_TIMEOUT_S

        def do_GET(self) -> None:
            self._respond(with_body=True)

        def do_HEAD(self) -> None:
            self._respond(with_body=False)

        def _respond(self, *, with_body: bool) -> None:
            page = answer(urlsplit(self.path).path, self.headers.get("Accept") or "")
            self.send_response(page.status)
            self.send_header("Content-Type", page.content_type)
            self.send_header("Content-Length", str(len(page.body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            if with_body:
                self.wfile.write(page.body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
            """Scrapes are no news."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        daemon_threads = True
        block_on_close = False

        def server_bind(self) -> None:
            # HTTPServer would ask the DNS for this host's full name, and wait for an answer.
            TCPServer.server_bind(self)
            self.server_name, self.server_port = address.host, self.server_address[1]

        def handle_error(self, request: Any, client_address: Any) -> None:
            # A client that went away in the middle is no error of ours.
            if not isinstance(sys.exception(), ConnectionError | TimeoutError):
                super().handle_error(request, client_address)

    return Server((address.host, address.port), Handler)


def _why_not(address: Address, error: OSError) -> str:
    where = f"cannot listen on {address}"
    hint = "choose another address with --listen or SWARM_OPERATOR_LISTEN"
    if error.errno == errno.EADDRINUSE:
        return f"{where}: another process has this port; {hint}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{where}: this machine has no such address; {hint}"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"{where}: ports below 1024 need rights that this process does not have; {hint}"
    return f"{where}: {error.strerror or error}; {hint}"
