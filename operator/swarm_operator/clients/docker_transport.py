"""Requests to one Docker Engine: a connection per thread, one API version, typed errors.

The docker package serves as transport alone: address forms, TLS, the Unix socket, error texts.
"""

import socket
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import docker
import docker.errors
import docker.tls
import docker.transport
import requests
from docker.transport.unixconn import UnixHTTPConnection, UnixHTTPConnectionPool

from swarm_operator.clients import docker_errors
from swarm_operator.clients.connections import Connections, KeepaliveAdapter
from swarm_operator.clients.timing import CallTimer
from swarm_operator.observed.errors import Unavailable

ApiVersion = tuple[int, int]

OLDEST: Final[ApiVersion] = (1, 41)
"""Docker 20.10: the oldest that has the limits, capabilities and jobs of today's documents."""

NEWEST: Final[ApiVersion] = (1, 51)
"""Docker 28.5. A newer engine is spoken to in this version: what it knows besides, we do not."""

_CONSTANT_URL: Final = "http+docker://localhost"


@dataclass(frozen=True, slots=True)
class DockerTls:
    """Files for an engine behind TLS, as the docker command line has them in DOCKER_CERT_PATH."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    verify: bool = True


class Response(Protocol):
    """An answer with a status below 400."""

    @property
    def content(self) -> bytes | None:
        """The body; None where there is no text, but decoded JSON alone."""
        ...

    def json(self) -> Any:
        """Raises ValueError where the body is no JSON."""
        ...


class Transport(Protocol):
    """Carries requests to an engine: `DockerTransport`, or a simulation of it. All but `close`
    raise what `docker_errors` makes of refusals and of answers that never come."""

    def request(
        self,
        method: str,
        path: str,
        operation: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response: ...

    def api_version(self) -> ApiVersion: ...

    def ping(self) -> None: ...

    def close(self) -> None: ...


class DockerTransport:
    """Sends requests to one engine. Safe to share: each thread gets a connection of its own."""

    def __init__(
        self,
        base_url: str,
        *,
        timer: CallTimer,
        tls: DockerTls | None = None,
        timeout_s: float = 25,
        read_timeout_s: float = 10,
        api_version: ApiVersion | None = None,
    ) -> None:
        self._base_url = base_url
        self._tls = tls
        self._timeout_s = timeout_s
        self._read_timeout_s = min(read_timeout_s, timeout_s)
        self._fixed_version = api_version
        self._timer = timer
        self._local = threading.local()
        self._clients: weakref.WeakSet[docker.APIClient] = weakref.WeakSet()
        self._connections = Connections()

    def request(
        self,
        method: str,
        path: str,
        operation: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """One request in the version both sides know; the answer has a status below 400.

        Raises what `docker_errors` makes of refusals and broken connections. `operation` says
        for people what is tried. With `stream` the answer's body has no time limit.
        """
        client, version = self._negotiated()
        url = f"{client.base_url}/v{version[0]}.{version[1]}{path}"
        response = self._send(
            client, method, url, params=params, json=body, headers=headers, stream=stream
        )
        if response.status_code >= 400:
            raise self._refusal(response, operation, has_spec=body is not None)
        return response

    def api_version(self) -> ApiVersion:
        """The version that this thread's requests are made in. Asks the engine the first time."""
        return self._negotiated()[1]

    def ping(self) -> None:
        """Raises Unavailable (or Denied) unless the engine answers."""
        self._ping(self._client())

    def interrupt(self) -> None:
        """Make the calls of all threads that wait for this engine fail now."""
        self._connections.interrupt()

    def close(self) -> None:
        """Close the connections of all threads."""
        for client in list(self._clients):
            client.close()

    def _negotiated(self) -> tuple[docker.APIClient, ApiVersion]:
        client = self._client()
        version: ApiVersion | None = getattr(self._local, "version", None)
        if version is None:
            version = self._fixed_version or negotiate(self._ping(client))
            self._local.version = version
        return client, version

    def _client(self) -> docker.APIClient:
        client: docker.APIClient | None = getattr(self._local, "client", None)
        if client is None:
            client = self._new_client()
            self._local.client = client
            self._clients.add(client)
        return client

    def _new_client(self) -> docker.APIClient:
        try:
            client = docker.APIClient(
                base_url=self._base_url,
                # Given, so that nothing is asked for here: the engine may be down now.
                version=f"{OLDEST[0]}.{OLDEST[1]}",
                timeout=int(self._timeout_s),
                tls=_tls_config(self._tls) if self._tls else False,
            )
        except docker.errors.DockerException as error:
            raise Unavailable(f"the Docker address {self._base_url} is unusable: {error}") from None
        client.trust_env = False
        path = docker_errors.socket_path(self._base_url)
        if path is not None:
            adapter = _OneSocketAdapter(f"http+unix://{path}", self._connections)
            client.mount("http+docker://", adapter)
        else:
            client.mount("http://", KeepaliveAdapter(self._connections))
            client.mount("https://", KeepaliveAdapter(self._connections))
        return client

    def _ping(self, client: docker.APIClient) -> str:
        response = self._send(client, "GET", f"{client.base_url}/_ping")
        if response.status_code >= 400:
            raise self._refusal(response, "asking the engine's version", has_spec=False)
        return response.headers.get("Api-Version", "")

    def _send(
        self,
        client: docker.APIClient,
        method: str,
        url: str,
        *,
        stream: bool = False,
        **kwargs: Any,
    ) -> requests.Response:
        limit = self._read_timeout_s if method == "GET" else self._timeout_s
        timeout = (limit, None if stream else limit)
        with self._timer.timed(method) as call:
            try:
                response = client.request(method, url, timeout=timeout, stream=stream, **kwargs)
            except requests.RequestException as error:
                self._forget()
                raise docker_errors.unreachable(error, self._base_url) from None
            call.code = str(response.status_code)
            return response

    def _refusal(self, response: requests.Response, operation: str, *, has_spec: bool) -> Exception:
        error = docker_errors.outside_error(
            response.status_code, _message(response), operation, has_spec=has_spec
        )
        if isinstance(error, Unavailable):
            self._forget()
        return error

    def _forget(self) -> None:
        # After a broken connection another engine may answer, older or newer.
        self._local.version = None


