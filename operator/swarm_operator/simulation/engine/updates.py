"""The update supervisor: at most one rolling update for each service.

After SwarmKit manager/orchestrator/update (Supervisor). What it knows is lost with the leader: the next
one begins the updates again from what it finds, and has forgotten their failures.
"""

from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.records import ServiceRecord, TaskRecord
from swarm_operator.simulation.engine.restarts import RestartSupervisor
from swarm_operator.simulation.engine.slots import Slot
from swarm_operator.simulation.engine.store import Change
from swarm_operator.simulation.engine.updater import Updater


class UpdateSupervisor:
    """Not a component: its orchestrator hands all changes on to `handle`."""

    def __init__(self, kit: Kit, restarts: RestartSupervisor) -> None:
        self._kit = kit
        self._restarts = restarts
        self._updaters: dict[str, Updater] = {}

    def update(self, service: ServiceRecord, slots: list[Slot]) -> None:
        """Bring the slots to the service's spec, unless that is what goes on already.

        Any other spec ends what went on, and with it the memory of failures: so a change of the
        replica count alone resumes an update that was paused.
        """
        running = self._updaters.get(service.id)
        if running is not None:
            if running.has_same_goal(service):
                return
            running.cancel()
        updater = Updater(self._kit, self._restarts, service, self._forget)
        self._updaters[service.id] = updater
        updater.run(slots)

    def is_under_way(self, service_id: str) -> bool:
        return service_id in self._updaters

    def handle(self, change: Change) -> None:
        """A task that is new is no news: only updates of it are."""
        if change.old is None or not isinstance(change.new, TaskRecord):
            return
        updater = self._updaters.get(change.new.service_id)
        if updater is not None:
            updater.handle(change.new)

    def stop(self) -> None:
        for updater in list(self._updaters.values()):
            updater.cancel()

    def _forget(self, updater: Updater) -> None:
        if self._updaters.get(updater.service.id) is updater:
            del self._updaters[updater.service.id]
