"""What runs at home, and what tests of whole worlds ask of it."""

from typing import Any

from swarm_operator.observed.json import dig
from swarm_operator.plan.rebalance.intent import LABEL
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.engine.store import Change
from tests.laws.schedules.machines import Availability
from tests.laws.schedules.monitor import Monitor
from tests.laws.schedules.process import Process
from tests.rebalance.home import Home

NODES = ["m1", "m2", "m3", "w1", "w2"]


def replicas(count: int, **deploy: Any) -> dict[str, Any]:
    return {"deploy": {"replicas": count, **deploy}}


SHOP = {"api": replicas(6), "web": replicas(4), "cache": replicas(3), "solo": replicas(1)}


class OneAtATime(Monitor):
    """Never two services with a move, whatever happens; and what was written to services."""

    def __init__(self, lab: Any) -> None:
        super().__init__(lab)
        self.written: list[str] = []
        lab.engine.store.observe(self._see)

    def _see(self, change: Change) -> None:
        del change
        services = self.lab.engine.store.services.all()
        moving = [s.name for s in services if LABEL in (s.spec.get("Labels") or {})]
        if len(moving) > 1:
            self.lab.broke("one move at a time", ", ".join(moving))

    def wrote(self, process: Process, request: ApiRequest, response: ApiResponse) -> None:
        del process, response
        self.written.append(str(dig(request.body, "Name") or request.path))


def settled(home: Home) -> bool:
    return home.status().state in {"Balanced", "Unbalanced"}


def assert_nothing_lost(home: Home, specs: dict[str, str]) -> None:
    """Running never below what is wished, specs as they were, one restart a move."""
    for service in home.engine.store.services.all():
        wished = dig(service.spec, "Mode", "Replicated", "Replicas")
        if isinstance(wished, int):
            assert home.lowest[service.name] >= wished, service.name
    assert home.specs() == specs
    assert len(home.started) == len(home.stopped) == len(home.events())


def drain(home: Home, hostname: str, availability: str) -> None:
    Availability(hostname, availability).do(home)
