"""What a move does next: one level-triggered function of what is read and of very little memory.

    surge ─► the extra task runs steadily where it may ─► withdraw the old one ─► mark ─► restore ─► seal
       └──► anything else: the extra task's slot is made the one to go ─► restore ─► seal

"Restore" is one write of the original spec, which trims the surplus task; "seal" is the same write
again, after which `docker service rollback` does nothing (SwarmKit manager/controlapi/service.go: every
update copies the spec to PreviousSpec).
"""

from enum import StrEnum
from typing import Final

from swarm_operator.observed.swarm import Node, Task
from swarm_operator.plan.rebalance import specs
from swarm_operator.plan.rebalance.decisions import (
    LOOK_AGAIN_S,
    POLL_S,
    Decision,
    Wait,
    Withdraw,
    Write,
)
from swarm_operator.plan.rebalance.intent import Step
from swarm_operator.plan.rebalance.scene import Scene, Seen, unsettled_s
from swarm_operator.plan.rebalance.undo import UNDER_WAY, rested, restore, undo
from swarm_operator.plan.redact import Redaction, values_of_live

DOUBLED_WITHIN_S: Final = 20.0
"""A mark that shows no second task by then is trimmed all the same: enough others run."""
LATE: Final = "the new task did not come up in time"
_ENDED: Final = frozenset({"failed", "rejected", "complete"})
"""`complete` too: a program that exits with 0 where its health check fails, or at once."""


class Outcome(StrEnum):
    """How a move ended. The service has its original spec again after each, if nobody changed it."""

    MOVED = "moved"
    ABORTED = "aborted"
    """Nothing but the extra task was touched."""
    YIELDED = "yielded"
    """Somebody else wrote in the middle: their change stays, ours is taken out of it."""
    LOST = "lost"
    """The new task runs, but Swarm trimmed another than was meant."""


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
    if not any(map(slots.copies.get, scene.intent.leaves)):
        return "no task is left on the source"
    if len(scene.extra) > 1:
        return "more slots changed than one"
    if extra is not None:
        why = _why_badly_landed(scene, seen, extra)
        if why is not None:
            return why
    is_late = scene.is_late and seen.steady is None  # one that came up while nobody looked is good
    return LATE if is_late else None


def _why_badly_landed(scene: Scene, seen: Seen, extra: Task) -> str | None:
    if extra.node_id and extra.node_id not in scene.intent.landings:
        return f"the new task landed on {_name(scene, extra.node_id)}"
    if seen.ran and seen.ran != extra.id:
        return "the new task did not stay up"
    for task in scene.slots.tasks:
        if task.slot in scene.extra and task.state in _ENDED and task.id not in seen.known:
            return f"the new task {_fate(scene, task)}"
    target = scene.nodes.get(scene.intent.target)
    if not extra.node_id and (target is None or not _takes_tasks(target)):
        return f"{_name(scene, scene.intent.target)} takes no tasks any more"
    return None


def _fate(scene: Scene, task: Task) -> str:
    if task.state == "complete":
        return "ended (exit code 0): by itself, or because its health check fails"
    return f"failed: {_told(scene, task)}"


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
    is_only = not scene.intent.sources and scene.slots.copies[scene.intent.source] == 1
    if is_only:
        victims = scene.slots.on(scene.intent.source)
    if not victims or not {task.node_id for task in victims} <= scene.intent.leaves:
        return undo(scene, seen, "Swarm would not take the task on the source")
    if len(victims) == 1 and victims[0].id not in seen.withdrawn:
        return Withdraw(victims[0].id, insists=True)
    if is_only:
        return _mark(scene, victims[0])
    return restore(scene, seen, "the new task serves: the old one is trimmed")


def _mark(scene: Scene, old: Task) -> Write:
    spec = specs.mark(scene.intent, scene.plain, scene.slots.copies, scene.nodes, scene.utc)
    why = "the new task serves: the old one is marked as the one to go"
    return Write(spec, why, stops=old.id)


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


# --- stop first -------------------------------------------------------------------------------------------


def _pinned(scene: Scene, seen: Seen) -> Decision:
    """Swarm stops the task and starts it on the target; where it fails there, Swarm goes back by
    itself, to a spec without an intent. What remains is to take the constraint out again."""
    if seen.given_up:
        return restore(scene, seen, seen.given_up, failed=True)
    if scene.service.update_state in UNDER_WAY and not scene.is_late:
        return Wait("Swarm is moving the task", POLL_S)
    there = [t for t in scene.slots.serving.values() if t.node_id == scene.intent.target]
    if there:
        return restore(scene, seen, "the task runs on the target")
    if not scene.is_late:
        return Wait("the task is starting on the target", POLL_S)
    return restore(scene, seen, "the task did not come up on the target in time", failed=True)
