"""A manager with nothing but its orchestrators, and hands that do what scheduler and agents would.

Everything that is not orchestration is as plain as can be, and at the test's command: so a test of a rule
fails for that rule alone.
"""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from swarm_operator.simulation.engine.component import Component, Kit, Tempo
from swarm_operator.simulation.engine.constraints import node_matches, service_constraints
from swarm_operator.simulation.engine.global_services import GlobalOrchestrator
from swarm_operator.simulation.engine.images import ImageLibrary
from swarm_operator.simulation.engine.jobs import JobsOrchestrator
from swarm_operator.simulation.engine.reaper import TaskReaper
from swarm_operator.simulation.engine.records import (
    NodeRecord,
    ServiceRecord,
    TaskRecord,
    TaskState,
    TaskStatus,
    UpdateStatus,
)
from swarm_operator.simulation.engine.replicated import ReplicatedOrchestrator
from swarm_operator.simulation.engine.store import Store
from swarm_operator.simulation.timeline import Timeline

SECOND = 1_000_000_000
S = TaskState


@dataclass
class Script:
    """What becomes of the tasks of an image."""

    comes_up: bool = True
    """False: it fails instead of running."""
    runs_for: float | None = None
    ends_in: TaskState = S.FAILED
    start_s: float = 0.5
    stop_s: float = 1.0


