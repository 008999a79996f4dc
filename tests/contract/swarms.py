"""A swarm under test, real or simulated: its clients, its time, and what befalls its machines."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Literal, Protocol, TypeVar, runtime_checkable

from swarm_operator.clients.docker import DockerSwarm
from swarm_operator.clients.docker_transport import DockerTransport, Transport
from swarm_operator.clients.timing import CallTimer, NoMetrics
from swarm_operator.observed.errors import OutsideError
from swarm_operator.runtime.ports import SwarmPort
from swarm_operator.simulation import docker_transport
from swarm_operator.simulation.api.engine_api import EngineApi
from swarm_operator.simulation.docker_faults import FaultyWire, Stuck
from swarm_operator.simulation.docker_transport import MemoryTransport
from swarm_operator.simulation.docker_wire import DirectWire
from swarm_operator.simulation.engine.engine import Engine
from swarm_operator.simulation.engine.images import Behaviour
from tests.cluster import harness
from tests.cluster.harness import Lab
from tests.contract import faults
from tests.simulation.docker_server import SimulatedEngines

T = TypeVar("T")
Check = Callable[[], T | Literal[False] | None]


class Waiting(Protocol):
    """Returns the first true result of a check, which may raise AssertionError until then.

    Raises AssertionError after `within` seconds.
    """

    def __call__(self, check: Check[T], within: float = 10) -> T: ...


class SwarmUnderTest(Protocol):
    """Nodes are called node1, node2, …; the managers come first."""

    def client(self, node: str, timeout_s: float = 25) -> SwarmPort: ...

    def api(self, node: str) -> Transport:
        """The Engine API itself, as our client speaks it."""
        ...

    def eventually(self, check: Check[T], within: float = 10) -> T: ...

    def now(self) -> float:
        """Seconds of the swarm's own time."""
        ...

    def power_off(self, node: str) -> None: ...

    def power_on(self, node: str) -> None: ...

    def cut(self, node: str) -> None:
        """Pull the cable."""
        ...

    def heal(self, node: str) -> None: ...

    def frozen(self, node: str) -> AbstractContextManager[None]:
        """Its engine accepts connections and never answers."""
        ...


@runtime_checkable
class SwarmOnSockets(SwarmUnderTest, Protocol):
    """One that other clients than ours can be connected to."""

    def address(self, node: str) -> str:
        """As in DOCKER_HOST."""
        ...


def recovers(swarm: SwarmUnderTest, check: Callable[[], object], within: float = 60) -> None:
    """Wait until `check` is true; the errors of our clients count as "not yet"."""

    def held() -> bool:
        try:
            return bool(check())
        except OutsideError as error:
            raise AssertionError(error) from error

    swarm.eventually(held, within)


class _OnSockets:
    """Clients of engines on Unix sockets, in real time."""

    def __init__(self) -> None:
        self._clients: list[DockerSwarm] = []
        self._transports: list[DockerTransport] = []

    def address(self, node: str) -> str:
        """As in DOCKER_HOST."""
        raise NotImplementedError

    def client(self, node: str, timeout_s: float = 25) -> DockerSwarm:
        made = DockerSwarm(self.address(node), timeout_s=timeout_s)
        self._clients.append(made)
        return made

    def api(self, node: str) -> DockerTransport:
        made = DockerTransport(self.address(node), timer=CallTimer("docker", NoMetrics()))
        self._transports.append(made)
        return made

    def eventually(self, check: Check[T], within: float = 10) -> T:
        return harness.eventually(check, within)

    def now(self) -> float:
        return time.monotonic()

    def close(self) -> None:
        """All clients."""
        for client in self._clients:
            client.close()
        for transport in self._transports:
            transport.close()


