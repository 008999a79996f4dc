"""What should move, planned anew when something changed: for the rebalancer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from desired_state.rebalance_records import RebalanceStatus
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.desired import DesiredStack
from swarm_operator.plan.rebalance import memory as remembered
from swarm_operator.plan.rebalance.gates import Gates
from swarm_operator.plan.rebalance.mobility import Mobility
from swarm_operator.plan.rebalance.moves import Question
from swarm_operator.plan.rebalance.recommendation import Wished, wish
from swarm_operator.plan.rebalance.survey import Documents, gates_of, wished_digest
from swarm_operator.plan.rebalance.wishes import Mobilities
from swarm_operator.plan.world import World
from swarm_operator.runtime.image_volumes import ImageVolumes
from swarm_operator.runtime.toolbox import Toolbox

_SHARE: Final = 10.0
"""After planning for a second there is none for so many seconds."""
_OLD_S: Final = 60.0
"""A plan may also rest on what time forgives: failures of some minutes ago."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan without the gates that time opens, and what it was made from."""

    seen: tuple[Any, ...] = ()
    at: float = 0.0
    took_s: float = 0.0
    question: Question = field(default_factory=lambda: Question({}))
    wished: Wished = field(default_factory=Wished)


@dataclass(slots=True)
class Outlook:
    """Remembers the newest plan."""

    tools: Toolbox
    _mobilities: Mobilities = field(init=False)
    _newest: Planned = field(default_factory=Planned)

    def __post_init__(self) -> None:
        around = self.tools.around
        self._mobilities = Mobilities(ImageVolumes(around.swarm, around.clock))

    def forget(self) -> None:
        """The next look plans anew."""
        self._newest = Planned()

    def planned(
        self,
        world: World,
        memory: RebalanceStatus,
        gates: Gates,
        measure: Callable[[Swarm, datetime, Mapping[str, Mobility]], None],
    ) -> Planned:
        """The newest plan; made anew where what it rests on changed, and planning is not all that
        is done. `measure` is called with each new one, for it costs as much."""
        swarm, newest = world.swarm, self._newest
        known = self._known(world)
        seen = (swarm.services, swarm.tasks, swarm.nodes, world.desired, memory.blocked)
        is_same = known == newest.question.mobilities and all(
            a is b for a, b in zip(newest.seen, seen, strict=False)
        )
        age = world.now - newest.at
        is_young = age < _OLD_S or not newest.wished.ages
        if newest.seen and (age < _SHARE * newest.took_s or (is_same and is_young)):
            return newest
        clock = self.tools.around.clock
        began = clock.monotonic()
        question = Question(
            known,
            returned=frozenset(i for i, node in memory.nodes.items() if not node.balanced),
            returned_at=remembered.returned_at(memory),
            moved_at=remembered.moved_at(memory, swarm),
        )
        wished = wish(swarm, world.utc, question, gates)
        measure(swarm, world.utc, known)
        self._newest = Planned(seen, world.now, clock.monotonic() - began, question, wished)
        return self._newest

    def _known(self, world: World) -> Mapping[str, Mobility]:
        stacks = self._stacks(world).values()
        specs = [stack.specs for stack in stacks if stack.specs is not None]
        default = world.desired.policy.rebalance.default
        return self._mobilities.of(world.swarm, world.owner, specs, default)

    def gates(self, world: World, memory: RebalanceStatus, watching_since: datetime) -> Gates:
        """All gates at the world's moment."""
        documents = Documents(
            world,
            self._stacks(world),
            self.tools.memory.of,
            lambda stack: self.tools.plans.nothing_to_do(stack, world) is not None,
        )
        return gates_of(world, memory, watching_since, documents)

    def wished_digest(self, name: str, world: World) -> str:
        """Of what the documents wish for a service, by its name."""
        service = world.swarm.services_by_name.get(name)
        stack = (service.stack if service is not None else None) or ""
        folder = world.desired.folders.get(stack)
        parsed = self.tools.reader.stack(folder) if folder is not None else None
        return wished_digest(service, world, parsed)

    def _stacks(self, world: World) -> Mapping[str, DesiredStack]:
        return {
            name: self.tools.reader.stack(folder)
            for name, folder in world.desired.folders.items()
            if folder.pushing is None and not world.desired.is_removed(name)
        }
