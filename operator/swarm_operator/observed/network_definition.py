"""What a network was asked to be, in one form for what we send and what the engine shows.

The form holds only what differs from the engine's default: false switches, the driver `default` of
IPAM and the gateway that the allocator would choose are left out. So a create body and
an engine's answer compare with `==`, after `definition_of` and `shown`.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.observed.swarm import Network

SWITCHES = ("Attachable", "ConfigOnly", "EnableIPv6", "Ingress", "Internal")
ENGINE_OPTIONS = frozenset(
    {"com.docker.network.driver.overlay.vxlanid_list", "com.docker.network.ipam.serial"}
)
"""Options that SwarmKit's allocator adds by itself to what was asked for (moby, swarmkit)."""

DEFAULT_POOL = "10.0.0.0/8"
DEFAULT_PREFIX_LENGTH = 24
"""Where `docker swarm init` was given no --default-addr-pool (moby)."""


@dataclass(frozen=True, slots=True)
class AddressPools:
    """Where the allocator takes subnets from that nobody asked for."""

    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    prefix_length: int

    @classmethod
    def of_cluster(cls, cluster: JsonObject) -> Self:
        """The pools of `GET /info`'s `Swarm.Cluster`."""
        pools = dig(cluster, "DefaultAddrPool")
        given = [pool for pool in pools if _subnet(pool)] if isinstance(pools, list) else []
        parsed = (_subnet(pool) for pool in given or [DEFAULT_POOL])
        length = dig(cluster, "SubnetSize")
        return cls(
            networks=tuple(pool for pool in parsed if pool is not None),
            prefix_length=length if isinstance(length, int) and length else DEFAULT_PREFIX_LENGTH,
        )

    def could_have_given(self, configuration: JsonObject) -> bool:
        """Whether an IPAM configuration looks like one that was allocated."""
        subnet = _subnet(configuration.get("Subnet"))
        if subnet is None or set(configuration) != {"Subnet"}:
            return False
        return subnet.prefixlen == self.prefix_length and any(
            subnet.version == pool.version and subnet.subnet_of(pool)  # type: ignore[arg-type]
            for pool in self.networks
        )


def differences(body: JsonObject, network: Network) -> list[str]:
    """The fields in which a create body and a live network differ, as paths; [] where they agree.

    A network that is not allocated yet shows nothing of itself, and differs in nothing. A subnet
    that the body asks for is compared with the one in force, whoever chose that.
    """
    if not network.driver:
        return []
    wished = definition_of({**body, "Driver": body.get("Driver") or "overlay"})
    found = network.definition
    wished_ipam, found_ipam = dict(wished.pop("IPAM", {})), dict(found.get("IPAM", {}))
    subnets = wished_ipam.pop("Config", [])
    shown_subnets = found_ipam.pop("Config", [])
    if subnets:
        shown_subnets = sorted(network.addressing, key=_by_subnet)
    changed = _changed_keys(wished, {k: v for k, v in found.items() if k != "IPAM"})
    changed += [f"IPAM.{key}" for key in _changed_keys(wished_ipam, found_ipam)]
    return changed + (["IPAM.Config"] if subnets != shown_subnets else [])


def _changed_keys(wished: JsonObject, found: JsonObject) -> list[str]:
    return [key for key in sorted(wished | found) if wished.get(key) != found.get(key)]


def definition_of(body: JsonObject) -> JsonObject:
    """The definition that a body of `POST /networks/create` asks for."""
    return _definition(
        driver=body.get("Driver"),
        options=_texts(body.get("Options")),
        switches=body,
        config_from=dig(body, "ConfigFrom", "Network"),
        ipam_driver=dig(body, "IPAM", "Driver"),
        ipam_options=_texts(dig(body, "IPAM", "Options")),
        ipam_configs=addressing(body),
    )


