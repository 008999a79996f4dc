"""No law: what a schedule reached, of all that schedules are made for."""

import json
from typing import TYPE_CHECKING, Any, Final

from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.engine.records import ServiceRecord
from swarm_operator.simulation.engine.store import Change
from swarm_operator.simulation.kv.http import Request, Response
from tests.laws.schedules.monitor import Monitor
from tests.laws.schedules.monitors.rejections import Rejections

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab
    from tests.laws.schedules.process import Process

ROLLED_BACK: Final = "an update rolled back"
PUSHED_AGAIN: Final = "a rejected wish pushed again"
ADOPTED: Final = "a service adopted"
TWO_LEAD: Final = "a write while two believe that they lead"
LATE: Final = "a write begun in a lease that another holds now"
MOVED: Final = "a docker write out of sequence"
CARRIED_OUT: Final = "a move carried out"
UNDONE: Final = "a move undone"
MEDDLED_WITH: Final = "another hand in a move"
ENDED_BY_ANOTHER: Final = "a move ended by another process"
FENCED_OFF: Final = "a transaction without the lock"
IN_PARTS: Final = "a change of routes in several transactions"
CUT_SHORT: Final = "a crash between two transactions of routes"
WITHDRAWN: Final = "a task withdrawn and confirmed"
GIVEN_UP: Final = "a withdrawal given up"
HELD: Final = "another hand in a route of ours"
FROZE: Final = "a foreign key that freezes Traefik"


class Coverage(Monitor):
    """Collects words: those of `Process.met`, and those above."""

    def __init__(self, lab: "Lab") -> None:
        super().__init__(lab)
        self.reached: set[str] = set()
        self._pushed: dict[str, dict[str, Any]] = {}
        lab.engine.store.observe(self._changed)

    def met(self, process: "Process", what: str) -> None:
        del process
        self.reached.add(what)

    def pushed(self, stack: str, document: dict[str, Any]) -> None:
        rejections = self.lab.monitor(Rejections)
        if self._pushed.get(stack) == document and any(
            rejections.is_rejected(f"{stack}_{name}") for name in document.get("services") or {}
        ):
            self.reached.add(PUSHED_AGAIN)
        self._pushed[stack] = document

    def write_goes_out(self, process: "Process", request: ApiRequest) -> None:
        del request
        others = [p for p in self.lab.processes.values() if p.alive and p is not process]
        if any(other.fence is not None for other in others):
            self.reached.add(LATE if process.fence is None else TWO_LEAD)

    def wrote(self, process: "Process", request: ApiRequest, response: ApiResponse) -> None:
        del process, response
        if request.path.endswith("/update") and request.body["Name"] in self.lab.adopted:
            self.reached.add(ADOPTED)

    def after_kv(self, process: "Process", request: Request, response: Response) -> None:
        del process
        if request.path == "/v1/txn" and response.status == 409 and self._is_fenced_off(request):
            self.reached.add(FENCED_OFF)

    def _is_fenced_off(self, request: Request) -> bool:
        check: dict[str, Any] = json.loads(request.body)[0]["KV"]
        entry = self.lab.kv.store.get(check["Key"])
        return entry is None or entry.session != check.get("Session")

    def _changed(self, change: Change) -> None:
        if (_state(change.old), _state(change.new)) == ("updating", "rollback_started"):
            self.reached.add(ROLLED_BACK)


def _state(record: object) -> str:
    """Of a service's update."""
    if not isinstance(record, ServiceRecord) or record.update_status is None:
        return ""
    return record.update_status.state