class LabSwarm(_OnSockets):
    """A lab."""

    def __init__(self, lab: Lab) -> None:
        super().__init__()
        self._nodes = {node.hostname: node for node in lab.nodes}

    def address(self, node: str) -> str:
        return f"unix://{self._nodes[node].socket}"

    def power_off(self, node: str) -> None:
        self._nodes[node].power_off()

    def power_on(self, node: str) -> None:
        self._nodes[node].power_on()

    def cut(self, node: str) -> None:
        self._nodes[node].cut()

    def heal(self, node: str) -> None:
        self._nodes[node].heal()

    def frozen(self, node: str) -> AbstractContextManager[None]:
        return faults.frozen(self._nodes[node])


class ServedSwarm(_OnSockets):
    """An engine model behind its face. Its own time goes faster than that of its clients."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        super().__init__()
        self._engine = engine
        self._servers = SimulatedEngines(engine, folder, speed=5)
        self._servers.start()

    def address(self, node: str) -> str:
        return self._servers.address(node)

    def close(self) -> None:
        super().close()
        self._servers.close()

    def power_off(self, node: str) -> None:
        self._servers.power_off(node)

    def power_on(self, node: str) -> None:
        self._servers.power_on(node)

    def cut(self, node: str) -> None:
        self._servers.call(lambda: self._engine.cut_node(node))

    def heal(self, node: str) -> None:
        self._servers.call(lambda: self._engine.reconnect_node(node))

    @contextmanager
    def frozen(self, node: str) -> Iterator[None]:
        self._servers.freeze(node)
        try:
            yield
        finally:
            self._servers.thaw(node)


BEHAVIOURS = {
    "lab/nothing:9": Behaviour(missing=True),
    "lab/crash:1": Behaviour(exit_after_s=0.1, exit_code=1),
    "lab/done:1": Behaviour(exit_after_s=0.1),
    "lab/stubborn:1": Behaviour(ignores_sigterm=True),
    "lab/slow:1": Behaviour(start_s=3.5),
    "lab/unwell:1": Behaviour(healthy=False),
}
"""What the images of the labs do (tests/cluster/harness/standard_images.py)."""


def model(managers: int, workers: int) -> Engine:
    """As the labs: no registry, a handful of images on every node."""
    engine = Engine(seed=0)
    engine.images.scripted.update(BEHAVIOURS)
    for number in range(1, managers + workers + 1):
        role = "manager" if number <= managers else "worker"
        engine.add_node(f"node{number}", role=role)
    return engine


class SimulatedSwarm:
    """The real client straight over an engine model; time passes only while one waits."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        nodes = engine.store.nodes.all()
        first = EngineApi(engine, nodes[0].id)
        self._wires = {
            node.hostname: FaultyWire(DirectWire(first.of_node(node.id), engine), engine.timeline)
            for node in nodes
        }

    def client(self, node: str, timeout_s: float = 25) -> DockerSwarm:
        wire, timeline = self._wires[node], self._engine.timeline
        return docker_transport.over(wire, timeline, timeout_s=timeout_s)

    def api(self, node: str) -> MemoryTransport:
        return MemoryTransport(self._wires[node], self._engine.timeline)

    def eventually(self, check: Check[T], within: float = 10) -> T:
        deadline = self.now() + within
        while True:
            last: object
            try:
                last = result = check()
                if result:
                    return result
            except AssertionError as error:
                last = error
            if self.now() > deadline:
                raise AssertionError(f"not within {within} s: {check}; last: {last!r}")
            self._engine.advance(0.05)

    def now(self) -> float:
        return self._engine.timeline.now

    def power_off(self, node: str) -> None:
        self._engine.kill_node(node)

    def power_on(self, node: str) -> None:
        self._engine.return_node(node)

    def cut(self, node: str) -> None:
        self._engine.cut_node(node)

    def heal(self, node: str) -> None:
        self._engine.reconnect_node(node)

    @contextmanager
    def frozen(self, node: str) -> Iterator[None]:
        wire = self._wires[node]
        wire.always(Stuck())
        try:
            yield
        finally:
            wire.always()
