"""Everything together: from the KV's answer and the swarm's snapshot to one guarded plan per stack.

The daemon, `swarm-operator plan` and the tests call these same functions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from desired_state import keys
from desired_state.operator_block import Pause, Sync
from desired_state.records import Request
from swarm_operator.observed.swarm import Service
from swarm_operator.plan import redeploy
from swarm_operator.plan.actions import Action, Held, Hold, StackPlan, UpdateService
from swarm_operator.plan.approval import NOTHING_WAITS, Approval, what_waits
from swarm_operator.plan.compose.specs import StackSpecs
from swarm_operator.plan.desired import DesiredStack, DesiredTree
from swarm_operator.plan.drift import ServiceMemory, judge
from swarm_operator.plan.guard import Brakes, guard, needs_approval
from swarm_operator.plan.handover import handed_over
from swarm_operator.plan.health import last_failure
from swarm_operator.plan.rebalance.begun import hanging, resting, unreadable
from swarm_operator.plan.rebalance.intent import has_label
from swarm_operator.plan.rebalance.strip import while_it_rests
from swarm_operator.plan.redact import Redaction
from swarm_operator.plan.stack import plan_removal, plan_stack
from swarm_operator.plan.traps import only_bookkeeping_of_a_job, trap
from swarm_operator.plan.world import World

Memories = Mapping[str, ServiceMemory]
"""By full service name."""


_MOVING: Final = "one of its tasks is being moved: that is ended first"


@dataclass(frozen=True, slots=True)
class Planned:
    """A stack's guarded plan, and what is remembered about its services from now on."""

    plan: StackPlan
    memories: Memories = field(default_factory=dict)
    """Of services that a judgement holds at once, of those that are written when they are sent."""
    drifted: frozenset[str] = frozenset()
    """Names of services that another hand changed."""
    approval: Approval = NOTHING_WAITS
    """What waits for `approve`."""


def plan_desired(
    stack: DesiredStack,
    world: World,
    memories: Memories,
    also_secret: frozenset[str] = frozenset(),
) -> Planned:
    """The plan of a stack with a document. Problems of the document leave everything as it is.

    `also_secret` are values of former documents that must not be shown either.
    """
    if stack.specs is None:
        return Planned(StackPlan(stack.stack))
    wished = redeploy.wishes(stack.stack, world.desired)
    raw = plan_stack(stack.specs, world.swarm, world.owner, wished, also_secret)
    redaction = Redaction.of(stack.specs, also_secret)
    planned = _braked(raw, stack.specs, world, memories, redaction, approved=False)
    if planned.approval and _is_approved(stack.stack, planned.approval, world.desired):
        approved = _braked(raw, stack.specs, world, memories, redaction, approved=True)
        return replace(approved, approval=planned.approval)
    return planned


def _braked(
    raw: StackPlan,
    specs: StackSpecs,
    world: World,
    memories: Memories,
    redaction: Redaction,
    *,
    approved: bool,
) -> Planned:
    judged = _judged(raw, specs, world, memories, redaction, approved=approved)
    brakes = _brakes(specs, world, approved=approved)
    held = guard(judged.plan, brakes, world.swarm, world.owner)
    approval = what_waits(held, world.owner)
    return replace(judged, plan=handed_over(held, world.swarm), approval=approval)


def pause_end(specs: StackSpecs, world: World) -> datetime | None:
    """When a pause that holds now is over; None where none holds, or none ends by itself."""
    asked = world.desired.requests.get(keys.RequestKey("pause", specs.stack))
    pauses = (specs.options.sync.paused, asked[0] if asked is not None else None)
    ends = [pause.until for pause in pauses if pause is not None and pause.until is not None]
    return min((end for end in ends if end > world.utc), default=None)


def why_not_taken_up(specs: StackSpecs, planned: Planned, world: World) -> str | None:
    """Why what the document says beside its services (names in the DNS) must not hold yet: hands off
    its stack, or a part of it waits for a person."""
    is_approved = _is_approved(specs.stack, planned.approval, world.desired)
    brakes = _brakes(specs, world, approved=is_approved)
    if brakes.paused is not None:
        return f"the stack is {brakes.paused}"
    if needs_approval(planned.plan, brakes, world.swarm, world.owner):
        return "its document waits for `approve`"
    return None


