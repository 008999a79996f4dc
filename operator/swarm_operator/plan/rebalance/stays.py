"""What stays out of balance after all moves, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from swarm_operator.observed.swarm import Node, Service
from swarm_operator.plan.rebalance.mobility import How
from swarm_operator.plan.rebalance.moves import Question
from swarm_operator.plan.rebalance.placement import Placement


@dataclass(frozen=True, slots=True)
class Stay:
    """An imbalance that stays, with the reason: of a service (by name) on a node (by id)."""

    service: str
    node: str
    surplus: int
    """Copies on the node above the fewest on any eligible node, less the one that is no imbalance."""
    reason: str


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
