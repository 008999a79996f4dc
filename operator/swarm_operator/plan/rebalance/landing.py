"""What Swarm itself would do: where the extra task of a surge lands, which task a scale-down takes.

SwarmKit chooses among the nodes that the fence leaves (manager/scheduler), and trims by its index
rule (manager/orchestrator/replicated/slot.go). Ties are random there, so both answers are sets.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from swarm_operator.observed.swarm import Node, Service, Task
from swarm_operator.plan.rebalance.objective import branch
from swarm_operator.plan.rebalance.placement import Placement, counts

STABLE_SORT_UP_TO: Final = 12
"""Slots; beyond, the order of equal ones is not defined (Go's sort)."""


def landings(placement: Placement, service: Service, target: Node) -> frozenset[str]:
    """The ids of the nodes on which the extra task may land, under a fence for `target`: of the
    nodes without a copy only the target is left, and none may hold more than the target will."""
    cap = placement.copies(service.id, target.id)
    within = [
        node
        for node in placement.swarm.nodes
        if (node.id == target.id or 0 < placement.copies(service.id, node.id) <= cap)
        and placement.why_never(service, node) is None
        and placement.why_not_now(service, node) is None
    ]
    return _least(placement, service, _emptiest_branches(placement, service, within))


def _emptiest_branches(
    placement: Placement, service: Service, nodes: Sequence[Node]
) -> Sequence[Node]:
    """Level by level, those in the branches with the fewest tasks of the service, of all branches
    that have room. What counts are the tasks on all nodes of a branch."""
    if not nodes:
        return nodes
    counted: dict[tuple[str, ...], int] = {}
    for node in placement.swarm.nodes:
        path = branch(service, node)
        for level in range(1, len(path) + 1):
            copies = placement.copies(service.id, node.id)
            counted[path[:level]] = counted.get(path[:level], 0) + copies
    left = list(nodes)
    for level in range(1, len(branch(service, left[0])) + 1):
        fewest = min(counted[branch(service, node)[:level]] for node in left)
        left = [node for node in left if counted[branch(service, node)[:level]] == fewest]
    return left


def _least(placement: Placement, service: Service, nodes: Sequence[Node]) -> frozenset[str]:
    ranks = {
        node.id: (placement.copies(service.id, node.id), placement.totals.get(node.id, 0))
        for node in nodes
    }
    best = min(ranks.values(), default=None)
    return frozenset(node_id for node_id, rank in ranks.items() if rank == best)


def victims(slots: Mapping[int, Sequence[Task]]) -> frozenset[int]:
    """The slots of which a scale-down by one takes one; `slots` by number, their live tasks."""
    return _odd(slots) or _by_index(slots)


def _odd(slots: Mapping[int, Sequence[Task]]) -> frozenset[int]:
    """Slots with other than exactly one live task, or whose task has no node, go first."""
    return frozenset(n for n, tasks in slots.items() if len(tasks) != 1 or not tasks[0].node_id)


def _by_index(slots: Mapping[int, Sequence[Task]]) -> frozenset[int]:
    running = {n: any(task.state == "running" for task in tasks) for n, tasks in slots.items()}
    order = sorted(slots, key=lambda n: (not running[n], n))
    seen: dict[str, int] = {}
    indexes: dict[int, int] = {}
    for number in order:
        node_id = slots[number][0].node_id or ""
        seen[node_id] = seen.get(node_id, 0) + 1
        indexes[number] = seen[node_id]
    highest = max(indexes.values(), default=0)
    tied = [number for number in order if indexes[number] == highest]
    return frozenset(tied if len(slots) > STABLE_SORT_UP_TO else tied[-1:])


def live_slots(tasks: Iterable[Task]) -> dict[int, list[Task]]:
    """The live, wished tasks of a replicated service by slot number, in the order read."""
    result: dict[int, list[Task]] = {}
    for task in tasks:
        wished = counts(task) or (not task.node_id and task.desired_state in {"ready", "running"})
        if wished and task.slot is not None and task.is_live:
            result.setdefault(task.slot, []).append(task)
    return result


def surged(
    slots: Mapping[int, Sequence[Task]], service: Service, target: Node
) -> Mapping[int, Sequence[Task]]:
    """The slots with an extra task that runs on `target`, in the lowest free one."""
    free = next(number for number in range(1, len(slots) + 2) if number not in slots)
    return {**slots, free: [Task("extra", service.id, target.id, free, "running", "running")]}


def leaves_from(slots: Mapping[int, Sequence[Task]]) -> frozenset[str]:
    """The ids of the nodes from which a scale-down by one may take a task."""
    return frozenset(slots[number][0].node_id or "" for number in victims(slots))
