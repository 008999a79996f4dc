"""What the parts of a manager have in common: a store, timers, chance, and being told of changes."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from swarm_operator.simulation.engine.images import ImageLibrary
from swarm_operator.simulation.engine.store import Change, Store
from swarm_operator.simulation.timeline import Timeline, Timer


@dataclass(frozen=True, slots=True)
class Tempo:
    """The engine's own times, in seconds, as measured on real swarms or read in SwarmKit."""

    heartbeat_s: float = 5.0
    heartbeat_grace: float = 3.0
    """A node is down after this many periods without a heartbeat."""
    leader_grace: float = 6.0
    """The same after a change of leader."""
    orphan_after_s: float = 24 * 3600.0
    prepare_s: float = 0.05
    """From accepted to ready, where the image is on the node."""
    start_s: float = 0.4
    """From starting to running, where there is no health check."""
    stop_s: float = 1.2
    """From desired `shutdown` to the end of the process that heeds SIGTERM."""
    overlay_stop_s: float = 2.0
    """On top for a task on an overlay: the agent withdraws it from DNS first and sleeps."""
    default_restart_delay_s: float = 5.0
    default_monitor_s: float = 5.0
    old_task_timeout_s: float = 60.0
    """How long a stop-first update waits for the old task's end before it starts the new one."""
    task_history: int = 5


@dataclass(frozen=True, slots=True)
class Kit:
    """What every component is given."""

    store: Store
    timeline: Timeline
    rng: random.Random
    tempo: Tempo
    images: ImageLibrary
    settle: Callable[[], None]
    """Tells everybody of what changed since; timers call it at their end by `after`."""
    new_id: Callable[[], str] = field(repr=False)
    """25 characters, as SwarmKit's identity.NewID."""

    def after(self, delay_s: float, call: Callable[[], None]) -> Timer:
        """An appointment after which everybody is told of what it changed."""

        def due() -> None:
            call()
            self.settle()

        return self.timeline.after(delay_s, due)


class Component(Protocol):
    """A part of the leader: built anew at each change of leader, so what it holds in memory is lost.

    The engine calls `start` once, `handle` for each change in the order of the store, and `commit`
    when there is none left (SwarmKit's EventCommit); what those write is handed round again, until
    nobody writes any more.
    """

    def start(self) -> None:
        """Look at the whole store, as a new leader does."""
        ...

    def handle(self, change: Change) -> None: ...

    def commit(self) -> None: ...

    def stop(self) -> None:
        """Cancel all timers: another leader takes over."""
        ...
