"""Which tasks are servers, and by which address."""

from dataclasses import replace
from typing import Any

import pytest

from swarm_operator.observed.swarm import HostPort, Network, Node, Service, Swarm, Task
from swarm_operator.plan.routes.instances import instance_urls, shared_networks
from swarm_operator.plan.routes.published import How, Published, Servers, Target
from swarm_operator.plan.routes.servers import (
    SELF_LABEL,
    TASKS,
    VIP,
    Surroundings,
    moving_services,
)
from swarm_operator.plan.routes.tree import Origin

EDGE, APPS, INGRESS = "net-edge", "net-apps", "net-ingress"
NETWORKS = (
    Network(EDGE, "edge", "overlay", {}),
    Network(APPS, "apps", "overlay", {}),
    Network(INGRESS, "ingress", "overlay", {}, is_ingress=True),
)
PUBLISHED = Published("service shop_web", Origin("shop", "service shop_web"), service_id="s")
TARGET = Target("http", "web", 80)
NAME = {TASKS: "tasks.shop_web:80"}


def node(number: int, **changes: Any) -> Node:
    found = Node(f"n{number}", 1, f"n{number}", "worker", "active", "ready", f"10.0.0.{number}", {})
    return replace(found, **changes)


def task(number: int, desired: str = "running", state: str = "running", **more: Any) -> Task:
    addresses = {EDGE: f"10.1.0.{number}", INGRESS: f"10.255.0.{number}"}
    return Task(
        f"t{number}", more.pop("of", "s"), f"n{number}", number, desired, state,
        addresses=more.pop("addresses", addresses), network_ids=frozenset(addresses), **more,
    )  # fmt: skip


def service(replicas: int | None = 3, **more: Any) -> Service:
    mode: dict[str, Any] = {"Global": {}} if replicas is None else {}
    if replicas is not None:
        mode = {"Replicated": {"Replicas": replicas}}
    networks = more.pop("networks", [{"Target": EDGE}])
    spec = {"Mode": mode, "TaskTemplate": {"Networks": networks}, "Labels": more.pop("labels", {})}
    found = Service("s", 1, "shop_web", spec | more.pop("spec", {}))
    return replace(found, **more)


FIVE = tuple(node(each) for each in range(1, 6))


def servers(
    of: Service,
    *tasks: Task,
    target: Target = TARGET,
    withdrawn: frozenset[str] = frozenset(),
    shared: frozenset[str] | None = None,
    nodes: tuple[Node, ...] = FIVE,
    others: tuple[Service, ...] = (),
) -> Servers:
    swarm = Swarm("c", nodes=nodes, services=(of, *others), tasks=tasks, networks=NETWORKS)
    return Surroundings(swarm, withdrawn, shared).servers_of(PUBLISHED, target)


def test_running_tasks_by_their_address_on_the_network() -> None:
    found = servers(service(), task(1), task(2))
    assert found.addresses == {"t1": "10.1.0.1:80", "t2": "10.1.0.2:80"}
    assert (found.parked, found.is_served) == (False, True)


@pytest.mark.parametrize(
    "out",
    [
        task(2, desired="shutdown"),
        task(2, state="starting"),
        task(2, desired="ready", state="ready"),
        task(2, state="failed"),
        task(2, addresses={}),
        task(2, pid=0),
    ],
    ids=["told to stop", "starting", "waits", "failed", "without an address", "without a process"],
)
def test_a_task_that_is_not_wished_and_seen_to_run_is_none(out: Task) -> None:
    assert set(servers(service(), task(1), out).addresses) == {"t1"}


def test_a_task_of_a_node_that_is_down_is_none() -> None:
    nodes = (node(1), node(2, state="down"))
    assert set(servers(service(), task(1), task(2), nodes=nodes).addresses) == {"t1"}


def test_a_withdrawn_task_is_none_though_it_runs() -> None:
    found = servers(service(), task(1), task(2), withdrawn=frozenset({"t2"}))
    assert set(found.addresses) == {"t1"}


