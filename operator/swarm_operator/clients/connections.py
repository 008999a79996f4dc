"""HTTP adapters that notice a dead peer, keep few connections, and can be woken while they wait."""

import contextlib
import socket
import threading
import weakref
from collections.abc import Iterable
from typing import Any

import requests.adapters
import urllib3
import urllib3.connection
import urllib3.connectionpool

KEEPALIVE_IDLE_S = 5
KEEPALIVE_INTERVAL_S = 3
KEEPALIVE_PROBES = 3


class Connections:
    """The open connections of a client, so that another thread can end what waits on them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[Any] = weakref.WeakSet()

    def add(self, connection: Any) -> None:
        """Remember an HTTP connection until it is collected."""
        with self._lock:
            self._open.add(connection)

    def interrupt(self) -> None:
        """Make every call that waits for an answer fail now.

        A mere close() would not wake a thread that is blocked in recv().
        """
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            sock = getattr(connection, "sock", None)
            if sock is not None:
                with contextlib.suppress(OSError):
                    # Not the TLS socket's own: it would take the state away from under a reader.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)


class KeepaliveAdapter(requests.adapters.HTTPAdapter):
    """Speaks HTTP over TCP with keep-alive probes: a pulled cable is noticed in about 14 s."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        super().__init__(pool_connections=1, pool_maxsize=4)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        pool_kwargs["socket_options"] = list(_socket_options())
        super().init_poolmanager(connections, maxsize, block=block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _tracked(urllib3.HTTPConnectionPool, self._connections),
            "https": _tracked(urllib3.HTTPSConnectionPool, self._connections),
        }


def _socket_options() -> Iterable[tuple[int, int, int]]:
    yield from urllib3.connection.HTTPConnection.default_socket_options
    yield (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # Names that Linux has; elsewhere the system's own intervals hold.
    for name, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_S),
        ("TCP_KEEPCNT", KEEPALIVE_PROBES),
    ):
        if hasattr(socket, name):
            yield (socket.IPPROTO_TCP, getattr(socket, name), value)


def _tracked(
    pool_class: type[urllib3.connectionpool.HTTPConnectionPool], connections: Connections
) -> type[urllib3.connectionpool.HTTPConnectionPool]:
    class TrackedPool(pool_class):  # type: ignore[misc, valid-type]
        def _new_conn(self) -> Any:
            connection = super()._new_conn()
            connections.add(connection)
            return connection

    return TrackedPool
