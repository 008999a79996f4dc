"""Subnets, virtual IPs, published ports and tasks' addresses."""

from typing import Any

from swarm_operator.simulation.engine.records import NetworkRecord, TaskState
from swarm_operator.simulation.engine.references import name_of
from tests.simulation.control_world import World, port, spec


def _subnet(world: World, name: str) -> str:
    allocated = world.control.network(name).allocated
    assert allocated is not None, f"{name} is not allocated"
    subnet: str = allocated["IPAM"]["Config"][0]["Subnet"]
    return subnet


def _vips(world: World, service: str) -> dict[str, str]:
    endpoint = world.control.service(service).endpoint or {}
    networks = world.store.networks
    return {
        networks[vip["NetworkID"]].name: vip.get("Addr", "")
        for vip in endpoint.get("VirtualIPs", ())
    }


def _ports(world: World, service: str) -> list[int]:
    endpoint: dict[str, Any] = world.control.service(service).endpoint or {}
    return [each.get("PublishedPort", 0) for each in endpoint.get("Ports", ())]


# --- networks -------------------------------------------------------------------------------------


def test_ingress_has_the_first_subnet_and_the_next_follow() -> None:
    world = World()
    for name in ("a", "b"):
        world.network(name)
    assert [_subnet(world, name) for name in ("ingress", "a", "b")] == [
        "10.0.0.0/24",
        "10.0.1.0/24",
        "10.0.2.0/24",
    ]


def test_a_large_swarm_has_a_large_ingress() -> None:
    world = World(ingress_subnet="10.200.0.0/16")
    for number in range(300):
        world.node(f"node{number}")
    assert all(node.attachments for node in world.store.nodes.all())
    small = World()
    for number in range(300):
        small.node(f"node{number}")
    assert sum(bool(node.attachments) for node in small.store.nodes.all()) == 253


def test_a_subnet_that_somebody_asked_for_is_not_given_away() -> None:
    world = World()
    world.network("asked", IPAM={"Config": [{"Subnet": "10.0.1.128/25"}]})
    world.network("given")
    assert _subnet(world, "given") == "10.0.2.0/24"


def test_freed_subnets_come_last_and_a_new_leader_begins_anew() -> None:
    world = World()
    world.network("a")
    world.control.remove_network("a")
    world.network("b")
    assert _subnet(world, "b") == "10.0.2.0/24"
    world.new_leader()
    world.network("c")
    assert _subnet(world, "c") == "10.0.1.0/24"
    assert _subnet(world, "b") == "10.0.2.0/24"


def test_a_taken_subnet_waits_until_it_is_free() -> None:
    world = World()
    configuration = {"Config": [{"Subnet": "10.9.0.0/24"}]}
    world.network("first", IPAM=configuration)
    world.network("second", IPAM=configuration)
    assert world.control.network("second").allocated is None
    world.control.remove_network("first")
    assert _subnet(world, "second") == "10.9.0.0/24"


def test_each_overlay_has_a_vxlan_id_of_its_own() -> None:
    world = World()
    world.network("a", Options={"encrypted": ""})
    allocated = world.control.network("a").allocated
    assert allocated is not None
    assert allocated["Options"] == {
        "encrypted": "",
        "com.docker.network.driver.overlay.vxlanid_list": "4097",
    }


# --- services -------------------------------------------------------------------------------------


def test_a_service_has_an_address_on_each_of_its_networks() -> None:
    world = World()
    world.network("a")
    world.network("b")
    world.service("web", networks=("a", "b"), ports=(port(80),))
    assert _vips(world, "web") == {
        "ingress": "10.0.0.2/24",
        "a": "10.0.1.2/24",
        "b": "10.0.2.2/24",
    }
    world.service("plain")
    assert world.control.service("plain").endpoint is None


def test_addresses_stay_when_others_come_and_go() -> None:
    world = World()
    for name in ("a", "b"):
        world.network(name)
    world.service("web", networks=("a",))
    before = _vips(world, "web")["a"]
    world.update("web", spec("web", networks=("b", "a")))
    assert _vips(world, "web") == {"a": before, "b": "10.0.2.2/24"}
    world.update("web", spec("web", networks=("b",)))
    assert _vips(world, "web") == {"b": "10.0.2.2/24"}
    world.update("web", spec("web", networks=("b",), endpoint_mode="dnsrr"))
    assert _vips(world, "web") == {}


def test_ports_are_given_from_30000_and_kept() -> None:
    world = World()
    world.service("web", ports=(port(80), port(443)))
    world.service("other", ports=(port(80), port(8080, 8080)))
    assert _ports(world, "web") == [30000, 30001]
    assert sorted(_ports(world, "other")) == [8080, 30002]
    world.update("web", {**spec("web", ports=(port(80), port(443))), "Labels": {"a": "b"}})
    assert _ports(world, "web") == [30000, 30001]


def test_freed_ports_are_given_again_last() -> None:
    world = World()
    world.service("web", ports=(port(80), port(443)))
    world.update("web", spec("web", ports=(port(443),)))
    world.service("other", ports=(port(80),))
    assert _ports(world, "web") == [30002]
    assert _ports(world, "other") == [30003]


