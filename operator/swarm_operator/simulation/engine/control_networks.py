"""Networks: create and remove (moby's network router and daemon, SwarmKit controlapi/network.go)."""

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Any

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.simulation.engine import networks, normalise, validation
from swarm_operator.simulation.engine.addresses import Subnet, subnet_of
from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.control_services import needs_ingress
from swarm_operator.simulation.engine.errors import ApiError, Code, refused
from swarm_operator.simulation.engine.normalise import ApiVersion
from swarm_operator.simulation.engine.records import NetworkRecord, TaskState
from swarm_operator.simulation.engine.references import References

_DRIVERS = ("overlay", *networks.NODE_LOCAL_DRIVERS)


class NetworkControl:
    def __init__(self, kit: Kit, references: References) -> None:
        self._kit = kit
        self._references = references

    def create(self, body: Any, *, api_version: ApiVersion) -> str:
        """Only networks of swarm scope: a node's own are out of scope (501)."""
        request = normalise.network_body(body, api_version)
        name, driver = request["Name"], request["Driver"]
        self._check_name(name)
        if not name.strip():
            raise ApiError(400, f"invalid name: {name}")
        if driver not in ("", *_DRIVERS):
            raise ApiError(404, f'plugin "{driver}" not found')
        if request["ConfigOnly"] or (driver != "overlay" and request["Scope"] != "swarm"):
            raise ApiError(501, "simulation: networks of a single node are out of scope")
        _check_ipam(request["IPAM"])
        self._check_spec(request)
        network = NetworkRecord(
            id=self._kit.new_id(), name=name, body=request, is_ingress=request["Ingress"]
        )
        return self._kit.store.networks.put(network).id

    def remove(self, ref: str) -> None:
        network = self.find(ref)
        if not network.is_swarm_scope:
            if network.name in networks.PREDEFINED_NAMES:
                text = f"{network.name} is a pre-defined network and cannot be removed"
                raise ApiError(403, text)
            raise ApiError(501, "simulation: networks of a single node are out of scope")
        if network.is_ingress:
            self._check_nobody_needs_ingress()
        else:
            self._check_unused(network.id)
        self._kit.store.networks.remove(network.id)

    def find(self, ref: str) -> NetworkRecord:
        """findUniqueNetwork of the router: by id, name, beginning of an id; local ones too.

        Raises ApiError 404, or 400 where several fit.
        """
        table = self._kit.store.networks
        exact = table.get(ref)
        if exact is not None and networks.is_shown(exact):
            return exact
        named = (table[i] for i in self._references.ids_named(NetworkRecord, ref))
        if found := _one((n for n in named if n.name == ref), ref, "name"):
            return found
        if found := _one((n for n in table.all() if n.id.startswith(ref)), ref, "ID prefix"):
            return found
        raise ApiError(404, f"network {ref} not found")

    def _check_name(self, name: str) -> None:
        table = self._kit.store.networks
        taken = [table[i] for i in self._references.ids_named(NetworkRecord, name)]
        if any(n.is_swarm_scope and n.name == name for n in taken):
            raise ApiError(409, f"network with name {name} already exists")
        if name in networks.PREDEFINED_NAMES:
            raise ApiError(403, f"operation is not permitted on predefined {name} network ")
        if any(n.name == name for n in taken):
            raise ApiError(409, f"network with name {name} already exists")
        if any(n.is_swarm_scope for n in taken):
            raise refused(Code.UNKNOWN, "name conflicts with an existing object")

    def _check_spec(self, request: JsonObject) -> None:
        """validateNetworkSpec."""
        if request["Attachable"] and request["Ingress"]:
            raise refused(Code.INVALID_ARGUMENT, "ingress network cannot be attachable")
        validation.check_name(request["Name"])
        if networks.PREDEFINED_LABEL in (request["Labels"] or {}):
            text = (
                f"label {networks.PREDEFINED_LABEL} is for internally created predefined networks "
                "and cannot be applied by users"
            )
            raise refused(Code.PERMISSION_DENIED, text)
        if request["Ingress"]:
            if request["Driver"] != "overlay":
                text = "only overlay driver is currently supported for ingress network"
                raise refused(Code.UNIMPLEMENTED, text)
            for network in self._kit.store.networks.all():
                if network.is_ingress:
                    text = f"ingress network ({network.id}) is already present"
                    raise refused(Code.ALREADY_EXISTS, text)

    def _check_unused(self, network_id: str) -> None:
        if users := self._references.services_using(network_id):
            text = f"network {network_id} is in use by service {users[0]}"
            raise refused(Code.FAILED_PRECONDITION, text)
        for task_id in self._references.tasks_using(network_id):
            task = self._kit.store.tasks[task_id]
            if task.desired_state <= TaskState.RUNNING and task.state <= TaskState.RUNNING:
                text = f"network {network_id} is in use by task {task_id}"
                raise refused(Code.FAILED_PRECONDITION, text)

    def _check_nobody_needs_ingress(self) -> None:
        for service in sorted(self._kit.store.services.all(), key=lambda each: each.id):
            if needs_ingress(service.spec):
                text = (
                    f"ingress network cannot be removed because service {service.id} depends on it"
                )
                raise refused(Code.FAILED_PRECONDITION, text)


