"""What the orchestrators share: a service's mode, a slot's tasks, and nodes that can run nothing.

After SwarmKit manager/orchestrator: service.go, slot.go, task.go.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

from swarm_operator.simulation.engine.records import (
    NodeRecord,
    ServiceRecord,
    TaskRecord,
    TaskState,
)
from swarm_operator.simulation.engine.store import Store

Slot: TypeAlias = list[TaskRecord]
"""Tasks of one place of a service: a slot number, or a node where the service is global."""


@dataclass(frozen=True, slots=True)
class SlotKey:
    """Where a slot is: `slot` is 0 for global services, `node_id` empty for replicated ones."""

    service_id: str
    slot: int = 0
    node_id: str = ""


def is_replicated(service: ServiceRecord | None) -> bool:
    return service is not None and "Replicated" in service.spec["Mode"]


def is_global(service: ServiceRecord | None) -> bool:
    return service is not None and "Global" in service.spec["Mode"]


def is_replicated_job(service: ServiceRecord | None) -> bool:
    return service is not None and "ReplicatedJob" in service.spec["Mode"]


def is_global_job(service: ServiceRecord | None) -> bool:
    return service is not None and "GlobalJob" in service.spec["Mode"]


def is_job(service: ServiceRecord | None) -> bool:
    return is_replicated_job(service) or is_global_job(service)


def replicas(service: ServiceRecord) -> int:
    """Of a replicated service: 1 where the spec does not say."""
    mode = service.spec["Mode"]["Replicated"] or {}
    count: int | None = mode.get("Replicas")
    return 1 if count is None else count


def invalid_node(node: NodeRecord | None) -> bool:
    """Gone, down or drained: what runs there is to run elsewhere."""
    return node is None or node.state == "down" or node.availability == "drain"


def in_store_order(tasks: Slot) -> Slot:
    """As SwarmKit's store hands them out: by id, which is by chance."""
    return tasks if len(tasks) < 2 else sorted(tasks, key=lambda task: task.id)


def newest(slot: Slot) -> TaskRecord:
    """By the time of the last status; the first of equals."""
    return max(slot, key=lambda task: task.status.at)


def raise_desired_state(store: Store, task_id: str, state: TaskState) -> bool:
    """Write the desired state unless the task is gone or already wished further on."""
    task = store.tasks.get(task_id)
    if task is None or task.desired_state > state:
        return False
    store.tasks.put(replace(task, desired_state=state))
    return True


def remove_tasks_of(store: Store, service_id: str) -> None:
    """The service is gone: all its tasks are to be stopped, and forgotten after that."""
    for task in store.tasks_of_service(service_id):
        raise_desired_state(store, task.id, TaskState.REMOVE)
