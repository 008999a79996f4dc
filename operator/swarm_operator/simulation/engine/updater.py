"""One rolling update of one service: which slots are replaced, how many at a time, and failures.

After SwarmKit manager/orchestrator/update (Updater), its goroutines told as steps: an updater has so many
free workers, each replaces one slot, and the whole ends after a time of monitoring.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from swarm_operator.simulation.engine import update_status
from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.dirty import is_task_dirty, same_json
from swarm_operator.simulation.engine.new_task import new_task
from swarm_operator.simulation.engine.records import ServiceRecord, TaskRecord, TaskState
from swarm_operator.simulation.engine.restarts import RestartSupervisor
from swarm_operator.simulation.engine.slots import Slot, is_global, raise_desired_state
from swarm_operator.simulation.engine.update_config import (
    UpdateConfig,
    is_rolling_back,
    update_config,
)
from swarm_operator.simulation.engine.update_failures import Failures
from swarm_operator.simulation.timeline import Timer


@dataclass(slots=True, eq=False)
class _Replacement:
    """One worker at one slot, with the new task that it made."""

    slot: Slot
    task_id: str
    may_start: bool = False
    came_up: TaskRecord | None = None
    """The first that was heard of the new task at or past `running`."""


class Updater:
    """One rolling update of one service to one spec."""

    def __init__(
        self,
        kit: Kit,
        restarts: RestartSupervisor,
        service: ServiceRecord,
        on_end: Callable[["Updater"], None],
    ) -> None:
        self.service = service
        self.has_ended = False
        self._on_end = on_end
        self._kit = kit
        self._store = kit.store
        self._restarts = restarts
        self._config: UpdateConfig = update_config(service, kit.tempo)
        self._monitor_s = self._config.monitor_s
        self._dirty_count = 0
        self._queue: deque[Slot] = deque()
        self._busy = 0
        self._workers = 0
        self._is_handing_out = False
        self._is_monitoring = False
        self._is_stopped = False
        """By its own failure action: what was begun is still finished, but nothing else begun."""
        self._replacements: dict[str, _Replacement] = {}
        self._failures = Failures()
        self._unseen: list[str] = []
        """Tasks that ended while nobody looked: once the last slot is taken, until monitoring."""
        self._timers: list[Timer] = []

    def has_same_goal(self, service: ServiceRecord) -> bool:
        return (
            same_json(service.spec, self.service.spec)
            and service.registry_auth == self.service.registry_auth
        )

    def cancel(self) -> None:
        """At once; both tasks of a slot under way stay, and held ones are still started."""
        self.has_ended = True
        for timer in self._timers:
            timer.cancel()
        self._on_end(self)

    def run(self, slots: list[Slot]) -> None:
        """Begin. May end at once, where all is clean or the update is paused."""
        status = self.service.update_status
        state = status.state if status is not None else None
        if state in ("paused", "rollback_paused"):
            self.cancel()
            return
        dirty = [slot for slot in slots if self._is_slot_dirty(slot)]
        if not dirty:
            if state in ("updating", "rollback_started"):
                update_status.complete_update(self._store, self.service.id)
            self.cancel()
            return
        if state is None:
            update_status.start_update(self._store, self.service.id)
        self._dirty_count = len(dirty)
        self._workers = self._config.parallelism or len(dirty)
        self._queue.extend(dirty)
        self._hand_out()

    def handle(self, task: TaskRecord) -> None:
        """A task of the service was written."""
        if task.state > TaskState.RUNNING and self._config.failure_action != "continue":
            self._notice_end(task.id)
        replacement = self._replacements.get(task.id)
        if replacement is None or self.has_ended or task.state < TaskState.RUNNING:
            return
        if replacement.came_up is None:
            replacement.came_up = task
            self._finish_if_up(replacement)

    # --- slots and workers

    def _hand_out(self) -> None:
        """Give slots to free workers; when there is neither a slot nor a busy worker, monitor."""
        if self._is_handing_out:
            return
        self._is_handing_out = True
        while self._queue and self._busy < self._workers:
            self._busy += 1
            self._work(self._queue.popleft())
        self._is_handing_out = False
        if not self._queue and not self._busy and not self.has_ended:
            self._monitor()

    def _work(self, slot: Slot) -> None:
        clean = self._clean_task(slot)
        if clean is not None:
            self._keep(slot, clean)
        else:
            self._replace(slot)

    def _clean_task(self, slot: Slot) -> TaskRecord | None:
        """The first that is right and wished to run; else the last that is right and held back."""
        held = None
        for task in slot:
            if self._is_task_dirty(task):
                continue
            if task.desired_state == TaskState.RUNNING:
                return task
            if task.desired_state < TaskState.RUNNING:
                held = task
        return held

    def _keep(self, slot: Slot, existing: TaskRecord) -> None:
        """It need not run yet: the others are stopped all the same."""
        others = [task for task in slot if task is not existing]
        removable = self._removable(others)
        if removable is None:
            self._slot_is_done()
            return
        self._shut_down(removable)
        if existing.desired_state == TaskState.RUNNING:
            self._slot_is_done()
            return
        self._restarts.delay_start(
            existing.id,
            old_task=removable[-1] if removable else None,
            when_done=self._slot_is_done,
        )

    def _replace(self, slot: Slot) -> None:
        is_start_first = self._config.order == "start-first"
        removable = [] if is_start_first else self._removable(slot)
        if removable is None or self.service.id not in self._store.services:
            self._slot_is_done()
            return
        node_id = slot[0].node_id if is_global(self.service) else ""
        task = new_task(
            self._kit,
            self.service,
            slot=slot[0].slot,
            node_id=node_id,
            desired_state=TaskState.READY,
        )
        replacement = _Replacement(slot, task.id)
        self._replacements[task.id] = replacement
        self._failures.made_at[task.id] = None
        self._store.tasks.put(task)
        self._shut_down(removable)
        self._restarts.delay_start(
            task.id,
            old_task=removable[-1] if removable else None,
            wait_for_old=not is_start_first,
            when_done=lambda: self._may_start(replacement),
        )

    def _may_start(self, replacement: _Replacement) -> None:
        replacement.may_start = True
        self._finish_if_up(replacement)

    def _finish_if_up(self, replacement: _Replacement) -> None:
        """The slot is done when its new task runs or has ended: there is no other limit."""
        task = replacement.came_up
        if self.has_ended or task is None or not replacement.may_start:
            return
        del self._replacements[task.id]
        self._failures.made_at[task.id] = self._kit.timeline.now
        if self._config.order == "start-first" and task.state == TaskState.RUNNING:
            self._shut_down(self._removable(replacement.slot) or [])
        self._slot_is_done()

    def _slot_is_done(self) -> None:
        """The worker is free, after the delay of the config."""
        if self.has_ended:
            return
        if self._config.delay_s:
            self._timers.append(self._kit.after(self._config.delay_s, self._worker_is_free))
        else:
            self._worker_is_free()

    def _worker_is_free(self) -> None:
        self._busy -= 1
        self._hand_out()

    def _removable(self, tasks: Slot) -> Slot | None:
        """Those to shut down. None: there were some, but others did it first (an error there)."""
        wished = [task for task in tasks if task.desired_state <= TaskState.RUNNING]
        still = [task for task in wished if self._is_still_wished(task.id)]
        return still if still or not wished else None

    def _is_still_wished(self, task_id: str) -> bool:
        task = self._store.tasks.get(task_id)
        return task is not None and task.desired_state <= TaskState.RUNNING

    def _shut_down(self, tasks: Slot) -> None:
        for task in tasks:
            raise_desired_state(self._store, task.id, TaskState.SHUTDOWN)

    # --- failures and the end

    def _notice_end(self, task_id: str) -> None:
        if self.has_ended or self._is_stopped:
            return
        if self._queue or self._is_monitoring:
            self._judge(task_id)
        else:
            self._unseen.append(task_id)

    def _judge(self, task_id: str) -> None:
        """Act on a failure if it is one too many."""
        if not self._failures.is_new(task_id, self._kit.timeline.now, self._monitor_s):
            return
        if len(self._failures.failed) / self._dirty_count <= self._config.max_failure_ratio:
            return
        if self._config.failure_action == "rollback" and is_rolling_back(self.service):
            # SwarmKit pauses here without ending: the rollback is called completed after all.
            self._pause(f"rollback paused due to failure or early termination of task {task_id}")
            self._give_up_queue(is_stopped=False)
        elif self._config.failure_action == "rollback":
            message = f"update rolled back due to failure or early termination of task {task_id}"
            update_status.roll_back(self._store, self.service.id, message)
            self._give_up_queue(is_stopped=True)
        else:
            self._pause(f"update paused due to failure or early termination of task {task_id}")
            self._give_up_queue(is_stopped=True)

    def _pause(self, message: str) -> None:
        update_status.pause_update(self._store, self.service.id, message)

    def _give_up_queue(self, *, is_stopped: bool) -> None:
        self._queue.clear()
        self._is_stopped = is_stopped
        if self._is_monitoring:
            self._end()
        elif not self._busy:
            self._monitor()

    def _monitor(self) -> None:
        """Look out for failures for a while, those that came unseen first; then it is completed."""
        if self._is_stopped:
            self._end()
            return
        self._is_monitoring = True
        if self._config.delay_s >= self._monitor_s:
            # Otherwise a failure during the last delay would count as too late.
            self._monitor_s = self._config.delay_s + 1.0
        self._timers.append(self._kit.after(self._monitor_s, self._end))
        for task_id in self._unseen:
            if not self.has_ended:
                self._judge(task_id)

    def _end(self) -> None:
        self.cancel()
        if not self._is_stopped:
            update_status.complete_update(self._store, self.service.id)

    # --- dirt

    def _is_task_dirty(self, task: TaskRecord) -> bool:
        node = self._store.nodes.get(task.node_id) if task.node_id else None
        return is_task_dirty(self.service, task, node)

    def _is_slot_dirty(self, slot: Slot) -> bool:
        return len(slot) > 1 or (len(slot) == 1 and self._is_task_dirty(slot[0]))