def plan_gone(stack: str, world: World, reason: str) -> Planned:
    """The removal of a whole stack, by its tombstone or by the policy."""
    plan = plan_removal(stack, world.swarm, world.owner, reason)
    brakes = Brakes(mode=world.mode, incomplete=world.incomplete)
    return Planned(guard(plan, brakes, world.swarm, world.owner))


def _judged(
    plan: StackPlan,
    specs: StackSpecs,
    world: World,
    memories: Memories,
    redaction: Redaction,
    *,
    approved: bool,
) -> Planned:
    """The plan with updates held that were rejected, are contested, or would spring a trap."""
    allowed: list[Action] = []
    held: list[Held] = []
    remembered: dict[str, ServiceMemory] = {}
    drifted: set[str] = set()
    for action in plan.actions:
        if not isinstance(action, UpdateService):
            allowed.append(action)
            continue
        live = world.swarm.services_by_name[action.name]
        if only_bookkeeping_of_a_job(action, live):
            continue
        memory = memories.get(action.name, ServiceMemory())
        if has_label(live.spec) and world.owner.owns(live.labels):
            found = _in_a_move(action, live, memory, world)
            if isinstance(found, Held):
                held.append(found)
            if not isinstance(found, UpdateService):
                continue
            action = found  # noqa: PLW2901
        on_drift = specs.services[action.name].options.drift
        tasks = world.swarm.tasks_by_service.get(live.id, ())
        failure = redaction.scrub(last_failure(tasks))
        judgement = judge(action, live, memory, on_drift, world.now, failure)
        if judgement.is_drift:
            drifted.add(action.name)
            action = replace(action, reason="changed by another hand")  # noqa: PLW2901
        sprung = None if approved else trap(action, live, tasks)
        if judgement.hold is not None:
            held.append(Held(action, judgement.hold, judgement.message))
            remembered[action.name] = judgement.memory
        elif sprung is not None:
            held.append(Held(action, *sprung))
        else:
            allowed.append(action)
            remembered[action.name] = judgement.memory
    return Planned(
        replace(plan, actions=tuple(allowed), held=tuple(held)), remembered, frozenset(drifted)
    )


def _in_a_move(
    action: UpdateService, live: Service, memory: ServiceMemory, world: World
) -> UpdateService | Held | None:
    """What becomes of an update of a service with a move's label; None where nothing is to be said.

    What differs is the move's own, unless the document changed meanwhile, or somebody asks for a
    restart: a wish with no action counts as done. The move is ended first; but where it rests, for
    somebody else's update paused or does not end, what is new ends that update, as it does outside of
    a move.
    """
    owns = world.owner.owns
    lost = unreadable(live, owns)
    if lost is not None:
        return Held(action, Hold.MOVING, lost)
    is_new = action.wished != memory.sent or redeploy.is_restart(action)
    rests = resting(live, owns) or hanging(live, owns, world.utc)
    if rests is None:
        return Held(action, Hold.MOVING, _MOVING) if is_new else None
    was_interrupted = live.version == memory.version and not memory.corrected  # see `judge`
    if not is_new and not was_interrupted:
        return Held(action, Hold.MOVING, rests)
    return replace(action, spec=while_it_rests(action.spec, live.spec))


def _brakes(specs: StackSpecs, world: World, *, approved: bool) -> Brakes:
    options = specs.options
    asked = world.desired.requests.get(keys.RequestKey("pause", specs.stack))
    return Brakes(
        mode=world.mode,
        incomplete=world.incomplete,
        paused=_pause(options.sync.paused, world.utc)
        or _pause(asked[0] if asked is not None else None, world.utc),
        observe_stack=options.sync.mode is Sync.OBSERVE,
        prune=options.prune,
        approved=approved,
    )


def _pause(pause: Pause | Request | None, utc: datetime) -> str | None:
    """What is said of a pause that holds now."""
    if pause is None or (pause.until is not None and utc >= pause.until):
        return None
    until = f" until {pause.until:%Y-%m-%d %H:%M %Z}" if pause.until else ""
    who = f" by {pause.who}" if isinstance(pause, Request) and pause.who else ""
    reason = f": {pause.reason}" if pause.reason else ""
    return f"paused{who}{until}{reason}"


def _is_approved(stack: str, approval: Approval, desired: DesiredTree) -> bool:
    request = desired.requests.get(keys.RequestKey("approve", stack))
    return request is not None and approval.is_given_by(request[0])
