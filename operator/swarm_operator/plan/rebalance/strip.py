"""Somebody else wrote in the middle of a move: theirs stays, and only what is ours is taken out.

A command line's update reads our values and writes them back with its own change. What still equals
what we wrote goes back to the original, leaf by leaf; all else is theirs. Two writes: fences at once,
for they hold up whatever the other wanted; count and label when nothing can be lost by them.
"""

from swarm_operator.observed.json import JsonObject, dig, replaced
from swarm_operator.plan.rebalance import paused
from swarm_operator.plan.rebalance.decisions import POLL_S, Decision, Wait, Write
from swarm_operator.plan.rebalance.intent import LABEL, REPLICAS, MoveIntent, intent_of, unlabelled
from swarm_operator.plan.rebalance.recovery import RESTLESS
from swarm_operator.plan.rebalance.scene import Scene, Seen
from swarm_operator.plan.rebalance.specs import with_placement
from swarm_operator.plan.rebalance.undo import unpublished_first
from swarm_operator.plan.rebalance.unfenced import without_fence


def strip(scene: Scene, seen: Seen) -> Decision:
    """The next act for a service whose spec is not what the move wrote last."""
    state, slots = scene.service.update_state, scene.slots
    is_paused = state in paused.PAUSED
    if is_paused and not paused.is_ours(scene.service, scene.intent):
        return Wait("an update is paused, and any write would resume it: nothing is written", None)
    if slots.half_replaced:
        return Wait("a slot is being replaced, and both of its tasks could be kept or lost")
    spec = scene.service.spec
    unfenced = without_fence(spec, scene.intent)
    if unfenced != spec:
        return Write(unfenced, "somebody changed the service: the fence is taken out", failed=True)
    if is_paused and slots.fenced(scene.placement):
        why = "Swarm stopped while it replaced tasks that carry the fence: it is resumed"
        return Write(spec, why, failed=True)
    if state in RESTLESS and not is_paused:
        return Wait("the update of somebody else is under way")
    stops = ""
    if count_is_ours(spec, scene.intent):
        if not scene.all_serve or slots.doubled:
            return Wait("not all tasks run: one fewer might be one that does", POLL_S)
        if (first := unpublished_first(scene, seen)) is not None:
            return first
        stops = scene.trimmed.id if scene.trimmed is not None else ""
    bare = without_traces(spec, scene.intent)
    why = "somebody changed the service: the move leaves it"
    return Write(bare, why, failed=True, stops=stops)


def without_traces(spec: JsonObject, intent: MoveIntent) -> JsonObject:
    """Without the count and the label, too."""
    result = unlabelled(without_fence(spec, intent))
    if count_is_ours(spec, intent):
        result = replaced(result, REPLICAS, intent.replicas)
    return with_placement(result)


def while_it_rests(wished: JsonObject, live: JsonObject) -> JsonObject:
    """What is written of a document to a service that rests in somebody else's paused update: with
    the label, and with the one task more where it stands, for to scale down now could take a task
    that runs. Both are taken out as ever, once the update is done. Raises Unreadable."""
    intent = intent_of(live)
    if intent is None:
        return wished
    result = replaced(wished, ("Labels", LABEL), dig(live, "Labels", LABEL))
    if count_is_ours(live, intent) and 0 < (dig(wished, *REPLICAS) or 0) < intent.surged:
        result = replaced(result, REPLICAS, intent.surged)
    return with_placement(result)


def count_is_ours(spec: JsonObject, intent: MoveIntent) -> bool:
    """Whether it wishes the one task more that the move did."""
    return intent.surged != intent.replicas and dig(spec, *REPLICAS) == intent.surged
