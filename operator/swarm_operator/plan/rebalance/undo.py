"""The way back to the original spec, without losing a task that runs.

"Restore" is one write of it, which trims the surplus task. Which task that is Swarm decides; one that
serves is withdrawn from what is published before, for a while, and then restored all the same: a move
has to end.
"""

from typing import Final

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.plan.rebalance import specs
from swarm_operator.plan.rebalance.decisions import POLL_S, Decision, Wait, Withdraw, Write
from swarm_operator.plan.rebalance.intent import PLACEMENT, Step
from swarm_operator.plan.rebalance.scene import Scene, Seen, unsettled_s

UNDER_WAY: Final = frozenset({"updating", "rollback_started"})


def undo(
    scene: Scene, seen: Seen, why: str, *, patient: bool = False, failed: bool = True
) -> Decision:
    """End the move.

    `patient`: no new mark before the deadline of the present step. A mark that stands is always
    waited for so long, and made anew then; and so is an update that nobody expected, for every slot
    of it would be marked.
    """
    hindrance = why_not_restored(scene, seen)
    if hindrance is None:
        return restore(scene, seen, why, failed=failed)
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


def restore(scene: Scene, seen: Seen, why: str, *, failed: bool = False) -> Withdraw | Write:
    """The original spec, which trims what is too much.

    Where Swarm then has more to do than that, the label stays for the time being: should the
    service's own update config pause on a failure, tasks with a fence would stay for ever.
    """
    is_surged = scene.intent.surged > scene.intent.replicas
    if is_surged and (first := unpublished_first(scene, seen)) is not None:
        return first
    stops = scene.trimmed.id if is_surged and scene.trimmed is not None else ""
    plain = scene.plain
    left = scene.slots.fenced(dig(plain, *PLACEMENT) or {})
    if is_surged and len(scene.slots.victims) == 1:
        left -= scene.slots.victims
    if left:
        plain = specs.rest(scene.intent, plain, scene.utc)
    return Write(plain, why, failed=failed, stops=stops)


def unpublished_first(scene: Scene, seen: Seen) -> Withdraw | None:
    """What is published loses a task before the task stops. None where none that serves is trimmed,
    it is withdrawn, or nobody confirmed that in time."""
    task = scene.trimmed
    if task is None or task.id in seen.withdrawn | seen.unconfirmed:
        return None
    return Withdraw(task.id)


def rested(scene: Scene) -> Wait | Write:
    """Until no task carries a fence any more; what Swarm paused is resumed."""
    state, slots = scene.service.update_state, scene.slots
    is_fenced = bool(slots.fenced(scene.placement))
    if (state == "paused" or scene.is_late) and not slots.half_replaced and is_fenced:
        spec = specs.rest(scene.intent, scene.plain, scene.utc)
        return Write(spec, "Swarm stopped on the way back to the original: it is resumed")
    if state in UNDER_WAY or is_fenced:
        return Wait("Swarm is on the way back to the original")
    return Write(scene.plain, "the service is as it was before")
