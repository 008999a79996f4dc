"""Which moves mend what is out of balance: greedy, one at a time, each the best that is possible now.

Of a move everything is predicted before it is begun: whether Swarm would put the extra task where it
is wanted, and whether it would trim the old one. What cannot be predicted is not moved.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from swarm_operator.observed.swarm import Node, Service, Swarm
from swarm_operator.plan.rebalance import objective
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
    placement = Placement(swarm, utc, returned_at=question.returned_at)
    moves: list[Move] = []
    while len(moves) < limit:
        move = _best(placement, question)
        if move is None:
            break
        moves.append(move)
        placement = after(placement, move)
    return tuple(moves)


def after(placement: Placement, move: Move) -> Placement:
    """The placement with the move made."""
    extra = dict(placement.extra)
    for node_id, change in ((move.source, -1), (move.target, +1)):
        key = (move.service_id, node_id)
        extra[key] = extra.get(key, 0) + change
    return replace(placement, extra=extra)


def _best(placement: Placement, question: Question) -> Move | None:
    movable = [
        service
        for service in placement.swarm.services
        if service.id in question.mobilities
        and question.mobilities[service.id].how in {How.DIRECTED, How.STOP_FIRST}
    ]
    loads = objective.loads(placement, movable)
    candidates = [
        candidate
        for service in movable
        for candidate in _candidates_of(placement, loads, service, question)
    ]
    # What a move may rest on is looked into for the best ones only, until one is sound.
    candidates.sort(key=lambda candidate: candidate.rank)
    moves = (_move(placement, loads, candidate, question) for candidate in candidates)
    return next((move for move in moves if move is not None), None)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What would lower the sums, whether or not it can be done."""

    rank: tuple[Any, ...]
    service: Service
    source: Node
    target: Node
    change: Change


def _candidates_of(
    placement: Placement, loads: Loads, service: Service, question: Question
) -> Iterator[_Candidate]:
    eligible = placement.eligible(service)
    copies, nodes = placement.copies_of(service.id), placement.swarm.nodes_by_id
    size = sum(copies.values())
    has_branches = bool(objective.spread_labels(service))
    for source_id, count in copies.items():
        source = nodes.get(source_id)
        if count <= 0 or source is None or source.state != "ready":
            continue
        for target in eligible:
            gap = count - copies.get(target.id, 0)
            # Of many services on many nodes hardly a pair is worth a closer look.
            if not has_branches and (gap < 1 or (gap == 1 and not loads.differ(source, target))):
                continue
            change = objective.change(placement, loads, service, source, target)
            if source is not target and objective.is_admissible(
                change, loads, service, source, target
            ):
                rank = _rank(service, source, target, change, size, question)
                yield _Candidate(rank, service, source, target, change)


def _rank(
    service: Service, source: Node, target: Node, change: Change, size: int, question: Question
) -> tuple[Any, ...]:
    """The smaller, the better."""
    lowers_branches = change.branches < (0,) * len(change.branches)
    return (
        not lowers_branches,
        change.copies,
        change.load,
        target.id not in question.returned,
        -size,
        question.moved_at.get(service.id, 0.0),
        service.name,
        source.id,
        target.id,
    )


def _move(
    placement: Placement, loads: Loads, candidate: _Candidate, question: Question
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


def stays(
    swarm: Swarm, utc: datetime, question: Question, planned: Sequence[Move] = ()
) -> tuple[Stay, ...]:
    """What stays out of balance after the planned moves, and why."""
    placement = Placement(swarm, utc, returned_at=question.returned_at)
    for move in planned:
        placement = after(placement, move)
    found: list[Stay] = []
    for service in sorted(swarm.services, key=lambda item: item.name):
        if service.id in question.mobilities:
            found += _stays_of(placement, service, question)
    return tuple(found)


def _stays_of(placement: Placement, service: Service, question: Question) -> list[Stay]:
    eligible = placement.eligible(service)
    if not eligible:
        return []
    copies = {node.id: placement.copies(service.id, node.id) for node in eligible}
    fewest = min(copies.values())
    mobility = question.mobilities[service.id]
    result = []
    for source in eligible:
        surplus = copies[source.id] - fewest - 1
        if surplus <= 0:
            continue
        empties = [node for node in eligible if copies[node.id] <= copies[source.id] - 2]
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
    reasons: list[str] = []
    for node in empties:
        why = (
            placement.why_not_now(service, node)
            or question.closed(service, source, node)
            or "Swarm would not put or take the task as wished"
        )
        reasons.append(f"{node.hostname}: {why}")
    return "; ".join(dict.fromkeys(reasons)) or "no node may take it"
