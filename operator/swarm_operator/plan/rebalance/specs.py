"""The specs that a move writes, and the original out of any of them: raw JSON, in the engine's own
form, so that what is read back is equal to what was written.

Every write is the original with a fence (placement), an update config that cannot hurt, a count and
the label. The measures that make it safe were found on real swarms; SwarmKit's files are named where
a rule of its decides.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from swarm_operator.observed.json import JsonObject, dig, replaced
from swarm_operator.plan.rebalance.intent import (
    CHANGED,
    LABELS,
    PLACEMENT,
    REPLICAS,
    UPDATE_CONFIG,
    Fence,
    MoveIntent,
    Step,
    labelled,
    unlabelled,
)
from swarm_operator.plan.rebalance.landing import STABLE_SORT_UP_TO

HOUR_NS: Final = 3600 * 10**9
SECOND_NS: Final = 10**9
SWARM_DEFAULTS: Final[Mapping[str, Any]] = {
    "Parallelism": 1,
    "FailureAction": "pause",
    "MaxFailureRatio": 0,
    "Order": "stop-first",
}
"""What Swarm does where a service has no update config (SwarmKit api/defaults)."""


def before_of(spec: JsonObject) -> Mapping[str, Any]:
    """What a move will have to put back, for the intent."""
    found = {".".join(path): dig(spec, *path) for path in CHANGED}
    held = {path: value for path, value in found.items() if value is not None}
    return held | ({"Labels": True} if dig(spec, *LABELS) is not None else {})


def original(spec: JsonObject, intent: MoveIntent) -> JsonObject:
    """The spec before the move, out of one that the move wrote: equal as raw JSON.

    `Placement` is the one exception: where it was absent it is there, and empty. A service restored
    without it, whose tasks have one, panics the manager's engine, and again at each of its starts
    (seen on 20.10, 26.1 and 28.5; SwarmKit follows a nil pointer).
    """
    result = unlabelled(spec)
    if intent.held_before(LABELS) is None and not result.get("Labels"):
        result = _without(result, LABELS)
    for path in CHANGED:
        value = intent.held_before(path)
        result = _without(result, path) if value is None else replaced(result, path, value)
    if intent.held_before(PLACEMENT) is None:
        result = replaced(result, PLACEMENT, {})
    return result


def with_placement(spec: JsonObject) -> JsonObject:
    """A service is never written without it (see `original`)."""
    has_it = isinstance(dig(spec, *PLACEMENT), dict)
    return spec if has_it else replaced(spec, PLACEMENT, {})


def step_spec(plain: JsonObject, intent: MoveIntent) -> JsonObject:
    """What the intent's step writes; `plain` is the original."""
    result = replaced(plain, PLACEMENT, fenced(dig(plain, *PLACEMENT) or {}, intent.fence))
    config = update_config(intent)
    if config is not None:
        result = replaced(result, UPDATE_CONFIG, config)
    if intent.surged != intent.replicas:
        result = replaced(result, REPLICAS, intent.surged)
    return labelled(result, intent)


def update_config(intent: MoveIntent) -> JsonObject | None:
    """Of a surge and the marks: should any task be dirty, one at a time is replaced, after its
    replacement runs, and then nothing for an hour.

    Registry credentials that were renewed since the tasks started make *every* task dirty together
    with a change of placement (SwarmKit manager/orchestrator/task.go): with the config of a service
    that stops first, a service of one replica fell to none. An abort doubles all that it marks at
    once (parallelism 0), for one at a time Swarm chooses the slot.
    """
    if intent.step is Step.REST:
        before: JsonObject | None = intent.held_before(UPDATE_CONFIG)
        return before
    if intent.step is Step.PIN:
        return {
            "Parallelism": 1,
            "FailureAction": "rollback",
            "Monitor": max(5, round(intent.settle_s)) * SECOND_NS,
            "MaxFailureRatio": 0,
            "Order": "stop-first",
        }
    return {
        "Parallelism": intent.parallelism,
        "Delay": HOUR_NS,
        "FailureAction": "pause",
        "MaxFailureRatio": 0,
        "Order": "start-first",
    }


