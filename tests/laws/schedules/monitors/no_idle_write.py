"""Invariant 1: no write without a change, and no task restarts for what means the same."""

import json
from typing import TYPE_CHECKING, Any

from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.engine.records import ServiceRecord
from swarm_operator.simulation.kv.http import Request, Response
from tests.laws.schedules.monitor import Monitor
from tests.laws.schedules.monitors.journeys import label_of

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab
    from tests.laws.schedules.process import Process

LAW = "invariant 1 (no write without a change)"


class NoIdleWrite(Monitor):
    """Compares what was stored before and after each update; counts what is written in quiet times."""

    def __init__(self, lab: "Lab") -> None:
        super().__init__(lab)
        self._before: dict[int, ServiceRecord | None] = {}
        """By process: one may write while another stands still in the midst of its own."""
        self._values: dict[str, bytes | None] = {}
        self.writes: list[str] = []
        """Everything that was written so far, for whoever waits for silence."""

    def before_write(self, process: "Process", request: ApiRequest) -> None:
        service_id = request.path.removeprefix("/services/").removesuffix("/update")
        self._before[process.number] = self.lab.engine.store.services.get(service_id)

    def wrote(self, process: "Process", request: ApiRequest, response: ApiResponse) -> None:
        del response
        self.writes.append(f"{self.lab.now:.3f} {process.name} {request.method} {request.path}")
        before = self._before[process.number]
        if before is None or not request.path.endswith("/update"):
            return
        after = self.lab.engine.store.services.get(before.id)
        if after is None:
            return
        is_seal = label_of(before.previous_spec) and not label_of(before.spec)
        if after.spec == before.spec and not is_seal:
            self.lab.broke(LAW, f"{before.name} was written, and is the same")
        self._check_restart(before, after)

    def _check_restart(self, before: ServiceRecord, after: ServiceRecord) -> None:
        for part in ("TaskTemplate", "EndpointSpec"):
            old, new = before.spec.get(part), after.spec.get(part)
            if old != new and meaning(old) == meaning(new):
                self.lab.broke(LAW, f"{before.name}: {part} means the same, and was rewritten")

    def after_kv(self, process: "Process", request: Request, response: Response) -> None:
        if request.path != "/v1/txn" or response.status != 200:
            return
        for item in json.loads(request.body)[1:]:
            operation = item["KV"]
            self.writes.append(
                f"{self.lab.now:.3f} {process.name} {operation['Verb']} {operation['Key']}"
            )


def meaning(value: Any) -> Any:
    """Without empty members, and lists of objects in any order: written here from the engine's side,
    so that the product's own comparison is not its own judge."""
    if isinstance(value, dict):
        members = {key: meaning(member) for key, member in value.items()}
        return {key: member for key, member in sorted(members.items()) if member not in _NOTHING}
    if isinstance(value, list):
        items = [meaning(item) for item in value]
        if all(isinstance(item, dict) for item in items):
            return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
        return items
    return value


_NOTHING: tuple[Any, ...] = ({}, [], None, "", 0)
