"""An engine that is no manager, off, frozen, started anew or cut off from the others."""

import time
from collections.abc import Iterator

import pytest

from swarm_operator.clients.docker import DockerSwarm
from swarm_operator.observed.errors import NotManager, OutsideError, Unavailable
from tests.cluster.harness import Lab, Node, eventually
from tests.contract.faults import frozen, recovers
from tests.contract.test_swarm_port import spec


def client(node: Node, timeout_s: float = 25) -> DockerSwarm:
    return DockerSwarm(f"unix://{node.socket}", timeout_s=timeout_s)


def test_a_worker_is_no_manager(lab: Lab) -> None:
    worker = client(lab.workers[0])
    with pytest.raises(NotManager, match="not a swarm manager"):
        worker.read()
    with pytest.raises(NotManager):
        worker.create_service(spec())
    worker.close()


def test_an_engine_that_is_off_and_comes_back(lab: Lab) -> None:
    swarm = client(lab.manager)
    identity = swarm.create_service(spec())
    lab.manager.power_off()
    started = time.monotonic()
    with pytest.raises(Unavailable, match="Docker"):
        swarm.read()
    with pytest.raises(Unavailable):
        swarm.remove_service(identity)
    assert time.monotonic() - started < 5
    lab.manager.power_on()

    def is_whole() -> bool:
        return swarm.read().incomplete == ()

    recovers(is_whole)
    assert [service.id for service in swarm.read().services] == [identity]
    swarm.close()


def test_a_frozen_engine_is_given_up_in_time(lab: Lab) -> None:
    swarm = client(lab.manager, timeout_s=1)
    assert swarm.read().is_complete
    with frozen(lab.manager):
        started = time.monotonic()
        with pytest.raises(Unavailable, match="did not answer in time"):
            swarm.read()
        # The read was repeated, and stopped being so.
        assert 1 <= time.monotonic() - started < 5
        started = time.monotonic()
        with pytest.raises(Unavailable, match="did not answer in time"):
            swarm.create_service(spec())
        assert time.monotonic() - started < 2
    recovers(lambda: swarm.read().is_complete)
    swarm.close()


class Managers:
    """Three managers, each with a client of ours."""

    def __init__(self, lab: Lab) -> None:
        self.nodes = {node.hostname: node for node in lab.nodes}
        self.clients = {name: client(node, timeout_s=5) for name, node in self.nodes.items()}

    def leader(self) -> str:
        """The leader, as a swarm that is well tells it."""
        found: list[str] = []

        def look() -> bool:
            swarm = self.clients["node1"].read()
            found[:] = [node.hostname for node in swarm.nodes if node.is_leader]
            return swarm.is_complete

        recovers(look)
        return found[0]

    def doubts(self, name: str) -> tuple[str, ...]:
        """Why what this manager says is not to be trusted."""
        try:
            return self.clients[name].read().incomplete
        except OutsideError as error:
            return (type(error).__name__,)


@pytest.fixture
def managers(engine: str) -> Iterator[Managers]:
    with Lab.start(3, 3, engine) as lab:
        made = Managers(lab)
        yield made
        for each in made.clients.values():
            each.close()


def test_a_leader_that_was_cut_off_says_so_within_moments(managers: Managers) -> None:
    leader = managers.leader()
    managers.nodes[leader].cut()
    # It goes on answering from its memory, but sees that it is alone.
    reasons = eventually(lambda: managers.doubts(leader), within=10)
    assert reasons == ("1 of 3 managers are reachable, 2 are needed",)


@pytest.mark.slow
def test_what_a_leader_that_was_cut_off_takes_is_not_lost_in_silence(managers: Managers) -> None:
    leader = managers.leader()
    other = next(name for name in managers.nodes if name != leader)
    managers.nodes[leader].cut()
    eventually(lambda: managers.doubts(leader), within=10)
    with pytest.raises(Unavailable):
        managers.clients[leader].create_service(spec("lost"))

    def majority_goes_on() -> bool:
        swarm = managers.clients[other].read()
        return swarm.is_complete and leader not in [n.hostname for n in swarm.nodes if n.is_leader]

    recovers(majority_goes_on, within=90)
    assert managers.doubts(leader)
    managers.clients[other].create_service(spec("kept"))
    managers.nodes[leader].heal()

    def is_one_swarm_again() -> bool:
        swarm = managers.clients[leader].read()
        return swarm.is_complete and [service.name for service in swarm.services] == ["kept"]

    recovers(is_one_swarm_again, within=120)
