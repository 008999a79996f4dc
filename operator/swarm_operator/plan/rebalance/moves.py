"""Moves that can be made: each predicted before it is begun.

Whether Swarm would put the extra task where it is wanted, and whether it would trim the old one: what
cannot be predicted is not moved. A move that is only imagined is told in the same way, slot by slot, so
that a plan of several holds as far as it looks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from swarm_operator.observed.swarm import Node, Service, Task
from swarm_operator.plan.rebalance import objective
from swarm_operator.plan.rebalance.candidates import Candidate, Preferred, candidates
from swarm_operator.plan.rebalance.landing import (
    landings,
    leaves_from,
    live_slots,
    surged,
    victims,
)
from swarm_operator.plan.rebalance.mobility import How, Mobility
from swarm_operator.plan.rebalance.objective import Change, Loads
from swarm_operator.plan.rebalance.placement import Placement


@dataclass(frozen=True, slots=True)
class Move:
    """One task of a service, from a node to a node."""

    service_id: str
    service: str
    source: str
    target: str
    """Ids of nodes."""
    how: How
    change: Change
    landings: frozenset[str] = frozenset()
    """Where the new task may land: the target, and nodes that are as good."""
    sources: frozenset[str] = frozenset()
    """From where the old task may go: the source, and nodes that are as good; empty: from there alone."""


@dataclass(frozen=True, slots=True)
class Question:
    """All that a plan depends on besides the snapshot."""

    mobilities: Mapping[str, Mobility]
    """By service id, of every service that may matter; others are never moved."""
    returned: frozenset[str] = frozenset()
    """Nodes that came back lately: among equals they are filled first."""
    returned_at: Mapping[str, datetime] = field(default_factory=dict)
    """By id of a node that was down: when it came back."""
    moved_at: Mapping[str, float] = field(default_factory=dict)
    """By service id: when one of its tasks was moved last."""
    closed: Callable[[Service, Node, Node], str | None] = lambda _service, _source, _target: None
    """Why a move may not be made now (a gate, a block); None where it may."""
    only: frozenset[tuple[str, str, str]] | None = None
    """Ids of service, source and target of the moves that are asked about; None: all."""


def movable(placement: Placement, question: Question) -> list[Service]:
    """The services that are moved at all."""
    return [
        service
        for service in placement.swarm.services
        if service.id in question.mobilities
        and question.mobilities[service.id].how in {How.DIRECTED, How.STOP_FIRST}
    ]


def moves(placement: Placement, question: Question) -> Iterator[Move]:
    """All that are possible now, the best first."""
    services = movable(placement, question)
    loads = objective.loads(placement, services)
    preferred = Preferred(question.returned, question.moved_at)
    if question.only is not None:
        asked = {service_id for service_id, _source, _target in question.only}
        services = [service for service in services if service.id in asked]
    # What a move may rest on is looked into only as far as somebody asks.
    for candidate in candidates(placement, loads, services, preferred):
        move = _move(placement, loads, candidate, question)
        if move is not None:
            yield move


def _move(
    placement: Placement, loads: Loads, candidate: Candidate, question: Question
) -> Move | None:
    """The candidate as a move; None where it cannot be done, or not now."""
    service, source, target = candidate.service, candidate.source, candidate.target
    if question.only is not None and (service.id, source.id, target.id) not in question.only:
        return None
    if question.closed(service, source, target) is not None:
        return None
    if placement.why_not_now(service, target) is not None:
        return None
    how = question.mobilities[service.id].how
    lands, leaves = frozenset({target.id}), frozenset({source.id})
    if how is How.DIRECTED:
        lands = landings(placement, service, target)
        leaves = sources(placement, service, source, target)
    if target.id not in lands or source.id not in leaves:
        return None
    if not _AsGood(placement, loads, question, candidate).are(leaves, lands):
        return None
    return Move(
        service.id, service.name, source.id, target.id, how, candidate.change, lands, leaves
    )


@dataclass(frozen=True, slots=True)
class _AsGood:
    """Whether it does not matter which of several nodes Swarm takes."""

    placement: Placement
    loads: Loads
    question: Question
    candidate: Candidate

    def are(self, leaves: frozenset[str], lands: frozenset[str]) -> bool:
        """Every node that the old task may leave, with every one on which the new one may land."""
        nodes = self.placement.swarm.nodes_by_id
        if leaves & lands or not leaves <= nodes.keys():
            return False
        return all(self._is(nodes[one], nodes[other]) for one in leaves for other in lands)

    def _is(self, source: Node, target: Node) -> bool:
        of, meant = self.candidate.service, self.candidate.change
        if (source, target) == (self.candidate.source, self.candidate.target):
            return True
        other = objective.change(self.placement, self.loads, of, source, target)
        if (other.branches, other.copies) != (meant.branches, meant.copies):
            return False
        is_open = self.question.closed(of, source, target) is None
        return is_open and objective.is_admissible(other, self.loads, of, source, target)


def sources(placement: Placement, service: Service, source: Node, target: Node) -> frozenset[str]:
    """The ids of the nodes that the old task may leave: a source with one copy is marked, of more
    Swarm's own rule takes one (`landing.victims`)."""
    if placement.copies(service.id, source.id) == 1:
        return frozenset({source.id})
    return leaves_from(surged(slots_of(placement, service), service, target))


def slots_of(placement: Placement, service: Service) -> Mapping[int, Sequence[Task]]:
    """The live tasks of a replicated service by slot, imagined moves included."""
    found = placement.slots.get(service.id)
    if found is None:
        found = live_slots(placement.swarm.tasks_by_service.get(service.id, ()))
    return found


def after(placement: Placement, move: Move) -> Placement:
    """The placement with the move made, to its target and from its source."""
    extra = dict(placement.extra)
    for node_id, change in ((move.source, -1), (move.target, +1)):
        key = (move.service_id, node_id)
        extra[key] = extra.get(key, 0) + change
    nodes, service = placement.swarm.nodes_by_id, placement.swarm.services_by_id[move.service_id]
    slots = dict(surged(slots_of(placement, service), service, nodes[move.target]))
    on_source = [n for n, tasks in slots.items() if tasks[0].node_id == move.source]
    gone = max(on_source, key=lambda n: (n in victims(slots), n), default=None)
    if gone is not None:
        del slots[gone]
    return replace(placement, extra=extra, slots={**placement.slots, move.service_id: slots})
