"""The double's face: HTTP on loopback, as the official client expects it."""

import json
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.dns.ovh_double.accounts import Accounts
from tests.dns.ovh_double.faults import Faults
from tests.dns.ovh_double.zone import Behaviour, Publish, Refusal, Zone

BASE = "/1.0"
TOKENS = "/auth/oauth2/token"


@dataclass(frozen=True)
class Seen:
    """A request that came, and its answer."""

    at: float
    """Monotonic seconds."""
    method: str
    path: str
    """With its query, below the API's base."""
    status: int


@dataclass
class OvhDouble:
    """Zones, accounts, faults, and what was asked."""

    zones: dict[str, Zone]
    accounts: Accounts = field(default_factory=Accounts)
    faults: Faults = field(default_factory=Faults)
    seen: deque[Seen] = field(default_factory=lambda: deque(maxlen=10_000))
    answers_204: bool = True
    """What says nothing: 204, as today, or 200 with `null`, as before 2023."""
    has_old_errors: bool = False
    most_in_a_minute: int | None = None
    retry_after_s: int | None = None
    url: str = ""

    @property
    def token_url(self) -> str:
        return self.url.removesuffix(BASE) + TOKENS

    def calls(self, since: float = 0.0) -> list[str]:
        """Method and path of what was asked, but for the clock and tokens."""
        return [
            f"{one.method} {one.path}"
            for one in list(self.seen)
            if one.at >= since and one.path not in {"/auth/time", TOKENS}
        ]

    def answer(self, method: str, path: str, query: str, body: str) -> Any:
        """What a request that may be made is answered. Raises Refusal."""
        parts = path.strip("/").split("/")
        if path == "/auth/currentCredential":
            raise Refusal(403, "This call has not been granted", "Client::Forbidden")
        if parts[:2] != ["domain", "zone"] or len(parts) < 4 or parts[2] not in self.zones:
            raise Refusal(404, "This service does not exist", "Client::NotFound")
        zone = self.zones[parts[2]]
        given = json.loads(body) if body else None
        match method, parts[3:]:
            case "GET", ["record"]:
                asked = parse_qs(query, keep_blank_values=True)
                return zone.matching(*(asked.get(k, [None])[0] for k in ("fieldType", "subDomain")))
            case "POST", ["record"]:
                return zone.create(given)
            case "GET", ["record", id_]:
                return zone.get(int(id_)).as_json()
            case "PUT", ["record", id_]:
                return zone.update(int(id_), given)
            case "DELETE", ["record", id_]:
                return zone.delete(int(id_))
            case "POST", ["refresh"]:
                return zone.refresh()
        raise Refusal(404, "Got an invalid (or empty) URL", "Client::NotFound")

    def is_too_much(self) -> bool:
        if self.most_in_a_minute is None:
            return False
        recent = sum(time.monotonic() - one.at < 60 and one.status != 429 for one in self.seen)
        return recent >= self.most_in_a_minute

    def error_body(self, status: int, error_class: str, message: str) -> bytes:
        old = {"errorCode": "FORBIDDEN", "httpCode": f"{status} Error", "message": message}
        new = {"class": error_class, "message": message}
        return json.dumps(old if self.has_old_errors else new).encode()


@contextmanager
def ovh_double(
    zones: Iterable[str], publish: Publish = lambda _zone, _records: None
) -> Iterator[OvhDouble]:
    """Runs until the end of the block. `publish` serves a zone's records."""
    double = OvhDouble({name: Zone(name, publish, Behaviour()) for name in zones})
    server = _Server(("127.0.0.1", 0), double)
    double.url = f"http://127.0.0.1:{server.server_address[1]}{BASE}"
    thread = threading.Thread(target=server.serve_forever, args=[0.05], name="ovh double")
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        for zone in double.zones.values():
            zone.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], double: OvhDouble) -> None:
        super().__init__(address, _Handler)
        self.double = double

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of the double's."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Nothing on the terminal: `OvhDouble.seen` has it."""

    def _handle(self) -> None:
        double = self.server.double
        came = time.monotonic()
        target = urlsplit(self.path)
        path = target.path.removeprefix(BASE)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        fault = double.faults.next(self.command, path)
        if fault is not None and fault.delay_s:
            time.sleep(fault.delay_s)
        if fault is None or fault.is_applied or (fault.status is None and not fault.drops):
            status, answer, headers = self._normal(path, target.query, body)
        if fault is not None and fault.status is not None:
            status, answer, headers = fault.status, fault.body, fault.headers
        query = f"?{target.query}" if target.query else ""
        if fault is not None and fault.drops:
            double.seen.append(Seen(came, self.command, path + query, 0))
            self.close_connection = True
            return
        double.seen.append(Seen(came, self.command, path + query, status))
        self._send(status, answer, headers)

    def _normal(self, path: str, query: str, body: str) -> tuple[int, bytes, dict[str, str]]:
        double = self.server.double
        try:
            if path == "/auth/time":
                return 200, str(int(double.accounts.now())).encode(), {}
            if path == TOKENS:
                return 200, json.dumps(double.accounts.token(self.headers, body)).encode(), {}  # type: ignore[arg-type]
            if double.is_too_much():
                retry = double.retry_after_s
                headers = {} if retry is None else {"Retry-After": str(retry)}
                return 429, double.error_body(429, "Client::TooManyRequests", "Slow down"), headers
            url = f"http://{self.headers['Host']}{self.path}"
            rules = double.accounts.check(self.command, url, path, self.headers, body)  # type: ignore[arg-type]
            if path == "/auth/currentCredential":
                shown = [{"method": one.method, "path": one.path} for one in rules]
                return 200, json.dumps({"status": "validated", "rules": shown}).encode(), {}
            answer = double.answer(self.command, path, query, body)
        except Refusal as refusal:
            text = double.error_body(refusal.status, refusal.error_class, str(refusal))
            return refusal.status, text, {}
        if answer is None and double.answers_204:
            return 204, b"", {}
        return 200, json.dumps(answer).encode(), {}

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """In one write: small ones after each other would wait for a delayed acknowledgement."""
        lines = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "X-OVH-QUERYID": f"EU.ext-1.{time.monotonic_ns():x}",
            **headers,
        }
        head = [f"HTTP/1.1 {status} {self.responses.get(status, ('',))[0]}"]
        head += [f"{name}: {value}" for name, value in lines.items()]
        self.wfile.write("\r\n".join([*head, "", ""]).encode() + body)

    do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 - http.server names them
