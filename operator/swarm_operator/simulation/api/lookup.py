"""A task by what people call it: its whole id, its whole name, or the beginning of its id.

The other kinds are looked up by `Control`, for writes need them too.
"""

from swarm_operator.simulation.api.task_json import name_of
from swarm_operator.simulation.engine.errors import ApiError
from swarm_operator.simulation.engine.records import TaskRecord
from swarm_operator.simulation.engine.store import Store


def task(store: Store, reference: str) -> TaskRecord:
    """As moby's daemon/cluster/helpers.go. Raises ApiError 404, or 400 where several fit."""
    found = store.tasks.get(reference)
    if found is not None:
        return found
    tasks = store.tasks.all()
    matches = [each for each in tasks if name_of(each) == reference]
    matches = matches or [each for each in tasks if each.id.startswith(reference)]
    if not matches:
        raise ApiError(404, f"task {reference} not found")
    if len(matches) > 1:
        raise ApiError(400, f"task {reference} is ambiguous ({len(matches)} matches found)")
    return matches[0]
