"""The operator's own client over the model, and what goes wrong between them."""

import random
from collections.abc import Callable

import pytest

from swarm_operator.clients.docker import DockerSwarm
from swarm_operator.observed.errors import Conflict, OutsideError, Unavailable
from swarm_operator.simulation import docker_faults as faults
from swarm_operator.simulation import docker_transport
from swarm_operator.simulation.docker_faults import ByChance, Fault, FaultyWire, Script
from swarm_operator.simulation.docker_wire import DirectWire
from tests.simulation.api_desk import Desk, spec


class Bench:
    """A model, a wire with faults, and the client at its end."""

    def __init__(self, *, managers: int = 1, timeout_s: float = 25) -> None:
        self.desk = Desk(managers=managers)
        self.engine = self.desk.engine
        self.wire = FaultyWire(DirectWire(self.desk.api, self.engine), self.engine.timeline)
        self.swarm: DockerSwarm = docker_transport.over(
            self.wire, self.engine.timeline, timeout_s=timeout_s
        )

    @property
    def now(self) -> float:
        return self.engine.timeline.now

    @property
    def names(self) -> list[str]:
        """What services there really are."""
        return sorted(service.name for service in self.engine.store.services.all())

    def meets(self, *met: Fault, method: str = "POST", path: str = "") -> None:
        self.wire.once(*met, method=method, path=path)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_without_faults_no_time_passes(bench: Bench) -> None:
    identity = bench.swarm.create_service(spec())
    assert [service.id for service in bench.swarm.read().services] == [identity]
    assert bench.now == 0
    assert bench.wire.happened == []


def test_the_engine_keeps_a_copy_of_what_was_sent(bench: Bench) -> None:
    sent = spec(Labels={"a": "b"})
    bench.swarm.create_service(sent)
    sent["Labels"]["a"] = "changed afterwards"
    assert bench.swarm.read().services[0].labels == {"a": "b"}


def test_nobody_listens(bench: Bench) -> None:
    bench.meets(faults.Refused())
    with pytest.raises(Unavailable, match="nothing listens at the simulated swarm"):
        bench.swarm.create_service(spec())
    assert bench.names == []
    bench.swarm.create_service(spec())


def test_a_read_is_repeated(bench: Bench) -> None:
    bench.meets(faults.Broken(), method="GET", path="^/services$")
    assert bench.swarm.read().is_complete
    assert 0 < bench.now < 1
    (happened,) = bench.wire.happened
    assert (happened.method, happened.path, happened.faults) == (
        "GET",
        "/services",
        (faults.Broken(),),
    )


def test_an_answer_is_lost_and_the_work_is_done(bench: Bench) -> None:
    bench.meets(faults.Lost())
    with pytest.raises(Unavailable, match="broke"):
        bench.swarm.create_service(spec())
    assert bench.names == ["web"]


def test_a_request_is_lost_and_nothing_is_done(bench: Bench) -> None:
    bench.meets(faults.Broken())
    with pytest.raises(Unavailable, match="broke"):
        bench.swarm.create_service(spec())
    assert bench.names == []


def test_a_stuck_engine_takes_the_clients_whole_patience(bench: Bench) -> None:
    bench.meets(faults.Stuck())
    with pytest.raises(Unavailable, match="did not answer in time"):
        bench.swarm.create_service(spec())
    assert bench.now == 25
    assert bench.names == []


def test_a_slow_request_arrives_late(bench: Bench) -> None:
    bench.meets(faults.Slow(3))
    bench.swarm.create_service(spec())
    assert bench.now == 3


def test_a_request_arrives_after_the_client_gave_up(bench: Bench) -> None:
    bench.meets(faults.Slow(40))
    with pytest.raises(Unavailable, match="did not answer in time"):
        bench.swarm.create_service(spec())
    assert (bench.now, bench.names) == (25, [])
    bench.engine.advance(20)
    assert bench.names == ["web"]


def test_an_answer_comes_after_the_client_gave_up(bench: Bench) -> None:
    bench.meets(faults.SlowAnswer(40))
    with pytest.raises(Unavailable, match="did not answer in time"):
        bench.swarm.create_service(spec())
    assert (bench.now, bench.names) == (25, ["web"])


def test_another_hand_was_quicker(bench: Bench) -> None:
    identity = bench.swarm.create_service(spec())
    version = bench.swarm.read().services[0].version
    bench.meets(faults.OutOfSequence(), path="/update$")
    with pytest.raises(Conflict, match="out of sequence"):
        bench.swarm.update_service(identity, version, spec(Labels={"a": "b"}))
    assert bench.swarm.read().services[0].labels == {}
    bench.swarm.update_service(identity, version, spec(Labels={"a": "b"}))


def test_what_has_no_version_is_never_out_of_sequence(bench: Bench) -> None:
    bench.wire.always(faults.OutOfSequence())
    bench.swarm.create_service(spec())
    assert bench.swarm.read().is_complete


def test_the_engine_says_that_something_is_wrong(bench: Bench) -> None:
    bench.meets(faults.Answer(503, "rpc error: code = Unavailable desc = transport is closing"))
    with pytest.raises(Unavailable, match="transport is closing"):
        bench.swarm.create_service(spec())


