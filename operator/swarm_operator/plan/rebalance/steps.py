"""What a move does next: one level-triggered function of what is read and of very little memory.

    surge ─► the extra task runs steadily where it may ─► withdraw the old one ─► mark ─► restore ─► seal
       └──► anything else: the extra task's slot is made the one to go ─► restore ─► seal

"Restore" is one write of the original spec, which trims the surplus task; "seal" is the same write
again, after which `docker service rollback` does nothing (SwarmKit manager/controlapi/service.go: every
update copies the spec to PreviousSpec).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.observed.swarm import Node, Service, Task
from swarm_operator.plan.rebalance import specs
from swarm_operator.plan.rebalance.intent import PLACEMENT, MoveIntent, Step
from swarm_operator.plan.rebalance.slots import Slots
from swarm_operator.plan.redact import Redaction, values_of_live

DOUBLED_WITHIN_S: Final = 20.0
"""A mark that shows no second task by then is trimmed all the same: enough others run."""
LOOK_AGAIN_S: Final = 0.3
"""Between two looks while a fence stands."""
POLL_S: Final = 1.0
"""Between two looks at a task that starts."""
_UNDER_WAY: Final = frozenset({"updating", "rollback_started"})
_FAILED: Final = frozenset({"failed", "rejected"})


class Outcome(StrEnum):
    """How a move ended. The service has its original spec again after each, if nobody changed it."""

    MOVED = "moved"
    ABORTED = "aborted"
    """Nothing but the extra task was touched."""
    YIELDED = "yielded"
    """Somebody else wrote in the middle: their change stays, ours is taken out of it."""
    LOST = "lost"
    """The new task runs, but Swarm trimmed another than was meant."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do for `seconds`; None: until something changes."""

    why: str
    seconds: float | None = POLL_S


@dataclass(frozen=True, slots=True)
class Write:
    spec: JsonObject = field(repr=False)
    why: str
    failed: bool = False
    """Whether the move is given up with it."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take the task out of what is published, and look again."""

    task_id: str


Decision: TypeAlias = Wait | Write | Withdraw


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
    def is_late(self) -> bool:
        return self.utc >= self.intent.deadline

    @property
    def seconds_left(self) -> float:
        return max(0.0, (self.intent.deadline - self.utc).total_seconds())


@dataclass(frozen=True, slots=True)
class Seen:
    """What one process remembers of the move that it began; without it, recovery ends the move."""

    known: frozenset[str] = frozenset()
    """Ids of the service's tasks before the surge: failures among them are old."""
    ran: str = ""
    """The extra task's id, once it was seen running where it may."""
    steady: tuple[frozenset[str], float] | None = None
    """The ids of all that run, and since when they are the same."""
    marked_at: float | None = None
    withdrawn: str = ""
    """The id of the task that is confirmed not to be published any more."""
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


def decide(scene: Scene, seen: Seen) -> Decision:
    """The next act of the process that began the move; nobody changed what it wrote."""
    match scene.intent.step:
        case Step.SURGE:
            why = why_failed(scene, seen)
            return _surged(scene, seen) if why is None else undo(scene, seen, why)
        case Step.MARK:
            return _marked(scene, seen)
        case Step.ABORT:
            return undo(scene, seen, "the move is being undone")
        case Step.PIN:
            return _pinned(scene, seen)
        case Step.REST:
            return rested(scene)


def why_failed(scene: Scene, seen: Seen) -> str | None:
    """Why the surge will not become a move; None while it may."""
    service, slots, extra = scene.service, scene.slots, scene.extra_task
    if seen.given_up:
        return seen.given_up
    if service.update_state is not None:
        return "Swarm replaces tasks of the service: something about them changed before"
    if not slots.copies.get(scene.intent.source):
        return "no task is left on the source"
    if len(scene.extra) > 1:
        return "more slots changed than one"
    if extra is not None:
        why = _why_badly_landed(scene, seen, extra)
        if why is not None:
            return why
    is_late = scene.is_late and seen.steady is None  # one that came up while nobody looked is good
    return "the new task did not come up in time" if is_late else None


