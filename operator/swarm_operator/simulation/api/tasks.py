"""The routes of tasks (moby's daemon/cluster/tasks.go, SwarmKit's controlapi/task.go)."""

from collections.abc import Iterable
from typing import Final

from swarm_operator.simulation.api import lookup
from swarm_operator.simulation.api.backend import Backend
from swarm_operator.simulation.api.filters import Filters
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.api.responses import answer
from swarm_operator.simulation.api.task_json import name_of, state_named
from swarm_operator.simulation.engine.dirty import is_task_dirty
from swarm_operator.simulation.engine.errors import ApiError
from swarm_operator.simulation.engine.records import TaskRecord, TaskState
from swarm_operator.simulation.engine.store import Store

_FILTERS: Final = frozenset(
    {"name", "id", "label", "service", "node", "desired-state", "_up-to-date", "runtime"}
)


def listing(backend: Backend, request: ApiRequest, _: str) -> ApiResponse:
    filters = Filters.parse(request.query.get("filters", ""), _FILTERS)
    store, control = backend.model.store, backend.model.control
    if not filters:
        return answer(backend.rendered.tasks.each(backend.rendered.tasks.by_id()))
    services = frozenset(control.service(each).id for each in filters.get("service"))
    nodes = frozenset(control.node(each).id for each in filters.get("node"))
    states = _states(filters)
    found = [
        task
        for task in _candidates(store, services, nodes)
        if (not services or task.service_id in services)
        and (not nodes or task.node_id in nodes)
        and (not states or task.desired_state in states)
        and _matches(store, filters, task)
    ]
    found.sort(key=lambda task: task.id)
    return answer(backend.rendered.tasks.each(found))


def inspect(backend: Backend, _: ApiRequest, reference: str) -> ApiResponse:
    return answer(backend.rendered.tasks.of(lookup.task(backend.model.store, reference)))


def _states(filters: Filters) -> frozenset[TaskState]:
    states = set()
    for name in filters.get("desired-state"):
        state = state_named(name)
        if state is not None:
            states.add(state)
        elif name:
            raise ApiError(500, f"Invalid desired-state filter: '{name}'")
    return frozenset(states)


def _candidates(
    store: Store, services: frozenset[str], nodes: frozenset[str]
) -> Iterable[TaskRecord]:
    """By the store's indexes, where they help."""
    if services:
        return [task for each in sorted(services) for task in store.tasks_of_service(each)]
    if nodes:
        return [task for each in sorted(nodes) for task in store.tasks_on_node(each)]
    return store.tasks.all()


def _matches(store: Store, filters: Filters, task: TaskRecord) -> bool:
    return (
        filters.has_prefix("name", name_of(task))
        and filters.has_prefix("id", task.id)
        and filters.has_labels("label", task.service_labels)
        and filters.is_one_of("runtime", task.spec.get("Runtime", "container"))
        and (not filters.get("_up-to-date") or _is_up_to_date(store, task))
    )


def _is_up_to_date(store: Store, task: TaskRecord) -> bool:
    service = store.services.get(task.service_id)
    return service is not None and not is_task_dirty(service, task, store.nodes.get(task.node_id))
