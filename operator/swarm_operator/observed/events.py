"""What the swarm says of its own accord. An event only wakes; decisions read state."""

from dataclasses import dataclass
from typing import Final

KINDS: Final = ("service", "node", "network", "secret", "config")
"""The kinds of swarm scope. Swarm sends no events of tasks (moby daemon/events)."""


@dataclass(frozen=True, slots=True)
class SwarmEvent:
    """One event of the Docker Engine. It may come twice, late, or not at all."""

    kind: str
    action: str
    """create, update, remove; for networks of running containers also connect, disconnect."""
    id: str
    name: str
    time_ns: int
    """Nanoseconds since the epoch, by the clock of the manager that sent it."""
