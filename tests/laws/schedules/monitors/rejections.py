"""Invariant 6: a rejected spec is not sent again, and no field is put back twice in ten minutes."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from desired_state import keys
from swarm_operator.observed.json import JsonObject, canonical
from swarm_operator.observed.swarm import STACK_LABEL
from swarm_operator.plan.ownership import PREFIX
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.engine.records import ServiceRecord
from swarm_operator.simulation.engine.store import Change
from swarm_operator.simulation.kv.http import Request, Response
from tests.laws.schedules.monitor import Monitor
from tests.laws.schedules.monitors.journeys import is_marked, label_of

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab
    from tests.laws.schedules.process import Process

LAW = "invariant 6 (a rejected spec is not retried, nobody is fought)"
QUIET_S = 600.0
_ROLLBACKS = ("rollback_started", "rollback_paused", "rollback_completed")


@dataclass
class _History:
    """Of one service."""

    sent: str = ""
    """What the operators wrote last, as the engine stored it."""
    rejected: str = ""
    is_noted: bool = False
    """Whether an operator wrote something about the stack since then, so that it can know."""
    folder_index: int = 0
    """Of the stack's folder, when it was rejected."""
    put_back: dict[tuple[str, str], float] = field(default_factory=dict)
    """By lease and member of the spec: when the same wish was sent over another hand's change.

    What was put back is remembered as long as a lease is held: it is not in the KV."""


class Rejections(Monitor):
    """Knows what was sent and what became of it from the store alone."""

    def __init__(self, lab: "Lab") -> None:
        super().__init__(lab)
        self._services: dict[str, _History] = {}
        self._documents: dict[str, dict[str, Any]] = {}
        """By stack, what people wrote last."""
        self._decided: dict[int, tuple[str, ServiceRecord | None]] = {}
        """By process, when it decided on its newest write: its lease, and the service. One may write
        while another stands still in the midst of its own."""
        lab.engine.store.observe(self._changed)

    def is_rejected(self, name: str) -> bool:
        """Whether what was sent to this service last was rolled back."""
        history = self._services.get(name)
        return history is not None and history.rejected != ""

    def asked(self, verb: str, stack: str) -> None:
        if verb in {"retry", "redeploy"}:
            for name, history in self._services.items():
                if name.startswith(f"{stack}_"):
                    history.rejected = ""
                    history.put_back.clear()

    def pushed(self, stack: str, document: dict[str, Any]) -> None:
        """Who wishes for something else, and then for the same again, is not fought by anybody."""
        before = self._documents.get(stack, {})
        for full_name, history in self._services.items():
            name = full_name.removeprefix(f"{stack}_")
            if name != full_name and _about(name, before) != _about(name, document):
                history.put_back.clear()
        self._documents[stack] = document

    def after_kv(self, process: "Process", request: Request, response: Response) -> None:
        del process
        if request.path != "/v1/txn" or response.status != 200:
            return
        written = [item["KV"]["Key"].rpartition("/")[2] for item in json.loads(request.body)[1:]]
        for name, history in self._services.items():
            history.is_noted |= name.partition("_")[0] in written

    def by_hand_done(self, name: str) -> None:
        """Another update takes the place of the one that failed, and of all that Swarm says of it:
        who did not look in time cannot tell what was rolled back from what was edited."""
        history = self._services.get(name)
        if history is not None and not history.is_noted:
            history.rejected = ""

    def before_write(self, process: "Process", request: ApiRequest) -> None:
        fence = process.fence
        lease = f"{fence.session} {fence.term}" if fence is not None else ""
        service_id = request.path.removeprefix("/services/").removesuffix("/update")
        self._decided[process.number] = lease, self.lab.engine.store.services.get(service_id)

    def wrote(self, process: "Process", request: ApiRequest, response: ApiResponse) -> None:
        del response
        lease, before = self._decided[process.number]
        if before is None or not request.path.endswith("/update"):
            return
        after = self.lab.engine.store.services.get(before.id)
        if after is None or is_marked(before) or label_of(after.spec):
            return  # a move wishes for nothing
        history = self._services.setdefault(after.name, _History())
        wish = wish_of(after.spec)
        if wish == wish_of(before.spec):
            return  # our own labels, or a restart that was asked for
        if wish == history.rejected and history.folder_index == self._folder_index(after):
            self.lab.broke(LAW, f"{process.name} sent {after.name} what was rolled back")
        if wish == history.sent:
            self._check_tug_of_war(process.name, lease, before, after, history)
        else:
            history.rejected = ""
            history.put_back.clear()
        history.sent = wish

    def _check_tug_of_war(
        self,
        process: str,
        lease: str,
        before: ServiceRecord,
        after: ServiceRecord,
        history: _History,
    ) -> None:
        for member in sorted(before.spec.keys() | after.spec.keys()):
            if before.spec.get(member) == after.spec.get(member) or member == "Labels":
                continue
            last = history.put_back.get((lease, member))
            if last is not None and self.lab.now - last < QUIET_S:
                self.lab.broke(LAW, f"{process} puts {member} of {after.name} back again and again")
            history.put_back[lease, member] = self.lab.now

    def _changed(self, change: Change) -> None:
        old, new = change.old, change.new
        if isinstance(old, ServiceRecord) and new is None:
            self._services.pop(old.name, None)
        if not isinstance(old, ServiceRecord) or not isinstance(new, ServiceRecord):
            return
        history = self._services.get(new.name)
        is_news = _is_rolled_back(new) and not _is_rolled_back(old)
        if history is not None and is_news and wish_of(old.spec) == history.sent:
            history.rejected = history.sent
            history.is_noted = False
            history.folder_index = self._folder_index(new)

    def _folder_index(self, service: ServiceRecord) -> int:
        stack = (service.spec.get("Labels") or {}).get(STACK_LABEL, "")
        prefix = self.lab.ROOT + keys.DESIRED + keys.stack_folder(stack)
        return max((entry.modify_index for entry in self.lab.kv.store.tree(prefix)), default=0)


def wish_of(spec: JsonObject) -> str:
    """What a spec wishes, without our own labels and without restarts."""
    labels = {k: v for k, v in (spec.get("Labels") or {}).items() if not k.startswith(PREFIX)}
    template = {k: v for k, v in spec["TaskTemplate"].items() if k != "ForceUpdate"}
    return canonical({**spec, "Labels": labels, "TaskTemplate": template})


def _about(name: str, document: dict[str, Any]) -> dict[str, Any]:
    """What a document says of one service, and of all that is no service."""
    return {**document, "services": (document.get("services") or {}).get(name)}


def _is_rolled_back(service: ServiceRecord) -> bool:
    return service.update_status is not None and service.update_status.state in _ROLLBACKS