def fenced(placement: JsonObject, fence: Fence) -> JsonObject:
    """The placement with the fence's constraints and cap."""
    result = dict(placement)
    if fence.constraints:
        result["Constraints"] = [*(placement.get("Constraints") or ()), *fence.constraints]
    if fence.max_replicas is not None:
        result["MaxReplicas"] = fence.max_replicas
    return result


# --- the steps --------------------------------------------------------------------------------------


def surge(
    intent: MoveIntent,
    plain: JsonObject,
    copies: Mapping[str, int],
    nodes: Iterable[str],
    utc: datetime,
) -> JsonObject:
    """One replica more, which can only land on the target, or where it is as good.

    Nodes without a copy are excluded, which restarts nothing; those with more copies by the cap.
    """
    empty = (node for node in nodes if not copies.get(node) and node != intent.target)
    wished = copies.get(intent.target, 0) + 1
    own = (dig(plain, *PLACEMENT) or {}).get("MaxReplicas") or wished
    fence = Fence(_not_on(plain, empty), min(wished, own))
    return step_spec(plain, intent.renewed(Step.SURGE, fence, utc))


def mark(
    intent: MoveIntent,
    plain: JsonObject,
    copies: Mapping[str, int],
    nodes: Iterable[str],
    utc: datetime,
) -> JsonObject:
    """The source's slot becomes the one with two live tasks: the new one can be placed nowhere, so
    the old one goes on serving, and it is the first that a scale-down takes (SwarmKit
    manager/orchestrator/replicated/slot.go: such a slot has index -1).

    Only for a source with one copy: of more, Swarm would double one of its own choice, and an
    update of the node's object would reject all of them (constraint enforcer).
    """
    shut = (node for node in nodes if not copies.get(node) or node == intent.source)
    return step_spec(plain, intent.renewed(Step.MARK, Fence(_not_on(plain, shut), 1), utc))


def abort_mark(
    intent: MoveIntent,
    plain: JsonObject,
    copies: Mapping[str, int],
    nodes: Iterable[str],
    utc: datetime,
    marked: str,
) -> JsonObject:
    """The same for all slots on the node of the extra task, all at once.

    A node that holds older copies is closed by the cap alone at first: a constraint would make
    Swarm reject them too at the next update of the node or change of the leader, a new leader would
    stop each for its unplaced twin, and beyond twelve slots the order among several doubled ones is
    not defined (Go's sort). An extra task that fails comes back without a place then, and its slot
    is the only odd one. Should it hang instead, the next try marks the node, by turns.
    """
    empty = [node for node in nodes if not copies.get(node)]
    whole = Fence(_not_on(plain, dict.fromkeys([*empty, marked])), 1)
    capped = Fence(_not_on(plain, empty), 1)
    is_alone = copies.get(marked, 0) <= 1
    if not is_alone and not (intent.step is Step.ABORT and intent.fence == capped):
        return step_spec(plain, intent.renewed(Step.ABORT, capped, utc))
    at_once = is_alone or intent.surged <= STABLE_SORT_UP_TO
    return step_spec(plain, intent.renewed(Step.ABORT, whole, utc, 0 if at_once else 1))


def pin(intent: MoveIntent, plain: JsonObject, utc: datetime) -> JsonObject:
    """The only task belongs on the target: Swarm stops it and starts it there, and goes back by
    itself where it fails."""
    wanted = f"node.id=={intent.target}"
    own = (dig(plain, *PLACEMENT) or {}).get("Constraints") or ()
    fence = Fence(() if wanted in own else (wanted,))
    return step_spec(plain, intent.renewed(Step.PIN, fence, utc))


def rest(intent: MoveIntent, plain: JsonObject, utc: datetime) -> JsonObject:
    """The original with the label."""
    return step_spec(plain, intent.renewed(Step.REST, Fence(), utc))


def _not_on(plain: JsonObject, nodes: Iterable[str]) -> tuple[str, ...]:
    own = (dig(plain, *PLACEMENT) or {}).get("Constraints") or ()
    wanted = (f"node.id!={node}" for node in nodes)
    return tuple(constraint for constraint in wanted if constraint not in own)


def _without(spec: JsonObject, path: tuple[str, ...]) -> JsonObject:
    """Shares all but what lies on the path."""
    key, rest = path[0], path[1:]
    if key not in spec:
        return spec
    if rest:
        return {**spec, key: _without(spec[key], rest)}
    return {name: member for name, member in spec.items() if name != key}
