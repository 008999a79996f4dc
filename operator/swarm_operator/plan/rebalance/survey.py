"""The gates of a whole world: what its requests, documents and memory say at one moment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from desired_state import keys
from desired_state.operator_block import Sync
from desired_state.rebalance_records import RebalanceStatus
from desired_state.records import Request
from swarm_operator.observed.swarm import Service
from swarm_operator.plan.compose.specs import StackSpecs
from swarm_operator.plan.decide import Memories, pause_end, plan_desired
from swarm_operator.plan.desired import DesiredStack, is_unread
from swarm_operator.plan.rebalance.closed import Closed
from swarm_operator.plan.rebalance.gates import Gates
from swarm_operator.plan.rebalance.trial import why_unproven
from swarm_operator.plan.world import World

NOW: Final = keys.RequestKey(keys.REBALANCE, keys.NOW)
PAUSE: Final = keys.RequestKey(keys.REBALANCE, keys.PAUSE)
_GRACE_HEARTBEATS: Final = 3
"""SwarmKit manager/dispatcher: a node that misses so many is down."""


@dataclass(slots=True)
class Documents:
    """What the stacks' documents forbid, found out when it is asked, once for each stack."""

    world: World
    stacks: Mapping[str, DesiredStack]
    memories: Callable[[str], Memories]
    is_in_line: Callable[[DesiredStack], bool] = lambda _stack: False
    """Whether it is known already that there is nothing to do for a stack."""
    _answers: dict[str, tuple[str | None, frozenset[str]]] = field(default_factory=dict)

    def why_out_of_line(self, service: Service) -> str | None:
        """Why the service is not as its document says, or is not to be touched; else None."""
        stack = service.stack or ""
        if stack not in self._answers:
            self._answers[stack] = self._ask(self.stacks.get(stack))
        why, names = self._answers[stack]
        return why or ("it is not as its document says" if service.name in names else None)

    def _ask(self, stack: DesiredStack | None) -> tuple[str | None, frozenset[str]]:
        """Why nothing of the stack may be moved, and the services that are to be changed."""
        if stack is None or stack.specs is None:
            return "its document cannot be read", frozenset()
        if stack.specs.options.sync.mode is Sync.OBSERVE:
            return "its stack is observed only", frozenset()
        if _is_paused(stack.specs, self.world):
            return "its stack is paused", frozenset()
        if self.is_in_line(stack):
            return None, frozenset()
        plan = plan_desired(stack, self.world, self.memories(stack.stack)).plan
        if any(finding.blocks for finding in plan.findings):
            return "its stack is blocked", frozenset()
        return None, frozenset(action.name for action in plan.everything())


def wished_digest(service: Service | None, world: World, stack: DesiredStack | None) -> str:
    """Of what the document wishes for the service: another one, another wish."""
    if service is None or stack is None or world.desired.is_removed(stack.stack):
        return "removed"
    plan = plan_desired(stack, world, {}).plan
    return plan.wishes.get(service.name, "not in the document")


def gates_of(
    world: World, memory: RebalanceStatus, watching_since: datetime, documents: Documents
) -> Gates:
    """All gates at the world's moment."""
    requests = world.desired.requests
    pause = requests.get(PAUSE)
    return Gates(
        policy=world.desired.policy.rebalance,
        memory=memory,
        swarm=world.swarm,
        utc=world.utc,
        watching_since=watching_since,
        owns=world.owner.owns,
        grace_s=_GRACE_HEARTBEATS * world.swarm.heartbeat_s,
        paused=_paused(pause[0] if pause is not None else None, world.utc),
        asked=NOW in requests,
        is_unread=is_unread(world.desired.policy),
        acts=world.mode == "act",
        unproven=why_unproven(memory, world.desired.policy.rebalance, world.swarm, world.utc),
        out_of_line=documents.why_out_of_line,
    )


def _paused(pause: Request | None, utc: datetime) -> Closed | None:
    """A pause that holds now."""
    if pause is None or (pause.until is not None and utc >= pause.until):
        return None
    who = f" by {pause.who}" if pause.who else ""
    reason = f" ({pause.reason})" if pause.reason else ""
    return Closed(f"rebalancing is paused{who}{reason}", pause.until)


def _is_paused(specs: StackSpecs, world: World) -> bool:
    """Whether a pause of the stack holds now, with or without an end."""
    asked = world.desired.requests.get(keys.RequestKey("pause", specs.stack))
    pauses = (specs.options.sync.paused, asked[0] if asked is not None else None)
    is_endless = any(pause is not None and pause.until is None for pause in pauses)
    return is_endless or pause_end(specs, world) is not None
