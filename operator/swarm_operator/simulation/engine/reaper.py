"""The task reaper: forgets old tasks of a slot, and tasks that were to be removed and have ended.

After SwarmKit manager/orchestrator/taskreaper.
"""

from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.records import ServiceRecord, TaskRecord, TaskState
from swarm_operator.simulation.engine.restart_policy import restart_policy
from swarm_operator.simulation.engine.slots import (
    Slot,
    SlotKey,
    in_store_order,
    is_global,
    is_replicated,
)
from swarm_operator.simulation.engine.store import Change, by_slot
from swarm_operator.simulation.timeline import Timer

MAX_WAITING = 1000
"""With more than this to look at, it is done at once."""
INTERVAL_S = 0.25
"""Otherwise this long after the first."""


class TaskReaper:
    """A component. Tasks of jobs have no history: theirs go with the next iteration."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._store = kit.store
        self._slots: dict[SlotKey, None] = {}
        self._ended: dict[str, None] = {}
        self._timer: Timer | None = None

    def start(self) -> None:
        for task in self._store.tasks.all():
            if _is_over(task):
                self._ended[task.id] = None
        self._reap()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def handle(self, change: Change) -> None:
        """A slot's history is looked at when a task is made in it."""
        task = change.new
        if not isinstance(task, TaskRecord):
            return
        if change.old is None:
            self._slots[SlotKey(task.service_id, task.slot, task.node_id)] = None
        elif _is_over(task):
            self._ended[task.id] = None
        self._arrange()

    def commit(self) -> None:
        """Nothing to do: it keeps its own time."""

    def _arrange(self) -> None:
        waiting = len(self._slots) + len(self._ended)
        if waiting > MAX_WAITING:
            self.stop()
            self._reap()
        elif waiting and self._timer is None:
            self._timer = self._kit.after(INTERVAL_S, self._reap)

    def _reap(self) -> None:
        self._timer = None
        to_remove, self._ended = self._ended, {}
        slots, self._slots = self._slots, {}
        histories = _Histories(self._kit)
        for key in slots:
            removable, is_settled = histories.look(key)
            to_remove |= removable
            if not is_settled:
                self._slots[key] = None
        for task_id in to_remove:
            self._store.tasks.remove(task_id)


class _Histories:
    """One look at many slots: the tasks of each service are sorted into slots once."""

    def __init__(self, kit: Kit) -> None:
        self._store = kit.store
        self._tempo = kit.tempo
        self._by_service: dict[str, dict[int, Slot]] = {}

    def look(self, key: SlotKey) -> tuple[dict[str, None], bool]:
        """The tasks to forget, and whether this slot need not be looked at again.

        It does where more than one of its tasks has not ended: they will, without any notice.
        """
        service = self._store.services.get(key.service_id)
        if service is None:
            return {}, True
        limit = self._limit(service)
        tasks = self._tasks(service, key)
        if limit < 0 or len(tasks) <= limit:
            return {}, True
        removable: dict[str, None] = {}
        unfinished = 0
        for task in sorted(tasks, key=lambda task: task.status.at):
            if task.state <= TaskState.RUNNING and not _will_never_run(task):
                unfinished += 1
                continue
            removable[task.id] = None
            if len(tasks) - len(removable) <= limit:
                break
        return removable, unfinished <= 1

    def _limit(self, service: ServiceRecord) -> int:
        """A limit of attempts needs its own history, for the next leader to count them."""
        attempts = restart_policy(service.spec["TaskTemplate"], self._tempo).max_attempts
        return attempts + 1 if attempts else self._tempo.task_history

    def _tasks(self, service: ServiceRecord, key: SlotKey) -> Slot:
        if is_replicated(service):
            if service.id not in self._by_service:
                self._by_service[service.id] = dict(
                    by_slot(self._store.tasks_of_service(service.id))
                )
            return in_store_order(self._by_service[service.id].get(key.slot, []))
        if is_global(service):
            on_node = self._store.tasks_on_node(key.node_id)
            return in_store_order([task for task in on_node if task.service_id == service.id])
        return []


def _is_over(task: TaskRecord) -> bool:
    """To be removed, and either ended or never given to a node."""
    return task.desired_state == TaskState.REMOVE and (
        task.state < TaskState.ASSIGNED or task.state >= TaskState.COMPLETE
    )


def _will_never_run(task: TaskRecord) -> bool:
    return task.state < TaskState.ASSIGNED and task.desired_state > TaskState.RUNNING
