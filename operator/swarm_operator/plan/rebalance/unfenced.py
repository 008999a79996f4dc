"""A spec that somebody changed in the middle of a move, without the fence: what still equals what the
move wrote goes back to the original, leaf by leaf; all else is theirs.
"""

from collections.abc import Mapping
from typing import Any

from swarm_operator.observed.json import JsonObject, dig, replaced
from swarm_operator.plan.rebalance.intent import PLACEMENT, UPDATE_CONFIG, MoveIntent, Step
from swarm_operator.plan.rebalance.specs import SWARM_DEFAULTS, update_config


def without_fence(spec: JsonObject, intent: MoveIntent) -> JsonObject:
    """The spec with its own placement and update config; count and label stay. Doing it twice
    changes nothing more."""
    placement = _placement(dig(spec, *PLACEMENT) or {}, intent)
    result = replaced(spec, PLACEMENT, placement)
    config = _update_config(spec.get("UpdateConfig"), intent)
    if config is None:
        return {key: member for key, member in result.items() if key != "UpdateConfig"}
    return replaced(result, UPDATE_CONFIG, config)


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
