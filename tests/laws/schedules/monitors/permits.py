"""Which moves may begin at all: of which services, when, and to which nodes."""

import json
from typing import TYPE_CHECKING, Any, Final

import yaml

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.observed.swarm import STACK_LABEL
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.engine.records import ServiceRecord
from tests.laws.schedules.monitor import Monitor
from tests.laws.schedules.monitors.evidence import Evidence
from tests.laws.schedules.monitors.journeys import is_marked, label_of
from tests.laws.schedules.monitors.moves import Moves

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab
    from tests.laws.schedules.process import Process

WHAT = "what may not be moved is never moved, nor labelled"
WHEN = "a move waits for its gates"
STEADY_S: Final = 25.0
"""The floor of the hold-off is 30 s; less, for a manager that was cut off knows a node's return a little
earlier or later than the others."""
A_TRY_S: Final = 10.0
"""A first write that failed is tried again without another look at the nodes."""
MIN_AGE_S: Final = 5.0 - 0.01
"""As the schedules' policy says, to a hair."""


class Permits(Monitor):
    """Judges the first write of each move, by the engine's own truth and by the documents that the
    process was shown."""

    def __init__(self, lab: "Lab") -> None:
        super().__init__(lab)
        self._changed_at: dict[str, float] = {}
        """By service's name: when anything but a move wrote it last."""
        self._steady: dict[int, tuple[float, dict[str, float]]] = {}
        """By process: when it was shown the nodes, and since when each was steady then."""

    def read(self, process: "Process", request: ApiRequest, response: ApiResponse) -> None:
        del response
        if request.path == "/nodes":
            steady = dict(self.lab.monitor(Moves).journeys.steady_since)
            self._steady[process.number] = (self.lab.now, steady)

    def by_hand_done(self, name: str) -> None:
        self._changed_at[name] = self.lab.now

    def before_write(self, process: "Process", request: ApiRequest) -> None:
        service_id = request.path.removeprefix("/services/").removesuffix("/update")
        service = self.lab.engine.store.services.get(service_id)
        if service is None or not request.path.endswith("/update") or is_marked(service):
            return
        if not label_of(request.body):
            self._changed_at[service.name] = self.lab.now
            return
        intent = json.loads(label_of(request.body))
        refused = self._why_fixed(process, service, intent["how"])
        if refused:
            self.lab.broke(WHAT, f"{process.name} moves {service.name}: {refused}")
        if process.is_misled:
            return
        closed = self._why_closed(process, service, intent)
        if closed:
            self.lab.broke(WHEN, f"{process.name} moves {service.name}: {closed}")

    # --- what -------------------------------------------------------------------------------------

    def _why_fixed(self, process: "Process", service: ServiceRecord, how: str) -> str:
        mode = service.spec["Mode"].get("Replicated")
        if mode is None:
            return "it is not replicated"
        block, document = self._said(process, service)
        says = block.get("rebalance")
        if says == "never":
            return "its document says never"
        if how == "stop-first":
            is_one = mode.get("Replicas", 1) == 1
            return "" if says == "stop-first" and is_one else "nobody wished a gap"
        if mode.get("Replicas", 1) == 1 and says != "overlap":
            return "it is alone"
        if dig(service.spec, "TaskTemplate", "ContainerSpec", "Mounts"):
            return "it has a volume"
        if dig(document, "deploy", "update_config", "order") == "stop-first":
            return "its document says that it stops first"
        return ""

    def _said(self, process: "Process", service: ServiceRecord) -> tuple[JsonObject, JsonObject]:
        """The service's `x-operator` and the service, in the document that the process was shown."""
        stack = service.spec["Labels"].get(STACK_LABEL, "")
        folder = self.lab.monitor(Evidence).tree(process).folders.get(stack)
        text = folder.files["compose.yaml"].value if folder is not None else b"{}"
        document: dict[str, Any] = yaml.safe_load(text)
        name = service.name.removeprefix(f"{stack}_")
        said = (document.get("services") or {}).get(name) or {}
        return said.get("x-operator") or {}, said

    def _is_left_to_others(self, service: ServiceRecord) -> bool:
        """Another hand changed it in the midst of its move, and its update does not end: what is left of
        the move waits for that, and must not hold up the moves of all other services."""
        journey = self.lab.monitor(Moves).journeys.by_id.get(service.id)
        status = service.update_status
        is_busy = status is not None and status.state not in {"completed", "rollback_completed"}
        return journey is not None and journey.by_hand and is_busy

    # --- when -------------------------------------------------------------------------------------

    def _why_closed(self, process: "Process", service: ServiceRecord, intent: JsonObject) -> str:
        tree = self.lab.monitor(Evidence).tree(process)
        if tree.policy.rebalance.mode != "act":
            return "the policy does not say act"
        services = self.lab.engine.store.services.all()
        others = [s.name for s in services if is_marked(s) and not self._is_left_to_others(s)]
        if others:
            return f"{others[0]} is moved at the same time"
        changed_at = self._changed_at.get(service.name, -MIN_AGE_S)
        # In a moment that does not pass, the end of a move and what is written after it look the same.
        is_move = self.lab.monitor(Moves).ended_at.get(service.name) == changed_at
        if not is_move and self.lab.now - changed_at < MIN_AGE_S:
            return "it was changed a moment ago"
        update = service.update_status
        if update is not None and update.state not in {"completed", "rollback_completed"}:
            return f"its update is {update.state}"
        seen_at, steady = self._steady[process.number]
        if self.lab.now - seen_at > A_TRY_S:
            return "the nodes were not looked at for a while"
        since = steady.get(intent["to"])
        if since is None or self.lab.now - since < STEADY_S:
            return "its target has not been steady for long enough"
        return ""