def test_without_any_task_requests_wait_at_the_name() -> None:
    found = servers(service(), task(1, desired="shutdown"))
    assert (found.addresses, found.parked, found.is_served) == (NAME, True, False)


def test_scaled_to_none_there_is_nothing_to_wait_for() -> None:
    assert servers(service(0), task(1, desired="shutdown")).addresses == {}


def test_a_single_task_that_stops_before_the_next_starts_has_its_name() -> None:
    assert servers(service(1), task(1)) == Servers(NAME, parked=True)
    start_first = service(1, spec={"UpdateConfig": {"Order": "start-first"}})
    assert set(servers(start_first, task(1)).addresses) == {"t1"}


def test_beside_a_task_on_its_way_out_the_single_one_has_its_address() -> None:
    found = servers(service(1), task(1, desired="shutdown"), task(2))
    assert set(found.addresses) == {"t2"}
    found = servers(service(1), task(1, desired="shutdown", state="shutdown"), task(2))
    assert found.addresses == NAME


def test_a_global_service_has_all_its_tasks() -> None:
    assert set(servers(service(None), task(1), task(2)).addresses) == {"t1", "t2"}


def test_of_several_networks_the_one_that_traefik_is_on() -> None:
    both = {EDGE: "10.1.0.1", APPS: "10.2.0.1"}
    of = service(networks=[{"Target": EDGE}, {"Target": APPS}])
    found = servers(of, task(1, addresses=both), shared=frozenset({EDGE}))
    assert found.addresses == {"t1": "10.1.0.1:80"}
    assert servers(of, task(1, addresses=both)).addresses == {"t1": "10.2.0.1:80"}
    named = replace(TARGET, network="edge")
    assert servers(of, task(1, addresses=both), target=named).addresses == {"t1": "10.1.0.1:80"}


def test_the_network_of_the_operators_own_stack_is_taken_last() -> None:
    both = {EDGE: "10.1.0.1", APPS: "10.2.0.1"}
    of = service(networks=[{"Target": EDGE}, {"Target": APPS}])
    own = Service("o", 1, "swarm-operator_operator", {"Labels": {SELF_LABEL: "true"}})
    swarm = Swarm(
        "c",
        nodes=(node(1), node(2)),
        services=(of, own),
        tasks=(
            task(1, addresses=both),
            replace(task(2, of="o", addresses={APPS: "10.2.0.2"}), network_ids=frozenset({APPS})),
        ),
        networks=NETWORKS,
    )
    found = Surroundings(swarm).servers_of(PUBLISHED, TARGET)
    assert found.addresses == {"t1": "10.1.0.1:80"}


def test_without_a_shared_network_nothing_can_be_reached_and_it_is_said() -> None:
    of = service(networks=[{"Target": APPS}])
    on_apps = task(1, addresses={APPS: "10.2.0.1"})
    assert servers(of, on_apps, shared=frozenset({EDGE})).addresses == {}
    swarm = Swarm("c", nodes=(node(1),), services=(of,), tasks=(on_apps,), networks=NETWORKS)
    around = Surroundings(swarm, shared=frozenset({EDGE}))
    assert "shares no network with Traefik" in around.why_unreachable(PUBLISHED, TARGET)
    assert Surroundings(swarm).why_unreachable(PUBLISHED, TARGET) == ""


HOST = {"EndpointSpec": {"Ports": [{"TargetPort": 80, "PublishMode": "host"}]}}


def on_host(number: int, **more: Any) -> Task:
    return task(number, addresses={}, host_ports=(HostPort("tcp", 80, 32000 + number),), **more)


def test_host_ports_are_reached_at_the_node() -> None:
    found = servers(service(spec=HOST, networks=[]), on_host(1), on_host(2))
    assert found.addresses == {"t1": "10.0.0.1:32001", "t2": "10.0.0.2:32002"}


