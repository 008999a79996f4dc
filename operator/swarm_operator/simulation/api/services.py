"""The routes of services (moby's daemon/server/router/swarm, daemon/cluster/services.go)."""

from typing import Final

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.api.backend import Backend
from swarm_operator.simulation.api.filters import Filters
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.api.query import json_body, strict_flag, version_index
from swarm_operator.simulation.api.responses import answer, empty
from swarm_operator.simulation.api.service_json import with_defaults
from swarm_operator.simulation.engine.errors import ApiError
from swarm_operator.simulation.engine.records import ServiceRecord, TaskState
from swarm_operator.simulation.engine.store import Store

_FILTERS: Final = frozenset({"name", "id", "label", "mode", "runtime"})
_MODES: Final = {
    "Global": "global",
    "Replicated": "replicated",
    "ReplicatedJob": "replicated-job",
    "GlobalJob": "global-job",
}


def listing(backend: Backend, request: ApiRequest, _: str) -> ApiResponse:
    filters = Filters.parse(request.query.get("filters", ""), _FILTERS)
    wants_status = strict_flag(request, "status")
    records = [r for r in backend.rendered.services.by_id() if _matches(filters, r)]
    jsons = backend.rendered.services.each(records)
    if wants_status:
        store = backend.model.store
        jsons = [
            {**json, "ServiceStatus": _status(store, record)}
            for json, record in zip(jsons, records, strict=True)
        ]
    return answer(jsons)


def inspect(backend: Backend, request: ApiRequest, reference: str) -> ApiResponse:
    wants_defaults = strict_flag(request, "insertDefaults")
    json = backend.rendered.services.of(backend.model.control.service(reference))
    if wants_defaults:
        json = {**json, "Spec": with_defaults(json["Spec"])}
    return answer(json)


def create(backend: Backend, request: ApiRequest, _: str) -> ApiResponse:
    identity = backend.model.control.create_service(
        json_body(request),
        api_version=backend.version_of(request),
        registry_auth=request.header("X-Registry-Auth"),
    )
    return answer({"ID": identity, "Warnings": None}, 201)


def update(backend: Backend, request: ApiRequest, reference: str) -> ApiResponse:
    body = json_body(request)
    version = version_index(request, "service")
    rollback = request.query.get("rollback", "")
    if rollback not in {"", "none", "previous"}:
        raise ApiError(500, f"unrecognized rollback option {rollback}")
    source = request.query.get("registryAuthFrom") or "spec"
    if source not in {"spec", "previous-spec"}:
        raise ApiError(500, "unsupported registryAuthFrom value")
    backend.model.control.update_service(
        reference,
        version,
        body,
        rollback=rollback == "previous",
        api_version=backend.version_of(request),
        registry_auth=request.header("X-Registry-Auth"),
        registry_auth_from=source,
    )
    return answer({"Warnings": None})


def remove(backend: Backend, _: ApiRequest, reference: str) -> ApiResponse:
    backend.model.control.remove_service(reference)
    return empty()


def mode_of(spec: JsonObject) -> str:
    """The word for the spec's mode in filters and lists."""
    return next((word for key, word in _MODES.items() if key in spec["Mode"]), "replicated")


def _matches(filters: Filters, record: ServiceRecord) -> bool:
    if not filters:
        return True
    spec = record.spec
    runtime = spec["TaskTemplate"].get("Runtime", "container")
    return (
        filters.has_prefix("name", record.name)
        and filters.has_prefix("id", record.id)
        and filters.has_labels("label", spec.get("Labels") or {})
        and filters.is_one_of("mode", mode_of(spec))
        and filters.is_one_of("runtime", runtime)
    )


def _status(store: Store, record: ServiceRecord) -> JsonObject:
    """Counts as SwarmKit's ListServiceStatuses; for a global service the wish is counted too."""
    mode = record.spec["Mode"]
    is_global = "Global" in mode or "GlobalJob" in mode
    running = completed = wished = 0
    for task in store.tasks_of_service(record.id):
        if record.job_iteration is not None:
            if task.job_iteration != record.job_iteration:
                continue
            completed += task.state == TaskState.COMPLETE
        running += task.state == TaskState.RUNNING
        wished += task.desired_state == TaskState.RUNNING or (
            task.desired_state == TaskState.COMPLETE and task.state != TaskState.COMPLETE
        )
    if not is_global:
        wished = _wished(mode)
    return {"RunningTasks": running, "DesiredTasks": wished, "CompletedTasks": completed}


def _wished(mode: JsonObject) -> int:
    if "ReplicatedJob" in mode:
        return int(mode["ReplicatedJob"].get("MaxConcurrent", 1))
    return int((mode.get("Replicated") or {}).get("Replicas", 1))
