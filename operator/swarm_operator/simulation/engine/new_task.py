"""How a task is born (SwarmKit manager/orchestrator/task.go, NewTask)."""

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.records import (
    ServiceRecord,
    TaskRecord,
    TaskState,
    TaskStatus,
)


def new_task(
    kit: Kit,
    service: ServiceRecord,
    *,
    slot: int = 0,
    node_id: str = "",
    desired_state: TaskState = TaskState.RUNNING,
    job_iteration: int | None = None,
) -> TaskRecord:
    """For the service as given; not in the store yet. `node_id` for global services and jobs."""
    return TaskRecord(
        id=kit.new_id(),
        service_id=service.id,
        spec=service.spec["TaskTemplate"],
        spec_version=service.spec_version,
        slot=slot,
        node_id=node_id,
        desired_state=desired_state,
        status=TaskStatus(at=kit.timeline.now),
        service_name=service.name,
        service_labels=service.spec.get("Labels") or {},
        endpoint=_endpoint(service),
        job_iteration=job_iteration,
        registry_auth=service.registry_auth,
    )


def _endpoint(service: ServiceRecord) -> JsonObject:
    spec = service.spec.get("EndpointSpec")
    return {"Spec": spec} if spec else {}
