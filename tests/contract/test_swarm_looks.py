"""SwarmPort: a look at some services reads just what a look at everything reads of them."""

from dataclasses import replace

from swarm_operator.runtime.ports import SwarmPort
from tests.contract.swarms import Waiting
from tests.contract.test_swarm_port import changed, service, spec


def test_a_look_at_some_services(swarm_port: SwarmPort, eventually: Waiting) -> None:
    some = swarm_port.create_service(spec("some", replicas=2))
    other = swarm_port.create_service(spec("other", replicas=1))

    def running() -> bool:
        return [task.state for task in swarm_port.read().tasks] == ["running"] * 3

    eventually(running, within=30)
    before = swarm_port.read()
    seen = swarm_port.read_progress(before, frozenset({some}))
    assert replace(seen, taken_at=0) == replace(before, taken_at=0)

    for name, identity in (("some", some), ("other", other)):
        live = service(before, name)
        wished = changed(live.spec, Labels={"team": "b"}, Mode={"Replicated": {"Replicas": 3}})
        swarm_port.update_service(identity, live.version, wished)

    def scaled() -> bool:
        seen = swarm_port.read_progress(before, frozenset({some}))
        assert service(seen, "some").labels == {"team": "b"}
        assert service(seen, "other").labels == {"team": "a"}, "nobody looked at it"
        assert seen.tasks_by_service[other] == before.tasks_by_service[other]
        return [task.state for task in seen.tasks_by_service[some]] == ["running"] * 3

    eventually(scaled, within=30)


def test_a_look_at_a_service_that_is_gone_is_a_look_at_everything(swarm_port: SwarmPort) -> None:
    gone = swarm_port.create_service(spec("gone"))
    stays = swarm_port.create_service(spec("stays"))
    before = swarm_port.read()
    swarm_port.remove_service(gone)
    live = service(before, "stays")
    swarm_port.update_service(stays, live.version, changed(live.spec, Labels={"team": "b"}))
    for looked_at in ({gone}, {gone, stays}):
        seen = swarm_port.read_progress(before, frozenset(looked_at))
        assert [(item.name, item.labels) for item in seen.services] == [("stays", {"team": "b"})]


def test_many_services_are_looked_at_in_one_request(swarm_port: SwarmPort) -> None:
    """As many as are looked at by themselves at most: the address of the request is long then."""
    made = {swarm_port.create_service(spec(f"service{number}")) for number in range(100)}
    before = swarm_port.read()
    seen = swarm_port.read_progress(before, frozenset(made))
    assert seen.services == before.services
