"""When a task no longer is what its service asks for (SwarmKit manager/orchestrator/task.go)."""

from collections.abc import Mapping
from typing import Any

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.engine.constraints import node_matches, service_constraints
from swarm_operator.simulation.engine.records import (
    NodeRecord,
    ServiceRecord,
    TaskRecord,
    TaskState,
)


def is_task_dirty(service: ServiceRecord, task: TaskRecord, node: NodeRecord | None) -> bool:
    """Whether an update has to replace the task. `node` is the task's, None where it has none.

    A change of placement alone leaves it alone as long as its node satisfies the new constraints;
    new registry credentials alone leave it alone once its image was pulled. Both together do not:
    the first rule then sees more than placement change, and the second still sees the placement.
    """
    if task.spec_version is not None and task.spec_version == service.spec_version:
        return False
    if _only_placement_differs(service, task) and _satisfies(service, node):
        return False
    if not _same_credentials(service, task) and not _has_its_image(task):
        return True
    return not _same_template(service, task) or not _same_endpoint(service, task)


def _only_placement_differs(service: ServiceRecord, task: TaskRecord) -> bool:
    template = service.spec["TaskTemplate"]
    if template is task.spec or template.get("Placement") == task.spec.get("Placement"):
        return False
    return _same_credentials(service, task) and same_json(
        _without_placement(template), _without_placement(task.spec)
    )


def _satisfies(service: ServiceRecord, node: NodeRecord | None) -> bool:
    return node is not None and node_matches(service_constraints(service), node)


def _same_credentials(service: ServiceRecord, task: TaskRecord) -> bool:
    """Only a container has an image to pull; PullOptions in SwarmKit."""
    return service.registry_auth == task.registry_auth


def _has_its_image(task: TaskRecord) -> bool:
    return (
        task.desired_state <= TaskState.RUNNING
        and TaskState.READY <= task.state <= TaskState.RUNNING
    )


def _same_template(service: ServiceRecord, task: TaskRecord) -> bool:
    return same_json(service.spec["TaskTemplate"], task.spec)


def _same_endpoint(service: ServiceRecord, task: TaskRecord) -> bool:
    """A task's endpoint is a copy made at its birth; none at all counts as the same."""
    if task.endpoint is None:
        return True
    return same_json(service.spec.get("EndpointSpec") or {}, task.endpoint.get("Spec") or {})


def _without_placement(template: JsonObject) -> Mapping[str, Any]:
    return {key: value for key, value in template.items() if key != "Placement"}


def same_json(one: object, other: object) -> bool:
    """Equal; at once where they are the very same object, as they mostly are."""
    return one is other or one == other
