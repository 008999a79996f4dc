"""UpdateConfig and RollbackConfig of a service, with the engine's defaults (SwarmKit api/defaults)."""

from dataclasses import dataclass

from swarm_operator.simulation.engine.component import Tempo
from swarm_operator.simulation.engine.records import ServiceRecord
from swarm_operator.simulation.engine.restart_policy import NANOSECONDS


@dataclass(frozen=True, slots=True)
class UpdateConfig:
    """`parallelism` 0: all slots at once. Times in seconds."""

    parallelism: int
    delay_s: float
    monitor_s: float
    failure_action: str = "pause"
    order: str = "stop-first"
    max_failure_ratio: float = 0.0


def is_rolling_back(service: ServiceRecord) -> bool:
    status = service.update_status
    return status is not None and status.state == "rollback_started"


def update_config(service: ServiceRecord, tempo: Tempo) -> UpdateConfig:
    """What the update under way goes by: a rollback has its own.

    Without a config one slot at a time; a config that does not name the parallelism means all.
    """
    key = "RollbackConfig" if is_rolling_back(service) else "UpdateConfig"
    config = service.spec.get(key)
    if config is None:
        return UpdateConfig(parallelism=1, delay_s=0.0, monitor_s=tempo.default_monitor_s)
    monitor = config.get("Monitor") or 0
    return UpdateConfig(
        parallelism=config.get("Parallelism") or 0,
        delay_s=(config.get("Delay") or 0) / NANOSECONDS,
        monitor_s=monitor / NANOSECONDS if monitor else tempo.default_monitor_s,
        failure_action=config.get("FailureAction") or "pause",
        order=config.get("Order") or "stop-first",
        max_failure_ratio=config.get("MaxFailureRatio") or 0.0,
    )
