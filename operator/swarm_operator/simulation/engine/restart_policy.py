"""A task's restart policy, and what a slot remembers of its restarts.

After SwarmKit manager/orchestrator/restart (shouldRestart, RecordRestartHistory) and api/defaults.
"""

from dataclasses import dataclass, field

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.engine.component import Tempo
from swarm_operator.simulation.engine.records import ServiceRecord, TaskRecord, TaskState
from swarm_operator.simulation.engine.slots import SlotKey, is_global, is_job

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Seconds. `max_attempts` 0: no limit; `window_s` 0: the attempts are never forgotten."""

    condition: str
    delay_s: float
    max_attempts: int = 0
    window_s: float = 0.0


def restart_policy(template: JsonObject, tempo: Tempo) -> RestartPolicy:
    """Of a TaskTemplate, with the engine's defaults for what it does not say."""
    policy = template.get("RestartPolicy")
    if policy is None:
        return RestartPolicy("any", tempo.default_restart_delay_s)
    delay = policy.get("Delay")
    return RestartPolicy(
        condition=policy.get("Condition") or "any",
        delay_s=tempo.default_restart_delay_s if delay is None else delay / NANOSECONDS,
        max_attempts=policy.get("MaxAttempts") or 0,
        window_s=(policy.get("Window") or 0) / NANOSECONDS,
    )


@dataclass(slots=True)
class _Restarts:
    """Of one slot, for one version of the spec: another version begins anew."""

    spec_version: int = 0
    total: int = 0
    times: list[float] = field(default_factory=list)
    """When, oldest first: kept only where the policy has a window."""

    def within(self, window_s: float, until: float) -> int:
        """How many lie in the window that ends at `until`; those before it are forgotten."""
        self.times = [time for time in self.times if time > until - window_s]
        return sum(1 for time in self.times if time < until)


class RestartHistory:
    """How often each slot was restarted: in the leader's memory, rebuilt from old tasks."""

    def __init__(self, tempo: Tempo) -> None:
        self._tempo = tempo
        self._by_service: dict[str, dict[SlotKey, _Restarts]] = {}

    def record(self, key: SlotKey, replacement: TaskRecord, created_at: float) -> None:
        """`replacement` was made for a task that ended. Nothing to note without a limit."""
        policy = restart_policy(replacement.spec, self._tempo)
        if policy.max_attempts == 0:
            return
        slots = self._by_service.setdefault(key.service_id, {})
        restarts = slots.setdefault(key, _Restarts())
        version = replacement.spec_version
        if version is not None and version != restarts.spec_version:
            restarts = slots[key] = _Restarts(spec_version=version)
        restarts.total += 1
        if policy.window_s:
            restarts.times.append(created_at)

    def forget(self, service_id: str) -> None:
        self._by_service.pop(service_id, None)

    def should_restart(self, task: TaskRecord, service: ServiceRecord) -> bool:
        """Whether the policy wants a task that ended (or is to end) to be replaced."""
        policy = restart_policy(task.spec, self._tempo)
        if not _condition_holds(policy.condition, task, service):
            return False
        if policy.max_attempts == 0:
            return True
        restarts = self._by_service.get(task.service_id, {}).get(_key_for_lookup(task, service))
        if restarts is None or task.spec_version not in (None, restarts.spec_version):
            return True
        if not policy.window_s:
            return restarts.total < policy.max_attempts
        return restarts.within(policy.window_s, task.status.at) < policy.max_attempts


def _condition_holds(condition: str, task: TaskRecord, service: ServiceRecord) -> bool:
    """A task of a job that completed is never run again, whatever its policy says."""
    if condition == "none":
        return False
    if condition == "on-failure" or is_job(service):
        return task.state != TaskState.COMPLETE
    return True


def _key_for_lookup(task: TaskRecord, service: ServiceRecord) -> SlotKey:
    """SwarmKit notes a global job's restarts by node but looks for them without: no limit holds."""
    node_id = task.node_id if is_global(service) else ""
    return SlotKey(task.service_id, task.slot, node_id)
