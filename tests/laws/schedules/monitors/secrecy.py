"""Invariant 9: no secret byte in the log or below `status/`."""

import json
from typing import TYPE_CHECKING, Final

from desired_state import keys
from swarm_operator.simulation.kv.http import Request
from tests.laws.schedules.monitor import Monitor
from tests.laws.schedules.monitors.one_hand import value_of

if TYPE_CHECKING:
    from tests.laws.schedules.process import Process

LAW = "invariant 9 (secrets never leave)"
MARK: Final = "CANARY"
"""In every secret value of every document of a schedule."""


class Secrecy(Monitor):
    """Looks for the mark."""

    def before_kv(self, process: "Process", request: Request) -> None:
        if request.path != "/v1/txn":
            return
        for item in json.loads(request.body):
            operation = item["KV"]
            key = operation["Key"].removeprefix(self.lab.ROOT)
            if key.startswith(keys.STATUS) and MARK.encode() in value_of(operation):
                self.lab.broke(LAW, f"{process.name} writes a secret into {key}")

    def said(self, level: str, event: str, fields: dict[str, object]) -> None:
        if MARK in event or MARK in str(fields):
            self.lab.broke(LAW, f"the log shows one ({level}: {event})")
        if level == "exception":
            self.lab.broke("a defect", f"{event} {fields.get('stack', '')}")
