"""What a network was asked to be can be told from what the engine allocated."""

from typing import Any

import pytest

from swarm_operator.observed import from_docker, network_definition
from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import Network

VXLAN = "com.docker.network.driver.overlay.vxlanid_list"


def listed(subnet: str = "10.0.1.0/24", gateway: str = "10.0.1.1", **changes: Any) -> JsonObject:
    """A network as `GET /networks` shows it (engine 26.1)."""
    return {
        "Name": "web",
        "Id": "n1",
        "Scope": "swarm",
        "Driver": "overlay",
        "EnableIPv6": False,
        "IPAM": {
            "Driver": "default",
            "Options": None,
            "Config": [{"Subnet": subnet, "Gateway": gateway}],
        },
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Options": {VXLAN: "4097"},
        "Labels": None,
        **changes,
    }


def network(raw: JsonObject, **options: Any) -> Network:
    return from_docker.network(raw, **options)


def test_a_plain_network_shows_nothing_that_was_not_asked_for() -> None:
    assert network(listed()).definition == {"Driver": "overlay"}
    assert network_definition.differences({"Driver": "overlay"}, network(listed())) == []


@pytest.mark.parametrize(
    ("subnet", "gateway"),
    [
        ("10.77.0.0/16", "10.77.0.1"),  # another length than the pool's
        ("192.168.7.0/24", "192.168.7.1"),  # outside of the pool
        ("10.0.1.0/24", "10.0.1.254"),  # a gateway that the allocator does not choose
    ],
)
def test_a_subnet_that_the_allocator_would_not_give_was_asked_for(
    subnet: str, gateway: str
) -> None:
    found = network(listed(subnet, gateway))
    assert found.definition["IPAM"]["Config"][0]["Subnet"] == subnet
    assert network_definition.differences({"Driver": "overlay"}, found) == ["IPAM.Config"]


def test_a_given_subnet_inside_the_pool_is_compared_with_the_one_in_force() -> None:
    found = network(listed())
    same = {"IPAM": {"Config": [{"Subnet": "10.0.1.0/24"}]}}
    other = {"IPAM": {"Config": [{"Subnet": "10.0.2.0/24"}]}}
    assert network_definition.differences(same, found) == []
    assert network_definition.differences(other, found) == ["IPAM.Config"]


def test_a_tasks_copy_of_the_networks_spec_tells_exactly() -> None:
    spec = {
        "DriverConfiguration": {"Name": "overlay", "Options": {"encrypted": ""}},
        "IPAMOptions": {
            "Driver": {"Name": "default"},
            "Configs": [{"Subnet": "10.0.1.0/24", "Gateway": "10.0.1.1"}],
        },
    }
    raw_task = {"NetworksAttachments": [{"Network": {"ID": "n1", "Spec": spec}}]}
    (found,) = from_docker.networks([listed()], from_docker.network_specs(raw_task), {})
    assert found.definition == {
        "Driver": "overlay",
        "Options": {"encrypted": ""},
        "IPAM": {"Config": [{"Subnet": "10.0.1.0/24"}]},
    }


def test_the_swarms_own_pools_count() -> None:
    info = {"Swarm": {"Cluster": {"DefaultAddrPool": ["172.30.0.0/16"], "SubnetSize": 26}}}
    (ours, given) = from_docker.networks(
        [listed("172.30.0.64/26", "172.30.0.65"), listed("10.0.1.0/24", "10.0.1.1")], {}, info
    )
    assert "IPAM" not in ours.definition
    assert "IPAM" in given.definition


def test_networks_of_one_node_are_left_out() -> None:
    assert from_docker.networks([listed(Scope="local")], {}, {}) == ()


def test_a_network_that_is_not_allocated_yet_differs_in_nothing() -> None:
    raw = listed(Driver="", Options=None, IPAM={"Driver": "", "Config": None})
    body = {
        "Driver": "overlay",
        "Attachable": True,
        "IPAM": {"Config": [{"Subnet": "10.9.0.0/24"}]},
    }
    assert network_definition.differences(body, network(raw)) == []


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({}, []),  # the default driver is overlay
        ({"Driver": "macvlan"}, ["Driver"]),
        ({"Attachable": True}, ["Attachable"]),
        ({"Internal": True, "EnableIPv6": True}, ["EnableIPv6", "Internal"]),
        ({"Options": {"encrypted": ""}}, ["Options"]),
        ({"IPAM": {"Driver": "default", "Config": []}}, []),
        ({"IPAM": {"Driver": "dhcp"}}, ["IPAM.Driver"]),
        ({"IPAM": {"Options": {"q": "r"}}}, ["IPAM.Options"]),
        ({"Labels": {"a": "b"}, "Scope": "swarm", "CheckDuplicate": True}, []),
    ],
)
def test_every_difference_is_named(body: JsonObject, changed: list[str]) -> None:
    assert network_definition.differences(body, network(listed())) == changed
