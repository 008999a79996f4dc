"""Remembers which stacks stood well, and what was looked at for it: what did not change since then is
not judged, nor its status written down, anew.

Time alone changes nothing about a stack that is settled: failures only get older, deadlines run for
what is not settled.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from swarm_operator.observed.kv import Fence
from swarm_operator.observed.swarm import Swarm, Task
from swarm_operator.plan.actions import Finding
from swarm_operator.plan.compose.specs import StackSpecs
from swarm_operator.plan.decide import Planned
from swarm_operator.plan.drift import ServiceMemory


@dataclass(frozen=True, slots=True)
class View:
    """All by which a stack with nothing to do is judged, and what was made of it.

    The plan stands for the document and the services, see `plan_cache`.
    """

    fence: Fence
    planned: Planned
    tasks: tuple[tuple[Task, ...], ...]
    nodes_up: frozenset[str]
    status: bytes | None
    memory: bytes | None
    memories: Mapping[str, ServiceMemory]
    unrouted: Finding | None = None


@dataclass(slots=True)
class SettledStacks:
    """By stack how it was seen when nothing was found to say about it."""

    _views: dict[str, View] = field(default_factory=dict)

    def known(self, stack: str) -> View | None:
        """As it was noted last."""
        return self._views.get(stack)

    def note(self, stack: str, view: View) -> None:
        """All was well."""
        self._views[stack] = view

    def keep_only(self, stacks: Collection[str]) -> None:
        """Forget stacks that are gone."""
        for stack in self._views.keys() - set(stacks):
            del self._views[stack]


def tasks_of(specs: StackSpecs, swarm: Swarm) -> tuple[tuple[Task, ...], ...]:
    """All tasks of a document's services."""
    services = (swarm.services_by_name.get(name) for name in specs.services)
    return tuple(
        swarm.tasks_by_service.get(service.id, ()) for service in services if service is not None
    )


def nodes_up_of(specs: StackSpecs, swarm: Swarm) -> frozenset[str]:
    """Of the nodes that these tasks are on those that are not down."""
    nodes = {task.node_id for tasks in tasks_of(specs, swarm) for task in tasks if task.node_id}
    return frozenset(nodes & swarm.nodes_up)
