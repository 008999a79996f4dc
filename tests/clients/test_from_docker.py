"""Raw Engine JSON becomes exact types, whatever an engine leaves out."""

import pytest

from swarm_operator.observed import engine_info, from_docker
from swarm_operator.observed.errors import Unavailable
from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import HostPort, Node


def manager(number: int, reachability: str = "reachable", *, leader: bool = False) -> Node:
    return from_docker.node(
        {
            "ID": f"node{number}",
            "ManagerStatus": {"Reachability": reachability, "Leader": leader, "Addr": "10.0.0.1:1"},
        }
    )


INFO: JsonObject = {
    "Swarm": {
        "NodeID": "node1",
        "LocalNodeState": "active",
        "ControlAvailable": True,
        "Error": "",
        "Cluster": {"ID": "swarm1"},
    }
}


def info(**changes: object) -> JsonObject:
    return {"Swarm": {**INFO["Swarm"], **changes}}


def test_a_healthy_swarm_is_complete() -> None:
    nodes = [manager(1, leader=True), manager(2), manager(3, "unreachable")]
    assert engine_info.incomplete_reasons(INFO, nodes) == ()


@pytest.mark.parametrize(
    ("raw", "nodes", "said"),
    [
        (info(Error="no leader here"), [manager(1, leader=True)], "no leader here"),
        (info(ControlAvailable=False), [manager(1, leader=True)], "not a swarm manager"),
        (info(LocalNodeState="locked"), [manager(1, leader=True)], "is locked"),
        (info(Cluster=None), [manager(1, leader=True)], "swarm's id"),
        (INFO, [manager(1)], "no leader"),
        (INFO, [manager(2, leader=True)], "own node"),
        (INFO, [], "0 of 0 managers"),
        (
            INFO,
            [manager(1, leader=True), manager(2, "unreachable"), manager(3, "unknown")],
            "1 of 3 managers are reachable, 2 are needed",
        ),
        (INFO, [manager(1, leader=True), manager(2, "unreachable")], "1 of 2 managers"),
        ({}, [manager(1, leader=True)], "unknown"),
    ],
)
def test_what_may_be_old_or_partial_is_said(raw: JsonObject, nodes: list[Node], said: str) -> None:
    assert said in "; ".join(engine_info.incomplete_reasons(raw, nodes))


def test_a_worker_has_no_reachability() -> None:
    worker = from_docker.node({"ID": "w", "Spec": {"Role": "worker"}, "ManagerStatus": None})
    assert worker.reachability is None
    assert not worker.is_manager


def test_a_node_without_an_address_of_its_own_has_that_of_its_manager() -> None:
    raw = {
        "ID": "n",
        "Status": {"Addr": "0.0.0.0"},
        "ManagerStatus": {"Addr": "[fd00::7]:2377"},
    }
    assert from_docker.node(raw).address == "fd00::7"


def test_a_task_keeps_what_it_uses() -> None:
    task = from_docker.task(
        {
            "ID": "t",
            "ServiceID": "s",
            "Slot": 2,
            "NodeID": "",
            "DesiredState": "running",
            "Status": {
                "State": "failed",
                "Err": "no such image",
                "ContainerStatus": {"PID": 0, "ExitCode": 0},
            },
            "Spec": {
                "ContainerSpec": {
                    "Image": "web:1",
                    "Configs": [{"ConfigID": "c1"}, {"ConfigID": "c2"}],
                    "Secrets": [{"SecretID": "x1"}],
                },
                "Networks": [{"Target": "n1"}],
            },
            "NetworksAttachments": [{"Network": {"ID": "ingress"}}],
            "JobIteration": {"Index": 0},
        }
    )
    assert (task.slot, task.node_id, task.job_iteration) == (2, None, 0)
    assert (task.pid, task.exit_code) == (0, 0)
    assert task.error == "no such image"
    assert task.config_ids == {"c1", "c2"}
    assert task.secret_ids == {"x1"}
    assert task.network_ids == {"n1", "ingress"}
    assert not task.is_live


@pytest.mark.parametrize(
    "convert",
    [
        from_docker.node,
        from_docker.service,
        from_docker.task,
        from_docker.config,
        from_docker.secret,
    ],
)
def test_nothing_but_an_id_is_needed(convert: object) -> None:
    assert callable(convert)
    nulls = dict.fromkeys(
        ("Spec", "Status", "Version", "ManagerStatus", "UpdateStatus", "NetworksAttachments")
    )
    assert convert({"ID": "x"}) == convert({"ID": "x", **nulls})
    with pytest.raises(Unavailable, match="without an id"):
        convert({"Spec": {"Name": "web"}})


def test_a_global_services_task_has_no_slot() -> None:
    assert from_docker.task({"ID": "t", "Slot": 0}).slot is None


def test_a_configs_data_is_decoded_and_nonsense_is_an_error() -> None:
    assert from_docker.config({"ID": "c", "Spec": {"Data": "aGk="}}).data == b"hi"
    with pytest.raises(Unavailable, match="base64") as caught:
        from_docker.config({"ID": "c", "Spec": {"Data": "geheim!"}})
    assert "geheim" not in str(caught.value)


def test_only_the_swarms_events_are_events() -> None:
    raw = {
        "Type": "service",
        "Action": "update",
        "Actor": {"ID": "s", "Attributes": {"name": "web"}},
        "timeNano": 7,
    }
    event = from_docker.event(raw)
    assert event is not None
    assert (event.kind, event.action, event.id, event.name, event.time_ns) == (
        "service",
        "update",
        "s",
        "web",
        7,
    )
    assert from_docker.event({**raw, "Type": "container"}) is None
    assert from_docker.event({}) is None


def test_a_task_has_its_addresses_and_the_ports_of_its_node() -> None:
    raw: JsonObject = {
        "ID": "t",
        "NetworksAttachments": [
            {"Network": {"ID": "n1"}, "Addresses": ["10.0.1.5/24", "10.0.1.6/24"]},
            {"Network": {"ID": "n2"}, "Addresses": None},
            {"Network": {"ID": "n3"}},
        ],
        "Status": {
            "PortStatus": {
                "Ports": [
                    {
                        "Protocol": "tcp",
                        "TargetPort": 80,
                        "PublishedPort": 32768,
                        "PublishMode": "host",
                    },
                    {"Protocol": "tcp", "TargetPort": 81, "PublishMode": "host"},
                ]
            }
        },
    }
    task = from_docker.task(raw)
    assert task.addresses == {"n1": "10.0.1.5"}
    assert task.host_ports == (HostPort("tcp", 80, 32768),)
    bare: list[JsonObject] = [{}, {"NetworksAttachments": None, "Status": {"PortStatus": {}}}]
    for nothing in bare:
        task = from_docker.task({"ID": "t", **nothing})
        assert (task.addresses, task.host_ports) == ({}, ())


def test_a_service_has_its_virtual_addresses() -> None:
    ips = [{"NetworkID": "n1", "Addr": "10.0.1.2/24"}, {"NetworkID": "n2"}]
    service = from_docker.service({"ID": "s", "Endpoint": {"VirtualIPs": ips}})
    assert service.virtual_ips == {"n1": "10.0.1.2"}
    assert from_docker.service({"ID": "s"}).virtual_ips == {}
