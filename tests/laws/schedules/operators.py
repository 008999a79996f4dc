"""What happens to the operators and to their connections; and time.

Wherever one is named, `leader` is whoever holds the lease at that step.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from desired_state import keys
from tests.laws.schedules.faults import Fault
from tests.laws.schedules.step import Step

if TYPE_CHECKING:
    from tests.laws.schedules.lab import Lab


@dataclass(frozen=True)
class Wait:
    """Time goes on."""

    seconds: float

    def do(self, lab: "Lab") -> None:
        lab.run(self.seconds)


@dataclass(frozen=True)
class Start:
    """A process of the operator begins, with nothing in its memory; none where it runs already."""

    operator: str

    def do(self, lab: "Lab") -> None:
        lab.start(self.operator)


@dataclass(frozen=True)
class Stop:
    """SIGTERM: it ends in order, and gives the lease back."""

    operator: str

    def do(self, lab: "Lab") -> None:
        if process := lab.running(self.operator):
            process.stop()


@dataclass(frozen=True)
class Crash:
    """SIGKILL at its `write`-th next write (0: the very next), before it was done or right after."""

    operator: str
    write: int
    applied: bool
    api: str = ""
    """docker, consul or traefik (its keys in Consul); empty: whichever it writes to."""

    def do(self, lab: "Lab") -> None:
        if process := lab.running(self.operator):
            process.faults.crash_at(self.write, applied=self.applied, api=self.api)


@dataclass(frozen=True)
class Freeze:
    """SIGSTOP at its `write`-th next write, SIGCONT some seconds later."""

    operator: str
    write: int
    seconds: float
    meanwhile: Step | None = None
    """Done as soon as it stands still, thus between its plan and its write."""
    api: str = ""
    """docker, consul or traefik (its keys in Consul); empty: whichever it writes to."""

    def do(self, lab: "Lab") -> None:
        if process := lab.running(self.operator):
            process.faults.freeze_at(self.write, self.seconds, self.meanwhile, self.api)


@dataclass(frozen=True)
class Trouble:
    """The next `calls` of a process to Docker or Consul go wrong in one way."""

    operator: str
    api: str
    """docker, consul or traefik (its keys in Consul)."""
    fault: str
    """refused, slow, stuck, lost (done, and the answer lost) or moved (update out of sequence)."""
    calls: int = 1
    writes_only: bool = False

    def do(self, lab: "Lab") -> None:
        if process := lab.running(self.operator):
            fault = Fault(self.fault)
            process.faults.add(self.api, fault, self.calls, writes_only=self.writes_only)


@dataclass(frozen=True)
class Stale:
    """For some seconds a process sees the swarm as it is now: its manager hears nothing new."""

    operator: str
    seconds: float

    def do(self, lab: "Lab") -> None:
        if process := lab.running(self.operator):
            process.docker.go_stale(self.seconds)


@dataclass(frozen=True)
class Deaf:
    """For some seconds no event of Docker reaches a process."""

    operator: str
    seconds: float

    def do(self, lab: "Lab") -> None:
        if process := lab.running(self.operator):
            process.deaf_until = lab.now + self.seconds


@dataclass(frozen=True)
class Consul:
    """The whole of Consul: up, killed, frozen or without a leader."""

    state: str

    def do(self, lab: "Lab") -> None:
        lab.set_consul(self.state)


@dataclass(frozen=True)
class EndSession:
    """The session that holds the lease is invalidated."""

    def do(self, lab: "Lab") -> None:
        if lab.consul.end_session_of(lab.ROOT + keys.LOCK):
            lab.tear_lock()
