"""The networks that are there from the start, and what tells one kind of network from another."""

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.records import NetworkRecord

PREDEFINED_LABEL = "com.docker.swarm.predefined"
"""On the swarm's own twins of `bridge` and `host`: services attach to those, no list shows them."""

PREDEFINED_NAMES = ("bridge", "host", "none")
"""Node-local networks that every engine has, and that nobody can make or remove."""

LOCAL_DRIVERS = {"bridge": "bridge", "host": "host", "none": "null", "docker_gwbridge": "bridge"}
"""Of the node-local networks of a swarm's node, by name."""

_LOCAL_SUBNETS = {"bridge": "172.17.0", "docker_gwbridge": "172.18.0"}
"""The first three numbers of a /16."""

NODE_LOCAL_DRIVERS = ("bridge", "host", "ipvlan", "macvlan", "null")
"""Drivers for which the swarm allocates nothing."""


def seed_networks(kit: Kit, *, ingress_subnet: str = "") -> None:
    """What `docker swarm init` leaves behind: ingress, the predefined twins, the node's own.

    Each node, service and task that takes part in ingress has an address there: the /24 of the
    default ends at 253. `ingress_subnet` is what the admin of a larger swarm chose instead.
    """
    # As the engine asks for it: with neither driver nor, by default, addresses named.
    ipam = _ipam("", None)
    if ingress_subnet:
        ipam = {**ipam, "Config": [{"Subnet": ingress_subnet}]}
    kit.store.networks.put(
        NetworkRecord(
            id=kit.new_id(),
            name="ingress",
            body=_body("ingress", "", Ingress=True, IPAM=ipam),
            is_ingress=True,
        )
    )
    for name in ("bridge", "host"):
        body = _body(name, name, Labels={PREDEFINED_LABEL: "true"})
        kit.store.networks.put(NetworkRecord(id=kit.new_id(), name=name, body=body))
    for name, driver in LOCAL_DRIVERS.items():
        network_id = f"{kit.rng.getrandbits(256):064x}"
        ipam = _ipam("default", _LOCAL_SUBNETS.get(name))
        kit.store.networks.put(
            NetworkRecord(
                id=network_id,
                name=name,
                body=_body(name, driver),
                allocated={"Driver": driver, "Options": None, "IPAM": ipam},
                is_swarm_scope=False,
            )
        )


def is_predefined(network: NetworkRecord) -> bool:
    """One of the swarm's hidden twins."""
    return network.is_swarm_scope and PREDEFINED_LABEL in (network.body.get("Labels") or {})


def is_shown(network: NetworkRecord) -> bool:
    """Whether a list of networks has it."""
    return not is_predefined(network)


def driver_of(network: NetworkRecord) -> str:
    """Of the request; the default is SwarmKit's."""
    driver: str = network.body.get("Driver") or "overlay"
    return driver


def is_node_local(network: NetworkRecord) -> bool:
    """Of swarm scope or not: the swarm gives out no addresses on it."""
    return not network.is_swarm_scope or driver_of(network) in NODE_LOCAL_DRIVERS


def _body(name: str, driver: str, **members: object) -> JsonObject:
    return {
        "Name": name,
        "Driver": driver,
        "IPAM": None,
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigOnly": False,
        "Options": None,
        "Labels": None,
        **members,
    }


def _ipam(driver: str, subnet: str | None) -> JsonObject:
    config = [{"Subnet": f"{subnet}.0/16", "Gateway": f"{subnet}.1"}] if subnet else None
    return {"Driver": driver, "Options": None, "Config": config}
