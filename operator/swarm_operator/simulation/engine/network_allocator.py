"""Subnets, addresses and driver states of the swarm's networks (moby libnetwork/cnmallocator).

What it knows is in memory only: a new leader builds it again out of the store.
"""

from collections.abc import Iterator
from dataclasses import replace

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.simulation.engine.addresses import (
    AddressPool,
    Subnet,
    SubnetPool,
    subnet_of,
    take_from,
)
from swarm_operator.simulation.engine.networks import driver_of, is_node_local
from swarm_operator.simulation.engine.records import NetworkRecord

VXLAN_IDS = "com.docker.network.driver.overlay.vxlanid_list"
_SERIAL = "com.docker.network.ipam.serial"
_FIRST_VXLAN_ID = 4096


class NetworkAllocator:
    """By network id. A network of nodes' own drivers is allocated, but has no addresses."""

    def __init__(self) -> None:
        self._subnets = SubnetPool()
        self._pools: dict[str, list[AddressPool]] = {}
        self._vxlan_ids: dict[str, list[int]] = {}
        self._vxlan_taken: set[int] = set()
        self._vxlan_next = _FIRST_VXLAN_ID

    def __contains__(self, network_id: str) -> bool:
        return network_id in self._pools

    def has_addresses(self, network_id: str) -> bool:
        """Whether it is allocated, and an overlay."""
        return bool(self._pools.get(network_id))

    def allocate(self, network: NetworkRecord) -> NetworkRecord | None:
        """The record with what it was given; None where a subnet is not to be had.

        For one that was allocated before, that very state is taken up again.
        """
        driver = driver_of(network)
        if is_node_local(network):
            self._pools[network.id] = []
            nothing: JsonObject = {"Driver": "", "Options": None, "Config": []}
            return replace(network, allocated={"Driver": driver, "Options": None, "IPAM": nothing})
        configurations = self._allocate_pools(network)
        if configurations is None:
            return None
        options = self._driver_options(network, len(configurations))
        ipam = {
            "Driver": dig(network.body, "IPAM", "Driver") or "default",
            "Options": _ipam_options(network),
            "Config": configurations,
        }
        return replace(network, allocated={"Driver": driver, "Options": options, "IPAM": ipam})

    def free(self, network_id: str) -> None:
        for pool in self._pools.pop(network_id, []):
            self._subnets.release(pool.subnet)
        self._vxlan_taken.difference_update(self._vxlan_ids.pop(network_id, []))

    def take_address(self, network_id: str, wished: str = "") -> str | None:
        """`address/length`, the wished one where it is given; None where there is none left."""
        pools = self._pools[network_id]
        if not wished:
            return take_from(pools)
        for pool in pools:
            if (address := pool.claim(wished)) is not None:
                return address
        return None

    def free_address(self, network_id: str, address: str) -> None:
        for pool in self._pools.get(network_id, []):
            if address in pool:
                pool.release(address)

    # --- below --------------------------------------------------------------------------------------

    def _allocate_pools(self, network: NetworkRecord) -> list[JsonObject] | None:
        """What was given before counts; else what was asked for; else one subnet of the pool."""
        wished = dig(network.allocated, "IPAM", "Config") or dig(network.body, "IPAM", "Config")
        pools: list[AddressPool] = []
        configurations = []
        for configuration in wished or [{}]:
            subnet = self._claim_subnet(configuration.get("Subnet", ""))
            if subnet is None:
                for pool in pools:
                    self._subnets.release(pool.subnet)
                return None
            addresses = configuration.get("IPRange", "")
            pool = AddressPool(subnet, subnet_of(addresses) if addresses else None)
            gateway = configuration.get("Gateway", "")
            taken = (pool.claim(gateway) if gateway else pool.take()) or gateway
            pools.append(pool)
            shown = {
                "Subnet": str(subnet),
                "IPRange": addresses,
                "Gateway": taken.partition("/")[0],
            }
            configurations.append({key: value for key, value in shown.items() if value})
        self._pools[network.id] = pools
        return configurations

    def _claim_subnet(self, wished: str) -> Subnet | None:
        if not wished:
            return self._subnets.take()
        subnet = subnet_of(wished)
        return subnet if self._subnets.claim(subnet) else None

    def _driver_options(self, network: NetworkRecord, subnets: int) -> dict[str, str]:
        """Those asked for, and a VXLAN id for each subnet."""
        given: dict[str, str] = dict(network.body.get("Options") or {})
        before = dig(network.allocated, "Options", VXLAN_IDS) or given.get(VXLAN_IDS, "")
        ids = [int(text) for text in before.split(",") if text.strip().isdigit()]
        ids += self._free_vxlan_ids(subnets - len(ids))
        self._vxlan_taken.update(ids)
        self._vxlan_ids[network.id] = ids
        options = {**given, VXLAN_IDS: ",".join(map(str, ids))}
        return dict(sorted(options.items()))  # as Go writes maps

    def _free_vxlan_ids(self, count: int) -> Iterator[int]:
        for _ in range(count):
            while self._vxlan_next in self._vxlan_taken:
                self._vxlan_next += 1
            yield self._vxlan_next
            self._vxlan_next += 1


def _ipam_options(network: NetworkRecord) -> dict[str, str] | None:
    """The engine notes its way of giving out addresses beside options that were asked for."""
    options = dig(network.body, "IPAM", "Options")
    return {**options, _SERIAL: "true"} if options else None
