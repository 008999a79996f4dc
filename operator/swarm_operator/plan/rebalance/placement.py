"""Where every task is, what each node carries, and which node may take another task of a service.

"Copies" of a service on a node are its slots with a task that is assigned there and wished to run,
whether it runs yet or not: what SwarmKit's scheduler counts (manager/scheduler/nodeinfo.go).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, NamedTuple

from swarm_operator.observed.engine_time import parse_time
from swarm_operator.observed.swarm import Node, Service, Swarm, Task
from swarm_operator.plan.rebalance import constraints
from swarm_operator.plan.rebalance.demands import (
    demand,
    host_ports,
    missing_plugin,
    placement_of,
    platform_fits,
    reservations,
    spread_labels,
)

WISHED: Final = frozenset({"ready", "running"})
"""Desired states of tasks that count: not those told to stop."""
FAILED: Final = frozenset({"failed", "rejected", "complete"})
"""`complete` too: a server that ends by itself with 0, or so when its health check fails."""
FAILURE_MEMORY_S: Final = 600.0
"""A node where a task of the service failed is no target for this long, in seconds."""
REPORTED_WITHIN: Final = timedelta(minutes=2)
"""After its return a node has said what became of the tasks that went down with it. Of one that Swarm
gave it when it was dead already, and that it never started, its agent says so after half a minute only:
it tries to remove what there never was."""
NEVER_LABEL: Final = "swarm-operator.rebalance"
"""A node with this label set to `never` is neither source nor target of a move."""


@dataclass(slots=True)
class _Found:
    """What was found of a snapshot, and holds whatever moves are imagined."""

    copies: Mapping[str, Mapping[str, int]] | None = None
    totals: Mapping[str, int] | None = None
    eligible: dict[str, "_Fitting"] = field(default_factory=dict)
    """By service id."""
    fitting: dict[str, "_Fitting"] = field(default_factory=dict)
    """By what a service demands of its nodes: on large swarms many demand the same."""
    drivers: Mapping[str, str] | None = None
    spread: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Spread labels by service id."""


class _Fitting(NamedTuple):
    """Nodes that a service may use."""

    nodes: tuple[Node, ...]
    ids: frozenset[str]


