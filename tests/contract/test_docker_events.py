"""Docker's events over a restart and a freeze of the engine."""

import time
from collections.abc import Iterator

import pytest

from swarm_operator.clients.docker_events import DockerEventSource
from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.events import SwarmEvent
from swarm_operator.runtime.ports import SwarmPort
from swarm_operator.watch.docker_events import DockerEvents
from tests.cluster.harness import Lab, eventually
from tests.contract.swarms import SwarmOnSockets, recovers
from tests.contract.test_swarm_port import spec


class Watched:
    """Docker's events, and what a watch told about them."""

    def __init__(self, address: str) -> None:
        self.events: list[SwarmEvent] = []
        self.gaps: list[str] = []
        self.errors: list[OutsideError] = []
        self.watch = DockerEvents(
            DockerEventSource(address, timeout_s=1),
            self.events.append,
            self.gaps.append,
            self.errors.append,
            ping_interval_s=0.5,
        )
        self.watch.start()

    def saw(self, kind: str, action: str, name: str) -> bool:
        return any((e.kind, e.action, e.name) == (kind, action, name) for e in self.events)


@pytest.fixture
def watched(swarm_on_sockets: SwarmOnSockets) -> Iterator[Watched]:
    made = Watched(swarm_on_sockets.address("node1"))
    try:
        eventually(lambda: made.gaps)
        yield made
    finally:
        started = time.monotonic()
        ended = made.watch.stop()
    assert ended
    assert time.monotonic() - started < 1


@pytest.fixture
def swarm(swarm_port: SwarmPort) -> SwarmPort:
    return swarm_port


def test_every_kind_of_object_wakes(watched: Watched, swarm: SwarmPort) -> None:
    identity = swarm.create_service(spec())
    swarm.create_network({"Name": "net", "Driver": "overlay"})
    swarm.create_config({"Name": "conf", "Data": "eA=="})
    swarm.create_secret({"Name": "sec", "Data": "eA=="})
    version = swarm.read().services_by_name["web"].version
    swarm.update_service(identity, version, {**spec(), "Labels": {}})
    swarm.remove_service(identity)
    expected = {
        ("service", "create", "web"),
        ("service", "update", "web"),
        ("service", "remove", "web"),
        ("network", "create", "net"),
        ("config", "create", "conf"),
        ("secret", "create", "sec"),
    }
    eventually(lambda: expected <= {(e.kind, e.action, e.name) for e in watched.events})
    assert watched.errors == []
    assert len(watched.gaps) == 1


def test_an_event_comes_at_once(watched: Watched, swarm: SwarmPort) -> None:
    swarm.read()
    started = time.monotonic()
    swarm.create_service(spec())
    eventually(lambda: watched.saw("service", "create", "web"), every=0.002)
    assert time.monotonic() - started < 0.5


def test_a_restart_of_the_engine_is_a_gap(
    watched: Watched, swarm: SwarmPort, swarm_on_sockets: SwarmOnSockets
) -> None:
    swarm.create_service(spec("before"))
    eventually(lambda: watched.saw("service", "create", "before"))
    swarm_on_sockets.power_off("node1")
    eventually(lambda: watched.errors, within=5)
    assert len(watched.gaps) == 1
    swarm_on_sockets.power_on("node1")
    eventually(lambda: len(watched.gaps) >= 2, within=30)
    recovers(swarm_on_sockets, lambda: swarm.read().is_complete)
    swarm.create_service(spec("after"))
    eventually(lambda: watched.saw("service", "create", "after"), within=15)
    assert watched.watch.is_alive


def test_a_frozen_engine_is_noticed_and_work_goes_on_after(
    watched: Watched, swarm: SwarmPort, swarm_on_sockets: SwarmOnSockets
) -> None:
    with swarm_on_sockets.frozen("node1"):
        eventually(lambda: watched.errors, within=5)
        last_progress = watched.watch.last_progress
    eventually(lambda: len(watched.gaps) >= 2, within=30)
    assert watched.watch.last_progress > last_progress
    recovers(swarm_on_sockets, lambda: swarm.read().is_complete)
    swarm.create_service(spec("after"))
    eventually(lambda: watched.saw("service", "create", "after"), within=15)


def test_what_happens_on_a_node_wakes_nobody(watched: Watched, swarm: SwarmPort, lab: Lab) -> None:
    lab.docker_cli(lab.manager, "run", "--rm", "lab/web:1", "true")
    lab.docker_cli(lab.manager, "network", "create", "local")
    lab.docker_cli(lab.manager, "network", "rm", "local")
    swarm.create_service(spec("marker"))
    eventually(lambda: watched.saw("service", "create", "marker"))
    assert {event.name for event in watched.events} == {"marker"}
