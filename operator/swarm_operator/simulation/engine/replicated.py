"""The replicated orchestrator: as many slots as the service wishes, each with a task that is alive.

After SwarmKit manager/orchestrator/replicated: services.go (slots), tasks.go (restarts), slot.go (victims).
"""

from collections.abc import Mapping

from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.new_task import new_task
from swarm_operator.simulation.engine.records import (
    NodeRecord,
    ServiceRecord,
    TaskRecord,
    TaskState,
)
from swarm_operator.simulation.engine.restarts import RestartSupervisor
from swarm_operator.simulation.engine.resume import adopt_tasks
from swarm_operator.simulation.engine.scale_down import by_worth
from swarm_operator.simulation.engine.slots import (
    Slot,
    SlotKey,
    in_store_order,
    invalid_node,
    is_replicated,
    raise_desired_state,
    remove_tasks_of,
    replicas,
)
from swarm_operator.simulation.engine.store import Change, by_slot
from swarm_operator.simulation.engine.updates import UpdateSupervisor


class ReplicatedOrchestrator:
    """A component: notes what changed, and acts when there is nothing more to hear."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._store = kit.store
        self._restarts = RestartSupervisor(kit)
        self._updates = UpdateSupervisor(kit, self._restarts)
        self._to_reconcile: dict[str, ServiceRecord] = {}
        self._to_restart: dict[str, None] = {}

    def start(self) -> None:
        related = adopt_tasks(self._store, is_replicated)
        for task in related:
            self._note_if_ended(task)
        self._restarts.resume(related, lambda task: SlotKey(task.service_id, task.slot))
        for service in self._store.services.all():
            if is_replicated(service):
                self._to_reconcile[service.id] = service
        self.commit()

    def stop(self) -> None:
        self._updates.stop()
        self._restarts.stop()

    def handle(self, change: Change) -> None:
        self._restarts.handle(change)
        record = change.record
        if isinstance(record, TaskRecord):
            self._handle_task(record, removed=change.new is None)
            self._tell_update(change, record)
        elif isinstance(record, ServiceRecord):
            self._handle_service(record, removed=change.new is None)
        elif isinstance(record, NodeRecord) and (change.new is None or invalid_node(record)):
            self._restart_tasks_on(record.id)

    def commit(self) -> None:
        """Tasks first, so that services are reconciled with their restarts in place."""
        self._restart_noted()
        to_reconcile, self._to_reconcile = self._to_reconcile, {}
        for service in to_reconcile.values():
            self._reconcile(service)

    # --- what changed

    def _tell_update(self, change: Change, task: TaskRecord) -> None:
        """Of a task that failed, an update and the restarts hear at once: either may be the first.

        It matters where the update answers with a rollback: a restart before it makes one more task
        of the spec that failed.
        """
        is_racing = task.id in self._to_restart and self._updates.is_under_way(task.service_id)
        if is_racing and self._kit.rng.random() < 0.5:
            self._restart_noted()
        self._updates.handle(change)

    def _handle_task(self, task: TaskRecord, *, removed: bool) -> None:
        if not removed:
            self._note_if_ended(task)
            return
        service = self._service_of(task)
        if service is not None and task.desired_state <= TaskState.RUNNING:
            self._to_reconcile[service.id] = service
        self._restarts.cancel(task.id)

    def _handle_service(self, service: ServiceRecord, *, removed: bool) -> None:
        if not is_replicated(service):
            return
        if not removed:
            self._to_reconcile[service.id] = service
            return
        remove_tasks_of(self._store, service.id)
        self._restarts.forget_service(service.id)
        self._to_reconcile.pop(service.id, None)

    def _note_if_ended(self, task: TaskRecord) -> None:
        """It ended, or is where nothing can run, though it is wished to run."""
        if task.desired_state > TaskState.RUNNING:
            return
        ended = task.state > TaskState.RUNNING
        if ended or (task.node_id and invalid_node(self._store.nodes.get(task.node_id))):
            self._to_restart[task.id] = None

    def _restart_tasks_on(self, node_id: str) -> None:
        for task in self._store.tasks_on_node(node_id):
            if task.desired_state <= TaskState.RUNNING:
                self._to_restart[task.id] = None

    # --- what is done about it

    def _restart_noted(self) -> None:
        to_restart, self._to_restart = self._to_restart, {}
        for task_id in to_restart:
            self._restart(task_id)

    def _restart(self, task_id: str) -> None:
        task = self._store.tasks.get(task_id)
        if task is None or task.desired_state > TaskState.RUNNING:
            return
        service = self._service_of(task)
        if service is not None:
            self._restarts.restart(service, task)

    def _service_of(self, task: TaskRecord) -> ServiceRecord | None:
        """None where it is gone, or is another orchestrator's."""
        service = self._store.services.get(task.service_id)
        return service if is_replicated(service) else None

    def _reconcile(self, service: ServiceRecord) -> None:
        """Create what is missing, remove what is too many, and update the rest."""
        live, dead = self._live_and_dead_slots(service)
        wished = replicas(service)
        if wished >= len(live):
            self._updates.update(service, self._in_random_order(live))
            kept = self._fill(service, live, wished - len(live))
            self._forget({number: slot for number, slot in dead.items() if number not in kept})
        else:
            slots = by_worth(live.values(), self._kit.rng)
            self._updates.update(service, slots[:wished])
            self._forget(dead)
            for slot in slots[wished:]:
                for task in slot:
                    raise_desired_state(self._store, task.id, TaskState.REMOVE)

    def _live_and_dead_slots(
        self, service: ServiceRecord
    ) -> tuple[dict[int, Slot], dict[int, Slot]]:
        live: dict[int, Slot] = {}
        dead: dict[int, Slot] = {}
        for number, slot in by_slot(self._store.tasks_of_service(service.id)).items():
            updatable = self._restarts.updatable_tasks(in_store_order(slot), service)
            if updatable:
                live[number] = updatable
            else:
                dead[number] = slot
        return live, dead

    def _in_random_order(self, live: Mapping[int, Slot]) -> list[Slot]:
        """SwarmKit walks a Go map."""
        slots = list(live.values())
        if len(slots) > 1:
            self._kit.rng.shuffle(slots)
        return slots

    def _fill(self, service: ServiceRecord, live: Mapping[int, Slot], count: int) -> set[int]:
        """A task in each of the lowest free slots, whose history is kept. Returns their numbers."""
        filled: set[int] = set()
        number = 0
        while len(filled) < count:
            number += 1
            if number not in live:
                filled.add(number)
                self._store.tasks.put(new_task(self._kit, service, slot=number))
        return filled

    def _forget(self, dead: Mapping[int, Slot]) -> None:
        """Slots with nothing alive lose their history at every reconcile."""
        for slot in dead.values():
            for task in slot:
                self._store.tasks.remove(task.id)
