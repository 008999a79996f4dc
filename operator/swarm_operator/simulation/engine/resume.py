"""What a new leader does with the tasks that it finds (SwarmKit manager/orchestrator/taskinit)."""

from collections.abc import Callable

from swarm_operator.simulation.engine.records import ServiceRecord, TaskRecord
from swarm_operator.simulation.engine.store import Store


def adopt_tasks(store: Store, is_related: Callable[[ServiceRecord], bool]) -> list[TaskRecord]:
    """The tasks of related services. Those of services that are gone are dropped at once.

    Such tasks may still run: their nodes stop them when they find them gone.
    """
    related: list[TaskRecord] = []
    for task in store.tasks.all():
        service = store.services.get(task.service_id)
        if service is None:
            store.tasks.remove(task.id)
        elif is_related(service):
            related.append(task)
    return related
