"""What may be done now: every action of a plan is allowed, or held with a reason.

Removal needs evidence (see `missing.py` for stacks whose folder vanished); this module holds the
brakes that stand between a good plan and the swarm.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from desired_state.operator_block import Prune
from swarm_operator.observed.swarm import Service, Swarm
from swarm_operator.plan.actions import Action, Held, Hold, Kind, Remove, StackPlan
from swarm_operator.plan.ownership import Owner, is_protected
from swarm_operator.plan.stack import owned_services
from swarm_operator.plan.world import Mode


@dataclass(frozen=True, slots=True)
class Brakes:
    """All that can hold an action of one stack."""

    mode: Mode = "act"
    incomplete: tuple[str, ...] = ()
    """Why the snapshot or the KV's answer is not whole."""
    paused: str | None = None
    """Why and until when the stack is paused."""
    observe_stack: bool = False
    prune: Prune = Prune.AUTO
    approved: bool = False
    """A person approved just this plan."""


def guard(plan: StackPlan, brakes: Brakes, swarm: Swarm, owner: Owner) -> StackPlan:
    """The plan with each action either allowed or held. Idempotent."""
    whole = _hold_for_all(plan, brakes)
    if whole is not None:
        hold, message = whole
        return _holding(plan, dict.fromkeys(plan.actions, (hold, message)))
    return _holding(plan, _removals_held(plan, brakes, swarm, owner))


def needs_approval(plan: StackPlan, brakes: Brakes, swarm: Swarm, owner: Owner) -> bool:
    """Whether a guarded plan waits for `approve`, or will once what holds all of it is gone."""
    if any(item.hold is Hold.NEEDS_APPROVAL for item in plan.held):
        return True
    if not any(isinstance(action, Remove) for action in plan.everything()):
        return False
    whole = replace(plan, actions=tuple(plan.everything()), held=())
    held = _removals_held(whole, brakes, swarm, owner)
    return any(hold is Hold.NEEDS_APPROVAL for hold, _ in held.values())


def _hold_for_all(plan: StackPlan, brakes: Brakes) -> tuple[Hold, str] | None:
    if brakes.incomplete:
        return Hold.INCOMPLETE, "; ".join(brakes.incomplete)
    if brakes.mode == "observe":
        return Hold.OBSERVE_MODE, "the operator runs in observe mode"
    if brakes.paused is not None:
        return Hold.PAUSED, brakes.paused
    if brakes.observe_stack:
        return Hold.SYNC_OBSERVE, "the document says x-operator.sync: observe"
    blocking = [finding.message for finding in plan.findings if finding.blocks]
    if blocking:
        return Hold.BLOCKED, "; ".join(blocking)
    return None


def _removals_held(
    plan: StackPlan, brakes: Brakes, swarm: Swarm, owner: Owner
) -> dict[Action, tuple[Hold, str]]:
    removals = [
        action
        for action in plan.actions
        if isinstance(action, Remove) and action.kind is Kind.SERVICE
    ]
    held: dict[Action, tuple[Hold, str]] = {
        action: (Hold.PROTECTED, f"service {action.name} is protected (x-operator.protect)")
        for action in removals
        if is_protected(swarm.services_by_id[action.object_id].labels)
    }
    if not plan.removes_stack:
        rest = [action for action in removals if action not in held]
        brake = _brake(rest, brakes, owned_services(plan.stack, swarm, owner))
        if brake is not None:
            held.update(dict.fromkeys(rest, brake))
    if held:
        held.update(_collection_held(plan, held))
    return held


def _brake(removals: list[Remove], brakes: Brakes, owned: list[Service]) -> tuple[Hold, str] | None:
    if not removals or brakes.approved:
        return None
    names = ", ".join(action.name for action in removals)
    if brakes.prune is Prune.OFF:
        return Hold.PRUNE_OFF, f"x-operator.prune is off: {names} stays"
    if brakes.prune is Prune.CONFIRM:
        return Hold.NEEDS_APPROVAL, f"x-operator.prune is confirm: {names} goes after `approve`"
    if len(removals) > 1 and 2 * len(removals) > len(owned):
        return (
            Hold.NEEDS_APPROVAL,
            f"{len(removals)} of the stack's {len(owned)} services would go ({names}): more than half "
            "at once needs `approve`",
        )
    return None


def _collection_held(
    plan: StackPlan, held: Mapping[Action, tuple[Hold, str]]
) -> dict[Action, tuple[Hold, str]]:
    """While a service stays that should go, nothing is collected: it may be what it uses."""
    hold, message = next(iter(held.values()))
    return {
        action: (hold, message)
        for action in plan.actions
        if isinstance(action, Remove) and action.kind is not Kind.SERVICE
    }


def _holding(plan: StackPlan, held: Mapping[Action, tuple[Hold, str]]) -> StackPlan:
    return replace(
        plan,
        actions=tuple(action for action in plan.actions if action not in held),
        held=(
            *plan.held,
            *(Held(action, *held[action]) for action in plan.actions if action in held),
        ),
    )
