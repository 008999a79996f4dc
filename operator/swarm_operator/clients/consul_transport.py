"""Requests to one Consul agent: a connection per thread, the token in a header, bounded waits.

py-consul's HTTP surface serves as transport; what its endpoints lack (tokens in transactions,
numbers for indexes, one family of errors) is done here and in `clients.consul`.
"""

import json
import threading
import urllib.parse
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import consul
import requests

from swarm_operator.clients.connections import Connections, KeepaliveAdapter
from swarm_operator.clients.timing import CallTimer
from swarm_operator.observed.errors import Denied, Unavailable

DEFAULT_PORTS: Final = {"http": 8500, "https": 8501}

Token = str | Callable[[], str] | None
"""A token, or what fetches it anew for every request; None where Consul has no ACLs."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an agent listens."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """`host`, `host:port` or `http(s)://host[:port]`, as in CONSUL_HTTP_ADDR.

        Raises ValueError with a text for people.
        """
        url = urllib.parse.urlsplit(text if "://" in text else f"http://{text}")
        wanted = "give host:port, http://host:port or https://host:port"
        if url.scheme not in DEFAULT_PORTS:
            raise ValueError(f"a Consul address cannot begin with {url.scheme}://: {wanted}")
        if url.username or url.password:
            raise ValueError(f"a Consul address takes no user and password: {wanted}")
        if not url.hostname or url.path not in ("", "/") or url.query:
            raise ValueError(f"{text!r} is no Consul address: {wanted}")
        try:
            port = url.port or DEFAULT_PORTS[url.scheme]
        except ValueError:
            raise ValueError(f"the port in {text!r} is no number below 65536: {wanted}") from None
        return cls(url.scheme, url.hostname, port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TokenFile:
    """Reads a token from a file for every request, so that a new one takes effect at once."""

    path: Path

    def __call__(self) -> str:
        """Raises Denied where the file cannot be read."""
        try:
            return self.path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise Denied(f"the Consul token file {self.path} is unreadable: {reason}") from None


@dataclass(frozen=True, slots=True)
class Answer:
    """What Consul answered, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def index(self) -> int:
        """The raft index of the answer; 0 where it names none."""
        text = self.headers.get("X-Consul-Index", "")
        return int(text) if text.isdecimal() else 0

    def json(self) -> Any:
        """The body's JSON. Raises ValueError where it is none."""
        return json.loads(self.body)


class Transport(Protocol):
    """Carries requests to Consul: `ConsulTransport`, or a simulation of it.

    All three raise Unavailable where no answer comes. `path` is not percent-encoded.
    """

    def get(self, path: str, params: Sequence[tuple[str, str]] = ()) -> Answer: ...

    def put(
        self, path: str, params: Sequence[tuple[str, str]] = (), body: bytes | str = ""
    ) -> Answer: ...

    def delete(self, path: str, params: Sequence[tuple[str, str]] = ()) -> Answer: ...

    def interrupt(self) -> None: ...

    def close(self) -> None: ...


class ConsulTransport:
    """Sends requests to one agent. Safe to share: each thread gets a connection of its own."""

    def __init__(
        self,
        address: Address,
        token: Token,
        *,
        timer: CallTimer,
        timeout_s: float,
        ca_cert: Path | None = None,
        client_cert: tuple[Path, Path] | None = None,
        datacenter: str | None = None,
    ) -> None:
        self.address = address
        self._token = token
        self._timer = timer
        self._timeout_s = timeout_s
        self._verify: bool | str = str(ca_cert) if ca_cert else True
        self._client_cert = (str(client_cert[0]), str(client_cert[1])) if client_cert else None
        self._datacenter = datacenter
        self._local = threading.local()
        self._clients: weakref.WeakSet[Any] = weakref.WeakSet()
        self._connections = Connections()

    def get(self, path: str, params: Sequence[tuple[str, str]] = ()) -> Answer:
        """A read. With an `index` among the parameters it may take wait · 17/16 longer."""
        return self._send("get", path, params)

    def put(
        self, path: str, params: Sequence[tuple[str, str]] = (), body: bytes | str = ""
    ) -> Answer:
        """A write."""
        return self._send("put", path, params, data=body)

    def delete(self, path: str, params: Sequence[tuple[str, str]] = ()) -> Answer:
        """A removal."""
        return self._send("delete", path, params)

    def interrupt(self) -> None:
        """Make the calls of all threads that wait for Consul fail now."""
        self._connections.interrupt()

    def close(self) -> None:
        """Close the connections of all threads; the next call opens new ones."""
        for client in list(self._clients):
            client.http.session.close()

    def _send(
        self,
        method: Literal["get", "put", "delete"],
        path: str,
        params: Sequence[tuple[str, str]],
        **kwargs: Any,
    ) -> Answer:
        headers = self._headers()
        all_params = [*params, *([("dc", self._datacenter)] if self._datacenter else [])]
        send = getattr(self._client().http, method)
        with self._timer.timed(method.upper()) as call:
            try:
                answer: Answer = send(_answer, path, params=all_params, headers=headers, **kwargs)
            except requests.RequestException as error:
                raise Unavailable(_broken(error, self.address)) from None
            call.code = str(answer.status)
            return answer

    def _headers(self) -> dict[str, str]:
        token = self._token() if callable(self._token) else self._token
        if not token:
            return {}
        if not (token.isascii() and token.isprintable()):
            raise Denied("the Consul token holds characters that no token has")
        return {"X-Consul-Token": token}

    def _client(self) -> Any:
        client = getattr(self._local, "client", None)
        if client is None:
            client = self._new_client()
            self._local.client = client
            self._clients.add(client)
        return client

    def _new_client(self) -> Any:
        # Host, port, scheme and verify are given, so that CONSUL_HTTP_* variables change nothing;
        # the client's own token is never used (it would let CONSUL_HTTP_TOKEN win over ours).
        client = consul.Consul(
            host=f"[{self.address.host}]" if ":" in self.address.host else self.address.host,
            port=self.address.port,
            scheme=self.address.scheme,
            verify=self._verify,
            cert=self._client_cert,
            connections_timeout=self._timeout_s,
        )
        session: requests.Session = client.http.session
        session.trust_env = False
        session.mount("http://", KeepaliveAdapter(self._connections))
        session.mount("https://", KeepaliveAdapter(self._connections))
        return client


def _answer(response: Any) -> Answer:
    return Answer(response.code, response.headers, response.body)


def _broken(error: requests.RequestException, address: Address) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return f"no trusted TLS connection to Consul at {address}: check CONSUL_CACERT"
    if isinstance(error, requests.Timeout):
        return f"Consul at {address} did not answer in time"
    if "refused" in str(error):
        return f"nothing listens at {address}: Consul is down"
    return f"the connection to Consul at {address} broke or could not be made"
