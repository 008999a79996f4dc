"""The slots of one replicated service as they are now, and what a scale-down would do to them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import Node, Task
from swarm_operator.plan.rebalance import landing
from swarm_operator.plan.rebalance.landing import STABLE_SORT_UP_TO
from swarm_operator.plan.rebalance.placement import WISHED


@dataclass(frozen=True)
class Slots:
    """All tasks of a service, by slot."""

    tasks: tuple[Task, ...]
    """Ended ones too."""
    nodes: Mapping[str, Node]

    @cached_property
    def live(self) -> Mapping[int, Sequence[Task]]:
        """The tasks that are wished to run, by slot number. One that failed stays among them until
        Swarm has seen it, as for Swarm itself (SwarmKit manager/orchestrator/restart,
        UpdatableTasksInSlot)."""
        result: dict[int, list[Task]] = {}
        for task in self.tasks:
            if task.slot is not None and task.desired_state in WISHED:
                result.setdefault(task.slot, []).append(task)
        return result

    @cached_property
    def serving(self) -> Mapping[int, Task]:
        """By slot number, a task that runs on a node that is not down."""
        found = ((number, task) for number, tasks in self.live.items() for task in tasks)
        return {number: task for number, task in found if self._serves(task)}

    def _serves(self, task: Task) -> bool:
        node = self.nodes.get(task.node_id or "")
        return task.is_running and node is not None and node.state != "down"

    @cached_property
    def doubled(self) -> frozenset[int]:
        """With two live tasks, or more."""
        return frozenset(number for number, tasks in self.live.items() if len(tasks) > 1)

    @cached_property
    def half_replaced(self) -> frozenset[int]:
        """With, beside a running task, a second one that has a node and does not run yet.

        Such a second task is clean for the next spec, and Swarm may keep it instead of the one that
        runs: a service of five fell to four so.
        """
        return frozenset(
            number
            for number in self.doubled
            if number in self.serving
            and any(task.node_id and task.state != "running" for task in self.live[number])
        )

    @cached_property
    def copies(self) -> Mapping[str, int]:
        """By node id: the slots with a live task that is assigned there, running or not."""
        result: dict[str, int] = {}
        for tasks in self.live.values():
            for node_id in dict.fromkeys(task.node_id for task in tasks if task.node_id):
                result[node_id] = result.get(node_id, 0) + 1
        return result

    def on(self, node_id: str) -> tuple[Task, ...]:
        """The live tasks on a node."""
        return tuple(
            task for tasks in self.live.values() for task in tasks if task.node_id == node_id
        )

    def unplaced(self, number: int) -> Task | None:
        """The slot's only task, where it has no node."""
        tasks = self.live.get(number, ())
        return tasks[0] if len(tasks) == 1 and not tasks[0].node_id else None

    def is_shut_out(self, number: int, placement: JsonObject) -> bool:
        """Whether the slot's only task has no node and was made with this placement: then it will
        not find one. That it has none at this instant says nothing: between two tries of Swarm no
        task has one."""
        task = self.unplaced(number)
        return task is not None and task.unplaced == placement

    def fenced(self, placement: JsonObject) -> frozenset[int]:
        """The slots that Swarm has to look after once this placement is in force: with two tasks,
        or with one that has no node and was made with another placement."""
        astray = {
            number
            for number in self.live
            if self.unplaced(number) is not None and not self.is_shut_out(number, placement)
        }
        return self.doubled | astray

    @cached_property
    def victims(self) -> frozenset[int]:
        """The slots of which a scale-down by one takes one (SwarmKit
        manager/orchestrator/replicated/slot.go): of several odd ones, up to twelve slots, the last
        that does not run, else the last."""
        candidates = landing.victims(self.live)
        if len(self.live) > STABLE_SORT_UP_TO or len(candidates) < 2:
            return candidates
        last = max(candidates, key=lambda number: (number not in self._with_running, number))
        return frozenset({last})

    @cached_property
    def _with_running(self) -> frozenset[int]:
        return frozenset(
            number
            for number, tasks in self.live.items()
            if any(task.state == "running" for task in tasks)
        )


def slots_of(tasks: Iterable[Task], nodes: Mapping[str, Node]) -> Slots:
    return Slots(tuple(tasks), nodes)
