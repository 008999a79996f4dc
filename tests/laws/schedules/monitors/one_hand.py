"""Invariant 5: one hand at a time. Who holds no lease writes nothing, and every KV write says by whom."""

import base64
import json
from typing import TYPE_CHECKING, Any

from desired_state import keys
from swarm_operator.simulation.api.message import ApiRequest
from swarm_operator.simulation.kv.http import Request, Response
from tests.laws.schedules.monitor import Monitor
from tests.laws.schedules.traefiks import Traefiks

if TYPE_CHECKING:
    from tests.laws.schedules.process import Process

LAW = "invariant 5 (one hand at a time)"
_OURS = (keys.STATUS, keys.HISTORY)
_OF_ROUTES = f"{Traefiks.ROOT}/"
"""Whose keys these are is `Routes`' law."""
_MAY_GO = (keys.DESIRED + keys.REMOVED, keys.DESIRED + keys.REQUESTS)


class OneHand(Monitor):
    """At the moment when a write begins; what happens while it is under way is the fence's."""

    def before_write(self, process: "Process", request: ApiRequest) -> None:
        if process.fence is None:
            self.lab.broke(LAW, f"{process.name} holds no lease: {request.method} {request.path}")
        self._one_holder()
        if request.path.endswith("/update") and not request.query.get("version"):
            self.lab.broke(LAW, f"{request.path} without a version")

    def before_kv(self, process: "Process", request: Request) -> None:
        if request.method == "GET":
            return
        self._one_holder()
        if request.path == "/v1/txn":
            self._check_transaction(process, json.loads(request.body))
        elif request.path.startswith("/v1/kv/"):
            key = request.path.removeprefix("/v1/kv/" + self.lab.ROOT)
            if key != keys.LOCK or not {"acquire", "release"} & request.query.keys():
                self.lab.broke(LAW, f"{process.name}: {request.method} {request.path} at large")

    def after_kv(self, process: "Process", request: Request, response: Response) -> None:
        """A transaction that went through was the lock holder's, in Consul's own eyes."""
        if request.path != "/v1/txn" or response.status != 200:
            return
        check: dict[str, Any] = json.loads(request.body)[0]["KV"]
        held = self.lab.kv.store.get(self.lab.ROOT + keys.LOCK)
        if held is None or not held.session or held.session != check.get("Session"):
            self.lab.broke(LAW, f"{process.name} wrote to the KV without holding the lock")

    def _one_holder(self) -> None:
        if self.lab.now < self.lab.lock_torn_until:
            return
        holders = [p.name for p in self.lab.processes.values() if p.alive and p.fence is not None]
        if len(holders) > 1:
            self.lab.broke(LAW, f"{' and '.join(holders)} both hold the lease")

    def _check_transaction(self, process: "Process", operations: list[dict[str, Any]]) -> None:
        if operations[0]["KV"]["Verb"] != "check-session":
            self.lab.broke(LAW, f"{process.name}: a transaction does not begin with its session")
            return
        for item in operations[1:]:
            operation = item["KV"]
            key = operation["Key"].removeprefix(self.lab.ROOT)
            if not _is_ours(operation["Verb"], key):
                self.lab.broke(LAW, f"{process.name}: {operation['Verb']} {key}: not ours to write")


def _is_ours(verb: str, key: str) -> bool:
    if key.startswith(_OF_ROUTES):
        return True
    if key == keys.DESIRED + keys.INSTALLATION:
        return verb == "cas"
    if verb == "delete-cas":
        return key.startswith(_MAY_GO)
    return key.startswith(_OURS)


def value_of(operation: dict[str, Any]) -> bytes:
    """What an operation of a transaction sets."""
    return base64.b64decode(operation.get("Value") or "")