@dataclass(frozen=True)
class Placement:
    """A snapshot as the planner sees it. `extra` are moves that are only imagined: by service id and
    node id, copies more or fewer than observed."""

    swarm: Swarm
    utc: datetime
    extra: Mapping[tuple[str, str], int] = field(default_factory=dict)
    returned_at: Mapping[str, datetime] = field(default_factory=dict)
    """By id of a node that was down: when it came back. What went with it did not fail there."""
    slots: Mapping[str, Mapping[int, Sequence[Task]]] = field(default_factory=dict)
    """By service id, where moves are imagined: the live tasks of each slot then."""

    stopping_are_gone: bool = False
    """Whether tasks that were told to stop hold neither reservations nor ports any more: soon they will
    not, which is what a plan is made for."""
    _found: _Found = field(default_factory=_Found, compare=False, repr=False)
    """Handed on to the placements that follow from this one."""

    @property
    def _observed(self) -> Mapping[str, Mapping[str, int]]:
        if self._found.copies is None:
            self._found.copies = _copies_of(self.swarm.tasks)
        return self._found.copies

    @cached_property
    def _imagined(self) -> Mapping[str, Mapping[str, int]]:
        """Copies of the services with imagined moves."""
        result: dict[str, dict[str, int]] = {}
        for (service_id, node_id), change in self.extra.items():
            if service_id not in result:
                result[service_id] = dict(self._observed.get(service_id, {}))
            per_node = result[service_id]
            per_node[node_id] = per_node.get(node_id, 0) + change
        return result

    def copies(self, service_id: str, node_id: str) -> int:
        return self.copies_of(service_id).get(node_id, 0)

    def copies_of(self, service_id: str) -> Mapping[str, int]:
        """By node id; nodes without a copy may be missing."""
        imagined = self._imagined.get(service_id)
        return imagined if imagined is not None else self._observed.get(service_id, {})

    @cached_property
    def totals(self) -> Mapping[str, int]:
        """Tasks by node id, of all services, global ones and foreign ones included."""
        if self._found.totals is None:
            counted = dict.fromkeys(self.swarm.nodes_by_id, 0)
            for per_node in self._observed.values():
                for node_id, count in per_node.items():
                    counted[node_id] = counted.get(node_id, 0) + count
            self._found.totals = counted
        result = dict(self._found.totals)
        for (_service_id, node_id), change in self.extra.items():
            result[node_id] = result.get(node_id, 0) + change
        return result

    def spread_labels(self, service: Service) -> tuple[str, ...]:
        found = self._found.spread.get(service.id)
        if found is None:
            found = self._found.spread[service.id] = spread_labels(service)
        return found

    def on_eligible(self, service: Service) -> tuple[Mapping[str, int], int]:
        """Copies on the service's eligible nodes, those without any left out; and the fewest on any."""
        ids = self._fitting(service).ids
        copies = self.copies_of(service.id)
        held = {node_id: count for node_id, count in copies.items() if count > 0 and node_id in ids}
        fewest = min(held.values()) if held and len(held) == len(ids) else 0
        return held, fewest

    @cached_property
    def _occupants(self) -> Mapping[str, list[Task]]:
        """Tasks that still hold their reservations and host ports: until their end was reported."""
        result: dict[str, list[Task]] = {}
        for task in self.swarm.tasks:
            if task.node_id and task.is_live and (counts(task) or not self.stopping_are_gone):
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

    @cached_property
    def _drivers(self) -> Mapping[str, str]:
        """Of networks, by id and by name: a service may refer to one by either."""
        if self._found.drivers is None:
            networks = self.swarm.networks
            by_name = {network.name: network.driver for network in networks}
            self._found.drivers = by_name | {network.id: network.driver for network in networks}
        return self._found.drivers

    @property
    def forgives(self) -> bool:
        """Whether time alone will change what may run where."""
        return bool(self._failures)

    def _is_recent(self, task: Task) -> bool:
        at = parse_time(task.timestamp)
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
        if not platform_fits(placement.get("Platforms") or (), node):
            return "the image is not for the node's platform"
        missing = missing_plugin(service.spec, node, self._drivers)
        return f"the node has no plugin {missing}" if missing else None

    def eligible(self, service: Service) -> tuple[Node, ...]:
        """The nodes over which the service is spread."""
        return self._fitting(service).nodes

    def is_eligible(self, service: Service, node_id: str) -> bool:
        return node_id in self._fitting(service).ids

    def _fitting(self, service: Service) -> _Fitting:
        found = self._found.eligible.get(service.id)
        if found is None:
            wanted = demand(service.spec, self._drivers)
            found = self._found.fitting.get(wanted)
            if found is None:
                every = self.swarm.nodes
                nodes = tuple(node for node in every if self.why_never(service, node) is None)
                found = _Fitting(nodes, frozenset(node.id for node in nodes))
                self._found.fitting[wanted] = found
            self._found.eligible[service.id] = found
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
    created, reported = parse_time(task.created_at), parse_time(task.timestamp)
    if returned_at is None or created is None or reported is None:
        return False
    return created < returned_at and reported <= returned_at + REPORTED_WITHIN


def _copies_of(tasks: Iterable[Task]) -> Mapping[str, Mapping[str, int]]:
    """By service id and node id."""
    slots = {
        (task.service_id, _node_of(task), task.slot or task.id) for task in tasks if counts(task)
    }
    result: dict[str, dict[str, int]] = {}
    for service_id, node_id, _slot in slots:
        per_node = result.setdefault(service_id, {})
        per_node[node_id] = per_node.get(node_id, 0) + 1
    return result


def counts(task: Task) -> bool:
    """Whether the task is one of its service's copies."""
    return bool(task.node_id) and task.desired_state in WISHED


def _node_of(task: Task) -> str:
    return task.node_id or ""
