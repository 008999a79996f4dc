"""The Engine API's JSON → the types of `observed.swarm`: tolerant in, exact out.

A field that is missing, null or of another type is read as its zero value, for engines differ in
what they leave out. Only an object without an identity is an error: to skip it would make a list
look shorter than it is.
"""

import base64
import binascii
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from swarm_operator.observed import network_definition
from swarm_operator.observed.errors import Unavailable
from swarm_operator.observed.events import KINDS, SwarmEvent
from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.observed.swarm import (
    Config,
    HostPort,
    Network,
    Node,
    Secret,
    Service,
    Task,
    container_words,
)

UNSPECIFIED_ADDRESSES = frozenset({"", "0.0.0.0", "127.0.0.1", "::"})  # noqa: S104
"""What an engine reports of itself before it knows its address."""


def node(raw: JsonObject) -> Node:
    """A node of `GET /nodes`."""
    manager = _object(raw, "ManagerStatus")
    return Node(
        id=_identity(raw, "ID", "node"),
        version=_version(raw),
        hostname=_text(raw, "Description", "Hostname"),
        role=_text(raw, "Spec", "Role"),
        availability=_text(raw, "Spec", "Availability"),
        state=_text(raw, "Status", "State"),
        address=_node_address(raw),
        labels=_labels(raw, "Spec", "Labels"),
        engine_version=_text(raw, "Description", "Engine", "EngineVersion"),
        is_leader=manager.get("Leader") is True,
        reachability=(_text(manager, "Reachability") or "unknown") if manager else None,
        platform=(
            _text(raw, "Description", "Platform", "OS"),
            _text(raw, "Description", "Platform", "Architecture"),
        ),
        engine_labels=_labels(raw, "Description", "Engine", "Labels"),
        nano_cpus=_number(raw, "Description", "Resources", "NanoCPUs"),
        memory_bytes=_number(raw, "Description", "Resources", "MemoryBytes"),
        plugins=frozenset(
            (_text(plugin, "Type"), _text(plugin, "Name"))
            for plugin in _objects(raw, "Description", "Engine", "Plugins")
        ),
    )


def service(raw: JsonObject) -> Service:
    """A service of `GET /services` (without `insertDefaults`)."""
    previous = dig(raw, "PreviousSpec")
    return Service(
        id=_identity(raw, "ID", "service"),
        version=_version(raw),
        name=_text(raw, "Spec", "Name"),
        spec=_object(raw, "Spec"),
        previous_spec=previous if isinstance(previous, dict) else None,
        update_state=_text(raw, "UpdateStatus", "State") or None,
        update_message=_text(raw, "UpdateStatus", "Message"),
        created_at=_text(raw, "CreatedAt"),
        updated_at=_text(raw, "UpdatedAt"),
        virtual_ips={
            _text(each, "NetworkID"): _text(each, "Addr").partition("/")[0]
            for each in _objects(raw, "Endpoint", "VirtualIPs")
            if _text(each, "Addr")
        },
    )


def task(raw: JsonObject) -> Task:
    """A task of `GET /tasks`."""
    slot = dig(raw, "Slot")
    exit_code = dig(raw, "Status", "ContainerStatus", "ExitCode")
    iteration = dig(raw, "JobIteration", "Index")
    return Task(
        id=_identity(raw, "ID", "task"),
        # Thousands of tasks share these texts: each is kept once.
        service_id=sys.intern(_text(raw, "ServiceID")),
        node_id=sys.intern(_text(raw, "NodeID")) or None,
        # Tasks of global services have no slot: their node is their identity.
        slot=slot if _is_number(slot) and slot > 0 else None,
        desired_state=sys.intern(_text(raw, "DesiredState")),
        state=sys.intern(_text(raw, "Status", "State")),
        message=sys.intern(_text(raw, "Status", "Message")),
        error=_text(raw, "Status", "Err"),
        exit_code=exit_code if _is_number(exit_code) else None,
        timestamp=_text(raw, "Status", "Timestamp"),
        created_at=_text(raw, "CreatedAt"),
        image=sys.intern(_text(raw, "Spec", "ContainerSpec", "Image")),
        config_ids=_references(raw, "Configs", "ConfigID"),
        secret_ids=_references(raw, "Secrets", "SecretID"),
        network_ids=_task_networks(raw),
        job_iteration=iteration if _is_number(iteration) else None,
        reserved=_reserved(raw),
        unplaced=None if _text(raw, "NodeID") else _object(raw, "Spec", "Placement"),
        words=_words(raw),
        addresses=_addresses(raw),
        host_ports=_host_ports(raw),
    )


