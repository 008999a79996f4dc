"""What moving and recovering share: a look at one service, and one write of its spec."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from swarm_operator.observed.errors import Conflict
from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import Service, Swarm
from swarm_operator.plan.rebalance.intent import MoveIntent
from swarm_operator.plan.rebalance.scene import Scene
from swarm_operator.plan.rebalance.slots import Slots, slots_of
from swarm_operator.runtime.ports import Clock, SwarmPort

ATTEMPTS: Final = 5
"""Of one write: the version also moves by itself, when an update begins or ends."""


@dataclass(frozen=True, slots=True)
class ServiceDesk:
    """One hand on a swarm, and its clock."""

    port: SwarmPort
    clock: Clock
    leads: Callable[[], bool] = lambda: True
    """Whether the lease is held at this moment: a write may take long, and is tried again."""

    def slots(self, service: Service, swarm: Swarm) -> Slots:
        return slots_of(swarm.tasks_by_service.get(service.id, ()), swarm.nodes_by_id)

    def scene(self, intent: MoveIntent, service: Service, swarm: Swarm) -> Scene:
        slots = self.slots(service, swarm)
        return Scene(intent, service, slots, self.clock.utc(), self.clock.monotonic())

    def put(self, service: Service, spec: JsonObject, swarm: Swarm) -> bool:
        """Write unless somebody edited the service; whether it was written. Registry credentials are
        never sent: the engine keeps those that it has. A version that moved is no proof of an edit,
        so the specs decide."""
        for _ in range(ATTEMPTS):
            if not self.leads():
                return False
            try:
                self.port.update_service(service.id, service.version, spec)
            except Conflict:
                fresh = self.port.read_progress(swarm, frozenset({service.id}))
                again = fresh.services_by_id.get(service.id)
                if again is None or not fresh.is_complete or _is_edited(service, again):
                    return False
                service = again
            else:
                return True
        return False


def _is_edited(service: Service, again: Service) -> bool:
    """Whether somebody wrote in between, be it the same spec once more, which seals a move as we would;
    or an update began or ended, and what is to be written may be another thing now."""
    return (
        again.spec != service.spec
        or again.previous_spec != service.previous_spec
        or again.update_state != service.update_state
    )
