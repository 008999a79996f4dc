"""Where every task is, what each node carries, and which node may take another task of a service.

"Copies" of a service on a node are its slots with a task that is assigned there and wished to run,
whether it runs yet or not: what SwarmKit's scheduler counts (manager/scheduler/nodeinfo.go).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.observed.swarm import Node, Service, Swarm, Task
from swarm_operator.plan.rebalance import constraints

WISHED: Final = frozenset({"ready", "running"})
"""Desired states of tasks that count: not those told to stop."""
FAILED: Final = frozenset({"failed", "rejected"})
FAILURE_MEMORY_S: Final = 600.0
"""A node where a task of the service failed is no target for this long, in seconds."""
REPORTED_WITHIN: Final = timedelta(seconds=30)
"""After its return a node has said what became of the tasks that went down with it."""
NEVER_LABEL: Final = "swarm-operator.rebalance"
"""A node with this label set to `never` is neither source nor target of a move."""

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Placement:
    """A snapshot as the planner sees it. `extra` are moves that are only imagined: by service id and
    node id, copies more or fewer than observed."""

    swarm: Swarm
    utc: datetime
    extra: Mapping[tuple[str, str], int] = field(default_factory=dict)
    returned_at: Mapping[str, datetime] = field(default_factory=dict)
    """By id of a node that was down: when it came back. What went with it did not fail there."""

    _eligible: dict[str, tuple[Node, ...]] = field(default_factory=dict, compare=False, repr=False)
    """By service id; imagined moves change nothing of it, so it is handed on with them."""

    @cached_property
    def _copies(self) -> dict[str, dict[str, int]]:
        slots: dict[str, set[tuple[str, int | str]]] = {}
        for task in self.swarm.tasks:
            if counts(task):
                slots.setdefault(task.service_id, set()).add((_node_of(task), task.slot or task.id))
        result: dict[str, dict[str, int]] = {}
        for service_id, pairs in slots.items():
            per_node = result.setdefault(service_id, {})
            for node_id, _slot in pairs:
                per_node[node_id] = per_node.get(node_id, 0) + 1
        for (service_id, node_id), change in self.extra.items():
            per_node = result.setdefault(service_id, {})
            per_node[node_id] = per_node.get(node_id, 0) + change
        return result

    def copies(self, service_id: str, node_id: str) -> int:
        return self._copies.get(service_id, {}).get(node_id, 0)

    def copies_of(self, service_id: str) -> Mapping[str, int]:
        """By node id; nodes without a copy may be missing."""
        return self._copies.get(service_id, {})

    @cached_property
    def totals(self) -> Mapping[str, int]:
        """Tasks by node id, of all services, global ones and foreign ones included."""
        result = dict.fromkeys(self.swarm.nodes_by_id, 0)
        for per_node in self._copies.values():
            for node_id, count in per_node.items():
                result[node_id] = result.get(node_id, 0) + count
        return result

    @cached_property
    def _occupants(self) -> Mapping[str, list[Task]]:
        """Tasks that still hold their reservations and host ports: until their end was reported."""
        result: dict[str, list[Task]] = {}
        for task in self.swarm.tasks:
            if task.node_id and task.is_live:
                result.setdefault(task.node_id, []).append(task)
        return result

    @cached_property
    def _services(self) -> Mapping[str, Service]:
        return {service.id: service for service in self.swarm.services}

    @cached_property
    def _failures(self) -> frozenset[tuple[str, str]]:
        """Service and node ids where a task failed lately."""
        return frozenset(
            (task.service_id, task.node_id)
            for task in self.swarm.tasks
            if task.node_id
            and task.state in FAILED
            and self._is_recent(task)
            and not went_with_its_node(task, self.returned_at.get(task.node_id))
        )

    def _is_recent(self, task: Task) -> bool:
        at = moment(task.timestamp)
        return at is not None and (self.utc - at).total_seconds() < FAILURE_MEMORY_S

    # --- what may run where -----------------------------------------------------------------------

    def why_never(self, service: Service, node: Node) -> str | None:
        """Why the node is none of the service's, whatever runs on it now; None where it is one.

        The nodes for which this is None are the service's eligible nodes: over them it is spread.
        """
        if node.state != "ready":
            return f"the node is {node.state}"
        if node.availability != "active":
            return f"the node's availability is {node.availability}"
        if node.labels.get(NEVER_LABEL) == "never":
            return f"the node's label {NEVER_LABEL} says never"
        placement = placement_of(service.spec)
        missed = constraints.unsatisfied(placement.get("Constraints") or (), node)
        if missed is not None:
            return f"the constraint {missed} does not hold there"
        if not _platform_fits(placement.get("Platforms") or (), node):
            return "the image is not for the node's platform"
        missing = _missing_plugin(service.spec, node)
        return f"the node has no plugin {missing}" if missing else None

    def eligible(self, service: Service) -> tuple[Node, ...]:
        """The nodes over which the service is spread."""
        found = self._eligible.get(service.id)
        if found is None:
            nodes = self.swarm.nodes
            found = tuple(node for node in nodes if self.why_never(service, node) is None)
            self._eligible[service.id] = found
        return found

    def why_not_now(self, service: Service, node: Node) -> str | None:
        """Why the eligible node cannot take one more task of the service at present."""
        limit = placement_of(service.spec).get("MaxReplicas") or 0
        copies = self.copies(service.id, node.id)
        if limit and copies >= limit:
            return f"max_replicas_per_node is {limit}"
        if (service.id, node.id) in self._failures:
            return "a task of the service failed there in the last 10 minutes"
        if not self._resources_fit(service, node):
            return "its reservations do not fit there"
        port = self._taken_port(service, node)
        return f"the host port {port} is taken there" if port else None

    def _resources_fit(self, service: Service, node: Node) -> bool:
        wanted = reservations(service.spec)
        if wanted == (0, 0):
            return True
        held = [task.reserved for task in self._occupants.get(node.id, ())]
        free = (
            node.nano_cpus - sum(cpus for cpus, _ in held),
            node.memory_bytes - sum(memory for _, memory in held),
        )
        return wanted[0] <= free[0] and wanted[1] <= free[1]

    def _taken_port(self, service: Service, node: Node) -> str | None:
        wanted = host_ports(service.spec)
        if not wanted:
            return None
        for task in self._occupants.get(node.id, ()):
            other = self._services.get(task.service_id)
            taken = wanted & host_ports(other.spec) if other is not None else frozenset()
            if taken:
                protocol, port = min(taken)
                return f"{port}/{protocol}"
        if self.extra.get((service.id, node.id), 0) > 0:
            protocol, port = min(wanted)
            return f"{port}/{protocol}"
        return None


def went_with_its_node(task: Task, returned_at: datetime | None) -> bool:
    """Whether a task's failure is only what its node, back from being down, says of what ran there
    before."""
    created, reported = moment(task.created_at), moment(task.timestamp)
    if returned_at is None or created is None or reported is None:
        return False
    return created < returned_at and reported <= returned_at + REPORTED_WITHIN


def counts(task: Task) -> bool:
    """Whether the task is one of its service's copies."""
    return bool(task.node_id) and task.desired_state in WISHED


