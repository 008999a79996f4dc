"""Invariant 5: an update carries the version that it was planned from, never a newer one."""

from typing import TYPE_CHECKING

from swarm_operator.simulation.api.message import ApiRequest
from tests.laws.schedules.monitor import Monitor

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab
    from tests.laws.schedules.process import Process

LAW = "invariant 5 (what was not seen is not overwritten)"


class Unseen(Monitor):
    """A pass plans before its first write: what moved since then, it has not seen."""

    def __init__(self, lab: "Lab") -> None:
        super().__init__(lab)
        self._passes: dict[int, tuple[int, dict[str, int]]] = {}
        """By process: its pass, and the services' versions when that wrote for the first time."""

    def before_write(self, process: "Process", request: ApiRequest) -> None:
        del request
        number, _ = self._passes.get(process.number, (-1, {}))
        if number != process.steps:
            services = self.lab.engine.store.services.all()
            versions = {service.id: service.meta.version for service in services}
            self._passes[process.number] = (process.steps, versions)

    def write_goes_out(self, process: "Process", request: ApiRequest) -> None:
        _, versions = self._passes[process.number]
        if not request.path.endswith("/update"):
            return
        service_id = request.path.removeprefix("/services/").removesuffix("/update")
        if int(request.query["version"]) > versions.get(service_id, 0):
            self.lab.broke(LAW, f"{process.name} updates {request.body['Name']} unseen")
