"""Which moves mend what is out of balance: greedy, one at a time, each the best that is possible now.

Of a move everything is predicted before it is begun: whether Swarm would put the extra task where it
is wanted, and whether it would trim the old one. What cannot be predicted is not moved.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from swarm_operator.observed.swarm import Node, Service, Swarm
from swarm_operator.plan.rebalance import objective
from swarm_operator.plan.rebalance.candidates import Candidate, Preferred, candidates
from swarm_operator.plan.rebalance.landing import landings, victim_after_surge
from swarm_operator.plan.rebalance.mobility import How, Mobility
from swarm_operator.plan.rebalance.objective import Change, Loads
from swarm_operator.plan.rebalance.placement import Placement

MOVES_SHOWN: Final = 200
"""A plan for people ends here; the operator plans one move after another anyway."""


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


@dataclass(frozen=True, slots=True)
class Stay:
    """An imbalance that stays, with the reason: of a service (by name) on a node (by id)."""

    service: str
    node: str
    surplus: int
    """Copies on the node above the fewest on any eligible node, less the one that is no imbalance."""
    reason: str


def next_move(swarm: Swarm, utc: datetime, question: Question) -> Move | None:
    """The best move that is possible now; None where there is none."""
    return _best(Placement(swarm, utc, returned_at=question.returned_at), question)


def plan_moves(
    swarm: Swarm, utc: datetime, question: Question, limit: int = MOVES_SHOWN
) -> tuple[Move, ...]:
    """The moves in order, each planned as if those before had been made."""
    return plan_from(Placement(swarm, utc, returned_at=question.returned_at), question, limit)[0]


def plan_from(
    placement: Placement, question: Question, limit: int
) -> tuple[tuple[Move, ...], Placement]:
    """The same from a placement on, with the one that follows from the moves."""
    moves: list[Move] = []
    while len(moves) < limit:
        move = _best(placement, question)
        if move is None:
            break
        moves.append(move)
        placement = after(placement, move)
    return tuple(moves), placement


def after(placement: Placement, move: Move) -> Placement:
    """The placement with the move made."""
    extra = dict(placement.extra)
    for node_id, change in ((move.source, -1), (move.target, +1)):
        key = (move.service_id, node_id)
        extra[key] = extra.get(key, 0) + change
    return replace(placement, extra=extra)


def movable(placement: Placement, question: Question) -> list[Service]:
    """The services that are moved at all."""
    return [
        service
        for service in placement.swarm.services
        if service.id in question.mobilities
        and question.mobilities[service.id].how in {How.DIRECTED, How.STOP_FIRST}
    ]


def _best(placement: Placement, question: Question) -> Move | None:
    services = movable(placement, question)
    loads = objective.loads(placement, services)
    preferred = Preferred(question.returned, question.moved_at)
    # What a move may rest on is looked into for the best ones only, until one is sound.
    best_first = candidates(placement, loads, services, preferred)
    moves = (_move(placement, loads, candidate, question) for candidate in best_first)
    return next((move for move in moves if move is not None), None)


def _move(
    placement: Placement, loads: Loads, candidate: Candidate, question: Question
) -> Move | None:
    """The candidate as a move; None where it cannot be done, or not now."""
    service, source, target = candidate.service, candidate.source, candidate.target
    if question.closed(service, source, target) is not None:
        return None
    if placement.why_not_now(service, target) is not None:
        return None
    how = question.mobilities[service.id].how
    lands = landings(placement, service, target) if how is How.DIRECTED else frozenset({target.id})
    if not _lands_well(placement, loads, service, source, candidate.change, lands):
        return None
    if how is How.DIRECTED and not _leaves(placement, service, source, target):
        return None
    return Move(service.id, service.name, source.id, target.id, how, candidate.change, lands)


def _lands_well(
    placement: Placement,
    loads: Loads,
    service: Service,
    source: Node,
    change: Change,
    lands: frozenset[str],
) -> bool:
    """Whether every node on which the extra task may land is as good as the one that is meant."""
    if not lands or source.id in lands:
        return False
    nodes = placement.swarm.nodes_by_id
    for node_id in lands:
        other = objective.change(placement, loads, service, source, nodes[node_id])
        if (other.branches, other.copies) != (change.branches, change.copies):
            return False
        if not objective.is_admissible(other, loads, service, source, nodes[node_id]):
            return False
    return True


def _leaves(placement: Placement, service: Service, source: Node, target: Node) -> bool:
    """Whether the old task is surely the one that goes: a source with one copy is marked, of more
    Swarm's own rule must take one there."""
    if placement.copies(service.id, source.id) == 1:
        return True
    if placement.extra:
        return True  # imagined moves have no slots to look at; the real one is planned anew
    tasks = placement.swarm.tasks_by_service.get(service.id, ())
    return victim_after_surge(tasks, service, target) <= {source.id}


def stays(placement: Placement, question: Question) -> tuple[Stay, ...]:
    """What stays out of balance in a placement, and why."""
    found: list[Stay] = []
    for service in sorted(placement.swarm.services, key=lambda item: item.name):
        if service.id in question.mobilities:
            found += _stays_of(placement, service, question)
    return tuple(found)


def _stays_of(placement: Placement, service: Service, question: Question) -> list[Stay]:
    held, fewest = placement.on_eligible(service)
    if max(held.values(), default=0) - fewest < 2:
        return []
    mobility = question.mobilities[service.id]
    eligible = placement.eligible(service)
    result = []
    for source in eligible:
        surplus = held.get(source.id, 0) - fewest - 1
        if surplus <= 0:
            continue
        empties = [node for node in eligible if held.get(node.id, 0) <= held[source.id] - 2]
        reason = mobility.reason
        if mobility.how in {How.DIRECTED, How.STOP_FIRST}:
            reason = _why_not(placement, service, source, empties, question)
        result.append(Stay(service.name, source.id, surplus, reason))
    return result


def _why_not(
    placement: Placement,
    service: Service,
    source: Node,
    empties: Sequence[Node],
    question: Question,
) -> str:
    reasons = [
        f"{node.hostname}: {why_not(placement, service, source, node, question)}"
        for node in empties
    ]
    return "; ".join(dict.fromkeys(reasons)) or "no node may take it"


def why_not(
    placement: Placement, service: Service, source: Node, target: Node, question: Question
) -> str:
    """Why a move that would mend something is not made."""
    return (
        placement.why_not_now(service, target)
        or question.closed(service, source, target)
        or "Swarm would not put or take the task as wished"
    )
