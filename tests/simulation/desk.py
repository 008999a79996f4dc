"""One component of a leader on a store of its own: what it is told, and what it writes."""

import random
from dataclasses import replace
from typing import Any

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.engine.component import Component, Kit, Tempo
from swarm_operator.simulation.engine.images import ImageLibrary
from swarm_operator.simulation.engine.records import (
    NodeRecord,
    ServiceRecord,
    TaskRecord,
    TaskState,
    TaskStatus,
)
from swarm_operator.simulation.engine.store import Store
from swarm_operator.simulation.timeline import Timeline


class Desk:
    """Write nodes, services and tasks; `advance` lets the component work."""

    def __init__(self, seed: int = 0) -> None:
        self.timeline = Timeline()
        self.store = Store(lambda: self.timeline.now)
        self.component: Component | None = None
        rng = random.Random(seed)
        self._count = 0
        self.kit = Kit(
            self.store, self.timeline, rng, Tempo(), ImageLibrary(), self.settle, self._new_id
        )

    def begin(self, component: Component) -> None:
        self.store.changes.clear()
        self.component = component
        component.start()
        self.settle()

    def settle(self) -> None:
        if self.component is None:
            return
        while self.store.changes:
            while self.store.changes:
                self.component.handle(self.store.changes.popleft())
            self.component.commit()

    def advance(self, seconds: float = 1.0) -> None:
        self.settle()
        self.timeline.advance(self.timeline.now + seconds)

    # --- records ---

    def node(self, name: str, **fields: Any) -> NodeRecord:
        """Its id is its name."""
        return self.store.nodes.put(NodeRecord(id=name, hostname=name, **fields))

    def change_node(self, name: str, **fields: Any) -> NodeRecord:
        return self.store.nodes.put(replace(self.store.nodes[name], **fields))

    def service(self, name: str, spec_version: int = 1, **template: Any) -> ServiceRecord:
        """Its id is its name; `template` are members of its TaskTemplate."""
        spec: JsonObject = {"Name": name, "TaskTemplate": template, "Mode": {"Replicated": {}}}
        return self.store.services.put(ServiceRecord(id=name, spec=spec, spec_version=spec_version))

    def pending(self, service: str, count: int = 1, **fields: Any) -> list[str]:
        """Tasks that wait for the scheduler; their ids. The service is made where it is not there."""
        record = self.store.services.get(service) or self.service(service)
        return [
            self.store.tasks.put(
                TaskRecord(
                    **{
                        "id": self._new_id(),
                        "service_id": service,
                        "spec": record.spec["TaskTemplate"],
                        "spec_version": record.spec_version,
                        "slot": slot,
                        "status": TaskStatus(TaskState.PENDING, message="pending task scheduling"),
                        **fields,
                    }
                )
            ).id
            for slot in range(1, count + 1)
        ]

    def running(self, service: str, node: str, count: int = 1, **fields: Any) -> list[str]:
        status = TaskStatus(TaskState.RUNNING, message="started")
        return self.pending(service, count, node_id=node, status=status, **fields)

    def end(self, task_id: str, state: TaskState = TaskState.FAILED) -> None:
        task = self.store.tasks[task_id]
        self.store.tasks.put(replace(task, status=replace(task.status, state=state)))

    def wish(self, task_id: str, state: TaskState) -> None:
        self.store.tasks.put(replace(self.store.tasks[task_id], desired_state=state))

    # --- what came of it ---

    def task(self, task_id: str) -> TaskRecord:
        return self.store.tasks[task_id]

    def places(self, *task_ids: str) -> list[str]:
        """Nodes of these tasks, sorted; "" for those that wait."""
        return sorted(self.store.tasks[task_id].node_id for task_id in task_ids)

    def copies(self, service: str) -> dict[str, int]:
        """Tasks by node."""
        counts: dict[str, int] = {}
        for task in self.store.tasks_of_service(service):
            counts[task.node_id] = counts.get(task.node_id, 0) + 1
        return counts

    def _new_id(self) -> str:
        self._count += 1
        return f"id{self._count:05}"
