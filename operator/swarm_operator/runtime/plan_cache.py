"""Remembers of which stacks there was nothing to do, so that nothing is compared twice."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from swarm_operator.observed.json import dig
from swarm_operator.observed.swarm import Config, Network, Secret, Swarm
from swarm_operator.plan import redeploy
from swarm_operator.plan.compose.specs import StackSpecs
from swarm_operator.plan.decide import Memories, Planned, plan_desired
from swarm_operator.plan.desired import DesiredStack
from swarm_operator.plan.networks import used_networks
from swarm_operator.plan.ownership import Owner
from swarm_operator.plan.references import used_ids
from swarm_operator.plan.world import World

_PARTS: Final = ("services", "tasks", "networks", "configs", "secrets")
"""What of a snapshot a plan looks at."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked for: the stack, and the world it was planned in."""

    stack: DesiredStack
    owner: Owner
    wishes: Mapping[str, int]
    swarm: Swarm

    def is_about(self, other: "_Asked") -> bool:
        """Whether the same was asked, of whatever swarm. Stacks are compared by identity: the reader
        hands out the same one for as long as no file changed."""
        return (
            self.stack is other.stack
            and self.owner == other.owner
            and self.wishes == other.wishes
            and self.swarm.api_version == other.swarm.api_version
        )

    def sees_the_same(self, other: "_Asked") -> bool:
        """Whether the swarm is the same, by identity of its parts: the observer hands out the same
        ones for as long as nothing changed in them."""
        return all(getattr(self.swarm, part) is getattr(other.swarm, part) for part in _PARTS)


@dataclass(slots=True)
class _Known:
    """A plan without actions, and all that it depends on.

    Brakes, memories and the time of day only decide about actions.
    """

    asked: _Asked
    looked_at: tuple[Any, ...]
    planned: Planned


@dataclass(slots=True)
class PlanCache:
    """Plans of stacks with a document; only those with nothing in them are kept."""

    _nothing_to_do: dict[str, _Known] = field(default_factory=dict)
    _in_use: tuple[Swarm, tuple[frozenset[str], ...]] | None = None
    """Of the newest snapshot."""

    def nothing_to_do(self, stack: DesiredStack, world: World) -> Planned | None:
        """The plan where it is known, without planning, that there is nothing in it."""
        known = self._nothing_to_do.get(stack.stack)
        if known is None:
            return None
        asked = _asked(stack, world)
        if not known.asked.is_about(asked):
            return None
        if not known.asked.sees_the_same(asked):
            if stack.specs is None or known.looked_at != self._looked_at(stack.specs, world.swarm):
                return None
            known.asked = asked
        return known.planned

    def plan(
        self, stack: DesiredStack, world: World, memories: Memories, also_secret: frozenset[str]
    ) -> Planned:
        """What `plan_desired` says."""
        known = self.nothing_to_do(stack, world)
        if known is not None:
            return known
        planned = plan_desired(stack, world, memories, also_secret)
        self._nothing_to_do.pop(stack.stack, None)
        if stack.specs is not None and planned.plan.is_empty:
            looked_at = self._looked_at(stack.specs, world.swarm)
            self._nothing_to_do[stack.stack] = _Known(_asked(stack, world), looked_at, planned)
        return planned

    def keep_only(self, stacks: Collection[str]) -> None:
        """Forget stacks that are gone."""
        for stack in self._nothing_to_do.keys() - set(stacks):
            del self._nothing_to_do[stack]

    def _looked_at(self, specs: StackSpecs, swarm: Swarm) -> tuple[Any, ...]:
        """What the plan of a stack looks at: all that carries its label, all that has a name of its
        document, and which of it something uses. Nothing else of the swarm can change the plan."""
        networks = (*specs.networks, *specs.external_networks)
        configs = (*specs.configs, *specs.external_configs)
        secrets = (*specs.secrets, *specs.external_secrets)
        services = (
            *swarm.services_by_stack.get(specs.stack, ()),
            *map(swarm.services_by_name.get, specs.services),
        )
        labelled: tuple[Network | Config | Secret, ...] = (
            *swarm.networks_by_stack.get(specs.stack, ()),
            *swarm.configs_by_stack.get(specs.stack, ()),
            *swarm.secrets_by_stack.get(specs.stack, ()),
        )
        targets = (
            item.get("Target", "")
            for service in services
            if service is not None
            for item in dig(service.spec, "TaskTemplate", "Networks") or ()
        )
        in_use = self._everything_used(swarm)
        return (
            services,
            labelled,
            tuple(map(swarm.networks_by_name.get, networks)),
            tuple(map(swarm.configs_by_name.get, configs)),
            tuple(map(swarm.secrets_by_name.get, secrets)),
            tuple(map(swarm.network_names.get, targets)),
            tuple(item.id in used or item.name in used for item in labelled for used in in_use),
        )

    def _everything_used(self, swarm: Swarm) -> tuple[frozenset[str], ...]:
        """Ids, or names, of what services or tasks refer to."""
        if self._in_use is None or self._in_use[0] is not swarm:
            used = (used_ids(swarm), used_networks(swarm, frozenset()), swarm.secrets_in_use)
            self._in_use = swarm, used
        return self._in_use[1]


def _asked(stack: DesiredStack, world: World) -> _Asked:
    return _Asked(stack, world.owner, redeploy.wishes(stack.stack, world.desired), world.swarm)