def _addresses(raw_task: JsonObject) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for attachment in _objects(raw_task, "NetworksAttachments"):
        address = next(iter(dig(attachment, "Addresses") or ()), "")
        if isinstance(address, str) and address:
            found[sys.intern(_text(attachment, "Network", "ID"))] = address.partition("/")[0]
    return found


def _host_ports(raw_task: JsonObject) -> tuple[HostPort, ...]:
    return tuple(
        HostPort(
            _text(port, "Protocol") or "tcp",
            _number(port, "TargetPort"),
            _number(port, "PublishedPort"),
        )
        for port in _objects(raw_task, "Status", "PortStatus", "Ports")
        if _text(port, "PublishMode") in {"", "host"} and _number(port, "PublishedPort")
    )


def _reserved(raw_task: JsonObject) -> tuple[int, int]:
    reserved = dig(raw_task, "Spec", "Resources", "Reservations")
    return (_number(reserved, "NanoCPUs"), _number(reserved, "MemoryBytes")) if reserved else (0, 0)


def _words(raw_task: JsonObject) -> tuple[str, ...]:
    container = dig(raw_task, "Spec", "ContainerSpec")
    failed = dig(raw_task, "Status", "Err")
    return container_words(container) if failed and isinstance(container, dict) else ()


def networks(
    raw_networks: Sequence[JsonObject], specs: Mapping[str, JsonObject], info: JsonObject
) -> tuple[Network, ...]:
    """The networks of swarm scope, with what their makers asked for.

    The engine lists the subnets in use, whether they were asked for or allocated. Tasks carry the
    network's own spec (`specs` by id, see `network_specs`), where they differ; for a network without
    tasks a subnet that the allocator would have given (inside the swarm's address pools, with their
    prefix length) counts as allocated.
    """
    pools = network_definition.AddressPools.of_cluster(_object(info, "Swarm", "Cluster"))
    return tuple(
        network(raw, spec=specs.get(_text(raw, "Id")), pools=pools)
        for raw in raw_networks
        if _text(raw, "Scope") == "swarm"
    )


def network_specs(raw_task: JsonObject) -> Mapping[str, JsonObject]:
    """The specs of the networks that a task is on, by the network's id. They never change."""
    specs: dict[str, JsonObject] = {}
    for attachment in _objects(raw_task, "NetworksAttachments"):
        spec = _object(attachment, "Network", "Spec")
        if spec:
            specs[_text(attachment, "Network", "ID")] = spec
    return specs


def network(
    raw: JsonObject,
    *,
    spec: JsonObject | None = None,
    pools: network_definition.AddressPools | None = None,
) -> Network:
    """A network of `GET /networks`; `spec` is its own spec, as a task on it carries it.

    One that SwarmKit has not allocated yet, or cannot (its subnet is taken), shows neither driver
    nor options: its `driver` is "" and its `definition` says nothing.
    """
    return Network(
        id=_identity(raw, "Id", "network"),
        name=_text(raw, "Name"),
        driver=_text(raw, "Driver"),
        labels=_labels(raw, "Labels"),
        definition=network_definition.shown(
            raw, spec, pools or network_definition.AddressPools.of_cluster({})
        ),
        is_ingress=dig(raw, "Ingress") is True,
        addressing=network_definition.addressing(raw),
    )


def config(raw: JsonObject) -> Config:
    """A config of `GET /configs`."""
    return Config(
        id=_identity(raw, "ID", "config"),
        version=_version(raw),
        name=_text(raw, "Spec", "Name"),
        labels=_labels(raw, "Spec", "Labels"),
        data=_data(raw),
        templating=_text(raw, "Spec", "Templating", "Name") or None,
    )


def secret(raw: JsonObject) -> Secret:
    """A secret of `GET /secrets`; the engine never returns its data."""
    return Secret(
        id=_identity(raw, "ID", "secret"),
        version=_version(raw),
        name=_text(raw, "Spec", "Name"),
        labels=_labels(raw, "Spec", "Labels"),
        driver=_text(raw, "Spec", "Driver", "Name") or None,
        templating=_text(raw, "Spec", "Templating", "Name") or None,
    )


def event(raw: JsonObject) -> SwarmEvent | None:
    """An event of `GET /events`; None for kinds that are not the swarm's."""
    kind = _text(raw, "Type")
    time_ns = dig(raw, "timeNano")
    if kind not in KINDS:
        return None
    return SwarmEvent(
        kind=kind,
        action=_text(raw, "Action"),
        id=_text(raw, "Actor", "ID"),
        name=_text(raw, "Actor", "Attributes", "name"),
        time_ns=time_ns if _is_number(time_ns) else 0,
    )


