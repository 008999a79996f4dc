"""What the scheduler knows of each node, kept up to date task by task, and the nodes in order.

SwarmKit's manager/scheduler/nodeinfo.go and nodeset.go. The order is SwarmKit's; that nodes lie in
buckets by their count of tasks, so that a batch need not look at all of them, is ours.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeAlias

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.simulation.engine import generic_resources
from swarm_operator.simulation.engine.constraints import node_matches, parse_constraints
from swarm_operator.simulation.engine.records import NodeRecord, TaskRecord, TaskState

MONITOR_FAILURES_S = 300.0
MAX_FAILURES = 5
"""So many failures of one service version within the time above make a node a last choice."""

Version: TypeAlias = tuple[str, int]
"""Service id and spec version."""
Rank: TypeAlias = tuple[int, int, int]
HostPort: TypeAlias = tuple[str, int]
Fits: TypeAlias = Callable[["NodeInfo"], bool]


class NodeInfo:
    """A node with what its tasks take of it.

    A task told to stop counts no longer, but keeps its reservations and ports until it has ended.
    """

    __slots__ = (
        "_matches",
        "active",
        "active_by_service",
        "failures",
        "generic",
        "host_ports",
        "memory_bytes",
        "nano_cpus",
        "node",
        "position",
        "tasks",
    )

    def __init__(self, node: NodeRecord) -> None:
        self.tasks: dict[str, TaskRecord] = {}
        self.active = 0
        self.active_by_service: dict[str, int] = {}
        self.host_ports: set[HostPort] = set()
        self.failures: dict[Version, list[float]] = {}
        self.position = 0
        self.node = node
        self.renew(node)

    def renew(self, node: NodeRecord) -> None:
        """The node's record changed."""
        self.node = node
        self._matches: dict[tuple[str, ...], bool] = {}
        reservations = [reservations_of(task) for task in self.tasks.values()]
        self.nano_cpus = node.nano_cpus - sum(r.get("NanoCPUs") or 0 for r in reservations)
        self.memory_bytes = node.memory_bytes - sum(r.get("MemoryBytes") or 0 for r in reservations)
        self._count_generic()

    def matches(self, expressions: tuple[str, ...]) -> bool:
        """Placement constraints; asked often, so it is kept until the node changes."""
        known = self._matches.get(expressions)
        if known is None:
            known = node_matches(parse_constraints(expressions), self.node)
            self._matches[expressions] = known
        return known

    def add(self, task: TaskRecord) -> TaskRecord:
        """With the generic resources that it is given here."""
        reservations = reservations_of(task)
        wanted = reservations.get("GenericResources")
        if wanted and not task.assigned_generic_resources:
            given = generic_resources.claim(self.generic, wanted)
            task = replace(task, assigned_generic_resources=given)
        self.tasks[task.id] = task
        self.nano_cpus -= reservations.get("NanoCPUs") or 0
        self.memory_bytes -= reservations.get("MemoryBytes") or 0
        self.host_ports.update(host_ports_of(task))
        self._count_generic()
        if is_active(task):
            self._count(task.service_id, 1)
        return task

    def change(self, task: TaskRecord) -> None:
        """Its desired state may have moved over the line."""
        before = is_active(self.tasks[task.id])
        if is_active(task) != before:
            self.tasks[task.id] = task
            self._count(task.service_id, -1 if before else 1)

    def remove(self, task_id: str) -> None:
        task = self.tasks.pop(task_id)
        reservations = reservations_of(task)
        self.nano_cpus += reservations.get("NanoCPUs") or 0
        self.memory_bytes += reservations.get("MemoryBytes") or 0
        self.host_ports.difference_update(host_ports_of(task))
        self._count_generic()
        if is_active(task):
            self._count(task.service_id, -1)

    def note_failure(self, version: Version, now: float) -> None:
        recent = [at for at in self.failures.get(version, ()) if now - at < MONITOR_FAILURES_S]
        self.failures[version] = [*recent, now]

    def recent_failures(self, version: Version, now: float) -> int:
        times = self.failures.get(version)
        if not times:
            return 0
        return sum(1 for at in times if now - at <= MONITOR_FAILURES_S)

    def rank(self, version: Version, now: float) -> Rank:
        """The lower the better: failures count from the fifth on, then copies, then all tasks."""
        failures = self.recent_failures(version, now)
        copies = self.active_by_service.get(version[0], 0)
        return (failures if failures >= MAX_FAILURES else 0, copies, self.active)

    def _count(self, service_id: str, step: int) -> None:
        self.active += step
        count = self.active_by_service.get(service_id, 0) + step
        if count:
            self.active_by_service[service_id] = count
        else:
            del self.active_by_service[service_id]

    def _count_generic(self) -> None:
        resources = self.node.generic_resources
        if not resources:
            self.generic: tuple[JsonObject, ...] = ()
            return
        taken = [item for t in self.tasks.values() for item in t.assigned_generic_resources]
        self.generic = generic_resources.left(resources, taken)


