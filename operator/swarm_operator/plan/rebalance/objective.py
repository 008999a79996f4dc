"""What balance means: three sums, compared one after another, that every move must lower.

F0: services with spread preferences, their copies per branch squared, level by level. F1: every
service's copies per eligible node squared. F2: every node's load squared. Sums of squares fall
exactly when something goes from more to fewer, so no two moves can undo each other.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from swarm_operator.observed.swarm import Node, Service
from swarm_operator.plan.rebalance.demands import reservations, spread_labels
from swarm_operator.plan.rebalance.placement import Placement

_NODE_LABEL: Final = "node.labels."
_ENGINE_LABEL: Final = "engine.labels."


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """By how much a move changes the three sums; negative is better. Ordered as they count."""

    branches: tuple[int, ...] = ()
    copies: int = 0
    load: float = 0.0

    @property
    def lowers_spread(self) -> bool:
        return (self.branches, self.copies) < ((0,) * len(self.branches), 0)

    @property
    def keeps_spread(self) -> bool:
        return not any(self.branches) and self.copies == 0


@dataclass(frozen=True, slots=True)
class Loads:
    """Every node's load in one unit, and what one task of a service weighs in it."""

    by_node: Mapping[str, float]
    by_reservation: bool
    step: float
    """The least by which two nodes must differ, beyond the task itself, before load alone moves it."""
    reserved: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """CPU and memory of the tasks on each node, where loads are by reservation."""

    @property
    def apart(self) -> float:
        """By how much two nodes may stay apart, as far as a task can say it."""
        return self.step if self.by_reservation else math.ceil(self.step + 1.0) - 1.0

    def weight(self, service: Service, node: Node) -> float:
        return share(reservations(service.spec), node) if self.by_reservation else 1.0

    def with_one(self, service: Service, node: Node, sign: int) -> float:
        """The node's load with a task of the service more (+1) or fewer (-1). The larger of two shares
        is no sum: a task that reserves memory weighs nothing where processors are what is short."""
        if not self.by_reservation:
            return self.by_node.get(node.id, 0.0) + sign
        cpus, memory = self.reserved.get(node.id, (0, 0))
        wanted = reservations(service.spec)
        return share((cpus + sign * wanted[0], memory + sign * wanted[1]), node)


def loads(placement: Placement, movable: Sequence[Service]) -> Loads:
    """Loads are reserved shares where at least half of the movable tasks reserve anything, else
    numbers of tasks."""
    sizes = [(reservations(service.spec), service) for service in movable]
    tasks = {service.id: sum(placement.copies_of(service.id).values()) for service in movable}
    reserving = sum(tasks[service.id] for wanted, service in sizes if wanted != (0, 0))
    total = sum(tasks.values())
    nodes = [node for node in placement.swarm.nodes if node.state == "ready"]
    if total == 0 or 2 * reserving < total or not nodes:
        by_count = {node.id: float(placement.totals.get(node.id, 0)) for node in nodes}
        mean = sum(by_count.values()) / len(by_count) if by_count else 0.0
        return Loads(by_count, by_reservation=False, step=max(1.0, 0.1 * mean))
    reserved = _reserved(placement)
    by_share = {node.id: share(reserved.get(node.id, (0, 0)), node) for node in nodes}
    mean = sum(by_share.values()) / len(by_share)
    one = sum(tasks[s.id] * share(wanted, nodes[0]) for wanted, s in sizes) / total
    return Loads(by_share, by_reservation=True, step=max(one, 0.1 * mean), reserved=reserved)


def share(wanted: tuple[int, int], node: Node) -> float:
    """The larger of the shares of the node's processors and memory."""
    cpus = wanted[0] / node.nano_cpus if node.nano_cpus else 0.0
    memory = wanted[1] / node.memory_bytes if node.memory_bytes else 0.0
    return round(max(cpus, memory), 6)


def _reserved(placement: Placement) -> Mapping[str, tuple[int, int]]:
    """CPU and memory of the tasks on each node, by its id."""
    result: dict[str, tuple[int, int]] = {}
    for service in placement.swarm.services:
        wanted = reservations(service.spec)
        if wanted == (0, 0):
            continue
        for node_id, copies in placement.copies_of(service.id).items():
            cpus, memory = result.get(node_id, (0, 0))
            result[node_id] = (cpus + copies * wanted[0], memory + copies * wanted[1])
    return result


def branch(service: Service, node: Node) -> tuple[str, ...]:
    """The node's values of the service's spread labels, outermost first; "" where it has none."""
    return tuple(_spread_value(descriptor, node) for descriptor in spread_labels(service))


def _spread_value(descriptor: str, node: Node) -> str:
    if descriptor.lower().startswith(_NODE_LABEL):
        return node.labels.get(descriptor[len(_NODE_LABEL) :], "")
    if descriptor.lower().startswith(_ENGINE_LABEL):
        return node.engine_labels.get(descriptor[len(_ENGINE_LABEL) :], "")
    return ""


def change(
    placement: Placement, loads_: Loads, service: Service, source: Node, target: Node
) -> Change:
    """What moving one task of the service from `source` to `target` does to the sums."""
    copies = placement.copies_of(service.id)
    levels = _levels(placement, service, source, target) if placement.spread_labels(service) else ()
    per_node = _moved(copies.get(source.id, 0), copies.get(target.id, 0))
    return Change(levels, per_node, load_change(loads_, service, source, target))


def _levels(placement: Placement, service: Service, source: Node, target: Node) -> tuple[int, ...]:
    gone, come = branch(service, source), branch(service, target)
    return tuple(
        _moved(_in_branch(placement, service, gone[:level]), _in_branch(placement, service, come[:level]))
        if gone[:level] != come[:level]
        else 0
        for level in range(1, len(gone) + 1)
    )  # fmt: skip


def _moved(fuller: int, emptier: int) -> int:
    """Of (a² + b²) where one goes from a to b."""
    return 2 * (emptier - fuller + 1)


def load_change(loads_: Loads, service: Service, source: Node, target: Node) -> float:
    """Of the sum of squared loads."""
    a, b = loads_.by_node.get(source.id, 0.0), loads_.by_node.get(target.id, 0.0)
    left, then = loads_.with_one(service, source, -1), loads_.with_one(service, target, +1)
    return round(left**2 - a**2 + then**2 - b**2, 6)


def _in_branch(placement: Placement, service: Service, path: tuple[str, ...]) -> int:
    nodes = placement.swarm.nodes_by_id
    return sum(
        count
        for node_id, count in placement.copies_of(service.id).items()
        if node_id in nodes and branch(service, nodes[node_id])[: len(path)] == path
    )


def is_admissible(
    moved: Change, loads_: Loads, service: Service, source: Node, target: Node
) -> bool:
    """Whether the move is worth a restart: it lowers the spread, or keeps it and closes a gap of
    loads that is wider than the task itself and one step."""
    if moved.lowers_spread:
        return True
    if not moved.keeps_spread:
        return False
    gap = loads_.by_node.get(source.id, 0.0) - loads_.by_node.get(target.id, 0.0)
    return gap - loads_.weight(service, target) >= loads_.step and moved.load < 0
