"""Which services are to be looked at often: those whose tasks move, or are about to."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from swarm_operator.observed.swarm import Service, Swarm
from swarm_operator.plan.routes.servers import is_running, moving_services
from swarm_operator.runtime.inbox import Wake

HOT_S: Final = 3.0
"""After an event the tasks are looked at often for so long: Swarm acts on it a moment later."""
STUCK_S: Final = 60.0
"""What has not changed for so long is looked at as seldom as what is still."""


@dataclass(slots=True)
class Motion:
    """What was heard and seen lately; times are monotonic seconds."""

    _hot_until: dict[str, float] = field(default_factory=dict)
    """By service id; "" is everything."""
    _tasks_seen: tuple[object, float] = (None, 0.0)

    def heard(self, wake: Wake, now: float) -> None:
        """Events of the swarm."""
        if wake.swarm_changed:
            self._hot_until[""] = now + HOT_S
        self._hot_until |= dict.fromkeys(wake.services_changed, now + HOT_S)

    def seen(self, swarm: Swarm, now: float) -> None:
        """A look at the swarm."""
        if self._tasks_seen[0] is not swarm.tasks:
            self._tasks_seen = swarm.tasks, now

    def moving(
        self, swarm: Swarm, services: Iterable[Service], withdrawn: Collection[str], now: float
    ) -> frozenset[str] | None:
        """Ids of those of the services that move; None where everything may. `withdrawn`: ids of
        tasks that are about to be stopped."""
        self._hot_until = {key: until for key, until in self._hot_until.items() if until > now}
        if "" in self._hot_until:
            return None
        by_id = {service.id: service for service in services}
        looked_at = list(by_id.values())
        if now >= self._tasks_seen[1] + STUCK_S:
            looked_at = [each for each in looked_at if each.update_state == "updating"]
        moving = set(moving_services(swarm, looked_at)) | (self._hot_until.keys() & by_id.keys())
        of_withdrawn = (task for task in swarm.tasks if task.id in withdrawn)
        moving |= {task.service_id for task in of_withdrawn if is_running(task)}
        return frozenset(moving)
