"""The end of a move by somebody who does not remember it: after a crash, or a take-over of the lease.

Nothing but the label and what is read counts. The rules are those of an abort with more patience: a
move that can simply be ended well is ended, and only at its deadline is anything marked.
"""

from datetime import datetime

from swarm_operator.observed.json import dig
from swarm_operator.observed.swarm import Service
from swarm_operator.plan.rebalance.decisions import POLL_S, Decision, Wait, Write
from swarm_operator.plan.rebalance.intent import PLACEMENT, Step, has_label
from swarm_operator.plan.rebalance.mobility import How
from swarm_operator.plan.rebalance.paused import PAUSED, is_of_the_move, restored_from
from swarm_operator.plan.rebalance.scene import Scene, Seen
from swarm_operator.plan.rebalance.slots import Slots
from swarm_operator.plan.rebalance.specs import rest, with_placement
from swarm_operator.plan.rebalance.steps import Outcome
from swarm_operator.plan.rebalance.undo import rested, restore, undo

RESTLESS = frozenset({"updating", "paused", "rollback_started", "rollback_paused"})
"""Updates that a write would begin anew, or resume."""


def recover(scene: Scene, seen: Seen) -> Decision:
    """The next act for a service with an intent that nobody remembers, and whose spec is as the
    move left it; `seen` is only since when its tasks run,
    and which of them is withdrawn.

    That some slot is doubled is no reason to restore: it may be a rollout's.
    """
    if scene.intent.step is Step.PIN:
        return _unpin(scene, seen)
    if scene.intent.step is Step.REST:
        return rested(scene)
    return undo(scene, seen, "an unfinished move is ended", patient=True)


def _unpin(scene: Scene, seen: Seen) -> Decision:
    is_there = any(t.node_id == scene.intent.target for t in scene.slots.serving.values())
    is_moving = scene.service.update_state in {"updating", "rollback_started"}
    if scene.is_late or (is_there and not is_moving):
        return restore(scene, seen, "an unfinished move is ended")
    return Wait("Swarm is moving the task", min(POLL_S, scene.seconds_left))


def needs_seal(service: Service) -> bool:
    """Whether the spec is free of our intent, and a rollback would bring it back."""
    return has_label(service.previous_spec) and not has_label(service.spec)


def seal(service: Service, slots: Slots, utc: datetime) -> Wait | Write:
    """The same spec once more, so that PreviousSpec is it too.

    Never into an update of somebody else: a write would resume a paused one, and take from a running
    one what it would roll back to. An update to the move's own original is the move's own: it may
    have tasks to replace that still carry a fence. It is waited for, until the move's deadline; and
    resumed where it paused, for nobody else would: so is one that paused after the fence was taken
    out of what somebody else wrote, where it replaces nothing of theirs.
    """
    state, intent = service.update_state, restored_from(service)
    if state in RESTLESS:
        is_ours = is_of_the_move(service) and not slots.half_replaced
        is_late = intent is not None and utc >= intent.deadline
        if not (is_ours and state in PAUSED) and not is_late:
            return Wait(f"an update is {state}: it is not disturbed")
    spec = with_placement(service.spec)
    if intent is not None and not slots.half_replaced and slots.fenced(dig(spec, *PLACEMENT)):
        return Write(rest(intent, spec, utc), "tasks still carry a fence: they are looked after")
    return Write(
        spec, "sealed: the same spec once more, so that docker service rollback does nothing"
    )


def is_restored(service: Service) -> bool:
    """Whether the spec is the original of the move that wrote the spec before."""
    return restored_from(service) is not None


def outcome(scene: Scene, *, failed: bool | None = None) -> Outcome:
    """How a move that left the original spec behind went; `failed` is None where nobody knows
    whether it was given up."""
    intent, copies = scene.intent, scene.slots.copies
    if failed:
        return Outcome.ABORTED
    if intent.how is How.STOP_FIRST:
        there = any(t.node_id == intent.target for t in scene.slots.serving.values())
        return Outcome.MOVED if there else Outcome.ABORTED
    if sum(copies.get(node, 0) for node in intent.leaves) < intent.source_copies:
        return Outcome.MOVED
    return Outcome.ABORTED if failed is None else Outcome.LOST
