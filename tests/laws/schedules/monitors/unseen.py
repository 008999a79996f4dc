"""Invariant 5: an update carries the version that it was planned from, never a newer one."""

from typing import TYPE_CHECKING

from swarm_operator.simulation.api.message import ApiRequest
from swarm_operator.simulation.engine.records import ServiceRecord
from tests.laws.schedules.monitor import Monitor
from tests.laws.schedules.monitors.journeys import is_marked

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab
    from tests.laws.schedules.process import Process

LAW = "invariant 5 (what was not seen is not overwritten)"


class Unseen(Monitor):
    """A pass plans before its first write: what moved since then, it has not seen.

    A move under way compares specs instead: Swarm itself moves the version of a service that it updates.
    """

    def __init__(self, lab: "Lab") -> None:
        super().__init__(lab)
        self._passes: dict[int, tuple[int, dict[str, ServiceRecord]]] = {}
        """By process: its pass, and the services when that wrote for the first time."""

    def before_write(self, process: "Process", request: ApiRequest) -> None:
        del request
        number, _ = self._passes.get(process.number, (-1, {}))
        if number != process.steps:
            services = self.lab.engine.store.services.all()
            self._passes[process.number] = (process.steps, {each.id: each for each in services})

    def write_goes_out(self, process: "Process", request: ApiRequest) -> None:
        _, services = self._passes[process.number]
        if not request.path.endswith("/update"):
            return
        service_id = request.path.removeprefix("/services/").removesuffix("/update")
        seen, live = services.get(service_id), self.lab.engine.store.services.get(service_id)
        if live is None:
            return  # a manager that is cut off still shows what another hand removed: nothing is there
        if seen is not None and is_marked(seen) and live.spec == seen.spec:
            return
        if int(request.query["version"]) > (seen.meta.version if seen is not None else 0):
            self.lab.broke(LAW, f"{process.name} updates {request.body['Name']} unseen")
