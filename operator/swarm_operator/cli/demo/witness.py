"""Sees every task that starts or stops serving: at each write of the managers' store, so that no
instant is missed."""

from swarm_operator.simulation.engine.engine import Engine
from swarm_operator.simulation.engine.records import TaskRecord, TaskState
from swarm_operator.simulation.engine.store import Change


class Witness:
    """From its making to `rest`. To be made and read in the world's own thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_awake = True
        self.started: list[TaskRecord] = []
        """Tasks that came to serve."""
        self.stopped: list[TaskRecord] = []
        services = engine.store.services.all()
        self.lowest = {service.name: self._serving(service.id) for service in services}
        """By service: the fewest tasks that ever served at once."""
        engine.store.observe(self._see)

    def rest(self) -> None:
        """It has seen enough."""
        self._is_awake = False

    def _see(self, change: Change) -> None:
        record = change.new if change.new is not None else change.old
        if not self._is_awake or not isinstance(record, TaskRecord):
            return
        was = isinstance(change.old, TaskRecord) and self._serves(change.old)
        is_now = isinstance(change.new, TaskRecord) and self._serves(change.new)
        if is_now and not was:
            self.started.append(record)
        if was and not is_now:
            self.stopped.append(record)
        service = self._engine.store.services.get(record.service_id)
        if service is not None and service.name in self.lowest:
            count = self._serving(service.id)
            self.lowest[service.name] = min(self.lowest[service.name], count)

    def _serving(self, service_id: str) -> int:
        tasks = self._engine.store.tasks_of_service(service_id)
        return sum(1 for task in tasks if self._serves(task))

    def _serves(self, task: TaskRecord) -> bool:
        if task.state != TaskState.RUNNING or task.desired_state != TaskState.RUNNING:
            return False
        agent = self._engine.agents.get(task.node_id)
        return agent is not None and agent.has_power
