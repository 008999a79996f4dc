"""The Consuls that the KV's contract is tested on: the real one, and the simulation's two faces."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest
import requests

from swarm_operator.clients.consul import ConsulKv
from swarm_operator.simulation import consul_transport
from swarm_operator.simulation.kv.api import ConsulApi
from swarm_operator.simulation.kv.http import Outcome, Request
from swarm_operator.simulation.kv.model import Kv
from swarm_operator.simulation.timeline import Timeline
from tests import needs
from tests.contract import real_consul
from tests.contract.real_consul import RealConsul
from tests.simulation.consul_server import SimulatedConsul

SERVERS = (
    pytest.param("consul", id="consul", marks=pytest.mark.cluster),
    pytest.param("simulation-http", id="simulation-http"),
)


class KvServer(Protocol):
    """A Consul that can be killed, frozen and wiped."""

    @property
    def url(self) -> str: ...

    @property
    def is_running(self) -> bool: ...

    def start(self) -> None: ...

    def close(self) -> None: ...

    def kill(self) -> None: ...

    def restart(self) -> None: ...

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...

    def wipe(self) -> None: ...

    def lose_data(self) -> None: ...


@contextmanager
def running(kind: str, directory: Path) -> Iterator[KvServer]:
    """`kind` is one of SERVERS. Skips where this machine has no real Consul."""
    if kind == "consul" and real_consul.missing():
        needs.skip_for("no Consul (run .ci/install-engines)")
    server: KvServer = RealConsul(directory) if kind == "consul" else SimulatedConsul()
    try:
        server.start()
        # Neither has never seen a write: the index of an untouched KV is 1, whatever else happened.
        requests.put(f"{server.url}/v1/kv/first", timeout=10).raise_for_status()
        server.wipe()
        yield server
    finally:
        server.close()


class InStep:
    """A model whose time goes on with the clock, only faster, whenever it is asked something."""

    def __init__(self, *, speed: float) -> None:
        self.timeline = Timeline()
        self._api = ConsulApi(Kv(self.timeline, random.Random(1)))
        self._speed = speed
        self._started = time.monotonic()

    def handle(self, request: Request) -> Outcome:
        self.timeline.advance((time.monotonic() - self._started) * self._speed)
        return self._api.handle(request)


def in_memory() -> ConsulKv:
    """The real client over the model, without sockets."""
    model = InStep(speed=5)
    return consul_transport.over(model, model.timeline)