def test_the_last_address_on_a_node_is_kept_for_its_successor() -> None:
    found = servers(service(spec=HOST, networks=[]), on_host(1, desired="shutdown"))
    assert (found.addresses, found.parked) == ({"t1": "10.0.0.1:32001"}, True)


def test_an_ipv6_node_is_written_in_brackets() -> None:
    found = servers(
        service(spec=HOST, networks=[]), on_host(1), nodes=(node(1, address="fd00::1"),)
    )
    assert found.addresses == {"t1": "[fd00::1]:32001"}


def test_the_virtual_address_on_request() -> None:
    vip = replace(TARGET, how=How.VIP)
    found = servers(service(virtual_ips={EDGE: "10.1.9.9"}), task(1), target=vip)
    assert found.addresses == {VIP: "10.1.9.9:80"}
    assert servers(service(), task(1), target=vip).addresses == NAME


def test_a_canary_has_the_tasks_of_the_service_that_it_names() -> None:
    canary = Service("k", 1, "shop_canary", service().spec)
    target = replace(TARGET, tasks_of="shop_canary")
    found = servers(service(), task(1), task(2, of="k"), target=target, others=(canary,))
    assert set(found.addresses) == {"t2"}
    gone = replace(TARGET, tasks_of="shop_nowhere")
    assert servers(service(), task(1), target=gone) == Servers(is_served=False)


@pytest.mark.parametrize(
    ("of", "tasks", "moves"),
    [
        (service(1), (task(1),), False),
        (service(2), (task(1),), True),
        (service(1), (task(1), task(2, desired="shutdown")), True),
        (service(1), (task(1), task(2, desired="shutdown", state="shutdown")), False),
        (service(1, update_state="updating"), (task(1),), True),
        (service(1, update_state="paused"), (task(1),), False),
        (service(None), (task(1), task(2, state="starting")), True),
        (service(None), (task(1), task(2, pid=0)), True),
    ],
)
def test_what_moves_is_looked_at_often(of: Service, tasks: tuple[Task, ...], moves: bool) -> None:
    swarm = Swarm("c", services=(of,), tasks=tasks)
    assert moving_services(swarm, [of]) == ({"s"} if moves else set())


def traefik(*tasks: Task) -> Swarm:
    of = Service("tr", 1, "edge_traefik", {"TaskTemplate": {}})
    return Swarm("c", nodes=(node(1), node(2)), services=(of,), tasks=tasks, networks=NETWORKS)


def test_instances_are_the_running_tasks_of_traefiks_service() -> None:
    swarm = traefik(task(1, of="tr"), task(2, of="tr", desired="shutdown"))
    urls = instance_urls(swarm, "edge_traefik", ["http://{address}:8080"])
    assert urls == {"n1 (t1)": "http://10.1.0.1:8080"}
    urls = instance_urls(swarm, "edge_traefik", ["http://{node}:8080"])
    assert urls == {"n1 (t1)": "http://10.0.0.1:8080"}
    assert instance_urls(swarm, "edge_traefik", []) == {}
    assert instance_urls(swarm, None, ["http://a:1", "http://b:1"]) == {
        "http://a:1": "http://a:1",
        "http://b:1": "http://b:1",
    }
    assert shared_networks(swarm, "edge_traefik") == frozenset({EDGE})
    assert shared_networks(swarm, None) is None


def test_where_the_api_is_published_in_host_mode_the_node_is_asked() -> None:
    published = task(1, of="tr", host_ports=(HostPort("tcp", 8080, 8080),))
    urls = instance_urls(traefik(published), "edge_traefik", ["http://{address}:8080"])
    assert urls == {"n1 (t1)": "http://10.0.0.1:8080"}
    other = task(1, of="tr", host_ports=(HostPort("tcp", 80, 80),))
    urls = instance_urls(traefik(other), "edge_traefik", ["http://{address}:8080"])
    assert urls == {"n1 (t1)": "http://10.1.0.1:8080"}