def _why_badly_landed(scene: Scene, seen: Seen, extra: Task) -> str | None:
    if extra.node_id and extra.node_id not in scene.intent.landings:
        return f"the new task landed on {_name(scene, extra.node_id)}"
    if seen.ran and seen.ran != extra.id:
        return "the new task did not stay up"
    for task in scene.slots.tasks:
        if task.slot in scene.extra and task.state in _FAILED and task.id not in seen.known:
            return f"the new task failed: {_told(scene, task)}"
    target = scene.nodes.get(scene.intent.target)
    if not extra.node_id and (target is None or not _takes_tasks(target)):
        return f"{_name(scene, scene.intent.target)} takes no tasks any more"
    return None


def _told(scene: Scene, task: Task) -> str:
    """Why it failed, without what its error may repeat of its command and environment."""
    secret = values_of_live([scene.service], scene.slots.tasks, None)
    return Redaction(secret).scrub(task.error or task.message)


def _takes_tasks(node: Node) -> bool:
    """A leader that is new does not know yet who is there: `unknown` is no reason."""
    return node.state != "down" and node.availability == "active"


def _name(scene: Scene, node_id: str) -> str:
    node = scene.nodes.get(node_id)
    return node.hostname if node is not None else node_id


# --- forward ------------------------------------------------------------------------------------------


def _surged(scene: Scene, seen: Seen) -> Decision:
    left = unsettled_s(scene, seen)
    if left is None or scene.slots.doubled:
        return Wait("the new task is starting", min(POLL_S, scene.seconds_left))
    if left > 0:
        return Wait("the new task runs, and has to do so steadily", min(left, POLL_S))
    victims = tuple(task for n in scene.slots.victims for task in scene.slots.live[n])
    is_only = scene.slots.copies[scene.intent.source] == 1
    if is_only:
        victims = scene.slots.on(scene.intent.source)
    if {task.node_id for task in victims} != {scene.intent.source}:
        return undo(scene, seen, "Swarm would not take the task on the source")
    if len(victims) == 1 and seen.withdrawn != victims[0].id:
        return Withdraw(victims[0].id)
    if is_only:
        return _mark(scene)
    return restore(scene, "the new task serves: the old one is trimmed")


def _mark(scene: Scene) -> Write:
    spec = specs.mark(scene.intent, scene.plain, scene.slots.copies, scene.nodes, scene.utc)
    return Write(spec, "the new task serves: the old one is marked as the one to go")


def _marked(scene: Scene, seen: Seen) -> Decision:
    """Held as short as possible: while the fence stands, an update of the source's node object makes
    Swarm reject the task there."""
    is_doubled = any(
        number in scene.slots.doubled
        for number, tasks in scene.slots.live.items()
        if any(task.node_id == scene.intent.source for task in tasks)
    )
    since = scene.now if seen.marked_at is None else seen.marked_at
    if not is_doubled and scene.all_serve and scene.now - since < DOUBLED_WITHIN_S:
        return Wait("the old task is being marked", LOOK_AGAIN_S)
    why = "the old task is marked as the one to go"
    return undo(scene, seen, why, patient=True, failed=False)


# --- back -----------------------------------------------------------------------------------------------


def undo(
    scene: Scene, seen: Seen, why: str, *, patient: bool = False, failed: bool = True
) -> Wait | Write:
    """End the move without losing a task that runs.

    `patient`: no new mark before the deadline of the present step. A mark that stands is always
    waited for so long, and made anew then; and so is an update that nobody expected, for every slot
    of it would be marked.
    """
    hindrance = why_not_restored(scene, seen)
    if hindrance is None:
        return restore(scene, why, failed=failed)
    is_busy = scene.intent.step is Step.ABORT or scene.service.update_state is not None
    if (is_busy or patient) and not scene.is_late:
        return Wait(f"{why}; {hindrance}", min(POLL_S, scene.seconds_left or POLL_S))
    if scene.slots.half_replaced:
        return Wait(f"{why}; {hindrance}")
    return Write(_abort_mark(scene), f"{why}; {hindrance}", failed=True)


