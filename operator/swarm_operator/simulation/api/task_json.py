"""A task as the Engine API shows it (moby's daemon/cluster/convert/task.go)."""

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.api.meta_json import identity
from swarm_operator.simulation.api.timestamps import rfc3339
from swarm_operator.simulation.engine.records import TaskRecord, TaskState, TaskStatus
from swarm_operator.simulation.timeline import Timeline

_STATE_NAMES = {state: state.name.lower() for state in TaskState}


class TaskJson:
    """Renders tasks; those of one spec share its JSON, for there may be thousands."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._last_specs: dict[str, tuple[JsonObject, JsonObject]] = {}

    def task(self, record: TaskRecord) -> JsonObject:
        json = identity(self._timeline, record.id, record.meta)
        json["Labels"] = {}
        json["Spec"] = self._spec(record)
        if record.service_id:
            json["ServiceID"] = record.service_id
        if record.slot:
            json["Slot"] = record.slot
        if record.node_id:
            json["NodeID"] = record.node_id
        json["Status"] = self._status(record.status)
        json["DesiredState"] = _STATE_NAMES[record.desired_state]
        if record.networks:
            json["NetworksAttachments"] = list(record.networks)
        if record.assigned_generic_resources:
            json["GenericResources"] = list(record.assigned_generic_resources)
        if record.job_iteration is not None:
            json["JobIteration"] = {"Index": record.job_iteration} if record.job_iteration else {}
        json["Volumes"] = None
        return json

    def _spec(self, record: TaskRecord) -> JsonObject:
        last = self._last_specs.get(record.service_id)
        if last is not None and last[0] is record.spec:
            return last[1]
        # A service's template says its runtime, a task's spec does not.
        shown = {key: value for key, value in record.spec.items() if key != "Runtime"}
        self._last_specs[record.service_id] = (record.spec, shown)
        return shown

    def _status(self, status: TaskStatus) -> JsonObject:
        json: JsonObject = {
            "Timestamp": rfc3339(self._timeline, status.at),
            "State": _STATE_NAMES[status.state],
        }
        if status.message:
            json["Message"] = status.message
        if status.error:
            json["Err"] = status.error
        if _has_container_status(status):
            json["ContainerStatus"] = {
                "ContainerID": status.container_id,
                "PID": status.pid,
                "ExitCode": status.exit_code or 0,
            }
        json["PortStatus"] = {"Ports": list(status.host_ports)} if status.host_ports else {}
        return json


def _has_container_status(status: TaskStatus) -> bool:
    """The agent reports one as soon as there is a container, and an empty one where it could not
    make any."""
    is_rejected = status.state is TaskState.REJECTED and bool(status.error)
    return bool(status.container_id) or status.exit_code is not None or is_rejected


def name_of(task: TaskRecord) -> str:
    """SwarmKit's api/naming: service, slot (or node of a global service's task), id."""
    return f"{task.service_name}.{task.slot or task.node_id}.{task.id}"


def state_named(name: str) -> TaskState | None:
    """The state of that name in any case; None where there is none."""
    return TaskState.__members__.get(name.upper())
