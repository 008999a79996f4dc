"""Ports on this machine's loopback that lead into a lab's network."""

import socket
from pathlib import Path

from tests.cluster.harness import connections, network


def connector(
    namespace: Path | None, address: str, port: int, timeout: float = 10
) -> connections.Connect:
    """Return a function that connects to an address as seen in a network namespace (or here)."""

    def connect() -> socket.socket:
        made = network.socket_in(namespace) if namespace else socket.socket()
        try:
            made.settimeout(timeout)
            made.connect((address, port))
            made.settimeout(None)
            connections.send_at_once(made)
        except BaseException:
            made.close()
            raise
        return made

    return connect


class Forwarder:
    """Listens on a port of 127.0.0.1 and copies bytes to and from what `connect` reaches.

    Where nobody listens at the other end, a client sees its connection closed instead of refused.
    """

    def __init__(self, connect: connections.Connect) -> None:
        self._connect = connect
        self._server = connections.Server(
            lambda: socket.create_server(("127.0.0.1", 0)), self._serve, "forward"
        )
        self._server.open()
        self.address = self._server.address

    def close(self) -> None:
        """Stop listening and cut all connections."""
        self._server.close()

    def _serve(self, client: socket.socket) -> None:
        with self._server.cut_with_us(self._connect()) as server:
            connections.copy_both_ways(client, server)
