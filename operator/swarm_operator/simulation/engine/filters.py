"""Which nodes may take a task, filter by filter, and why none may.

SwarmKit's manager/scheduler/filter.go and pipeline.go: the order, and the texts of the explanation.
"""

from collections.abc import Callable
from dataclasses import dataclass

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.simulation.engine import generic_resources
from swarm_operator.simulation.engine.node_set import (
    Fits,
    NodeInfo,
    host_ports_of,
    reservations_of,
)
from swarm_operator.simulation.engine.records import TaskRecord

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Filter:
    """`check` makes the test for a task's nodes; None where it does not concern the task."""

    check: Callable[[TaskRecord], Fits | None]
    explain: Callable[[int], str]
    """Why so many nodes failed."""


class Pipeline:
    """All filters, for one task (or for a batch of equal ones)."""

    def __init__(self, task: TaskRecord) -> None:
        checks = [(index, rule.check(task)) for index, rule in enumerate(FILTERS)]
        self._checks = [(index, check) for index, check in checks if check is not None]
        self._failures = [0] * len(FILTERS)
        self._is_clean = True

    def fits(self, info: NodeInfo) -> bool:
        """The first filter that fails is the one that counts."""
        for index, check in self._checks:
            if not check(info):
                self._failures[index] += 1
                self._is_clean = False
                return False
        if not self._is_clean:
            self._failures = [0] * len(FILTERS)
            self._is_clean = True
        return True

    def explanation(self) -> str:
        """Of the failures since a node last fitted, the most frequent first."""
        counts = sorted(enumerate(self._failures), key=lambda item: -item[1])
        return "; ".join(FILTERS[index].explain(count) for index, count in counts if count)


def _ready(_task: TaskRecord) -> Fits | None:
    return lambda info: info.node.state == "ready" and info.node.availability == "active"


def _resources(task: TaskRecord) -> Fits | None:
    reservations = reservations_of(task)
    cpus = reservations.get("NanoCPUs") or 0
    memory = reservations.get("MemoryBytes") or 0
    generic = reservations.get("GenericResources") or ()
    if not (cpus or memory or generic):
        return None

    def check(info: NodeInfo) -> bool:
        if cpus > info.nano_cpus or memory > info.memory_bytes:
            return False
        return all(generic_resources.is_enough(info.generic, item) for item in generic)

    return check


def _plugins(task: TaskRecord) -> Fits | None:
    """Volume, network and log drivers; a log driver that is none is everywhere."""
    mounts = dig(task.spec, "ContainerSpec", "Mounts") or ()
    wanted = [("Volume", name) for mount in mounts if (name := _volume_driver(mount))]
    for attachment in task.networks:
        name = dig(attachment, "Network", "DriverState", "Name")
        if name:
            wanted.append(("Network", name))
    log_driver = dig(task.spec, "LogDriver", "Name")
    if log_driver and log_driver != "none":
        wanted.append(("Log", log_driver))
    if not wanted:
        return None
    return lambda info: all(_has_plugin(info, kind, name) for kind, name in wanted)


def _volume_driver(mount: JsonObject) -> str:
    """Other than `local`."""
    name = dig(mount, "VolumeOptions", "DriverConfig", "Name") or ""
    return name if mount.get("Type") == "volume" and name != "local" else ""


def _has_plugin(info: NodeInfo, kind: str, name: str) -> bool:
    return (kind, name) in info.node.plugins or (kind, f"{name}:latest") in info.node.plugins


def _constraints(task: TaskRecord) -> Fits | None:
    expressions = tuple(dig(task.spec, "Placement", "Constraints") or ())
    return (lambda info: info.matches(expressions)) if expressions else None


def _platforms(task: TaskRecord) -> Fits | None:
    platforms = dig(task.spec, "Placement", "Platforms")
    if not platforms:
        return None
    return lambda info: any(_runs_on(platform, info) for platform in platforms)


def _runs_on(platform: JsonObject, info: NodeInfo) -> bool:
    wanted = _architecture(platform.get("Architecture") or "")
    system = platform.get("OS") or ""
    return wanted in ("", _architecture(info.node.architecture)) and system in ("", info.node.os)


def _architecture(name: str) -> str:
    return _ARCHITECTURES.get(name, name)


def _host_ports(task: TaskRecord) -> Fits | None:
    wanted = host_ports_of(task)
    return (lambda info: info.host_ports.isdisjoint(wanted)) if wanted else None


def _max_replicas(task: TaskRecord) -> Fits | None:
    limit = dig(task.spec, "Placement", "MaxReplicas")
    service_id = task.service_id
    return (lambda info: info.active_by_service.get(service_id, 0) < limit) if limit else None


def _cluster_volumes(task: TaskRecord) -> Fits | None:
    """There are none here: a task that wants one waits for ever."""
    mounts = dig(task.spec, "ContainerSpec", "Mounts") or ()
    is_wanted = any(mount.get("Type") == "cluster" for mount in mounts)
    return (lambda _info: False) if is_wanted else None


def _nodes(one: str, many: str) -> Callable[[int], str]:
    return lambda count: one if count == 1 else many.format(count)


FILTERS = (
    Filter(
        _ready,
        _nodes("1 node not available for new tasks", "{} nodes not available for new tasks"),
    ),
    Filter(
        _resources,
        _nodes("insufficient resources on 1 node", "insufficient resources on {} nodes"),
    ),
    Filter(_plugins, _nodes("missing plugin on 1 node", "missing plugin on {} nodes")),
    Filter(
        _constraints,
        _nodes(
            "scheduling constraints not satisfied on 1 node",
            "scheduling constraints not satisfied on {} nodes",
        ),
    ),
    Filter(
        _platforms,
        _nodes("unsupported platform on 1 node", "unsupported platform on {} nodes"),
    ),
    Filter(
        _host_ports,
        _nodes(
            "host-mode port already in use on 1 node",
            "host-mode port already in use on {} nodes",
        ),
    ),
    Filter(_max_replicas, lambda _count: "max replicas per node limit exceed"),
    Filter(
        _cluster_volumes,
        _nodes(
            "cannot fulfill requested CSI volume mounts on 1 node",
            "cannot fulfill requested CSI volume mounts on {} nodes",
        ),
    ),
)
