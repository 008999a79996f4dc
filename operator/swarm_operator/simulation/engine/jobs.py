"""The jobs orchestrator: services whose tasks run to their end, so many times or once on every node.

After SwarmKit manager/orchestrator/jobs. It looks at a job when its service changes and when a task of it
ends; it does not watch nodes, so a job waits for tasks on a node that is down.
"""

from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.constraints import node_matches, service_constraints
from swarm_operator.simulation.engine.new_task import new_task
from swarm_operator.simulation.engine.records import (
    NodeRecord,
    ServiceRecord,
    TaskRecord,
    TaskState,
)
from swarm_operator.simulation.engine.restarts import RestartSupervisor
from swarm_operator.simulation.engine.resume import adopt_tasks
from swarm_operator.simulation.engine.slots import (
    SlotKey,
    invalid_node,
    is_global_job,
    is_job,
    is_replicated_job,
    raise_desired_state,
    remove_tasks_of,
)
from swarm_operator.simulation.engine.store import Change

_UINT64 = 1 << 64


class JobsOrchestrator:
    """A component, for both kinds of job."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._store = kit.store
        self._restarts = RestartSupervisor(kit)

    def start(self) -> None:
        replicated = adopt_tasks(self._store, is_replicated_job)
        self._restarts.resume(replicated, lambda task: SlotKey(task.service_id, task.slot))
        on_nodes = adopt_tasks(self._store, is_global_job)
        for task in on_nodes:
            self._fix(task)
        self._restarts.resume(on_nodes, lambda task: SlotKey(task.service_id, node_id=task.node_id))
        for service in self._store.services.all():
            self._reconcile(service.id)

    def stop(self) -> None:
        self._restarts.stop()

    def handle(self, change: Change) -> None:
        self._restarts.handle(change)
        record = change.record
        if isinstance(record, ServiceRecord):
            self._handle_service(record, removed=change.new is None)
        elif isinstance(record, TaskRecord) and change.old is not None and change.new is not None:
            self._handle_task(record)

    def commit(self) -> None:
        """Nothing is put off."""

    def _handle_service(self, service: ServiceRecord, *, removed: bool) -> None:
        if not is_job(service):
            return
        if not removed:
            self._reconcile(service.id)
            return
        remove_tasks_of(self._store, service.id)
        self._restarts.forget_service(service.id)

    def _handle_task(self, task: TaskRecord) -> None:
        """Of interest when it ended, as it was wished to or not."""
        if task.state > TaskState.RUNNING and task.desired_state <= TaskState.COMPLETE:
            self._reconcile(task.service_id)

    def _fix(self, task: TaskRecord) -> None:
        node = self._store.nodes.get(task.node_id)
        if task.desired_state <= TaskState.COMPLETE and invalid_node(node):
            raise_desired_state(self._store, task.id, TaskState.SHUTDOWN)

    def _reconcile(self, service_id: str) -> None:
        service = self._store.services.get(service_id)
        if service is None or not is_job(service):
            return
        if is_replicated_job(service):
            self._reconcile_replicated(service)
        else:
            self._reconcile_global(service)

    # --- so many completions

    def _reconcile_replicated(self, service: ServiceRecord) -> None:
        """Each completion has a slot of its own, from 0 on; failed ones are run again in theirs."""
        current, former = self._by_iteration(service)
        completed = [task for task in current if task.state == TaskState.COMPLETE]
        under_way = [
            task
            for task in current
            if task.state != TaskState.COMPLETE and task.desired_state <= TaskState.COMPLETE
        ]
        concurrent, total = _job_counts(service)
        # Unsigned numbers there: what would be less than nothing is a great many, and then none.
        possible = (concurrent - len(under_way)) % _UINT64
        allowed = (total - len(completed) - len(under_way)) % _UINT64
        count = min(possible, allowed)
        if count > total:
            return
        taken = {task.slot for task in (*completed, *under_way)}
        free = (slot for slot in range(total) if slot not in taken)
        for _ in range(count):
            self._add(service, slot=next(free, 0))
        for task in under_way:
            if task.state > TaskState.COMPLETE:
                self._restart(service, task)
        for task in former:
            if task.state <= TaskState.RUNNING and task.desired_state != TaskState.REMOVE:
                raise_desired_state(self._store, task.id, TaskState.REMOVE)

    # --- once on every node

    def _reconcile_global(self, service: ServiceRecord) -> None:
        current, former = self._by_iteration(service)
        wished = [task for task in current if task.desired_state <= TaskState.COMPLETE]
        by_node = {task.node_id: task for task in wished}
        matching = self._matching_nodes(service)
        for node in matching:
            ready = node.availability == "active" and node.state == "ready"
            if ready and node.id not in by_node:
                self._add(service, node_id=node.id)
        for task in wished:
            if task.state > TaskState.COMPLETE:
                self._restart(service, task)
        for task in former:
            if task.desired_state != TaskState.REMOVE:
                raise_desired_state(self._store, task.id, TaskState.REMOVE)
        for node in matching:
            if invalid_node(node) and node.id in by_node:
                self._shut_down_unless_ended(by_node[node.id].id)

    def _matching_nodes(self, service: ServiceRecord) -> list[NodeRecord]:
        constraints = service_constraints(service)
        return [node for node in self._store.nodes.all() if node_matches(constraints, node)]

    def _shut_down_unless_ended(self, task_id: str) -> None:
        task = self._store.tasks.get(task_id)
        if task is not None and task.state <= TaskState.RUNNING:
            raise_desired_state(self._store, task_id, TaskState.SHUTDOWN)

    # --- both

    def _by_iteration(self, service: ServiceRecord) -> tuple[list[TaskRecord], list[TaskRecord]]:
        """Tasks of the current iteration, and of former ones."""
        current: list[TaskRecord] = []
        former: list[TaskRecord] = []
        for task in self._store.tasks_of_service(service.id):
            if task.job_iteration == (service.job_iteration or 0):
                current.append(task)
            elif task.job_iteration is not None:
                former.append(task)
        return current, former

    def _add(self, service: ServiceRecord, *, slot: int = 0, node_id: str = "") -> None:
        task = new_task(
            self._kit,
            service,
            slot=slot,
            node_id=node_id,
            desired_state=TaskState.COMPLETE,
            job_iteration=service.job_iteration or 0,
        )
        self._store.tasks.put(task)

    def _restart(self, service: ServiceRecord, task: TaskRecord) -> None:
        current = self._store.tasks.get(task.id)
        if current is not None and current.desired_state <= TaskState.COMPLETE:
            self._restarts.restart(service, current)


def _job_counts(service: ServiceRecord) -> tuple[int, int]:
    """How many at a time, and how many in all: as many as at a time where it is not said."""
    mode = service.spec["Mode"]["ReplicatedJob"] or {}
    concurrent = mode.get("MaxConcurrent")
    concurrent = 1 if concurrent is None else concurrent
    total = mode.get("TotalCompletions")
    return concurrent, concurrent if total is None else total
