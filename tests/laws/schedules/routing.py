"""The threads of routes of one process, as the daemon has them beside its loop."""

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.kv import KvTree
from swarm_operator.plan.actions import Finding
from swarm_operator.runtime.inbox import Inbox
from swarm_operator.runtime.routes.controller import RoutesController
from swarm_operator.runtime.routes.surroundings import RouteSurroundings
from swarm_operator.runtime.routes.traefik_instances import TraefikInstances
from swarm_operator.runtime.routes.withdrawing import Withdrawing
from swarm_operator.runtime.toolbox import Identity, RouteNews
from swarm_operator.runtime.withdrawal import Withdrawn
from swarm_operator.simulation import consul_transport, docker_transport
from tests.laws.schedules.monitors.routes import Routes
from tests.laws.schedules.traefiks import Traefiks
from tests.laws.schedules.turns import Turn
from tests.laws.schedules.wires import Unwatched
from tests.runtime.fakes import FakeMetrics

if TYPE_CHECKING:
    from tests.laws.schedules.process import Process

LEAST_S: Final = 0.001
"""A step that is due at once again takes some time all the same."""


class Routing:
    """Decides and writes, and asks the instances; `withdrawing` is for what moves tasks."""

    def __init__(self, process: "Process", traefiks: Traefiks) -> None:
        lab = process.lab
        kv = consul_transport.over(process.consul, lab.timeline, lab.ROOT)
        self._process = process
        self._news: list[RouteNews] = []
        self._unrouted: Mapping[str, Finding] | None = None
        self.inbox = Inbox()
        self.withdrawing = _Watched(process, self)
        instances = TraefikInstances(
            traefiks.port, process.clock, on_change=self.wake, on_wish=self._ask
        )
        self.controller = RoutesController(
            RouteSurroundings(
                swarm=docker_transport.over(Unwatched(process.docker), lab.timeline),
                kv=kv,
                root=kv.beside(traefiks.ROOT),
                lease=process.lease,
                clock=process.clock,
                rng=random.Random(f"{lab.seed} routes {process.name} {process.number}"),
                identity=Identity("test", "act", process.name),
                log=lab.log,
                metrics=FakeMetrics(),
                instances=instances,
                withdrawing=self.withdrawing,
                plan=traefiks.plan,
                tell=self._tell,
                tell_unrouted=self._tell_unrouted,
            )
        )
        self._keeps = Turn(process, self._keep, least_s=LEAST_S)
        self._asks = Turn(process, instances.step, least_s=LEAST_S)

    # --- for the loop -------------------------------------------------------------------------------

    def news(self) -> Sequence[RouteNews]:
        """What happened since it was asked last."""
        found, self._news = self._news, []
        return found

    def unrouted(self) -> Mapping[str, Finding] | None:
        """By stack, what keeps its routes from being served; None where nobody knows."""
        return self._unrouted

    def _tell(self, news: RouteNews) -> None:
        self._news.append(news)
        self._process.wake()

    def _tell_unrouted(self, unrouted: Mapping[str, Finding] | None) -> None:
        if unrouted != self._unrouted:
            self._unrouted = unrouted
            self._process.wake()

    # --- its threads --------------------------------------------------------------------------------

    def _keep(self) -> float:
        return self.controller.step(self.inbox.take(0.0))

    def _ask(self) -> None:
        self._asks.wake()

    def wake(self) -> None:
        self._keeps.wake()

    def stop(self) -> None:
        self._keeps.stop()
        self._asks.stop()

    def tree_came(self, tree: KvTree) -> None:
        self.inbox.put_tree(tree)
        self.wake()

    def event_came(self, event: JsonObject) -> None:
        """As the daemon does."""
        if (event["Type"], event["Action"]) == ("service", "update"):
            self.inbox.put_service_change(event["Actor"]["ID"])
        else:
            self.inbox.put_swarm_change()
        self.wake()


class _Watched(Withdrawing):
    """Shows the monitor each task of which it says that nobody is sent there."""

    def __init__(self, process: "Process", routing: Routing) -> None:
        super().__init__(process.clock.monotonic, routing.wake)
        self._process = process

    def withdraw(self, task_id: str) -> Withdrawn:
        answer = super().withdraw(task_id)
        self._process.lab.monitor(Routes).answered(self._process, task_id, answer)
        return answer
