"""The restart supervisor: replaces tasks, and holds replacements back until it is their turn.

After SwarmKit manager/orchestrator/restart. Each orchestrator has one of its own. What it knows is lost
with the leader; `resume` (SwarmKit's taskinit) rebuilds it from the store.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.new_task import new_task
from swarm_operator.simulation.engine.records import (
    NodeRecord,
    ServiceRecord,
    TaskRecord,
    TaskState,
)
from swarm_operator.simulation.engine.restart_policy import RestartHistory, restart_policy
from swarm_operator.simulation.engine.slots import (
    Slot,
    SlotKey,
    is_global,
    is_global_job,
    is_job,
    newest,
    raise_desired_state,
)
from swarm_operator.simulation.engine.store import Change
from swarm_operator.simulation.timeline import Timer


@dataclass(slots=True, eq=False)
class _DelayedStart:
    """A task held in desired state `ready`: until its delay is over and the old one has ended."""

    task_id: str
    old_task_id: str = ""
    old_node_id: str = ""
    delay_is_over: bool = False
    old_is_over: bool = False
    timers: list[Timer] = field(default_factory=list)
    restart_follows: bool = False
    """The held task itself ended meanwhile; it is replaced once this start is done with."""
    when_done: Callable[[], None] | None = None


class RestartSupervisor:
    """Not a component: its orchestrator hands all changes on to `handle`."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._store = kit.store
        self._history = RestartHistory(kit.tempo)
        self._delays: dict[str, _DelayedStart] = {}
        self._by_old_task: dict[str, list[_DelayedStart]] = {}
        self._by_old_node: dict[str, list[_DelayedStart]] = {}

    def stop(self) -> None:
        for delay in self._delays.values():
            for timer in delay.timers:
                timer.cancel()
        self._delays.clear()
        self._by_old_task.clear()
        self._by_old_node.clear()

    def forget_service(self, service_id: str) -> None:
        self._history.forget(service_id)

    def handle(self, change: Change) -> None:
        """An old task that ended, or its node that went: what waited for it may start."""
        new = change.new
        if isinstance(new, TaskRecord):
            if new.state > TaskState.RUNNING and new.id in self._by_old_task:
                self._old_is_over(self._by_old_task[new.id])
        elif isinstance(change.record, NodeRecord) and (
            new is None or change.record.state == "down"
        ):
            self._old_is_over(self._by_old_node.get(change.record.id, ()))

    def restart(self, service: ServiceRecord, task: TaskRecord) -> None:
        """Wish the task down, and make its replacement where the restart policy wants one."""
        if task.id in self._delays:
            # It ended before it was even started: no tight loop, its own delay comes first.
            self._delays[task.id].restart_follows = True
            return
        if task.desired_state > TaskState.COMPLETE:
            return
        task = self._store.tasks.put(replace(task, desired_state=TaskState.SHUTDOWN))
        if self._history.should_restart(task, service):
            self._replace(service, task)

    def updatable_tasks(self, slot: Slot, service: ServiceRecord) -> Slot:
        """What a rolling update has to look at; empty for a slot that is dead.

        Tasks wished to run; where there is none, the newest if it ended for good by its policy: an
        update replaces that one too, except that a rollback takes it for dead and fills the slot.
        """
        wished = [task for task in slot if task.desired_state <= TaskState.RUNNING]
        if wished or not slot:
            return wished
        status = service.update_status
        if status is not None and status.state == "rollback_started":
            return []
        last = newest(slot)
        return [] if self._history.should_restart(last, service) else [last]

    def delay_start(
        self,
        task_id: str,
        *,
        old_task: TaskRecord | None = None,
        delay_s: float = 0.0,
        wait_for_old: bool = True,
        when_done: Callable[[], None] | None = None,
    ) -> None:
        """Start a task that is wished `ready` once the delay is over and the old task has ended.

        The old one is waited for one minute at most, counted from now. `when_done` is called once, at
        once where there is nothing to wait for, also if the start is cancelled.
        """
        self.cancel(task_id)
        delay = _DelayedStart(task_id, when_done=when_done)
        self._delays[task_id] = delay
        if wait_for_old and old_task is not None and old_task.state <= TaskState.RUNNING:
            self._wait_for(delay, old_task)
        else:
            delay.old_is_over = True
        if delay_s > 0:
            delay.timers.append(self._kit.after(delay_s, lambda: self._delay_is_over(delay)))
        else:
            self._delay_is_over(delay)

    def start_now(self, task_id: str) -> None:
        """Nothing holds the task back any longer. A job's task is wished complete, not running."""
        task = self._store.tasks.get(task_id)
        if task is None or task.desired_state >= TaskState.RUNNING:
            return
        wished = TaskState.RUNNING if task.job_iteration is None else TaskState.COMPLETE
        raise_desired_state(self._store, task_id, wished)

    def cancel(self, task_id: str) -> None:
        """Give up a delayed start; the task stays as it is."""
        if task_id in self._delays:
            self._finish(self._delays[task_id])

    def resume(self, tasks: Iterable[TaskRecord], key_of: Callable[[TaskRecord], SlotKey]) -> None:
        """A new leader goes on with starts that were held back, and counts former restarts."""
        slots: dict[SlotKey, Slot] = {}
        for task in tasks:
            slots.setdefault(key_of(task), []).append(task)
            if task.desired_state == TaskState.READY and task.state <= TaskState.COMPLETE:
                self._resume_start(task)
        for key, slot in slots.items():
            self._resume_history(key, slot)

    def _resume_start(self, task: TaskRecord) -> None:
        full = restart_policy(task.spec, self._kit.tempo).delay_s
        left = min(full, task.status.at + full - self._kit.timeline.now)
        if left > 0:
            self.delay_start(task.id, delay_s=left)
        else:
            self.start_now(task.id)

    def _resume_history(self, key: SlotKey, slot: Slot) -> None:
        """All tasks of the newest spec but the first are restarts."""
        versions = [task.spec_version for task in slot if task.spec_version is not None]
        current = [task for task in slot if task.spec_version == max(versions, default=0)]
        current.sort(key=lambda task: task.meta.created_at)
        for task in current[1:]:
            self._history.record(key, task, task.meta.created_at)

    def _replace(self, service: ServiceRecord, task: TaskRecord) -> None:
        by_node = is_global(service) or is_global_job(service)
        replacement = new_task(
            self._kit,
            service,
            slot=0 if by_node else task.slot,
            node_id=task.node_id if by_node else "",
            desired_state=TaskState.READY,
            job_iteration=(service.job_iteration or 0) if is_job(service) else None,
        )
        node = self._store.nodes.get(task.node_id)
        # A drained node is to be empty soon: its tasks are not punished for anything.
        drained = node is not None and node.availability == "drain"
        delay_s = 0.0 if drained else restart_policy(task.spec, self._kit.tempo).delay_s
        node_is_down = node is not None and node.state == "down"
        self._store.tasks.put(replacement)
        key = SlotKey(service.id, replacement.slot, replacement.node_id)
        self._history.record(key, replacement, self._kit.timeline.now)
        self.delay_start(
            replacement.id, old_task=task, delay_s=delay_s, wait_for_old=not node_is_down
        )

    def _wait_for(self, delay: _DelayedStart, old_task: TaskRecord) -> None:
        delay.old_task_id, delay.old_node_id = old_task.id, old_task.node_id
        self._by_old_task.setdefault(old_task.id, []).append(delay)
        if old_task.node_id:
            self._by_old_node.setdefault(old_task.node_id, []).append(delay)
        limit = self._kit.tempo.old_task_timeout_s
        delay.timers.append(self._kit.after(limit, lambda: self._old_is_over([delay])))

    def _old_is_over(self, delays: Iterable[_DelayedStart]) -> None:
        for delay in list(delays):
            delay.old_is_over = True
            self._start_if_due(delay)

    def _delay_is_over(self, delay: _DelayedStart) -> None:
        delay.delay_is_over = True
        self._start_if_due(delay)

    def _start_if_due(self, delay: _DelayedStart) -> None:
        if self._delays.get(delay.task_id) is not delay:
            return  # given up meanwhile
        if delay.delay_is_over and delay.old_is_over:
            self.start_now(delay.task_id)
            self._finish(delay)

    def _finish(self, delay: _DelayedStart) -> None:
        for timer in delay.timers:
            timer.cancel()
        del self._delays[delay.task_id]
        _take(self._by_old_task, delay.old_task_id, delay)
        _take(self._by_old_node, delay.old_node_id, delay)
        if delay.when_done is not None:
            delay.when_done()
        if delay.restart_follows:
            self._restart_after_delay(delay.task_id)

    def _restart_after_delay(self, task_id: str) -> None:
        task = self._store.tasks.get(task_id)
        if task is None or task.desired_state > TaskState.RUNNING:
            return
        service = self._store.services.get(task.service_id)
        if service is not None:
            self.restart(service, task)


def _take(index: dict[str, list[_DelayedStart]], key: str, delay: _DelayedStart) -> None:
    """Out of the index again, where it is in it."""
    waiting = index.get(key)
    if waiting is None or delay not in waiting:
        return
    waiting.remove(delay)
    if not waiting:
        del index[key]
