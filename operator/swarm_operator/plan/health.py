"""How a service stands, from its tasks: the verdict that people see, with the task's own error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from swarm_operator.observed.engine_time import parse_time
from swarm_operator.observed.json import dig
from swarm_operator.observed.swarm import Node, Service, Task
from swarm_operator.plan.rebalance.intent import Unreadable, has_label, intent_of

SETTLE: Final = timedelta(seconds=10)
"""A service with a failure younger than this is not ready yet, even when all its tasks run: a task
that crashes at its start runs for a moment each time."""


_ACCEPTED: Final = timedelta(seconds=1.5)


class ServiceState(StrEnum):
    """The verdict; the later in the list, the more it needs a person."""

    READY = "Ready"
    CONVERGING = "Converging"
    COMPLETED = "Completed"
    DEGRADED = "Degraded"
    PAUSED = "UpdatePaused"
    ROLLED_BACK = "RolledBack"


@dataclass(frozen=True, slots=True)
class Health:
    """A service's verdict."""

    state: ServiceState
    running: int
    wanted: int
    message: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether nothing is expected to change by itself."""
        return self.state in {ServiceState.READY, ServiceState.COMPLETED, ServiceState.PAUSED}


def service_health(
    service: Service, tasks: Sequence[Task], nodes: Mapping[str, Node], now: datetime
) -> Health:
    """`tasks` are the service's own, `now` is the wall clock: engines stamp their reports with it."""
    mode = next(iter(service.spec.get("Mode") or {}), "Replicated")
    if mode in {"ReplicatedJob", "GlobalJob"}:
        return _job_health(service, tasks, mode, now)
    running = [task for task in tasks if _is_running(task, nodes)]
    moved = _replicas_in_a_move(service)
    if moved is not None and len(running) >= moved:
        return Health(ServiceState.READY, moved, moved, "one of its tasks is being moved")
    wished = [task for task in tasks if task.desired_state == "running"]
    wanted = len(wished) if mode == "Global" else _replicas(service)
    trouble = _trouble(tasks) or _ended(service, tasks)
    count = min(len(running), wanted)
    if service.update_state == "paused":
        message = service.update_message or "the update is paused"
        return Health(ServiceState.PAUSED, count, wanted, _with_error(message, trouble))
    if service.update_state in {"rollback_started", "rollback_paused"}:
        message = service.update_message or "rolling back"
        return Health(ServiceState.ROLLED_BACK, count, wanted, _with_error(message, trouble))
    if count >= wanted and service.update_state != "updating":
        if _is_just_written(service, now) and not _ends_a_move(service):
            return Health(ServiceState.CONVERGING, count, wanted, "a moment ago it was written")
        if trouble is not None and _was_replaced_before(trouble, running):
            trouble = None
        return _all_running(count, wanted, trouble, now)
    if trouble is not None:
        return Health(ServiceState.DEGRADED, count, wanted, error_text(trouble))
    message = f"{count} of {wanted} running" if count < wanted else "an update is under way"
    return Health(ServiceState.CONVERGING, count, wanted, message)


def _replicas_in_a_move(service: Service) -> int | None:
    """How many tasks the service wishes but for the move of one; None where none is moved."""
    try:
        intent = intent_of(service.spec)
    except Unreadable:
        return None
    return intent.replicas if intent is not None else None


def _ends_a_move(service: Service) -> bool:
    """Whether the last write was a move's restoring or sealing one: they change no task."""
    return has_label(service.previous_spec) or service.spec == service.previous_spec


def _all_running(count: int, wanted: int, trouble: Task | None, now: datetime) -> Health:
    if trouble is not None and _age(trouble, now) < SETTLE:
        return Health(ServiceState.DEGRADED, count, wanted, error_text(trouble))
    return Health(ServiceState.READY, count, wanted)


