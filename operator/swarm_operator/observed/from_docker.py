"""The Engine API's JSON → the types of `observed.swarm`: tolerant in, exact out.

A field that is missing, null or of another type is read as its zero value, for engines differ in
what they leave out. Only an object without an identity is an error: to skip it would make a list
look shorter than it is.
"""

import base64
import binascii
import sys
from collections.abc import Mapping, Sequence

from swarm_operator.observed import network_definition
from swarm_operator.observed.errors import Unavailable
from swarm_operator.observed.events import KINDS, SwarmEvent
from swarm_operator.observed.json import (
    JsonObject,
    dig,
    is_number,
    number_at,
    object_at,
    objects_at,
    text_at,
)
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
    manager = object_at(raw, "ManagerStatus")
    return Node(
        id=_identity(raw, "ID", "node"),
        version=_version(raw),
        hostname=text_at(raw, "Description", "Hostname"),
        role=text_at(raw, "Spec", "Role"),
        availability=text_at(raw, "Spec", "Availability"),
        state=text_at(raw, "Status", "State"),
        address=_node_address(raw),
        labels=_labels(raw, "Spec", "Labels"),
        engine_version=text_at(raw, "Description", "Engine", "EngineVersion"),
        is_leader=manager.get("Leader") is True,
        reachability=(text_at(manager, "Reachability") or "unknown") if manager else None,
        platform=(
            text_at(raw, "Description", "Platform", "OS"),
            text_at(raw, "Description", "Platform", "Architecture"),
        ),
        engine_labels=_labels(raw, "Description", "Engine", "Labels"),
        nano_cpus=number_at(raw, "Description", "Resources", "NanoCPUs"),
        memory_bytes=number_at(raw, "Description", "Resources", "MemoryBytes"),
        plugins=frozenset(
            (text_at(plugin, "Type"), text_at(plugin, "Name"))
            for plugin in objects_at(raw, "Description", "Engine", "Plugins")
        ),
    )


def service(raw: JsonObject) -> Service:
    """A service of `GET /services` (without `insertDefaults`)."""
    previous = dig(raw, "PreviousSpec")
    return Service(
        id=_identity(raw, "ID", "service"),
        version=_version(raw),
        name=text_at(raw, "Spec", "Name"),
        spec=object_at(raw, "Spec"),
        previous_spec=previous if isinstance(previous, dict) else None,
        update_state=text_at(raw, "UpdateStatus", "State") or None,
        update_message=text_at(raw, "UpdateStatus", "Message"),
        created_at=text_at(raw, "CreatedAt"),
        updated_at=text_at(raw, "UpdatedAt"),
        virtual_ips={
            text_at(each, "NetworkID"): text_at(each, "Addr").partition("/")[0]
            for each in objects_at(raw, "Endpoint", "VirtualIPs")
            if text_at(each, "Addr")
        },
    )


def task(raw: JsonObject) -> Task:
    """A task of `GET /tasks`."""
    slot = dig(raw, "Slot")
    exit_code = dig(raw, "Status", "ContainerStatus", "ExitCode")
    pid = dig(raw, "Status", "ContainerStatus", "PID")
    iteration = dig(raw, "JobIteration", "Index")
    return Task(
        id=_identity(raw, "ID", "task"),
        # Thousands of tasks share these texts: each is kept once.
        service_id=sys.intern(text_at(raw, "ServiceID")),
        node_id=sys.intern(text_at(raw, "NodeID")) or None,
        # Tasks of global services have no slot: their node is their identity.
        slot=slot if is_number(slot) and slot > 0 else None,
        desired_state=sys.intern(text_at(raw, "DesiredState")),
        state=sys.intern(text_at(raw, "Status", "State")),
        message=sys.intern(text_at(raw, "Status", "Message")),
        error=text_at(raw, "Status", "Err"),
        exit_code=exit_code if is_number(exit_code) else None,
        pid=pid if is_number(pid) else None,
        timestamp=text_at(raw, "Status", "Timestamp"),
        created_at=text_at(raw, "CreatedAt"),
        image=sys.intern(text_at(raw, "Spec", "ContainerSpec", "Image")),
        config_ids=_references(raw, "Configs", "ConfigID"),
        secret_ids=_references(raw, "Secrets", "SecretID"),
        network_ids=_task_networks(raw),
        job_iteration=iteration if is_number(iteration) else None,
        reserved=_reserved(raw),
        unplaced=None if text_at(raw, "NodeID") else object_at(raw, "Spec", "Placement"),
        words=_words(raw),
        addresses=_addresses(raw),
        host_ports=_host_ports(raw),
    )


