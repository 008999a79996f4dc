"""An engine that is no manager, off, frozen, started anew or cut off from the others."""

import pytest

from swarm_operator.observed.errors import NotManager, OutsideError, Unavailable
from tests.contract.swarms import SwarmUnderTest, recovers
from tests.contract.test_swarm_port import spec


def test_a_worker_is_no_manager(swarm_under_test: SwarmUnderTest) -> None:
    worker = swarm_under_test.client("node2")
    with pytest.raises(NotManager, match="not a swarm manager"):
        worker.read()
    with pytest.raises(NotManager):
        worker.create_service(spec())


def test_an_engine_that_is_off_and_comes_back(swarm_under_test: SwarmUnderTest) -> None:
    swarm = swarm_under_test.client("node1")
    identity = swarm.create_service(spec())
    swarm_under_test.power_off("node1")
    started = swarm_under_test.now()
    with pytest.raises(Unavailable, match="Docker"):
        swarm.read()
    with pytest.raises(Unavailable):
        swarm.remove_service(identity)
    assert swarm_under_test.now() - started < 5
    swarm_under_test.power_on("node1")

    def is_whole() -> bool:
        return swarm.read().incomplete == ()

    recovers(swarm_under_test, is_whole)
    assert [service.id for service in swarm.read().services] == [identity]


def test_a_frozen_engine_is_given_up_in_time(swarm_under_test: SwarmUnderTest) -> None:
    swarm = swarm_under_test.client("node1", timeout_s=1)
    assert swarm.read().is_complete
    with swarm_under_test.frozen("node1"):
        started = swarm_under_test.now()
        with pytest.raises(Unavailable, match="did not answer in time"):
            swarm.read()
        # The read was repeated, and stopped being so.
        assert 1 <= swarm_under_test.now() - started < 5
        started = swarm_under_test.now()
        with pytest.raises(Unavailable, match="did not answer in time"):
            swarm.create_service(spec())
        assert swarm_under_test.now() - started < 2
    recovers(swarm_under_test, lambda: swarm.read().is_complete)


class Managers:
    """Three managers, each with a client of ours."""

    def __init__(self, swarm: SwarmUnderTest) -> None:
        self.swarm = swarm
        self.clients = {
            name: swarm.client(name, timeout_s=5) for name in ("node1", "node2", "node3")
        }

    def leader(self) -> str:
        """The leader, as a swarm that is well tells it."""
        found: list[str] = []

        def look() -> bool:
            swarm = self.clients["node1"].read()
            found[:] = [node.hostname for node in swarm.nodes if node.is_leader]
            return swarm.is_complete

        recovers(self.swarm, look)
        return found[0]

    def doubts(self, name: str) -> tuple[str, ...]:
        """Why what this manager says is not to be trusted."""
        try:
            return self.clients[name].read().incomplete
        except OutsideError as error:
            return (type(error).__name__,)


@pytest.fixture
def managers(three_managers: SwarmUnderTest) -> Managers:
    return Managers(three_managers)


def test_a_leader_that_was_cut_off_says_so_within_moments(managers: Managers) -> None:
    leader = managers.leader()
    managers.swarm.cut(leader)
    # It goes on answering from its memory, but sees that it is alone.
    reasons = managers.swarm.eventually(lambda: managers.doubts(leader), within=10)
    assert reasons == ("1 of 3 managers are reachable, 2 are needed",)


@pytest.mark.slow
def test_what_a_leader_that_was_cut_off_takes_is_not_lost_in_silence(managers: Managers) -> None:
    leader = managers.leader()
    other = next(name for name in managers.clients if name != leader)
    managers.swarm.cut(leader)
    managers.swarm.eventually(lambda: managers.doubts(leader), within=10)
    with pytest.raises(Unavailable):
        managers.clients[leader].create_service(spec("lost"))

    def majority_goes_on() -> bool:
        swarm = managers.clients[other].read()
        return swarm.is_complete and leader not in [n.hostname for n in swarm.nodes if n.is_leader]

    recovers(managers.swarm, majority_goes_on, within=90)
    assert managers.doubts(leader)
    managers.clients[other].create_service(spec("kept"))
    managers.swarm.heal(leader)

    def is_one_swarm_again() -> bool:
        swarm = managers.clients[leader].read()
        return swarm.is_complete and [service.name for service in swarm.services] == ["kept"]

    recovers(managers.swarm, is_one_swarm_again, within=120)
