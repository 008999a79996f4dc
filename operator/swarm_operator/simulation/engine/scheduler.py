"""Which node gets a task: SwarmKit's manager/scheduler/scheduler.go.

Tasks that wait are looked at when something changed that could help them: tasks, nodes, ends of
tasks. All changes of a moment are taken together.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias

from swarm_operator.simulation.engine import preferences
from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.filters import Pipeline
from swarm_operator.simulation.engine.node_set import NodeInfo, NodeSet, Version
from swarm_operator.simulation.engine.records import (
    NodeRecord,
    ServiceRecord,
    TaskRecord,
    TaskState,
    TaskStatus,
)
from swarm_operator.simulation.engine.store import Change
from swarm_operator.simulation.timeline import Timer

DEBOUNCE_S = 0.05
LATENCY_S = 1.0
"""How long it lets itself be put off by ever new changes."""
ASSIGNED = "scheduler assigned task to node"
CONFIRMED = "scheduler confirmed task can run on preassigned node"

Tasks: TypeAlias = dict[str, TaskRecord]


class Scheduler:
    """Component of the leader."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._nodes = NodeSet(kit.rng)
        self._tasks: Tasks = {}
        """All that wait or run, as last seen."""
        self._unassigned: Tasks = {}
        self._unconfirmed: Tasks = {}
        """Given to a node by their orchestrator; whether they fit is still to be seen."""
        self._preassigned: dict[str, None] = {}
        self._is_due = False
        self._timer: Timer | None = None
        self._put_off_since = 0.0

    # --- component ---

    def start(self) -> None:
        for node in self._kit.store.nodes.all():
            self._nodes.put(node)
        for task in self._kit.store.tasks.all():
            is_void = task.state is TaskState.PENDING and task.desired_state > TaskState.COMPLETE
            if TaskState.PENDING <= task.state <= TaskState.RUNNING and not is_void:
                self._take_in(task)
        self._is_due = True  # a new leader looks at all that waits, whatever happens next
        self._schedule()

    def handle(self, change: Change) -> None:
        record = change.record
        if isinstance(record, TaskRecord):
            if change.new is None:
                self._is_due |= self._forget(record.id)
            else:
                self._is_due |= self._update(record)
        elif isinstance(record, NodeRecord):
            if change.new is None:
                self._nodes.drop(record.id)
            else:
                self._nodes.put(record)
                self._is_due = True

    def commit(self) -> None:
        if not (self._is_due or self._unconfirmed):
            return
        now = self._kit.timeline.now
        if self._timer is None:
            self._put_off_since = now
        else:
            self._timer.cancel()
        if now - self._put_off_since > LATENCY_S:
            self._due()
        else:
            self._timer = self._kit.after(DEBOUNCE_S, self._due)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    # --- what it hears ---

    def _update(self, task: TaskRecord) -> bool:
        """Whether tasks that wait are to be looked at again."""
        if task.state < TaskState.PENDING:
            return False
        if task.state > TaskState.RUNNING:
            old = self._tasks.get(task.id)
            if old is None:
                return False
            if task.state in (TaskState.FAILED, TaskState.REJECTED):
                self._note_failure(task)
            self._forget(task.id)
            return True
        return self._take_in(task)

    def _take_in(self, task: TaskRecord) -> bool:
        old = self._tasks.get(task.id)
        if not task.node_id or task.state is TaskState.PENDING:
            if old is not None:
                self._forget(task.id)
            self._tasks[task.id] = task
            if not task.node_id:
                self._unassigned[task.id] = task
                return True
            self._preassigned[task.id] = None
            self._unconfirmed[task.id] = task
            return False
        self._tasks[task.id] = task
        self._unassigned.pop(task.id, None)
        self._nodes.add_task(task)
        return False

    def _forget(self, task_id: str) -> bool:
        """Whether a node has more room now."""
        for tasks in (self._unassigned, self._unconfirmed):
            tasks.pop(task_id, None)
        self._preassigned.pop(task_id, None)
        task = self._tasks.pop(task_id, None)
        return task is not None and self._nodes.remove_task(task)

    def _note_failure(self, task: TaskRecord) -> None:
        """Of tasks whose node was chosen here; a global service's are nobody's choice."""
        if task.id not in self._preassigned:
            now = self._kit.timeline.now
            self._nodes.note_failure(task.node_id, _version(task), now)

    # --- what it does ---

    def _due(self) -> None:
        self._timer = None
        self._schedule()

    def _schedule(self) -> None:
        if self._unconfirmed:
            self._confirm()
        if self._is_due:
            self._is_due = False
            self._assign()

    def _confirm(self) -> None:
        decisions: list[TaskRecord] = []
        for task in list(self._unconfirmed.values()):
            info = self._nodes.get(task.node_id)
            if info is None:
                continue
            pipeline = Pipeline(task)
            if pipeline.fits(info):
                status = self._status(TaskState.ASSIGNED, CONFIRMED)
                decisions.append(self._nodes.add_task(replace(task, status=status)))
                del self._unconfirmed[task.id]
            else:
                now = self._kit.timeline.now
                status = replace(task.status, at=now, error=pipeline.explanation())
                decisions.append(replace(task, status=status))
        self._write(decisions)

    def _assign(self) -> None:
        """All that wait, in batches of one service and spec version; which comes first is chance."""
        waiting, self._unassigned = list(self._unassigned.values()), {}
        self._kit.rng.shuffle(waiting)
        batches: dict[tuple[str, int | str], Tasks] = {}
        for task in waiting:
            key = task.id if task.spec_version is None else task.spec_version
            batches.setdefault((task.service_id, key), {})[task.id] = task
        decisions: list[TaskRecord] = []
        for batch in batches.values():
            decisions += self._assign_batch(batch)
        self._write(decisions)

    def _assign_batch(self, batch: Tasks) -> list[TaskRecord]:
        """Equal in all that the filters look at. What finds no node is told why."""
        some = next(iter(batch.values()))
        pipeline, version, now = Pipeline(some), _version(some), self._kit.timeline.now
        decisions: list[TaskRecord] = []

        def place(count: int, infos: list[NodeInfo]) -> int:
            placed = self._place(count, batch, infos, pipeline, version)
            decisions.extend(placed)
            return len(placed)

        def place_on_leaf(count: int, infos: list[NodeInfo]) -> int:
            fitting = [info for info in infos if pipeline.fits(info)]
            return place(count, self._nodes.in_order(fitting, version, now)[:size])

        size = len(batch)
        descriptors = preferences.descriptors_of(some)
        if descriptors:
            root = preferences.tree(self._nodes, some.service_id, descriptors, pipeline.fits)
            preferences.spread(size, root, place_on_leaf, self._kit.rng)
        else:
            place(size, self._nodes.best(version, size, pipeline.fits, now))
        return decisions + self._explain(batch, pipeline.explanation())

    def _place(
        self,
        count: int,
        batch: Tasks,
        infos: list[NodeInfo],
        pipeline: Pipeline,
        version: Version,
    ) -> list[TaskRecord]:
        """`infos` best first. Fills them up to equal counts, then one task each in turn.

        Takes the tasks that found a place out of the batch.
        """
        placed: list[TaskRecord] = []
        now, index, full = self._kit.timeline.now, 0, set[int]()
        while batch and infos:
            info = infos[index % len(infos)]
            task_id = next(iter(batch))
            placed.append(self._place_on(batch.pop(task_id), info))
            if len(placed) == count:
                break
            following = infos[(index + 1) % len(infos)]
            is_first_pass = index + 1 < len(infos)
            if not is_first_pass or following.rank(version, now) < info.rank(version, now):
                index += 1
            begin = index
            while index % len(infos) in full or not pipeline.fits(infos[index % len(infos)]):
                full.add(index % len(infos))
                index += 1
                if index - begin == len(infos):
                    return placed
        return placed

    def _place_on(self, task: TaskRecord, info: NodeInfo) -> TaskRecord:
        status = self._status(TaskState.ASSIGNED, ASSIGNED)
        placed = self._nodes.add_task(replace(task, node_id=info.node.id, status=status))
        self._tasks[task.id] = placed
        return placed

    def _explain(self, batch: Tasks, explanation: str) -> list[TaskRecord]:
        """No suitable node: it waits on, unless a newer spec has made it needless."""
        reason = f"no suitable node ({explanation})" if explanation else "no suitable node"
        decisions = []
        for task in batch.values():
            service = self._kit.store.services.get(task.service_id)
            if service is None:
                continue
            status = replace(task.status, at=self._kit.timeline.now)
            if not _is_outdated(task, service):
                told = replace(task, status=replace(status, error=reason))
                self._unassigned[task.id] = told
            elif task.desired_state >= TaskState.SHUTDOWN:
                told = replace(task, status=replace(status, state=TaskState.SHUTDOWN, error=""))
            else:
                told = replace(task, status=status)
            self._tasks[task.id] = told
            decisions.append(told)
        return decisions

    def _write(self, decisions: Iterable[TaskRecord]) -> None:
        tasks = self._kit.store.tasks
        for decision in decisions:
            task, status = tasks.get(decision.id), decision.status
            if task is None:
                self._forget(decision.id)
                continue
            said = (task.state, task.status.message, task.status.error)
            if said != (status.state, status.message, status.error):
                tasks.put(
                    replace(
                        task,
                        node_id=decision.node_id,
                        status=status,
                        assigned_generic_resources=decision.assigned_generic_resources,
                    )
                )

    def _status(self, state: TaskState, message: str) -> TaskStatus:
        return TaskStatus(state, self._kit.timeline.now, message)


def _version(task: TaskRecord) -> Version:
    return task.service_id, task.spec_version or 0


def _is_outdated(task: TaskRecord, service: ServiceRecord) -> bool:
    return task.spec_version is not None and service.spec_version > task.spec_version