def why_not_restored(scene: Scene, seen: Seen) -> str | None:
    """What would be lost by the original count now; None where nothing would.

    A scale-down goes by node balance before it goes by what runs (SwarmKit
    manager/orchestrator/replicated/slot.go): scaled back while the extra task does not run, a service
    loses a healthy one and keeps the broken one.
    """
    slots = scene.slots
    half = slots.half_replaced
    if half and not (scene.all_serve and half == slots.doubled and len(half) == 1):
        return "a slot is being replaced, and both of its tasks could be kept or lost"
    if scene.all_serve:
        return _why_not_any(scene, seen)
    if scene.intent.step is Step.SURGE:
        return "fewer run than are wished with the new one"
    if slots.victims and all(_is_harmless(scene, number) for number in slots.victims):
        return None
    return "Swarm might take a task that runs"


def _why_not_any(scene: Scene, seen: Seen) -> str | None:
    """One more than wished runs; but an older one may be taken, for one that has just come up."""
    if scene.intent.step is Step.MARK or scene.slots.victims <= scene.extra:
        return None
    left = unsettled_s(scene, seen)
    return None if left is not None and left <= 0 else "the new task has not settled yet"


def unsettled_s(scene: Scene, seen: Seen) -> float | None:
    """Seconds until the same tasks have run for the settle time; None while some do not run."""
    if seen.steady is None:
        return None
    return scene.intent.settle_s - (scene.now - seen.steady[1])


def _is_harmless(scene: Scene, number: int) -> bool:
    """Whether nothing that serves goes with the slot, and the slot is surely one of those that a
    scale-down takes first."""
    if number in scene.slots.serving:
        return False
    return number in scene.slots.doubled or scene.slots.is_shut_out(number, scene.placement)


def _abort_mark(scene: Scene) -> JsonObject:
    extra = scene.extra_task
    marked = (extra.node_id if extra is not None else None) or scene.intent.target
    intent, copies = scene.intent, scene.slots.copies
    return specs.abort_mark(intent, scene.plain, copies, scene.nodes, scene.utc, marked)


# --- the end ---------------------------------------------------------------------------------------------


def restore(scene: Scene, why: str, *, failed: bool = False) -> Write:
    """The original spec, which trims what is too much.

    Where Swarm then has more to do than that, the label stays for the time being: should the
    service's own update config pause on a failure, tasks with a fence would stay for ever.
    """
    plain = scene.plain
    left = scene.slots.fenced(dig(plain, *PLACEMENT) or {})
    if scene.intent.surged > scene.intent.replicas and len(scene.slots.victims) == 1:
        left -= scene.slots.victims
    if left:
        return Write(specs.rest(scene.intent, plain, scene.utc), why, failed=failed)
    return Write(plain, why, failed=failed)


def rested(scene: Scene) -> Wait | Write:
    """Until no task carries a fence any more; what Swarm paused is resumed."""
    state, slots = scene.service.update_state, scene.slots
    is_fenced = bool(slots.fenced(scene.placement))
    if (state == "paused" or scene.is_late) and not slots.half_replaced and is_fenced:
        spec = specs.rest(scene.intent, scene.plain, scene.utc)
        return Write(spec, "Swarm stopped on the way back to the original: it is resumed")
    if state in _UNDER_WAY or is_fenced:
        return Wait("Swarm is on the way back to the original")
    return Write(scene.plain, "the service is as it was before")


# --- stop first -------------------------------------------------------------------------------------------


def _pinned(scene: Scene, seen: Seen) -> Decision:
    """Swarm stops the task and starts it on the target; where it fails there, Swarm goes back by
    itself, to a spec without an intent. What remains is to take the constraint out again."""
    if seen.given_up:
        return restore(scene, seen.given_up, failed=True)
    if scene.service.update_state in _UNDER_WAY and not scene.is_late:
        return Wait("Swarm is moving the task", POLL_S)
    there = [t for t in scene.slots.serving.values() if t.node_id == scene.intent.target]
    if there:
        return restore(scene, "the task runs on the target")
    if not scene.is_late:
        return Wait("the task is starting on the target", POLL_S)
    return restore(scene, "the task did not come up on the target in time", failed=True)
