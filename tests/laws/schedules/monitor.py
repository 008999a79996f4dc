"""What watches every request of every process. A monitor that sees a law broken says so to the lab."""

from typing import TYPE_CHECKING, Any

from swarm_operator.simulation.api.message import ApiRequest, ApiResponse
from swarm_operator.simulation.kv.http import Request, Response

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab
    from tests.laws.schedules.process import Process


class Monitor:
    """Sees nothing by itself; a monitor overrides what it needs."""

    def __init__(self, lab: "Lab") -> None:
        self.lab = lab

    def before_write(self, process: "Process", request: ApiRequest) -> None:
        """A process is about to write to Docker; the store is as it was."""

    def write_goes_out(self, process: "Process", request: ApiRequest) -> None:
        """It reaches Docker now; the process may have stood still since `before_write`."""

    def wrote(self, process: "Process", request: ApiRequest, response: ApiResponse) -> None:
        """The engine did it, whether or not the process will hear of that."""

    def read(self, process: "Process", request: ApiRequest, response: ApiResponse) -> None:
        """A process got an answer to a read."""

    def before_kv(self, process: "Process", request: Request) -> None:
        """A process asks Consul for something."""

    def after_kv(self, process: "Process", request: Request, response: Response) -> None:
        """Consul answered, whatever it said."""

    def by_hand(self, name: str) -> None:
        """Another hand is about to change a service (or node) of this name."""

    def by_hand_done(self, name: str) -> None:
        """It did."""

    def asked(self, verb: str, stack: str) -> None:
        """A person's request is in the KV."""

    def pushed(self, stack: str, document: dict[str, Any]) -> None:
        """A person is about to write this document."""

    def met(self, process: "Process", what: str) -> None:
        """Something that a schedule was made for has happened to a process."""

    def said(self, level: str, event: str, fields: dict[str, object]) -> None:
        """A line for the log."""