def _was_replaced_before(failed: Task, running: Sequence[Task]) -> bool:
    """Whether its successor is older than the report of its failure: a node that was lost says so of
    its old tasks when it is back, long after Swarm had given them up (SwarmKit, dispatcher)."""
    reported, made = parse_time(failed.timestamp), parse_time(failed.created_at)
    if reported is None or made is None:
        return False
    others = (parse_time(task.created_at) for task in running if task.slot == failed.slot)
    return any(other is not None and made < other < reported - _ACCEPTED for other in others)


def _is_just_written(service: Service, now: datetime) -> bool:
    """SwarmKit marks an update as under way a moment after it accepted it; until then the old tasks
    look as if all were done. A clock that runs ahead of ours is not waited for."""
    written = parse_time(service.updated_at)
    return written is not None and timedelta() <= now - written < _ACCEPTED


def _job_health(service: Service, tasks: Sequence[Task], mode: str, now: datetime) -> Health:
    iteration = max((task.job_iteration or 0 for task in tasks), default=0)
    current = [task for task in tasks if (task.job_iteration or 0) == iteration]
    done = sum(1 for task in current if task.state == "complete")
    total = dig(service.spec, "Mode", mode, "TotalCompletions")
    wanted = total if isinstance(total, int) else max(1, len({task.node_id for task in current}))
    if done >= wanted and _is_just_written(service, now):
        return Health(ServiceState.CONVERGING, 0, wanted, "a moment ago it was written")
    if done >= wanted:
        return Health(ServiceState.COMPLETED, 0, 0, f"{done} of {wanted} completed")
    trouble = _trouble(current)
    running = sum(1 for task in current if task.state == "running")
    if trouble is not None and not running:
        return Health(ServiceState.DEGRADED, running, wanted, error_text(trouble))
    return Health(ServiceState.CONVERGING, running, wanted, f"{done} of {wanted} completed")


def _is_running(task: Task, nodes: Mapping[str, Node]) -> bool:
    """A dead node's task is still listed as running: what its node said last."""
    if task.desired_state != "running" or not task.is_running:
        return False
    node = nodes.get(task.node_id or "")
    return node is not None and node.state != "down"


def _replicas(service: Service) -> int:
    replicas = dig(service.spec, "Mode", "Replicated", "Replicas")
    return replicas if isinstance(replicas, int) else 1


def _trouble(tasks: Sequence[Task]) -> Task | None:
    """The task whose error explains best why not all is well: the newest that failed or waits."""
    failed = [
        task
        for task in tasks
        if task.state in {"failed", "rejected"} or (task.error and task.state in _WAITING)
    ]
    return max(failed, key=lambda task: task.timestamp, default=None)


def _ended(service: Service, tasks: Sequence[Task]) -> Task | None:
    """The newest task that came to an end by itself, of a service that is to run for ever."""
    if dig(service.spec, "TaskTemplate", "RestartPolicy", "Condition") in {"none", "on-failure"}:
        return None
    ended = (task for task in tasks if task.state == "complete")
    return max(ended, key=lambda task: task.timestamp, default=None)


_WAITING: Final = frozenset({"new", "pending", "assigned", "accepted", "preparing", "starting"})


def last_failure(tasks: Sequence[Task]) -> str:
    """What the newest task that failed says; empty where none did."""
    trouble = _trouble(tasks)
    return error_text(trouble) if trouble is not None else ""


def error_text(task: Task) -> str:
    """The task's own words, and its exit code where it has one that says something."""
    if task.state == "complete":
        return "its task ended (exit code 0): by itself, or because its health check fails"
    text = task.error or task.message
    if task.exit_code and str(task.exit_code) not in text:
        text = f"{text} (exit code {task.exit_code})"
    return text


def _with_error(message: str, trouble: Task | None) -> str:
    return message if trouble is None else f"{message}: {error_text(trouble)}"


def _age(task: Task, now: datetime) -> timedelta:
    """How long ago a task's state was reported; a clock that runs ahead makes it zero."""
    when = parse_time(task.timestamp)
    return SETTLE if when is None else max(timedelta(), now - when)