def test_a_read_is_of_the_past(bench: Bench) -> None:
    bench.swarm.read()
    bench.engine.advance(10)
    bench.swarm.create_service(spec())
    bench.swarm.read()
    bench.engine.advance(10)
    bench.swarm.remove_service(bench.engine.store.services.all()[0].id)
    bench.wire.always(faults.Stale(5))
    assert [service.name for service in bench.swarm.read().services] == ["web"]
    bench.wire.always(faults.Stale(15))
    assert bench.swarm.read().services == ()
    bench.wire.always()
    assert bench.swarm.read().services == ()


def test_faults_stand_one_behind_another(bench: Bench) -> None:
    bench.meets(faults.Slow(3), faults.Lost())
    with pytest.raises(Unavailable, match="broke"):
        bench.swarm.create_service(spec())
    assert (bench.now, bench.names) == (3, ["web"])
    bench.meets(faults.Slow(20), faults.Stuck())
    with pytest.raises(Unavailable, match="in time"):
        bench.swarm.create_service(spec("second"))
    assert bench.now == 28  # 25 s are the client's whole patience


def test_a_script_skips_and_ends(bench: Bench) -> None:
    bench.wire.choosers.append(Script((faults.Refused(),), "POST", "create", skip=1, times=2))
    done: list[bool] = []
    for number in range(5):
        try:
            bench.swarm.create_service(spec(f"s{number}"))
            done.append(True)
        except Unavailable:
            done.append(False)
    assert done == [True, False, False, True, True]


def hammered(prepare: Callable[[FaultyWire], None]) -> tuple[list[str], FaultyWire, float]:
    """What became of forty rounds of reading and creating."""
    bench = Bench()
    prepare(bench.wire)
    outcomes: list[str] = []
    for number in range(40):
        try:
            bench.swarm.create_service(spec(f"s{number}"))
            bench.swarm.read()
            outcomes.append("done")
        except OutsideError as error:
            outcomes.append(str(error))
    return [*outcomes, *bench.names], bench.wire, bench.now


def test_chance_is_repeatable_and_can_be_replayed() -> None:
    def by_chance(wire: FaultyWire) -> None:
        wire.choosers.append(ByChance(random.Random(7), 0.1))

    outcomes, wire, ended = hammered(by_chance)
    assert len({type(each.faults[0]) for each in wire.happened}) > 5
    assert hammered(by_chance)[0] == outcomes

    script = wire.script()
    namespace = {name: getattr(faults, name) for name in dir(faults)}
    assert eval(repr(script), namespace) == script
    replayed, again, ended_again = hammered(lambda wire: wire.choosers.append(script))
    assert (replayed, ended_again) == (outcomes, ended)
    assert again.happened == wire.happened


def test_a_machine_without_power_listens_to_nobody(bench: Bench) -> None:
    bench.engine.kill_node("node1")
    with pytest.raises(Unavailable, match="nothing listens"):
        bench.swarm.ping()
    bench.engine.return_node("node1")
    bench.engine.advance(5)
    bench.swarm.ping()


def test_an_election_is_waited_for() -> None:
    bench = Bench(managers=3)
    leader = bench.engine.leader
    assert leader is not None
    other = next(node for node in bench.desk.nodes if node.is_manager and node.id != leader.id)
    wire = DirectWire(bench.desk.api.of_node(other.id), bench.engine)
    swarm = docker_transport.over(wire, bench.engine.timeline)
    bench.engine.kill_node(leader.hostname)
    started = bench.now
    swarm.create_service(spec())
    assert 5 < bench.now - started <= 20
    assert bench.names == ["web"]


def test_a_client_without_patience_does_not_see_the_end_of_an_election() -> None:
    bench = Bench(managers=3)
    leader = bench.engine.leader
    assert leader is not None
    other = next(node for node in bench.desk.nodes if node.is_manager and node.id != leader.id)
    wire = DirectWire(bench.desk.api.of_node(other.id), bench.engine)
    swarm = docker_transport.over(wire, bench.engine.timeline, timeout_s=3)
    bench.engine.kill_node(leader.hostname)
    started = bench.now
    with pytest.raises(Unavailable, match="in time"):
        swarm.create_service(spec())
    assert bench.now - started == 3
    bench.engine.advance(30)
    assert bench.names == []


def test_a_leader_that_was_cut_off_shows_an_old_swarm() -> None:
    bench = Bench(managers=3, timeout_s=5)
    leader = bench.engine.leader
    assert leader is not None
    others = [node for node in bench.desk.nodes if node.is_manager and node.id != leader.id]
    alone = docker_transport.over(
        DirectWire(bench.desk.api.of_node(leader.id), bench.engine), bench.engine.timeline
    )
    rest = docker_transport.over(
        DirectWire(bench.desk.api.of_node(others[0].id), bench.engine), bench.engine.timeline
    )
    rest.create_service(spec("before"))
    bench.engine.cut_node(leader.hostname)
    bench.engine.advance(3)
    seen = alone.read()
    assert [service.name for service in seen.services] == ["before"]
    assert seen.incomplete == ("1 of 3 managers are reachable, 2 are needed",)
    bench.engine.advance(20)
    rest.create_service(spec("after"))
    with pytest.raises(Unavailable, match="does not have a leader"):
        alone.read()
    bench.engine.reconnect_node(leader.hostname)
    bench.engine.advance(3)
    assert {service.name for service in alone.read().services} == {"before", "after"}
