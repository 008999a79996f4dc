"""A service as the Engine API shows it (moby's daemon/cluster/convert/service.go)."""

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.api.meta_json import identity
from swarm_operator.simulation.api.timestamps import rfc3339
from swarm_operator.simulation.engine.records import ServiceRecord, UpdateStatus
from swarm_operator.simulation.timeline import Timeline

_SECOND_NS = 10**9


def service(timeline: Timeline, record: ServiceRecord) -> JsonObject:
    """Without ServiceStatus, which only a list shows that asks for it."""
    json = identity(timeline, record.id, record.meta)
    json["Spec"] = record.spec
    if record.previous_spec is not None:
        json["PreviousSpec"] = record.previous_spec
    json["Endpoint"] = record.endpoint if record.endpoint is not None else {"Spec": {}}
    if record.update_status is not None:
        json["UpdateStatus"] = _update_status(timeline, record.update_status)
    if record.job_iteration is not None:
        json["JobStatus"] = {
            # Go leaves an index of 0 out.
            "JobIteration": {"Index": record.job_iteration} if record.job_iteration else {},
            "LastExecution": rfc3339(timeline, record.job_started_at or 0.0),
        }
    return json


def _update_status(timeline: Timeline, status: UpdateStatus) -> JsonObject:
    json: JsonObject = {"State": status.state, "StartedAt": rfc3339(timeline, status.started_at)}
    if status.completed_at is not None:
        json["CompletedAt"] = rfc3339(timeline, status.completed_at)
    if status.message:
        json["Message"] = status.message
    return json


def with_defaults(spec: JsonObject) -> JsonObject:
    """The spec with what SwarmKit assumes where nothing is said (its api/defaults/service.go)."""
    task = spec["TaskTemplate"]
    restart = task.get("RestartPolicy")
    container = task.get("ContainerSpec")
    full_task = {
        **task,
        "Resources": task.get("Resources") or {},
        "Placement": task.get("Placement") or {},
        "RestartPolicy": {"Delay": 5 * _SECOND_NS, **restart}
        if restart is not None
        else {"Condition": "any", "Delay": 5 * _SECOND_NS, "MaxAttempts": 0},
    }
    if container is not None:
        defaults = {"StopGracePeriod": 10 * _SECOND_NS, "DNSConfig": {}}
        full_task["ContainerSpec"] = {**defaults, **container}
    return {
        **spec,
        "TaskTemplate": full_task,
        "UpdateConfig": _full_update_config(spec.get("UpdateConfig")),
        "RollbackConfig": _full_update_config(spec.get("RollbackConfig")),
    }


def _full_update_config(config: JsonObject | None) -> JsonObject:
    if config is not None:
        return {"Monitor": 5 * _SECOND_NS, **config}
    return {
        "Parallelism": 1,
        "FailureAction": "pause",
        "Monitor": 5 * _SECOND_NS,
        "MaxFailureRatio": 0,
        "Order": "stop-first",
    }
