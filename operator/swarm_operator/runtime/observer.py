"""When the swarm is read, and how much of it: often while something moves, seldom when all is still.

Swarm sends no events about tasks, so they are asked for. Its other events are hints that may be lost:
a full pass comes at intervals whatever they say. On a large swarm a look at everything costs the engine
more than it costs us: what moves is looked at by itself, and the rest the more seldom the longer a look
takes.
"""

import random
from collections.abc import Callable
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
SOME_AT_MOST: Final = 100
"""So many services are looked at by themselves; of more the whole list costs no more."""

_IDLE_SHARE: Final = 20.0
_MOVING_SHARE: Final = 4.0
_GAP_SHARE: Final = 2.0
"""After a look at everything that took a second there is none by time for so many seconds: when all is
still, while something moves, after an event."""
_LONGEST_IDLE_S: Final = 30.0
_LONGEST_GAP_S: Final = 2.0
"""One slow answer must not make us blind."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often one who observes looks at the tasks; see the constants above."""

    idle_every_s: float = IDLE_EVERY_S
    moving_every_s: float = MOVING_EVERY_S
    growth: float = _GROWTH
    idle_share: float = _IDLE_SHARE


@dataclass(slots=True)
class Observer:
    """Keeps the newest snapshot, and knows when the next is due."""

    port: SwarmPort
    rng: random.Random
    clock: Callable[[], float] = lambda: 0.0
    """Monotonic seconds, to see how long a look takes."""
    pace: Pace = Pace()
    snapshot: Swarm | None = None
    moving: bool = True
    _moving_services: frozenset[str] = frozenset()
    _changed: frozenset[str] = frozenset()
    _changed_due: float = 0.0
    _moving_every_s: float = MOVING_EVERY_S
    _dirty: bool = True
    _full_at: float = 0.0
    _progress_at: float = 0.0
    _whole_at: float = 0.0
    _took_s: float = 0.0
    _read_at: float = -GAP_S
    _wholly_read_at: float = -GAP_S
    """Looks at some services do not count: they must not put off the next look at everything."""
    _fully_read_at: float = -GAP_S

    def mark_dirty(self, *, at_once: bool = False) -> None:
        """Something happened: the next look is a full pass; after our own writes without a gap."""
        self._dirty = True
        if at_once:
            self._full_at = 0.0

    def mark_changed(self, services: frozenset[str], *, at_once: bool = False) -> None:
        """Services were updated, by their ids: they are looked at; after our own writes at once."""
        if self.snapshot is None or not services <= self.snapshot.services_by_id.keys():
            self.mark_dirty(at_once=at_once)
            return
        if not self._changed:
            self._changed_due = self._read_at + GAP_S
        if at_once:
            self._changed_due = 0.0
        self._changed |= services

    def forget(self) -> None:
        """What was seen is worth nothing any more."""
        self.snapshot = None
        self._dirty = True

    def observe(self, now: float) -> Swarm:
        """The newest snapshot, read anew where it is due. Raises what the port raises."""
        last = self.snapshot
        if last is None or now >= self._full_at or (self._dirty and now >= self._gap_ends_at()):
            return self.observe_fully(now)
        if self._changed and now >= self._changed_due:
            return self._look(last, self._with_those_that_move(self._changed), now)
        if now >= self._progress_at:
            some = self._moving_services if now < self._whole_at else frozenset()
            return self._look(last, some | self._changed if some else some, now)
        return last

    def observe_fully(self, now: float) -> Swarm:
        """A full pass, whatever is due: before anything is removed."""
        began = self.clock()
        swarm = self.port.read()
        self._took_s = self.clock() - began
        self._dirty = False
        self._fully_read_at = now
        self._full_at = now + FULL_EVERY_S * self.rng.uniform(1.0, 1.1)
        return self._take_whole(swarm, now)

    def _with_those_that_move(self, changed: frozenset[str]) -> frozenset[str]:
        """A look puts the next one off: others' events must not put off that at what moves."""
        if self.moving and not self._moving_services:
            return frozenset()
        return changed | self._moving_services

    def _look(self, last: Swarm, services: frozenset[str], now: float) -> Swarm:
        if 0 < len(services) <= SOME_AT_MOST:
            swarm = self.port.read_progress(last, services)
            self._changed -= services
            return self._take(swarm, now)
        began = self.clock()
        swarm = self.port.read_progress(last)
        self._took_s = self.clock() - began
        return self._take_whole(swarm, now)

    def is_fresh(self, now: float) -> bool:
        """Whether the snapshot is a full pass of this very moment."""
        return self._fully_read_at == now and not self._dirty and not self._changed

    def _gap_ends_at(self) -> float:
        return self._wholly_read_at + min(max(GAP_S, _GAP_SHARE * self._took_s), _LONGEST_GAP_S)

    def _take_whole(self, swarm: Swarm, now: float) -> Swarm:
        self._wholly_read_at = now
        self._changed = frozenset()
        every = max(self.pace.idle_every_s, self.pace.idle_share * self._took_s)
        self._whole_at = now + min(every, _LONGEST_IDLE_S)
        return self._take(swarm, now)

    def _take(self, swarm: Swarm, now: float) -> Swarm:
        before = self.snapshot
        swarm = self.snapshot = _with_known_parts(swarm, before) if before is not None else swarm
        if before is not None and before.tasks is swarm.tasks and before.nodes is swarm.nodes:
            grown = self._moving_every_s * self.pace.growth
            self._moving_every_s = min(grown, self.pace.idle_every_s)
        else:
            self._moving_every_s = self.pace.moving_every_s
        self._read_at = now
        self._progress_at = self._next_look_at()
        return swarm

    def _next_look_at(self) -> float:
        if not self.moving:
            return self._whole_at
        every = self._moving_every_s
        if not self._moving_services:
            every = min(max(every, _MOVING_SHARE * self._took_s), self.pace.idle_every_s)
        return self._read_at + every

    def next_at(self) -> float:
        """When the next look is due."""
        due = min(self._full_at, self._progress_at)
        if self._changed:
            due = min(due, self._changed_due)
        return min(due, self._gap_ends_at()) if self._dirty else due

    def set_moving(self, moving: bool, services: frozenset[str] = frozenset()) -> None:
        """Whether anything is expected to change by itself; of which services, where that is known,
        by their ids."""
        only_some = bool(self._moving_services)
        self._moving_services = services if len(services) <= SOME_AT_MOST else frozenset()
        if moving and not self.moving:
            self._moving_every_s = self.pace.moving_every_s
        self.moving = moving
        if moving:
            self._progress_at = min(self._progress_at, self._next_look_at())
        elif only_some:
            self._progress_at = self._whole_at  # the others were not due yet


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
