"""Two nodes whose loads stay apart after all moves, and what keeps the tasks where they are.

That services are spread evenly says nothing of nodes: a worker that came back stays empty where
everything on the others is bound to them.
"""

from dataclasses import dataclass
from typing import Final

from swarm_operator.observed.swarm import Node, Service
from swarm_operator.plan.rebalance import objective
from swarm_operator.plan.rebalance.mobility import How
from swarm_operator.plan.rebalance.moves import Question, movable
from swarm_operator.plan.rebalance.objective import Loads
from swarm_operator.plan.rebalance.placement import NEVER_LABEL, Placement
from swarm_operator.plan.rebalance.stays import why_not

_MOVED: Final = frozenset({How.DIRECTED, How.STOP_FIRST})
_LOOKED_AT: Final = 20
"""Of the emptiest nodes."""


@dataclass(frozen=True, slots=True)
class Gap:
    """The fullest node, and the emptiest one that some of its tasks might run on."""

    source: str
    target: str
    """Ids of nodes."""
    tasks: tuple[int, int]
    """On each of them."""
    reasons: tuple[tuple[str, str], ...]
    """Service by service that would close it, by name: why it stays."""
    is_wished: bool
    """Whether the documents wish it so: none of the services may ever run on the target."""


def gap(placement: Placement, question: Question) -> Gap | None:
    """None where no task is worth moving for the nodes' loads alone."""
    loads = objective.loads(placement, movable(placement, question))
    nodes = [node for node in placement.swarm.nodes if _takes_part(node)]
    order = sorted(nodes, key=lambda node: (loads.by_node.get(node.id, 0.0), node.hostname))
    if len(order) < 2:
        return None
    between = _Between(placement, loads, question, order[-1])
    found = (between.gap(target) for target in order[:_LOOKED_AT])
    every = [each for each in found if each is not None]
    # A manager that runs nothing because every document says so hides no worker that stays empty.
    return next((each for each in every if not each.is_wished), every[0] if every else None)


def _takes_part(node: Node) -> bool:
    is_out = node.labels.get(NEVER_LABEL) == "never"
    return node.state == "ready" and node.availability == "active" and not is_out


@dataclass(slots=True)
class _Between:
    """The fullest node, and each other."""

    placement: Placement
    loads: Loads
    question: Question
    source: Node
    _services: tuple[Service, ...] | None = None

    def gap(self, target: Node) -> Gap | None:
        never, others = [], []
        for service in self._on_source():
            if not self._would_close(service, target):
                continue
            why = self.placement.why_never(service, target)
            if why is not None:
                never.append((service.name, why))
            else:
                others.append((service.name, self._reason(service, target)))
        if not never and not others:
            return None
        counts = tuple(self.placement.totals.get(n.id, 0) for n in (self.source, target))
        return Gap(self.source.id, target.id, (counts[0], counts[1]), (*others, *never), not others)

    def _on_source(self) -> tuple[Service, ...]:
        """Those with a task there that is not everywhere anyway."""
        if self._services is None:
            services = sorted(self.placement.swarm.services, key=lambda service: service.name)
            self._services = tuple(
                service
                for service in services
                if self.placement.copies(service.id, self.source.id) > 0
                and "Global" not in (service.spec.get("Mode") or {})
            )
        return self._services

    def _would_close(self, service: Service, target: Node) -> bool:
        by_node = self.loads.by_node
        lower = by_node.get(self.source.id, 0.0) - by_node.get(target.id, 0.0)
        return lower - self.loads.weight(service, target) >= self.loads.step

    def _reason(self, service: Service, target: Node) -> str:
        known = self.question.mobilities.get(service.id)
        if known is None:
            return "it is not of this operator's documents"
        if known.how not in _MOVED:
            return known.reason
        moved = objective.change(self.placement, self.loads, service, self.source, target)
        if not objective.is_admissible(moved, self.loads, service, self.source, target):
            return "as many of its tasks are there"
        return why_not(self.placement, service, self.source, target, self.question)