class _OneSocketAdapter(docker.transport.UnixHTTPAdapter):
    """Keeps one pool for all requests: docker's own keeps one for each URL."""

    def __init__(self, socket_url: str, connections: Connections) -> None:
        self._connections = connections
        super().__init__(socket_url, pool_connections=1)

    def get_connection(self, url: bytes | str, proxies: Any = None) -> UnixHTTPConnectionPool:  # noqa: ARG002 - every URL is the same socket
        pool: UnixHTTPConnectionPool | None = self.pools.get(_CONSTANT_URL)
        if pool is None:
            pool = _TrackedPool(self.socket_path, self.timeout, self._connections)
            self.pools[_CONSTANT_URL] = pool
        return pool


class _TrackedPool(UnixHTTPConnectionPool):
    def __init__(self, path: str, timeout_s: int, connections: Connections) -> None:
        super().__init__(_CONSTANT_URL, path, timeout_s)
        self._timeout_s = timeout_s
        self._connections = connections

    def _new_conn(self) -> Any:
        connection = _UnixConnection(self.base_url, self.socket_path, self._timeout_s)
        self._connections.add(connection)
        return connection


class _UnixConnection(UnixHTTPConnection):
    def connect(self) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(self.timeout)
            sock.connect(self.unix_socket)
        except OSError:
            sock.close()  # docker's own leaves it open when nobody listens
            raise
        self.sock = sock


def negotiate(offered: str) -> ApiVersion:
    """The newest version that the engine and we know; `offered` is the engine's newest, "1.45".

    Raises Unavailable where there is none.
    """
    major, _, minor = offered.partition(".")
    if not (major.isdecimal() and minor.isdecimal()):
        raise Unavailable("what answers is no Docker Engine: it names no API version")
    theirs = (int(major), int(minor))
    if theirs < OLDEST:
        raise Unavailable(
            f"the Docker Engine speaks API {offered}; {OLDEST[0]}.{OLDEST[1]} (Docker 20.10) or "
            "newer is needed"
        )
    return min(theirs, NEWEST)


def _message(response: requests.Response) -> str:
    """The engine's own text. Not the raw body, which could be anything's."""
    try:
        message = response.json()["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return message if isinstance(message, str) else ""


def _tls_config(tls: DockerTls) -> docker.tls.TLSConfig:
    pair = (str(tls.cert), str(tls.key)) if tls.cert and tls.key else None
    return docker.tls.TLSConfig(
        client_cert=pair, ca_cert=str(tls.ca) if tls.ca else None, verify=tls.verify
    )
