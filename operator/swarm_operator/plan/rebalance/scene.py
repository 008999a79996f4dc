"""What a move sees of its service, and the very little that it remembers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.observed.swarm import Node, Service, Task
from swarm_operator.plan.rebalance import specs
from swarm_operator.plan.rebalance.intent import PLACEMENT, MoveIntent, Step
from swarm_operator.plan.rebalance.slots import Slots


@dataclass(frozen=True, slots=True)
class Scene:
    """What is read, fresh and complete, of a service with an intent."""

    intent: MoveIntent
    service: Service
    slots: Slots
    utc: datetime
    now: float
    """Seconds of a monotonic clock: only for what is in `Seen`."""

    @property
    def nodes(self) -> Mapping[str, Node]:
        return self.slots.nodes

    @property
    def plain(self) -> JsonObject:
        """The original spec; only while nobody changed what we wrote."""
        return specs.original(self.service.spec, self.intent)

    @property
    def placement(self) -> JsonObject:
        placement: JsonObject = dig(self.service.spec, *PLACEMENT) or {}
        return placement

    @property
    def extra(self) -> frozenset[int]:
        """Slots that were not there before the surge."""
        return frozenset(self.slots.live) - self.intent.slots

    @property
    def extra_task(self) -> Task | None:
        """The extra slot's task: the one that serves, else the oldest."""
        for number in sorted(self.extra):
            return self.slots.serving.get(number) or self.slots.live[number][0]
        return None

    @property
    def all_serve(self) -> bool:
        """Whether one more than wished run, so that any one may go."""
        return len(self.slots.serving) >= self.intent.surged

    @property
    def trimmed(self) -> Task | None:
        """The task that serves and that a scale-down by one would stop. None where none that serves
        goes with it, and where Swarm's choice is not known."""
        if len(self.slots.victims) != 1:
            return None
        (number,) = self.slots.victims
        return self.slots.serving.get(number)

    @property
    def is_late(self) -> bool:
        return self.utc >= self.intent.deadline

    @property
    def seconds_left(self) -> float:
        return max(0.0, (self.intent.deadline - self.utc).total_seconds())


@dataclass(frozen=True, slots=True)
class Seen:
    """What one process remembers of a move; without it, recovery ends the move."""

    known: frozenset[str] = frozenset()
    """Ids of the service's tasks before the surge: failures among them are old."""
    ran: str = ""
    """The extra task's id, once it was seen running where it may."""
    steady: tuple[frozenset[str], float] | None = None
    """The ids of all that run, and since when they are the same."""
    marked_at: float | None = None
    withdrawn: frozenset[str] = frozenset()
    """Ids of the tasks that are confirmed not to be published any more."""
    unconfirmed: frozenset[str] = frozenset()
    """Of those that nobody confirmed in time."""
    given_up: str = ""
    """Why the move is not wanted any more; "" while it is."""


def look(seen: Seen, scene: Scene) -> Seen:
    """The memory with what the scene adds."""
    extra = scene.extra_task
    ids = frozenset(task.id for task in scene.slots.serving.values())
    serves = extra is not None and extra.id in ids
    if extra is not None and serves and extra.node_id in scene.intent.landings and not seen.ran:
        seen = replace(seen, ran=extra.id)
    if not serves or not scene.all_serve:
        seen = replace(seen, steady=None)
    elif seen.steady is None or seen.steady[0] != ids:
        seen = replace(seen, steady=(ids, scene.now))
    if scene.intent.step is Step.MARK and seen.marked_at is None:
        seen = replace(seen, marked_at=scene.now)
    return seen


def unsettled_s(scene: Scene, seen: Seen) -> float | None:
    """Seconds until the same tasks have run for the settle time; None while some do not run."""
    if seen.steady is None:
        return None
    return scene.intent.settle_s - (scene.now - seen.steady[1])