def _one(found: Iterable[NetworkRecord], ref: str, how: str) -> NetworkRecord | None:
    candidates = [network for network in found if networks.is_shown(network)]
    if len(candidates) > 1:
        text = f"network {ref} is ambiguous ({len(candidates)} matches found based on {how})"
        raise ApiError(400, text)
    return candidates[0] if candidates else None


def _check_ipam(ipam: JsonObject | None) -> None:
    """The engine's own check comes first, then SwarmKit's of the driver."""
    problems = [p for c in dig(ipam, "Config") or [] for p in _ipam_problems(c)]
    if problems:
        raise ApiError(400, "\n".join(["invalid network config:", *problems]))
    if dig(ipam, "Driver") not in (None, "default"):
        text = f"error during lookup of plugin {dig(ipam, 'Driver')}"
        raise refused(Code.INVALID_ARGUMENT, text)


def _ipam_problems(configuration: JsonObject) -> Iterator[str]:
    """ValidateIPAM of engines 25 to 28."""
    text = configuration.get("Subnet", "")
    subnet = _subnet(text)
    if subnet is None:
        yield f"invalid subnet {text}: invalid CIDR block notation"
        return
    if str(subnet) != text:
        yield f"invalid subnet {text}: it should be {subnet}"
    if addresses := configuration.get("IPRange"):
        yield from _range_problems(addresses, text, subnet)
    if gateway := configuration.get("Gateway"):
        problem = _address_problem(gateway, text, subnet)
        if problem:
            yield f"invalid gateway {gateway}: {problem}"
    for name, address in (configuration.get("AuxiliaryAddresses") or {}).items():
        problem = _address_problem(address, text, subnet)
        if problem:
            yield f"invalid auxiliary address {name}: {problem}"


def _range_problems(text: str, parent: str, subnet: Subnet) -> Iterator[str]:
    addresses = _subnet(text)
    if addresses is None:
        yield f"invalid ip-range {text}: invalid CIDR block notation"
        return
    if str(addresses) != text:
        yield f"invalid ip-range {text}: it should be {addresses}"
    if addresses.network_address not in subnet:
        yield f"invalid ip-range {text}: parent subnet {parent} doesn't contain ip-range"


def _address_problem(text: str, parent: str, subnet: Subnet) -> str:
    try:
        if ipaddress.ip_address(text) in subnet:
            return ""
    except ValueError:
        return "invalid address"
    return f"parent subnet {parent} doesn't contain this address"


def _subnet(text: str) -> Subnet | None:
    try:
        return subnet_of(text) if "/" in text else None
    except ValueError:
        return None
