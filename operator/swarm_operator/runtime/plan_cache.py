"""Remembers of which stacks there was nothing to do, so that nothing is compared twice."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from swarm_operator.plan import redeploy
from swarm_operator.plan.decide import Memories, Planned, plan_desired
from swarm_operator.plan.desired import DesiredStack
from swarm_operator.plan.world import World

_PARTS: Final = ("services", "tasks", "networks", "configs", "secrets")
"""What of a snapshot a plan looks at."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """All that a plan without actions depends on.

    Brakes, memories and the time of day only decide about actions.
    """

    stack: DesiredStack
    world: World
    wishes: Mapping[str, int]

    def is_same(self, other: "_Asked") -> bool:
        """By identity where comparing costs as much as planning: the reader and the observer hand
        out the same objects for as long as nothing changed."""
        mine, others = self.world.swarm, other.world.swarm
        return (
            self.stack is other.stack
            and all(getattr(mine, part) is getattr(others, part) for part in _PARTS)
            and mine.api_version == others.api_version
            and self.world.owner == other.world.owner
            and self.wishes == other.wishes
        )


@dataclass(slots=True)
class PlanCache:
    """Plans of stacks with a document; only those with nothing in them are kept."""

    _nothing_to_do: dict[str, tuple[_Asked, Planned]] = field(default_factory=dict)

    def plan(
        self, stack: DesiredStack, world: World, memories: Memories, also_secret: frozenset[str]
    ) -> Planned:
        """What `plan_desired` says."""
        asked = _Asked(stack, world, redeploy.wishes(stack.stack, world.desired))
        known = self._nothing_to_do.get(stack.stack)
        if known is not None and known[0].is_same(asked):
            return known[1]
        planned = plan_desired(stack, world, memories, also_secret)
        self._nothing_to_do.pop(stack.stack, None)
        if planned.plan.is_empty:
            self._nothing_to_do[stack.stack] = asked, planned
        return planned

    def keep_only(self, stacks: Collection[str]) -> None:
        """Forget stacks that are gone."""
        for stack in self._nothing_to_do.keys() - set(stacks):
            del self._nothing_to_do[stack]