def shown(raw: JsonObject, spec: JsonObject | None, pools: AddressPools) -> JsonObject:
    """The definition of a network that the engine lists.

    With `spec`, the network's own spec out of a task's attachment, it is exact. Without, options
    that the allocator adds are taken away, and so is a subnet that it could have given.
    """
    if spec is not None:
        ipam = dig(spec, "IPAMOptions") or {}
        return _definition(
            driver=dig(spec, "DriverConfiguration", "Name") or raw.get("Driver"),
            options=_texts(dig(spec, "DriverConfiguration", "Options")),
            switches=raw,
            config_from=dig(raw, "ConfigFrom", "Network"),
            ipam_driver=dig(ipam, "Driver", "Name"),
            ipam_options=_without_engine_options(dig(ipam, "Driver", "Options")),
            ipam_configs=_configurations(dig(ipam, "Configs")),
        )
    return _definition(
        driver=raw.get("Driver"),
        options=_without_engine_options(raw.get("Options")),
        switches=raw,
        config_from=dig(raw, "ConfigFrom", "Network"),
        ipam_driver=dig(raw, "IPAM", "Driver"),
        ipam_options=_without_engine_options(dig(raw, "IPAM", "Options")),
        ipam_configs=tuple(each for each in addressing(raw) if not pools.could_have_given(each)),
    )


def addressing(raw: JsonObject) -> tuple[JsonObject, ...]:
    """The IPAM configurations in force, asked for or allocated, without default gateways."""
    return _configurations(dig(raw, "IPAM", "Config"))


def _definition(
    *,
    driver: Any,
    options: Mapping[str, str],
    switches: JsonObject,
    config_from: Any,
    ipam_driver: Any,
    ipam_options: Mapping[str, str],
    ipam_configs: tuple[JsonObject, ...],
) -> JsonObject:
    ipam: JsonObject = {
        "Driver": "" if ipam_driver == "default" else ipam_driver,
        "Options": dict(ipam_options),
        "Config": sorted(ipam_configs, key=_by_subnet),
    }
    definition: JsonObject = {
        "Driver": driver,
        "Options": dict(options),
        "ConfigFrom": config_from,
        "IPAM": _without_zeros(ipam),
        **{name: switches.get(name) is True for name in SWITCHES},
    }
    return _without_zeros(definition)


def _by_subnet(configuration: JsonObject) -> str:
    return str(configuration.get("Subnet"))


def _configurations(value: Any) -> tuple[JsonObject, ...]:
    if not isinstance(value, list):
        return ()
    found = (_configuration(each) for each in value if isinstance(each, dict))
    return tuple(each for each in found if each)


def _configuration(raw: JsonObject) -> JsonObject:
    # The spec's own field names are those of swarmkit: IPRange is `Range` there.
    subnet = _subnet(raw.get("Subnet"))
    addresses = _subnet(raw.get("IPRange") or raw.get("Range"))
    gateway = raw.get("Gateway")
    return _without_zeros(
        {
            "Subnet": str(subnet) if subnet else raw.get("Subnet"),
            "IPRange": str(addresses) if addresses else None,
            "Gateway": None if gateway in _default_gateways(subnet, addresses) else gateway,
        }
    )


def _default_gateways(
    subnet: ipaddress.IPv4Network | ipaddress.IPv6Network | None,
    addresses: ipaddress.IPv4Network | ipaddress.IPv6Network | None,
) -> set[str]:
    """What the allocator takes where no gateway was asked for: the first address, of the range
    where there is one (even the one that ends in zero, engine 26.1)."""
    if subnet is None:
        return set()
    candidates = {subnet.network_address + 1}
    if addresses is not None:
        candidates |= {addresses.network_address, addresses.network_address + 1}
    return {str(address) for address in candidates}


def _subnet(value: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(value, strict=False) if isinstance(value, str) else None
    except ValueError:
        return None


def _without_engine_options(value: Any) -> Mapping[str, str]:
    return {k: v for k, v in _texts(value).items() if k not in ENGINE_OPTIONS}


def _texts(value: Any) -> Mapping[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, Mapping) else {}


def _without_zeros(value: JsonObject) -> JsonObject:
    return {key: each for key, each in value.items() if each not in (None, False, "", [], {}, ())}
