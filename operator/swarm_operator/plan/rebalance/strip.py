"""Somebody else wrote in the middle of a move: theirs stays, and only what is ours is taken out.

A command line's update reads our values and writes them back with its own change. What still equals
what we wrote goes back to the original, leaf by leaf; all else is theirs. Two writes: fences at once,
for they hold up whatever the other wanted; count and label when nothing can be lost by them.
"""

from collections.abc import Mapping
from typing import Any

from swarm_operator.observed.json import JsonObject, dig, replaced
from swarm_operator.plan.rebalance.decisions import POLL_S, Decision, Wait, Write
from swarm_operator.plan.rebalance.intent import (
    PLACEMENT,
    REPLICAS,
    UPDATE_CONFIG,
    MoveIntent,
    Step,
    unlabelled,
)
from swarm_operator.plan.rebalance.recovery import RESTLESS, with_placement
from swarm_operator.plan.rebalance.scene import Scene, Seen
from swarm_operator.plan.rebalance.specs import SWARM_DEFAULTS, update_config
from swarm_operator.plan.rebalance.undo import unpublished_first

_PAUSED = frozenset({"paused", "rollback_paused"})


def strip(scene: Scene, seen: Seen) -> Decision:
    """The next act for a service whose spec is not what the move wrote last."""
    state, slots = scene.service.update_state, scene.slots
    if state in _PAUSED:
        return Wait("an update is paused, and any write would resume it: nothing is written", None)
    if slots.half_replaced:
        return Wait("a slot is being replaced, and both of its tasks could be kept or lost")
    spec = scene.service.spec
    unfenced = without_fence(spec, scene.intent)
    if unfenced != spec:
        return Write(unfenced, "somebody changed the service: the fence is taken out", failed=True)
    if state in RESTLESS:
        return Wait("the update of somebody else is under way")
    stops = ""
    if _count_is_ours(spec, scene.intent):
        if not scene.all_serve or slots.doubled:
            return Wait("not all tasks run: one fewer might be one that does", POLL_S)
        if (first := unpublished_first(scene, seen)) is not None:
            return first
        stops = scene.trimmed.id if scene.trimmed is not None else ""
    bare = without_traces(spec, scene.intent)
    why = "somebody changed the service: the move leaves it"
    return Write(bare, why, failed=True, stops=stops)


def without_fence(spec: JsonObject, intent: MoveIntent) -> JsonObject:
    """The spec with its own placement and update config; count and label stay. Doing it twice
    changes nothing more."""
    placement = _placement(dig(spec, *PLACEMENT) or {}, intent)
    result = replaced(spec, PLACEMENT, placement)
    config = _update_config(spec.get("UpdateConfig"), intent)
    if config is None:
        return {key: member for key, member in result.items() if key != "UpdateConfig"}
    return replaced(result, UPDATE_CONFIG, config)


def without_traces(spec: JsonObject, intent: MoveIntent) -> JsonObject:
    """Without the count and the label, too."""
    result = unlabelled(without_fence(spec, intent))
    if _count_is_ours(spec, intent):
        result = replaced(result, REPLICAS, intent.replicas)
    return with_placement(result)


def _count_is_ours(spec: JsonObject, intent: MoveIntent) -> bool:
    return intent.surged != intent.replicas and dig(spec, *REPLICAS) == intent.surged


def _placement(live: JsonObject, intent: MoveIntent) -> JsonObject:
    """Constraints one by one, then the cap."""
    before: Mapping[str, Any] = intent.held_before(PLACEMENT) or {}
    result = dict(live)
    kept = [c for c in live.get("Constraints") or () if c not in intent.fence.constraints]
    if kept:
        result["Constraints"] = kept
    else:
        result.pop("Constraints", None)
    cap = intent.fence.max_replicas
    if cap is not None and live.get("MaxReplicas") == cap:
        result.pop("MaxReplicas")
        if before.get("MaxReplicas"):
            result["MaxReplicas"] = before["MaxReplicas"]
    return result


def _update_config(live: JsonObject | None, intent: MoveIntent) -> JsonObject | None:
    """Leaf by leaf; one that was absent becomes Swarm's default where they changed another."""
    ours = update_config(intent)
    if live is None or ours is None or intent.step is Step.REST:
        return live
    before: JsonObject | None = intent.held_before(UPDATE_CONFIG)
    if live == ours:
        return before
    theirs = {key: value for key, value in live.items() if key not in ours or value != ours[key]}
    return {**(SWARM_DEFAULTS if before is None else before), **theirs}
