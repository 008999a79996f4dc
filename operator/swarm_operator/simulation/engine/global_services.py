"""The global orchestrator: one task of each global service on every node that may have one.

After SwarmKit manager/orchestrator/global. Unlike the replicated one it acts on each change by itself.
"""

from collections.abc import Iterable

from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.constraints import node_matches, service_constraints
from swarm_operator.simulation.engine.dirty import is_task_dirty
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
    Slot,
    SlotKey,
    in_store_order,
    invalid_node,
    is_global,
    raise_desired_state,
    remove_tasks_of,
)
from swarm_operator.simulation.engine.store import Change
from swarm_operator.simulation.engine.updates import UpdateSupervisor


class GlobalOrchestrator:
    """A component. It knows the global services, and the nodes neither down nor drained."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._store = kit.store
        self._restarts = RestartSupervisor(kit)
        self._updates = UpdateSupervisor(kit, self._restarts)
        self._nodes: dict[str, NodeRecord] = {}
        self._services: dict[str, ServiceRecord] = {}
        self._to_restart: dict[str, None] = {}

    def start(self) -> None:
        for node in self._store.nodes.all():
            self._note_node(node)
        for service in self._store.services.all():
            if is_global(service):
                self._services[service.id] = service
        related = adopt_tasks(self._store, is_global)
        for task in related:
            self._fix(task)
        self._restarts.resume(related, lambda task: SlotKey(task.service_id, node_id=task.node_id))
        self._restart_noted()
        for service in list(self._services.values()):
            self._reconcile(service)

    def stop(self) -> None:
        self._updates.stop()
        self._restarts.stop()

    def handle(self, change: Change) -> None:
        self._restarts.handle(change)
        self._updates.handle(change)
        record = change.record
        if isinstance(record, TaskRecord):
            if change.old is not None and change.new is not None:
                self._note_if_ended(record)
        elif isinstance(record, ServiceRecord):
            self._handle_service(record, removed=change.new is None)
        elif isinstance(record, NodeRecord):
            self._handle_node(record, removed=change.new is None)
        self._restart_noted()

    def commit(self) -> None:
        """Nothing is put off."""

    # --- what changed

    def _handle_service(self, service: ServiceRecord, *, removed: bool) -> None:
        if not is_global(service):
            return
        if not removed:
            self._services[service.id] = service
            self._reconcile(service)
            return
        remove_tasks_of(self._store, service.id)
        self._services.pop(service.id, None)
        self._restarts.forget_service(service.id)

    def _handle_node(self, node: NodeRecord, *, removed: bool) -> None:
        if removed:
            for task in self._own_tasks_on(node.id):
                self._store.tasks.remove(task.id)
            self._nodes.pop(node.id, None)
            return
        self._note_node(node)
        if invalid_node(node):
            self._shut_down(self._own_tasks_on(node.id))
        elif node.availability != "pause":
            self._reconcile_node(node)

    def _note_node(self, node: NodeRecord) -> None:
        if invalid_node(node):
            self._nodes.pop(node.id, None)
        else:
            self._nodes[node.id] = node

    def _note_if_ended(self, task: TaskRecord) -> None:
        ended = task.desired_state <= TaskState.RUNNING < task.state
        if ended and task.service_id in self._services:
            self._to_restart[task.id] = None

    def _fix(self, task: TaskRecord) -> None:
        """What the former leader may have left undone."""
        if task.desired_state <= TaskState.RUNNING and task.node_id not in self._nodes:
            self._shut_down([task])
        else:
            self._note_if_ended(task)

    def _own_tasks_on(self, node_id: str) -> Slot:
        on_node = self._store.tasks_on_node(node_id)
        return [task for task in on_node if task.service_id in self._services]

    # --- what is done about it

    def _restart_noted(self) -> None:
        to_restart, self._to_restart = self._to_restart, {}
        for task_id in to_restart:
            self._restart(task_id)

    def _restart(self, task_id: str) -> None:
        """Not on a node that is gone, down, paused, or no longer meets the constraints."""
        task = self._store.tasks.get(task_id)
        if task is None or task.desired_state > TaskState.RUNNING:
            return
        node = self._nodes.get(task.node_id)
        known = self._services.get(task.service_id)
        service = self._store.services.get(task.service_id)
        if node is None or known is None or service is None:
            return
        if node.availability == "pause" or not node_matches(service_constraints(known), node):
            self._shut_down([task])
        else:
            self._restarts.restart(service, task)

    def _reconcile(self, service: ServiceRecord) -> None:
        """All nodes of one service: add, shut down, and update the rest by its update config."""
        by_node = self._live_by_node(service)
        constraints = service_constraints(service)
        to_update: list[Slot] = []
        for node in list(self._nodes.values()):
            slot = by_node.pop(node.id, [])
            if not node_matches(constraints, node):
                self._shut_down(slot)
            elif node.availability == "pause":
                continue
            elif slot:
                to_update.append(slot)
            else:
                self._add(service, node.id)
        for slot in by_node.values():
            self._shut_down(slot)
        if to_update:
            self._kit.rng.shuffle(to_update)
            self._updates.update(service, to_update)

    def _live_by_node(self, service: ServiceRecord) -> dict[str, Slot]:
        by_node: dict[str, Slot] = {}
        for task in self._store.tasks_of_service(service.id):
            by_node.setdefault(task.node_id, []).append(task)
        live: dict[str, Slot] = {}
        for node_id, slot in by_node.items():
            updatable = self._restarts.updatable_tasks(in_store_order(slot), service)
            if updatable:
                live[node_id] = updatable
        return live

    def _reconcile_node(self, node: NodeRecord) -> None:
        """All services of one node, without a rolling update: it did not change for a service.

        A task that no longer meets its constraints is left to the constraint enforcer.
        """
        by_service: dict[str, Slot] = {}
        for task in self._own_tasks_on(node.id):
            by_service.setdefault(task.service_id, []).append(task)
        for service in list(self._services.values()):
            if node_matches(service_constraints(service), node):
                slot = in_store_order(by_service.get(service.id, []))
                self._reconcile_slot(service, node, self._restarts.updatable_tasks(slot, service))

    def _reconcile_slot(self, service: ServiceRecord, node: NodeRecord, slot: Slot) -> None:
        clean = [task for task in slot if not is_task_dirty(service, task, node)]
        if not clean:
            self._add(service, node.id)
        self._shut_down(task for task in slot if not clean or task is not clean[0])

    def _add(self, service: ServiceRecord, node_id: str) -> None:
        if service.id in self._store.services:
            self._store.tasks.put(new_task(self._kit, service, node_id=node_id))

    def _shut_down(self, tasks: Iterable[TaskRecord]) -> None:
        for task in tasks:
            current = self._store.tasks.get(task.id)
            if current is not None and current.desired_state < TaskState.SHUTDOWN:
                raise_desired_state(self._store, task.id, TaskState.SHUTDOWN)
