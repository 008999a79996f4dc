"""What a rolling update counts as failures (SwarmKit manager/orchestrator/update, Updater)."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Failures:
    """Tasks made by this update that ended within the monitoring time after they came up."""

    made_at: dict[str, float | None] = field(default_factory=dict)
    """By task id: when it came up, None while it has not."""
    failed: set[str] = field(default_factory=set)

    def is_new(self, task_id: str, now: float, monitor_s: float) -> bool:
        """Note it, and say whether it counts: each task does once."""
        if task_id in self.failed or task_id not in self.made_at:
            return False
        came_up = self.made_at[task_id]
        if came_up is not None and now - came_up > monitor_s:
            return False
        self.failed.add(task_id)
        return True