def test_ports_of_hosts_are_only_shown() -> None:
    world = World()
    world.service("web", ports=(port(80, 8080, "host"),))
    assert _ports(world, "web") == [8080]
    assert _vips(world, "web") == {}
    world.update("web", spec("web", ports=(port(80, 9090, "host"),)))
    assert _ports(world, "web") == [9090]


def test_a_freed_port_can_be_had_again() -> None:
    world = World()
    world.service("one", ports=(port(80, 8080),))
    world.update("one", spec("one"))
    world.service("two", ports=(port(80, 8080),))
    assert _ports(world, "two") == [8080]
    assert _ports(world, "one") == []


def test_an_allocation_is_one_write_and_none_without_need() -> None:
    world = World()
    world.network("a")
    world.service("web", networks=("a",))
    version = world.control.service("web").meta.version
    after = world.update("web", {**spec("web", networks=("a",)), "Labels": {"x": "y"}})
    assert after.meta.version == version + 1


# --- tasks and nodes ------------------------------------------------------------------------------


def test_a_task_waits_for_its_service_and_networks_and_then_for_the_scheduler() -> None:
    world = World()
    world.network("a")
    world.service("web", networks=("a",), ports=(port(80),))
    task = world.task("web")
    assert task.state == TaskState.PENDING
    assert task.status.message == "pending task scheduling"
    assert [attachment["Addresses"] for attachment in task.networks] == [
        ["10.0.0.3/24"],
        ["10.0.1.3/24"],
    ]
    assert task.endpoint == world.control.service("web").endpoint


def test_a_task_of_a_service_without_networks_needs_nothing() -> None:
    world = World()
    world.service("web")
    assert world.task("web").state == TaskState.PENDING
    assert world.task("web").networks == ()


def test_a_task_on_a_network_without_a_subnet_stays_new() -> None:
    world = World()
    configuration = {"Config": [{"Subnet": "10.9.0.0/24"}]}
    world.network("first", IPAM=configuration)
    world.network("second", IPAM=configuration)
    world.service("web", networks=("second",))
    task = world.task("web")
    assert task.state == TaskState.NEW
    world.control.remove_network("first")
    assert world.store.tasks[task.id].state == TaskState.PENDING


def test_a_full_network_gives_addresses_again_when_tasks_end() -> None:
    world = World()
    world.network("small", IPAM={"Config": [{"Subnet": "10.9.0.0/29"}]})
    world.service("web", networks=("small",))  # .1 is the gateway, .2 the service
    tasks = [world.task("web") for _ in range(5)]
    assert [task.state for task in tasks] == [TaskState.PENDING] * 4 + [TaskState.NEW]
    world.put_task(tasks[0], TaskState.FAILED)
    assert world.store.tasks[tasks[4].id].networks[0]["Addresses"] == ["10.9.0.3/29"]


def test_the_first_task_of_a_network_on_a_node_is_a_write_to_the_node() -> None:
    world = World()
    world.network("a")
    world.service("web", networks=("a",))
    node = world.node("node1")
    assert [_name(world, network) for network in node.attachments] == ["ingress"]
    first = world.put_task(world.task("web"), TaskState.ASSIGNED, node_id=node.id)
    with_network = world.store.nodes[node.id]
    assert [_name(world, n) for n in with_network.attachments] == ["ingress", "a"]
    assert with_network.meta.version > node.meta.version
    second = world.put_task(world.task("web"), TaskState.ASSIGNED, node_id=node.id)
    assert world.store.nodes[node.id] is with_network
    world.put_task(first, TaskState.SHUTDOWN)
    assert world.store.nodes[node.id] is with_network
    world.put_task(second, TaskState.SHUTDOWN)
    assert [_name(world, n) for n in world.store.nodes[node.id].attachments] == ["ingress"]


def _name(world: World, network_id: str) -> str:
    return name_of(world.store.networks[network_id])


def test_a_new_leader_takes_nothing_from_anybody() -> None:
    world = World()
    world.network("a")
    world.service("web", networks=("a",), ports=(port(80),))
    node = world.node("node1")
    task = world.put_task(world.task("web"), TaskState.ASSIGNED, node_id=node.id)
    index = world.store.index
    world.new_leader()
    assert world.store.index == index, "a new leader wrote without need"
    world.service("other", networks=("a",), ports=(port(80),))
    used = {
        *(v for v in _vips(world, "web").values()),
        *(address for each in task.networks for address in each["Addresses"]),
        *world.store.nodes[node.id].attachments.values(),
    }
    assert used.isdisjoint(_vips(world, "other").values())
    assert _ports(world, "other") == [30001]


def test_a_network_of_the_nodes_own_has_no_addresses() -> None:
    world = World()
    world.service("web", networks=("host",))
    assert _vips(world, "web") == {"host": ""}
    task = world.task("web")
    assert task.state == TaskState.PENDING
    assert "Addresses" not in task.networks[0]
    hidden = world.store.networks[task.networks[0]["Network"]["ID"]]
    assert isinstance(hidden, NetworkRecord)
    assert hidden.is_swarm_scope