@dataclass
class Swarm:
    """`spec` arguments are what goes into the service spec, `task` what goes into its template."""

    seed: int = 0
    scripts: dict[str, Script] = field(default_factory=dict)
    placing: bool = True
    """Whether tasks without a node get one."""

    def __post_init__(self) -> None:
        self.timeline = Timeline()
        self.store = Store(lambda: self.timeline.now)
        self.rng = random.Random(self.seed)
        self.kit = Kit(
            store=self.store,
            timeline=self.timeline,
            rng=self.rng,
            tempo=Tempo(),
            images=ImageLibrary(),
            settle=self.settle,
            new_id=lambda: f"{self.rng.getrandbits(64):025d}",
        )
        self._settling = False
        self._names = itertools.count(1)
        self.components: list[Component] = []
        self.lead()

    # --- the world

    def lead(self) -> None:
        """A new leader: what the former held in memory is gone."""
        for component in self.components:
            component.stop()
        self.components = [
            ReplicatedOrchestrator(self.kit),
            GlobalOrchestrator(self.kit),
            JobsOrchestrator(self.kit),
            TaskReaper(self.kit),
        ]
        for component in self.components:
            component.start()
        self.settle()

    def settle(self) -> None:
        if self._settling:
            return
        self._settling = True
        while self.store.changes:
            while self.store.changes:
                change = self.store.changes.popleft()
                for component in self.components:
                    component.handle(change)
                if isinstance(change.new, TaskRecord):
                    self._serve(change.new)
            for component in self.components:
                component.commit()
        self._settling = False

    def advance(self, seconds: float) -> None:
        self.settle()
        self.timeline.advance(self.timeline.now + seconds)
        self.settle()

    def add_nodes(self, count: int, **values: Any) -> list[NodeRecord]:
        made = []
        for _ in range(count):
            name = f"n{next(self._names)}"
            made.append(self.store.nodes.put(NodeRecord(id=name, hostname=name, **values)))
        self.settle()
        return made

    def change_node(self, node_id: str, **values: Any) -> None:
        self.store.nodes.put(replace(self.store.nodes[node_id], **values))
        self.settle()

    # --- what a person does (SwarmKit's controlapi, the part that orchestrators see)

    def create(
        self, name: str, replicas: int = 1, *, image: str = "app:1", mode: Any = None, **more: Any
    ) -> ServiceRecord:
        """`task=` for more of the template, the rest for the spec itself."""
        task = {"ContainerSpec": {"Image": image}, **more.pop("task", {})}
        spec = {
            "Name": name,
            "TaskTemplate": task,
            "Mode": mode or {"Replicated": {"Replicas": replicas}},
            **more,
        }
        job = 0 if any("Job" in key for key in spec["Mode"]) else None
        service = self.store.services.put(ServiceRecord(id=name, spec=spec, job_iteration=job))
        self.settle()
        return service

    def update(self, name: str, *, image: str | None = None, **more: Any) -> ServiceRecord:
        """`task=`, `auth=` and `replicas=`; the rest goes into the spec itself."""
        old = self.store.services[name]
        template = {**old.spec["TaskTemplate"], **more.pop("task", {})}
        if image is not None:
            template["ContainerSpec"] = {**template["ContainerSpec"], "Image": image}
        auth = more.pop("auth", old.registry_auth)
        if "replicas" in more:
            more["Mode"] = {"Replicated": {"Replicas": more.pop("replicas")}}
        new = replace(
            old,
            spec={**old.spec, **more, "TaskTemplate": template},
            spec_version=old.meta.version,
            registry_auth=auth,
            previous_spec=old.spec,
            previous_spec_version=old.spec_version,
            previous_registry_auth=old.registry_auth,
            update_status=None,
            job_iteration=None if old.job_iteration is None else old.job_iteration + 1,
        )
        service = self.store.services.put(new)
        self.settle()
        return service

    def rollback(self, name: str) -> None:
        old = self.store.services[name]
        assert old.previous_spec is not None
        status = UpdateStatus(
            "rollback_started", self.timeline.now, message="manually requested rollback"
        )
        self.store.services.put(
            replace(
                old,
                spec=old.previous_spec,
                spec_version=old.previous_spec_version or 0,
                previous_spec=old.spec,
                previous_spec_version=old.spec_version,
                update_status=status,
            )
        )
        self.settle()

    def remove(self, name: str) -> None:
        self.store.services.remove(name)
        self.settle()

    def report(self, task_id: str, state: TaskState) -> None:
        """An agent's word; none about a task that is gone, and none backwards."""
        task = self.store.tasks.get(task_id)
        if task is not None and task.state < state:
            status = TaskStatus(state, self.timeline.now, message=state.name.lower())
            self.store.tasks.put(replace(task, status=status))
            self.settle()

    # --- what is to be seen

    def tasks(self, name: str) -> list[TaskRecord]:
        return self.store.tasks_of_service(name)

    def live(self, name: str) -> list[TaskRecord]:
        """Wished to run, in the order of slots."""
        wished = [task for task in self.tasks(name) if task.desired_state <= S.RUNNING]
        return sorted(wished, key=lambda task: (task.slot, task.id))

    def running(self, name: str) -> list[TaskRecord]:
        return [task for task in self.tasks(name) if task.state == S.RUNNING]

    def slots(self, name: str) -> list[int]:
        return [task.slot for task in self.live(name)]

    def image(self, task: TaskRecord) -> str:
        image: str = task.spec["ContainerSpec"]["Image"]
        return image

    def status(self, name: str) -> tuple[str, str] | None:
        """State and message of the update."""
        status = self.store.services[name].update_status
        return None if status is None else (status.state, status.message)

    # --- scheduler and agents

    def _serve(self, task: TaskRecord) -> None:
        current = self.store.tasks.get(task.id)
        if current is None or current.meta.version != task.meta.version:
            return
        if task.state < S.ASSIGNED:
            self._place(task)
        elif task.desired_state > S.COMPLETE:
            self._later(self._script(task).stop_s, task.id, S.SHUTDOWN)
        elif task.state == S.ASSIGNED:
            self._later(0.1, task.id, S.READY)
        elif task.state == S.READY and task.desired_state > S.READY:
            self._start(task)
        elif task.state == S.RUNNING:
            script = self._script(task)
            if script.runs_for is not None:
                self._later(script.runs_for, task.id, script.ends_in)

    def _place(self, task: TaskRecord) -> None:
        node_id = task.node_id or (self._emptiest(task) if self.placing else "")
        if node_id and task.desired_state <= S.COMPLETE:
            status = replace(task.status, state=S.ASSIGNED)
            self.store.tasks.put(replace(task, node_id=node_id, status=status))

    def _emptiest(self, task: TaskRecord) -> str:
        service = self.store.services[task.service_id]

        def load(node: NodeRecord) -> tuple[int, str]:
            active = [t for t in self.store.tasks_on_node(node.id) if t.desired_state <= S.COMPLETE]
            return len(active), node.id

        fit = [
            node
            for node in self.store.nodes.all()
            if node.state == "ready"
            and node.availability == "active"
            and node_matches(service_constraints(service), node)
        ]
        return min(fit, key=load).id if fit else ""

    def _start(self, task: TaskRecord) -> None:
        script = self._script(task)
        self._later(script.start_s, task.id, S.RUNNING if script.comes_up else S.FAILED)

    def _later(self, delay_s: float, task_id: str, state: TaskState) -> None:
        self.kit.after(delay_s, self._report_if_up(task_id, state))

    def _report_if_up(self, task_id: str, state: TaskState) -> Callable[[], None]:
        def report() -> None:
            task = self.store.tasks.get(task_id)
            node = self.store.nodes.get(task.node_id) if task is not None else None
            if task is None or node is None or node.state == "down":
                return
            if task.desired_state <= S.COMPLETE or state == S.SHUTDOWN:
                self.report(task_id, state)

        return report

    def _script(self, task: TaskRecord) -> Script:
        return self.scripts.get(self.image(task), Script())