def cluster_id(info: JsonObject) -> str:
    """The swarm's id out of `GET /info`; "" where the engine does not tell."""
    return _text(info, "Swarm", "Cluster", "ID")


def heartbeat_s(info: JsonObject) -> float:
    """Seconds between two heartbeats of a node, out of `GET /info`; Swarm's default where it does
    not tell."""
    period = _number(info, "Swarm", "Cluster", "Spec", "Dispatcher", "HeartbeatPeriod")
    return period / 1e9 or 5.0


def own_node_id(info: JsonObject) -> str:
    """The id of the node whose engine answered `GET /info`."""
    return _text(info, "Swarm", "NodeID")


def incomplete_reasons(info: JsonObject, nodes: Sequence[Node]) -> tuple[str, ...]:
    """Why what this engine says about the swarm may be old or partial; () where nothing does.

    A manager that was cut off from the others goes on answering from its own memory for a while:
    then fewer than a majority of the managers are reachable, or `Swarm.Error` says it.
    """
    return (*_engine_reasons(info), *manager_reasons(own_node_id(info), nodes))


def _engine_reasons(info: JsonObject) -> list[str]:
    reasons = []
    state = _text(info, "Swarm", "LocalNodeState") or "unknown"
    if state != "active":
        reasons.append(f"the engine's own state in the swarm is {state}, not active")
    if dig(info, "Swarm", "ControlAvailable") is not True:
        reasons.append("the engine is not a swarm manager")
    if error := _text(info, "Swarm", "Error"):
        reasons.append(f"the engine reports: {error}")
    if not cluster_id(info):
        reasons.append("the engine does not tell the swarm's id")
    return reasons


def manager_reasons(own_id: str, nodes: Sequence[Node]) -> tuple[str, ...]:
    """The part of `incomplete_reasons` that the nodes alone tell; `own_id` is the answering one."""
    managers = [node for node in nodes if node.reachability is not None]
    reachable = sum(node.reachability == "reachable" for node in managers)
    majority = len(managers) // 2 + 1
    reasons = []
    if reachable < majority:
        reasons.append(
            f"{reachable} of {len(managers)} managers are reachable, {majority} are needed"
        )
    if not any(node.is_leader for node in managers):
        reasons.append("the swarm has no leader")
    if own_id not in {node.id for node in managers}:
        reasons.append("the engine's own node is not among the managers that it lists")
    return tuple(reasons)


def _node_address(raw: JsonObject) -> str:
    address = _text(raw, "Status", "Addr")
    if address in UNSPECIFIED_ADDRESSES:
        return _text(raw, "ManagerStatus", "Addr").rpartition(":")[0].strip("[]") or address
    return address


def _task_networks(raw: JsonObject) -> frozenset[str]:
    wanted = {_text(each, "Target") for each in _objects(raw, "Spec", "Networks")}
    attached = {_text(each, "Network", "ID") for each in _objects(raw, "NetworksAttachments")}
    return frozenset((wanted | attached) - {""})


def _references(raw: JsonObject, field: str, key: str) -> frozenset[str]:
    references = _objects(raw, "Spec", "ContainerSpec", field)
    return frozenset(_text(each, key) for each in references) - {""}


def _data(raw: JsonObject) -> bytes:
    try:
        return base64.b64decode(_text(raw, "Spec", "Data"), validate=True)
    except binascii.Error:
        raise Unavailable("the engine listed a config whose data is not base64") from None


def _identity(raw: JsonObject, key: str, kind: str) -> str:
    identity = _text(raw, key)
    if not identity:
        raise Unavailable(f"the engine listed a {kind} without an id")
    return identity


def _version(raw: JsonObject) -> int:
    index = dig(raw, "Version", "Index")
    return index if _is_number(index) else 0


def _labels(raw: JsonObject, *path: str) -> Mapping[str, str]:
    return {str(key): str(value) for key, value in _object(raw, *path).items()}


def _text(value: Any, *path: str) -> str:
    found = dig(value, *path)
    return found if isinstance(found, str) else ""


def _object(value: Any, *path: str) -> JsonObject:
    found = dig(value, *path)
    return found if isinstance(found, dict) else {}


def _objects(value: Any, *path: str) -> list[JsonObject]:
    found = dig(value, *path)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _number(value: Any, *path: str) -> int:
    found = dig(value, *path)
    return found if _is_number(found) else 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
