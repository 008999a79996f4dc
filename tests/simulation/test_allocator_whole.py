"""In a whole swarm under all kinds of change: nobody shares an address or a port."""

import contextlib
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from swarm_operator.simulation.engine.engine import Engine
from swarm_operator.simulation.engine.errors import ApiError
from swarm_operator.simulation.engine.records import TaskState
from tests.simulation.control_world import API, port, spec

_NODES = ("node1", "node2", "node3", "node4", "node5")


def _addresses(engine: Engine) -> Iterator[tuple[str, str]]:
    """Network and address, of everything that holds one."""
    yield from _gateways(engine)
    for service in engine.store.services.all():
        for vip in (service.endpoint or {}).get("VirtualIPs", ()):
            yield vip["NetworkID"], vip["Addr"]
    for node in engine.store.nodes.all():
        yield from node.attachments.items()
    for task in engine.store.tasks.all():
        if task.state <= TaskState.RUNNING:
            for attachment in task.networks:
                yield attachment["Network"]["ID"], attachment["Addresses"][0]


def _gateways(engine: Engine) -> Iterator[tuple[str, str]]:
    for network in engine.store.networks.all():
        ipam = (network.allocated or {}).get("IPAM") or {}
        for configuration in ipam.get("Config") or ():
            length = configuration["Subnet"].partition("/")[2]
            yield network.id, f"{configuration['Gateway']}/{length}"


def _ports(engine: Engine) -> Iterator[tuple[str, int]]:
    for service in engine.store.services.all():
        for each in (service.endpoint or {}).get("Ports", ()):
            if each["PublishMode"] == "ingress":
                yield each["Protocol"], each["PublishedPort"]


def _node_networks(engine: Engine) -> dict[str, set[str]]:
    """Of which networks each node has live tasks."""
    result: dict[str, set[str]] = {node.id: set() for node in engine.store.nodes.all()}
    for task in engine.store.tasks.all():
        if task.node_id in result and task.state <= TaskState.RUNNING:
            result[task.node_id] |= {
                each["Network"]["ID"] for each in task.networks if each.get("Addresses")
            }
    return result


def _check(engine: Engine) -> None:
    for holders in (Counter(_addresses(engine)), Counter(_ports(engine))):
        assert [each for each, count in holders.items() if count > 1] == []
    ingress = engine.control.network("ingress").id
    for node_id, networks in _node_networks(engine).items():
        assert set(engine.store.nodes[node_id].attachments) == networks | {ingress}


def _act(engine: Engine, rng: random.Random, number: int) -> None:
    control = engine.control
    names = [service.name for service in engine.store.services.all()]
    networks = tuple(rng.sample(("net0", "net1", "net2"), rng.randrange(3)))
    ports = (port(80), port(443, rng.choice((0, 8443)))) if rng.random() < 0.4 else ()
    mode = "dnsrr" if not ports and rng.random() < 0.2 else ""
    replicas = {"Replicated": {"Replicas": rng.randrange(5)}}
    body = {
        **spec("x", networks=networks, ports=ports, endpoint_mode=mode, placement={}),
        "Mode": replicas,
    }
    match rng.randrange(8):
        case 0 | 1 | 2:
            control.create_service({**body, "Name": f"service{number}"}, api_version=API)
        case 3 | 4 if names:
            service = control.service(rng.choice(names))
            version = service.meta.version
            control.update_service(
                service.id, version, {**body, "Name": service.name}, api_version=API
            )
        case 5 if names:
            control.remove_service(rng.choice(names))
        case 6:
            engine.kill_node(victim := rng.choice(_NODES[1:]))
            engine.advance(rng.uniform(5, 40))
            engine.return_node(victim)
        case _:
            engine.change_leader()


@pytest.mark.parametrize("seed", range(12))
def test_nobody_shares_an_address_or_a_port(seed: int) -> None:
    rng = random.Random(seed)
    engine = Engine(seed=seed)
    for number, hostname in enumerate(_NODES):
        engine.add_node(hostname, role="manager" if number == 0 else "worker")
    for number in range(3):
        engine.control.create_network(
            {"Name": f"net{number}", "Driver": "overlay"}, api_version=API
        )
    for number in range(25):
        with contextlib.suppress(ApiError):  # the port may be another service's
            _act(engine, rng, number)
        engine.advance(rng.uniform(0, 20))
        _check(engine)
    engine.advance(120)
    _check(engine)
    waiting = [task for task in engine.store.tasks.all() if task.state == TaskState.NEW]
    assert waiting == []