class NodeSet:
    """All nodes by id, by their number of active tasks, and by the services that they run."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._infos: dict[str, NodeInfo] = {}
        self._buckets: dict[int, list[NodeInfo]] = {}
        self._of_service: dict[str, dict[str, None]] = {}
        self._failing: dict[Version, dict[str, None]] = {}

    def __iter__(self) -> Iterator[NodeInfo]:
        return iter(self._infos.values())

    def get(self, node_id: str) -> NodeInfo | None:
        return self._infos.get(node_id)

    def put(self, node: NodeRecord) -> None:
        info = self._infos.get(node.id)
        if info is not None:
            info.renew(node)
        else:
            info = self._infos[node.id] = NodeInfo(node)
            self._into_bucket(info)

    def drop(self, node_id: str) -> None:
        info = self._infos.pop(node_id, None)
        if info is None:
            return
        self._out_of_bucket(info, info.active)
        for service_id in info.active_by_service:
            self._of_service[service_id].pop(node_id, None)

    def add_task(self, task: TaskRecord) -> TaskRecord:
        """New or changed. Returns it with what it was given; unknown nodes are left alone."""
        info = self._infos.get(task.node_id)
        if info is None:
            return task
        before = info.active
        if task.id in info.tasks:
            info.change(task)
        else:
            task = info.add(task)
        self._recount(info, before, task.service_id)
        return task

    def remove_task(self, task: TaskRecord) -> bool:
        """Whether it was known there."""
        info = self._infos.get(task.node_id)
        if info is None or task.id not in info.tasks:
            return False
        before = info.active
        info.remove(task.id)
        self._recount(info, before, task.service_id)
        return True

    def note_failure(self, node_id: str, version: Version, now: float) -> None:
        info = self._infos.get(node_id)
        if info is not None:
            info.note_failure(version, now)
            self._failing.setdefault(version, {})[node_id] = None

    def best(self, version: Version, count: int, fits: Fits, now: float) -> list[NodeInfo]:
        """The `count` best that fit, best first; ties by chance.

        Nodes without a copy and without failures come first, in order of their tasks; so it is
        enough to go through the buckets until there are enough.
        """
        special = dict(self._of_service.get(version[0], {}))
        for node_id in self._failing.get(version, ()):
            info = self._infos.get(node_id)
            if info is not None and info.recent_failures(version, now) >= MAX_FAILURES:
                special[node_id] = None
        chosen: list[NodeInfo] = []
        for active in sorted(self._buckets):
            for info in self._by_chance(self._buckets[active]):
                if info.node.id not in special and fits(info):
                    chosen.append(info)
                    if len(chosen) == count:
                        return chosen
        rest = [info for node_id in special if fits(info := self._infos[node_id])]
        return [*chosen, *self.in_order(rest, version, now)][:count]

    def in_order(self, infos: Iterable[NodeInfo], version: Version, now: float) -> list[NodeInfo]:
        shuffled = list(infos)
        self._rng.shuffle(shuffled)
        return sorted(shuffled, key=lambda info: info.rank(version, now))

    def _by_chance(self, bucket: list[NodeInfo]) -> Iterator[NodeInfo]:
        """Each once; the bucket's own order means nothing and is changed on the way."""
        size = len(bucket)
        for index in range(size):
            other = index + int(self._rng.random() * (size - index))
            info, bucket[other] = bucket[other], bucket[index]
            bucket[index] = info
            bucket[other].position = other
            info.position = index
            yield info

    def _recount(self, info: NodeInfo, before: int, service_id: str) -> None:
        if info.active == before:
            return
        self._out_of_bucket(info, before)
        self._into_bucket(info)
        nodes = self._of_service.setdefault(service_id, {})
        if service_id in info.active_by_service:
            nodes[info.node.id] = None
        else:
            nodes.pop(info.node.id, None)
            if not nodes:
                del self._of_service[service_id]

    def _into_bucket(self, info: NodeInfo) -> None:
        bucket = self._buckets.setdefault(info.active, [])
        info.position = len(bucket)
        bucket.append(info)

    def _out_of_bucket(self, info: NodeInfo, active: int) -> None:
        bucket = self._buckets[active]
        last = bucket.pop()
        if last is not info:
            bucket[info.position] = last
            last.position = info.position
        if not bucket:
            del self._buckets[active]


def is_active(task: TaskRecord) -> bool:
    """What counts for balance: everything that is not told to stop."""
    return task.desired_state <= TaskState.COMPLETE


def reservations_of(task: TaskRecord) -> JsonObject:
    return dig(task.spec, "Resources", "Reservations") or {}


def host_ports_of(task: TaskRecord) -> list[HostPort]:
    """Protocol and number of what it publishes on its node; 0, chosen later, takes nothing."""
    return [
        (port.get("Protocol") or "tcp", port["PublishedPort"])
        for port in dig(task.endpoint, "Ports") or ()
        if port.get("PublishMode") == "host" and port.get("PublishedPort")
    ]
