"""Tasks that their node no longer suits are rejected: SwarmKit's orchestrator/constraintenforcer.

At every update of a node's record (labels, availability, state, description), and for all nodes
when a leader begins.
"""

from dataclasses import replace

from swarm_operator.observed.json import dig
from swarm_operator.simulation.engine import generic_resources
from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.constraints import node_matches, parse_constraints
from swarm_operator.simulation.engine.node_set import reservations_of
from swarm_operator.simulation.engine.records import NodeRecord, TaskRecord, TaskState
from swarm_operator.simulation.engine.store import Change

MESSAGE = "task rejected by constraint enforcer"
ERROR = "assigned node no longer meets constraints"


class ConstraintEnforcer:
    """Component of the leader."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def start(self) -> None:
        for node in self._kit.store.nodes.all():
            self._check(node)

    def handle(self, change: Change) -> None:
        if change.old is not None and isinstance(change.new, NodeRecord):
            self._check(change.new)

    def commit(self) -> None:
        """Nothing waits."""

    def stop(self) -> None:
        """No timers."""

    def _check(self, node: NodeRecord) -> None:
        """Drained nodes are the orchestrators' business, paused ones nobody's."""
        if node.availability != "active":
            return
        for task in self._unsuited(node):
            status = replace(
                task.status,
                state=TaskState.REJECTED,
                at=self._kit.timeline.now,
                message=MESSAGE,
                error=ERROR,
            )
            self._kit.store.tasks.put(replace(task, status=status))

    def _unsuited(self, node: NodeRecord) -> list[TaskRecord]:
        """By the service's constraints of now, not by those that the task was made with."""
        nano_cpus, memory = node.nano_cpus, node.memory_bytes
        generic = node.generic_resources
        unsuited = []
        for task in self._kit.store.tasks_on_node(node.id):
            if task.state >= TaskState.COMPLETE:
                continue
            if not TaskState.ASSIGNED <= task.desired_state <= TaskState.COMPLETE:
                continue
            reservations = reservations_of(task)
            cpus = reservations.get("NanoCPUs") or 0
            bytes_ = reservations.get("MemoryBytes") or 0
            if not self._meets_constraints(task, node) or bytes_ > memory or cpus > nano_cpus:
                unsuited.append(task)
                continue
            nano_cpus -= cpus
            memory -= bytes_
            assigned = task.assigned_generic_resources
            if not all(generic_resources.still_there(item, generic) for item in assigned):
                unsuited.append(task)
                break
            generic = generic_resources.left(generic, assigned)
        return unsuited

    def _meets_constraints(self, task: TaskRecord, node: NodeRecord) -> bool:
        service = self._kit.store.services.get(task.service_id)
        spec = task.spec if service is None else service.spec["TaskTemplate"]
        expressions = dig(spec, "Placement", "Constraints")
        return not expressions or node_matches(parse_constraints(expressions), node)