def _node_of(task: Task) -> str:
    return task.node_id or ""


def placement_of(spec: JsonObject) -> JsonObject:
    placement: JsonObject = dig(spec, "TaskTemplate", "Placement") or {}
    return placement


def reservations(spec: JsonObject) -> tuple[int, int]:
    """Reserved CPU (in 10⁻⁹ of one) and memory (bytes) of one task."""
    reserved = dig(spec, "TaskTemplate", "Resources", "Reservations") or {}
    return int(reserved.get("NanoCPUs") or 0), int(reserved.get("MemoryBytes") or 0)


def host_ports(spec: JsonObject) -> frozenset[tuple[str, int]]:
    """Protocol and number of the ports that are published on the node itself."""
    ports: Iterable[JsonObject] = dig(spec, "EndpointSpec", "Ports") or ()
    return frozenset(
        (str(port.get("Protocol") or "tcp"), int(port["PublishedPort"]))
        for port in ports
        if port.get("PublishMode") == "host" and port.get("PublishedPort")
    )


def moment(timestamp: str) -> datetime | None:
    """The engine's RFC 3339 with nanoseconds; None where it is none."""
    head, dot, fraction = timestamp.removesuffix("Z").partition(".")
    try:
        return datetime.fromisoformat(f"{head}{dot}{fraction[:6]}+00:00")
    except ValueError:
        return None


def _platform_fits(platforms: Iterable[JsonObject], node: Node) -> bool:
    wanted = [
        (str(item.get("OS") or ""), str(item.get("Architecture") or "")) for item in platforms
    ]
    if not wanted:
        return True
    os, architecture = node.platform
    actual = _ARCHITECTURES.get(architecture, architecture)
    return any(
        (not o or o == os) and (not a or _ARCHITECTURES.get(a, a) == actual) for o, a in wanted
    )


def _missing_plugin(spec: JsonObject, node: Node) -> str | None:
    """A volume or log driver that the node does not report; a node that reports none of a kind is
    not held to it, for old engines did not tell."""
    kinds = {kind for kind, _ in node.plugins}
    for kind, name in _plugins(spec):
        known = (kind, name) in node.plugins or (kind, f"{name}:latest") in node.plugins
        if not known and kind in kinds:
            return name
    return None


def _plugins(spec: JsonObject) -> Iterable[tuple[str, str]]:
    container: Any = dig(spec, "TaskTemplate", "ContainerSpec") or {}
    for mount in container.get("Mounts") or ():
        driver = dig(mount, "VolumeOptions", "DriverConfig", "Name")
        if mount.get("Type") == "volume" and driver and driver != "local":
            yield "Volume", driver
    log = dig(spec, "TaskTemplate", "LogDriver", "Name")
    if log and log != "none":
        yield "Log", log
