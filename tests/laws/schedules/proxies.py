"""What happens to Traefik and to its keys; and what a mover asks of who publishes routes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from swarm_operator.plan.routes.keys import object_of
from swarm_operator.runtime.withdrawal import Withdrawn
from tests.laws.schedules.lab import LEADER
from tests.laws.schedules.monitors.routes import Routes

if TYPE_CHECKING:
    from swarm_operator.simulation.traefik.instance import Traefik
    from tests.laws.schedules.lab import Lab

ASKS_EVERY_S: Final = 0.25


@dataclass(frozen=True)
class RunTraefik:
    """So many instances, before any operator: without this step there are no routes."""

    count: int

    def do(self, lab: "Lab") -> None:
        lab.start_traefik(self.count)


@dataclass(frozen=True)
class Instance:
    """One instance is told to `stop`, `start`, `hang` (its API alone) or `answer` again."""

    number: int
    what: str

    def do(self, lab: "Lab") -> None:
        if lab.traefiks is None:
            return
        instances = lab.traefiks.instances
        self._tell(instances[self.number % len(instances)])

    def _tell(self, instance: "Traefik") -> None:
        match self.what:
            case "stop":
                instance.stop()
            case "start":
                instance.start()
            case _:
                instance.is_silent = self.what == "hang"


@dataclass(frozen=True)
class PutKey:
    """`consul kv put` below Traefik's root; `flags` as another installation's operator sets them."""

    key: str
    value: str
    flags: int = 0

    def do(self, lab: "Lab") -> None:
        if lab.traefiks is None:
            return
        named = object_of(self.key)
        ours = {object_of(key) for key in lab.traefiks.own_keys()}
        if named in ours:
            lab.monitor(Routes).held()
        lab.traefiks.put(self.key, self.value.encode(), self.flags)


@dataclass(frozen=True)
class SpoilKey:
    """Another hand at one of our own keys: overwrites it, by `consul kv put` or in a way that leaves
    our mark on it, or (`value` None) deletes it. `number` counts through all of them."""

    number: int
    value: str | None = None
    keeps_mark: bool = False

    def do(self, lab: "Lab") -> None:
        keys = lab.traefiks.own_keys() if lab.traefiks is not None else []
        if lab.traefiks is None or not keys:
            return
        key = keys[self.number % len(keys)]
        if self.value is None:
            lab.traefiks.drop(key)
            return
        flags = lab.traefiks.keys()[key].flags if self.keeps_mark else 0
        if not flags:
            lab.monitor(Routes).held()
        lab.traefiks.put(key, self.value.encode(), flags)


@dataclass(frozen=True)
class WipeRoutes:
    """Everything below Traefik's root is gone."""

    def do(self, lab: "Lab") -> None:
        if lab.traefiks is not None:
            lab.traefiks.wipe()


@dataclass(frozen=True)
class Withdraw:
    """A mover asks the lease holder for a task of a service to be withdrawn, until it is answered or for
    some seconds; then the task stays after all, or goes on waiting for its end."""

    service: str
    seconds: float
    stays: bool = True

    def do(self, lab: "Lab") -> None:
        task_id = self._task(lab)
        until = lab.now + self.seconds
        while task_id is not None and lab.now < until:
            process = lab.running(LEADER)
            if process is not None and process.routing is not None:
                withdrawing = process.routing.withdrawing
                if withdrawing.withdraw(task_id) is not Withdrawn.PENDING:
                    if self.stays:
                        withdrawing.publish_again(task_id)
                    return
            lab.run(ASKS_EVERY_S)

    def _task(self, lab: "Lab") -> str | None:
        service = lab.service(self.service)
        tasks = lab.engine.store.tasks_of_service(service.id) if service is not None else []
        running = [task.id for task in tasks if task.state.name == "RUNNING"]
        return min(running, default=None)
