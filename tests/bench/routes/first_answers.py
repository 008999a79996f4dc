"""When each of several hosts is answered with 200 for the first time, by one Traefik."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.cluster.harness import eventually, network
from tests.cluster.traefik_lab import Traefik

PAUSE_S: Final = 0.005
"""Between two rounds over the hosts that are waited for."""


class FirstAnswers:
    """A thread that asks for all hosts that it waits for, one after the other, on one connection."""

    def __init__(self, traefik: Traefik) -> None:
        self._traefik = traefik
        self._waiting: tuple[str, ...] = ()
        self._at: dict[str, float] = {}
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def wait_for(self, host: str) -> None:
        """Ask for this host from now on, until it is answered."""
        with self._lock:
            self._waiting += (host,)

    def all_answered(self, within: float) -> None:
        """Raises AssertionError where a host is not answered."""
        eventually(lambda: not self._waiting, within, f"{self._traefik}: {self._waiting}")

    @property
    def at(self) -> dict[str, float]:
        """When each host was answered first (monotonic)."""
        return dict(self._at)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        while not self._ended.wait(PAUSE_S):
            for host in self._waiting:
                try:
                    connection = connection or self._connected()
                    connection.request("GET", "/", headers={"Host": host})
                    response = connection.getresponse()
                    response.read()
                except (OSError, http.client.HTTPException):
                    if connection is not None:
                        connection.close()
                    connection = None
                    continue
                if response.status == 200:
                    self._answered(host, time.monotonic())
        if connection is not None:
            connection.close()

    def _answered(self, host: str, at: float) -> None:
        with self._lock:
            self._at[host] = at
            self._waiting = tuple(each for each in self._waiting if each != host)

    def _connected(self) -> http.client.HTTPConnection:
        address, _, port = self._traefik.at.rpartition(":")
        link = network.socket_in(self._traefik.lab.client.namespace)
        link.settimeout(5)
        link.connect((address, int(port)))
        made = http.client.HTTPConnection(address, int(port))
        made.sock = link
        return made


@contextmanager
def watching(traefik: Traefik) -> Iterator[FirstAnswers]:
    """It ends with the `with`."""
    made = FirstAnswers(traefik)
    made.begin()
    try:
        yield made
    finally:
        made.end()
