"""When the swarm is read, and how much of it: often while something moves, seldom when all is still.

Swarm sends no events about tasks, so they are asked for. Its other events are hints that may be lost:
a full pass comes at intervals whatever they say.
"""

import random
from dataclasses import dataclass, replace
from typing import Final

from swarm_operator.observed.swarm import Swarm
from swarm_operator.runtime.ports import SwarmPort

FULL_EVERY_S: Final = 60.0
"""Between full passes when nothing happens, with up to a tenth of jitter on top."""
IDLE_EVERY_S: Final = 5.0
"""Between looks at the tasks when everything is settled."""
MOVING_EVERY_S: Final = 0.5
"""Between looks at the tasks while something converges. It grows while nothing changes, up to the idle
one: a service that stays broken is not worth two looks a second."""
_GROWTH: Final = 1.15
GAP_S: Final = 0.05
"""Events that come in a burst are answered by one pass."""


@dataclass(slots=True)
class Observer:
    """Keeps the newest snapshot, and knows when the next is due."""

    port: SwarmPort
    rng: random.Random
    snapshot: Swarm | None = None
    moving: bool = True
    _moving_every_s: float = MOVING_EVERY_S
    _dirty: bool = True
    _full_at: float = 0.0
    _progress_at: float = 0.0
    _read_at: float = -GAP_S
    _fully_read_at: float = -GAP_S

    def mark_dirty(self, *, at_once: bool = False) -> None:
        """Something happened: the next look is a full pass; after our own writes without a gap."""
        self._dirty = True
        if at_once:
            self._full_at = 0.0

    def forget(self) -> None:
        """What was seen is worth nothing any more."""
        self.snapshot = None
        self._dirty = True

    def observe(self, now: float) -> Swarm:
        """The newest snapshot, read anew where it is due. Raises what the port raises."""
        if self.snapshot is None or now >= self._full_at or (self._dirty and self._after_gap(now)):
            return self.observe_fully(now)
        if now >= self._progress_at:
            return self._take(self.port.read_progress(self.snapshot), now)
        return self.snapshot

    def observe_fully(self, now: float) -> Swarm:
        """A full pass, whatever is due: before anything is removed."""
        swarm = self.port.read()
        self._dirty = False
        self._fully_read_at = now
        self._full_at = now + FULL_EVERY_S * self.rng.uniform(1.0, 1.1)
        return self._take(swarm, now)

    def is_fresh(self, now: float) -> bool:
        """Whether the snapshot is a full pass of this very moment."""
        return self._fully_read_at == now and not self._dirty

    def _after_gap(self, now: float) -> bool:
        return now >= self._read_at + GAP_S

    def _take(self, swarm: Swarm, now: float) -> Swarm:
        before = self.snapshot
        swarm = self.snapshot = _with_known_parts(swarm, before) if before is not None else swarm
        if before is not None and before.tasks is swarm.tasks and before.nodes is swarm.nodes:
            self._moving_every_s = min(self._moving_every_s * _GROWTH, IDLE_EVERY_S)
        else:
            self._moving_every_s = MOVING_EVERY_S
        self._read_at = now
        self._progress_at = now + (self._moving_every_s if self.moving else IDLE_EVERY_S)
        return swarm

    def next_at(self) -> float:
        """When the next look is due."""
        due = min(self._full_at, self._progress_at)
        return min(due, self._read_at + GAP_S) if self._dirty else due

    def set_moving(self, moving: bool) -> None:
        """Whether anything is expected to change by itself."""
        if moving and not self.moving:
            self._moving_every_s = MOVING_EVERY_S
            self._progress_at = min(self._progress_at, self._read_at + MOVING_EVERY_S)
        self.moving = moving


def _with_known_parts(swarm: Swarm, before: Swarm) -> Swarm:
    """The new snapshot with the very objects of the last one where they are equal: what was
    concluded from them need not be concluded again (see `plan_cache`)."""
    parts = ("services", "tasks", "networks", "configs", "secrets", "nodes")
    known = {
        part: getattr(before, part)
        for part in parts
        if getattr(swarm, part) == getattr(before, part)
    }
    return replace(swarm, **known)
