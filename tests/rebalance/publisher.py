"""What publishes tasks, as a script: how fast it confirms, and what it would have sent to its doom."""

import math
from dataclasses import dataclass, field

from swarm_operator.runtime.withdrawal import Withdrawn
from swarm_operator.simulation.engine.records import TaskRecord, TaskState
from swarm_operator.simulation.engine.store import Change
from tests.rebalance.stage import Stage

NEVER = math.inf


@dataclass
class Publisher:
    """Publishes all that runs, but for what is withdrawn."""

    stage: Stage
    confirms_after_s: float = 0.0
    times_out_after_s: float = 30.0
    out: set[str] = field(default_factory=set)
    """Ids of the tasks to which nobody is sent."""
    asked: list[str] = field(default_factory=list)
    stopped_in_use: list[str] = field(default_factory=list)
    """Told to stop while people were sent to them."""
    is_dead: bool = False
    """Its process ended: somebody else publishes."""
    _since: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stage.engine.store.observe(self._see)

    def withdraw(self, task_id: str) -> Withdrawn:
        self.asked.append(task_id)
        now = self.stage.time.monotonic()
        waited = now - self._since.setdefault(task_id, now)
        if waited >= self.confirms_after_s:
            self.out.add(task_id)
            return Withdrawn.CONFIRMED
        return Withdrawn.TIMED_OUT if waited >= self.times_out_after_s else Withdrawn.PENDING

    def publish_again(self, task_id: str) -> None:
        self.out.discard(task_id)
        self._since.pop(task_id, None)

    def unpublished(self) -> set[str]:
        """That serve."""
        return {task.id for task in self.stage.serving()} & self.out

    def _see(self, change: Change) -> None:
        old, new = change.old, change.new
        if self.is_dead or not isinstance(old, TaskRecord) or not isinstance(new, TaskRecord):
            return
        served = old.state is old.desired_state is TaskState.RUNNING
        is_told = served and new.desired_state > TaskState.RUNNING and new.state is old.state
        if is_told and new.id not in self.out:
            self.stopped_in_use.append(new.id)