def _addresses(raw_task: JsonObject) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for attachment in objects_at(raw_task, "NetworksAttachments"):
        address = next(iter(dig(attachment, "Addresses") or ()), "")
        if isinstance(address, str) and address:
            found[sys.intern(text_at(attachment, "Network", "ID"))] = address.partition("/")[0]
    return found


def _host_ports(raw_task: JsonObject) -> tuple[HostPort, ...]:
    return tuple(
        HostPort(
            text_at(port, "Protocol") or "tcp",
            number_at(port, "TargetPort"),
            number_at(port, "PublishedPort"),
        )
        for port in objects_at(raw_task, "Status", "PortStatus", "Ports")
        if text_at(port, "PublishMode") in {"", "host"} and number_at(port, "PublishedPort")
    )


def _reserved(raw_task: JsonObject) -> tuple[int, int]:
    reserved = dig(raw_task, "Spec", "Resources", "Reservations")
    return (
        (number_at(reserved, "NanoCPUs"), number_at(reserved, "MemoryBytes"))
        if reserved
        else (0, 0)
    )


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
    pools = network_definition.AddressPools.of_cluster(object_at(info, "Swarm", "Cluster"))
    return tuple(
        network(raw, spec=specs.get(text_at(raw, "Id")), pools=pools)
        for raw in raw_networks
        if text_at(raw, "Scope") == "swarm"
    )


def network_specs(raw_task: JsonObject) -> Mapping[str, JsonObject]:
    """The specs of the networks that a task is on, by the network's id. They never change."""
    specs: dict[str, JsonObject] = {}
    for attachment in objects_at(raw_task, "NetworksAttachments"):
        spec = object_at(attachment, "Network", "Spec")
        if spec:
            specs[text_at(attachment, "Network", "ID")] = spec
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
        name=text_at(raw, "Name"),
        driver=text_at(raw, "Driver"),
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
        name=text_at(raw, "Spec", "Name"),
        labels=_labels(raw, "Spec", "Labels"),
        data=_data(raw),
        templating=text_at(raw, "Spec", "Templating", "Name") or None,
    )


def secret(raw: JsonObject) -> Secret:
    """A secret of `GET /secrets`; the engine never returns its data."""
    return Secret(
        id=_identity(raw, "ID", "secret"),
        version=_version(raw),
        name=text_at(raw, "Spec", "Name"),
        labels=_labels(raw, "Spec", "Labels"),
        driver=text_at(raw, "Spec", "Driver", "Name") or None,
        templating=text_at(raw, "Spec", "Templating", "Name") or None,
    )


def event(raw: JsonObject) -> SwarmEvent | None:
    """An event of `GET /events`; None for kinds that are not the swarm's."""
    kind = text_at(raw, "Type")
    time_ns = dig(raw, "timeNano")
    if kind not in KINDS:
        return None
    return SwarmEvent(
        kind=kind,
        action=text_at(raw, "Action"),
        id=text_at(raw, "Actor", "ID"),
        name=text_at(raw, "Actor", "Attributes", "name"),
        time_ns=time_ns if is_number(time_ns) else 0,
    )


def _node_address(raw: JsonObject) -> str:
    address = text_at(raw, "Status", "Addr")
    if address in UNSPECIFIED_ADDRESSES:
        return text_at(raw, "ManagerStatus", "Addr").rpartition(":")[0].strip("[]") or address
    return address


def _task_networks(raw: JsonObject) -> frozenset[str]:
    wanted = {text_at(each, "Target") for each in objects_at(raw, "Spec", "Networks")}
    attached = {text_at(each, "Network", "ID") for each in objects_at(raw, "NetworksAttachments")}
    return frozenset((wanted | attached) - {""})


def _references(raw: JsonObject, field: str, key: str) -> frozenset[str]:
    references = objects_at(raw, "Spec", "ContainerSpec", field)
    return frozenset(text_at(each, key) for each in references) - {""}


def _data(raw: JsonObject) -> bytes:
    try:
        return base64.b64decode(text_at(raw, "Spec", "Data"), validate=True)
    except binascii.Error:
        raise Unavailable("the engine listed a config whose data is not base64") from None


def _identity(raw: JsonObject, key: str, kind: str) -> str:
    identity = text_at(raw, key)
    if not identity:
        raise Unavailable(f"the engine listed a {kind} without an id")
    return identity


def _version(raw: JsonObject) -> int:
    index = dig(raw, "Version", "Index")
    return index if is_number(index) else 0


def _labels(raw: JsonObject, *path: str) -> Mapping[str, str]:
    return {str(key): str(value) for key, value in object_at(raw, *path).items()}
