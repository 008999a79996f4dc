"""Virtual IPs and published ports of services (SwarmKit manager/allocator/network.go, moby's
libnetwork/cnmallocator)."""

from collections.abc import Sequence
from dataclasses import replace

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.simulation.engine import port_spaces
from swarm_operator.simulation.engine.network_allocator import NetworkAllocator
from swarm_operator.simulation.engine.port_spaces import PortSpaces, is_ingress
from swarm_operator.simulation.engine.records import ServiceRecord


class ServiceAllocator:
    def __init__(self, networks: NetworkAllocator) -> None:
        self.ingress_id = ""
        """Of the swarm's ingress network; empty where there is none."""
        self._networks = networks
        self._ports = PortSpaces()
        self._with_vips: set[str] = set()
        """Ids of services that hold virtual IPs. Only asked, never walked."""
        self._was_freed = False

    def take_up(self, service: ServiceRecord) -> None:
        """What another leader gave it: take the very same ports and addresses."""
        self._ports.allocate(_ports(service.endpoint))
        for vip in _vips(service.endpoint):
            if vip["NetworkID"] in self._networks:
                if vip.get("Addr"):
                    self._networks.take_address(vip["NetworkID"], vip["Addr"])
                self._with_vips.add(service.id)

    def is_allocated(self, service: ServiceRecord) -> bool:
        """Whether it has all that its spec asks for, and nothing else."""
        return self._has_vips(service) and self._has_ports(service)

    def allocate(self, service: ServiceRecord) -> ServiceRecord | None:
        """The record with its endpoint; None, and nothing held, where something is not to be had."""
        spec = service.spec.get("EndpointSpec")
        if needs_ingress(service.spec) and not self.ingress_id:
            return None
        given = _ports(service.endpoint)
        wished = port_spaces.reconciled(_ports(spec), given) if spec is not None else []
        self._ports.free(given)
        ports = self._ports.allocate(wished)
        if ports is None:
            return None
        vips = self._allocate_vips(service)
        if vips is None:
            self._ports.free(ports)
            return None
        return replace(service, endpoint=_endpoint(spec, ports, vips))

    def free(self, service: ServiceRecord) -> None:
        """All that a removed service had."""
        self._ports.free(_ports(service.endpoint))
        for vip in _vips(service.endpoint):
            self._free_vip(vip)
        self._with_vips.discard(service.id)

    def host_ports_changed(self, service: ServiceRecord) -> bool:
        spec, given = _ports(service.spec.get("EndpointSpec")), _ports(service.endpoint)
        return port_spaces.host_ports_changed(spec, given)

    def with_host_ports(self, service: ServiceRecord) -> ServiceRecord:
        """Ports of host mode need nothing but to be shown."""
        spec = service.spec.get("EndpointSpec")
        ports = [port for port in _ports(service.endpoint) if is_ingress(port)]
        ports += [port for port in _ports(spec) if not is_ingress(port)]
        return replace(service, endpoint=_endpoint(spec, ports, _vips(service.endpoint)))

    def take_freed(self) -> bool:
        """Whether something was freed since it was last asked."""
        freed, self._was_freed = self._was_freed, False
        return freed

    # --- below --------------------------------------------------------------------------------------

    def _has_ports(self, service: ServiceRecord) -> bool:
        spec, endpoint = service.spec.get("EndpointSpec"), service.endpoint
        if not _ports(spec) and not _ports(endpoint):
            return True
        if spec is None or endpoint is None:
            return False
        return port_spaces.are_given(_ports(spec), _ports(endpoint))

    def _has_vips(self, service: ServiceRecord) -> bool:
        """IsServiceAllocated."""
        mode = dig(service.spec, "EndpointSpec", "Mode") or "vip"
        wished = _network_ids(service)
        vips = _vips(service.endpoint)
        holds = service.id in self._with_vips
        on = [vip["NetworkID"] for vip in vips]
        if wished and mode == "vip" and not (holds and set(wished) <= set(on)):
            return False
        for network_id in on:
            if network_id == self.ingress_id and needs_ingress(service.spec):
                if not holds:
                    return False
            elif network_id not in wished:
                return False
        return not (mode == "dnsrr" and holds)

    def _allocate_vips(self, service: ServiceRecord) -> list[JsonObject] | None:
        vips = list(_vips(service.endpoint))
        if dig(service.spec, "EndpointSpec", "Mode") == "dnsrr":
            for vip in vips:
                self._free_vip(vip)
            self._with_vips.discard(service.id)
            return []
        wished = self._wished_networks(service)
        kept: list[JsonObject] = []
        for vip in vips:
            if vip["NetworkID"] in wished:
                kept.append(vip)
            else:
                self._free_vip(vip)
        have = {vip["NetworkID"] for vip in kept}
        for network_id in wished:
            if network_id in have:
                continue
            taken = self._take_vip(network_id)
            if taken is None:
                for each in kept:
                    self._free_vip(each)
                self._with_vips.discard(service.id)
                return None
            kept.append(taken)
        if kept:
            self._with_vips.add(service.id)
        else:
            self._with_vips.discard(service.id)
        return kept

    def _wished_networks(self, service: ServiceRecord) -> list[str]:
        ingress = [self.ingress_id] if needs_ingress(service.spec) else []
        return ingress + _network_ids(service)

    def _take_vip(self, network_id: str) -> JsonObject | None:
        if network_id not in self._networks:
            return None
        if not self._networks.has_addresses(network_id):
            return {"NetworkID": network_id}
        address = self._networks.take_address(network_id)
        return None if address is None else {"NetworkID": network_id, "Addr": address}

    def _free_vip(self, vip: JsonObject) -> None:
        if vip.get("Addr"):
            self._networks.free_address(vip["NetworkID"], vip["Addr"])
        self._was_freed = True


def needs_ingress(spec: JsonObject) -> bool:
    """IsIngressNetworkNeeded: it publishes a port through the routing mesh."""
    return any(is_ingress(port) for port in _ports(spec.get("EndpointSpec")))


def _network_ids(service: ServiceRecord) -> list[str]:
    return [item["Target"] for item in service.spec["TaskTemplate"].get("Networks") or ()]


def _ports(endpoint: JsonObject | None) -> Sequence[JsonObject]:
    """Of an endpoint or of its spec."""
    return (endpoint or {}).get("Ports") or ()


def _vips(endpoint: JsonObject | None) -> Sequence[JsonObject]:
    return (endpoint or {}).get("VirtualIPs") or ()


def _endpoint(
    spec: JsonObject | None, ports: Sequence[JsonObject], vips: Sequence[JsonObject]
) -> JsonObject:
    result: JsonObject = {"Spec": spec or {}, "Ports": list(ports), "VirtualIPs": list(vips)}
    return {key: value for key, value in result.items() if value or key == "Spec"}
