"""What is remembered from one look at the swarm to the next, for the gates: plain data, in the KV.

Swarm says how a node is, not since when nor how often it went. All functions give a new record, and
the very same one where nothing happened.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from desired_state.rebalance_records import (
    BlockedMove,
    RebalanceNode,
    RebalanceService,
    RebalanceStatus,
)
from swarm_operator.observed.swarm import Node, Service, Swarm
from swarm_operator.plan.rebalance.intent import digest
from swarm_operator.plan.rebalance.steps import Outcome

DAY: Final = timedelta(hours=24)
BLOCK: Final = timedelta(hours=1)
"""A node to which two moves in a row failed gets none for so long."""
LEAVE_ALONE: Final = timedelta(minutes=10)
"""A service that somebody else changed in the middle of a move."""
_FAILURES: Final = 2
_DOWN: Final = frozenset({"down", "disconnected"})
"""`unknown` is none of it: a new leader calls every node so until it hears of it."""
UNHEARD: Final = timedelta(seconds=15)
"""Three heartbeats: a node of which a new leader hears nothing for longer was really away."""


def looked(memory: RebalanceStatus, swarm: Swarm, utc: datetime) -> RebalanceStatus:
    """With what a whole look at the swarm shows: nodes that came and went, its leader, services that
    are gone, the end of what was remembered for a time only."""
    nodes = {node.id: _looked_at(memory.nodes.get(node.id), node, utc) for node in swarm.nodes}
    if not memory.nodes:  # the first look ever: none of them came back
        nodes = {id_: node.model_copy(update={"balanced": True}) for id_, node in nodes.items()}
    leader = next((node.id for node in swarm.nodes if node.is_leader), "")
    services = {
        service.name: _written(memory.services[service.name], service)
        for service in swarm.services
        if service.name in memory.services
    }
    changes: dict[str, object] = {
        "nodes": nodes,
        "services": services,
        "blocked": tuple(b for b in memory.blocked if _still_blocks(b, swarm, nodes)),
    }
    if leader != memory.leader or memory.leader_since is None:
        changes |= {"leader": leader, "leader_since": utc}
    return _changed(memory, changes)


def returned_at(memory: RebalanceStatus) -> Mapping[str, datetime]:
    """By id of a node that was down lately: since when it is back."""
    return {
        node_id: node.steady_since
        for node_id, node in memory.nodes.items()
        if node.downs and node.steady_since is not None
    }


def moved_at(memory: RebalanceStatus, swarm: Swarm) -> Mapping[str, float]:
    """By service id, in seconds since the epoch: when a task of it was moved last."""
    by_name = swarm.services_by_name
    return {
        by_name[name].id: known.moved_at.timestamp()
        for name, known in memory.services.items()
        if known.moved_at is not None and name in by_name
    }


def _changed(memory: RebalanceStatus, changes: Mapping[str, object]) -> RebalanceStatus:
    if all(getattr(memory, name) == value for name, value in changes.items()):
        return memory
    return memory.model_copy(update=dict(changes))


def _looked_at(known: RebalanceNode | None, node: Node, utc: datetime) -> RebalanceNode:
    if known is None:
        known = RebalanceNode(hostname=node.hostname)
    is_ready = node.state == "ready"
    takes_tasks = is_ready and node.availability == "active"
    downs = tuple(when for when in known.downs if utc - when < DAY)
    if node.state in _DOWN and known.state not in {*_DOWN, ""}:
        downs = (*downs, utc)
    # A short time of being unknown does not end a session: the node and its tasks run on.
    is_interrupted = not takes_tasks and (node.state in _DOWN or is_ready)
    was_unheard = known.away_since is not None and utc - known.away_since > UNHEARD
    since = None if is_interrupted or (is_ready and was_unheard) else known.steady_since
    begins = takes_tasks and since is None
    blocked = known.blocked_until
    changes: dict[str, object] = {
        "hostname": node.hostname,
        "state": node.state,
        "away_since": None if is_ready else known.away_since or utc,
        "downs": downs,
        "steady_since": utc if begins else since,
        "first_move": None if begins else known.first_move,
        "balanced": False if begins else known.balanced,
        "blocked_until": blocked if blocked is not None and utc < blocked else None,
    }
    if all(getattr(known, name) == value for name, value in changes.items()):
        return known
    return known.model_copy(update=changes)


def _written(known: RebalanceService, service: Service) -> RebalanceService:
    """The first look after a move shows when its last write was."""
    if known.moved_at is None or known.sealed:
        return known
    return known.model_copy(update={"sealed": service.updated_at})


def _still_blocks(block: BlockedMove, swarm: Swarm, nodes: Mapping[str, RebalanceNode]) -> bool:
    service = swarm.services_by_name.get(block.service)
    node = nodes.get(block.node)
    if service is None or node is None:
        return False
    return node.steady_since == block.session and digest(service.spec) == block.spec


# --- moves --------------------------------------------------------------------------------------------


def began(memory: RebalanceStatus, service: Service) -> RebalanceStatus:
    """A move of the service begins: its last change was before."""
    known = memory.services.get(service.name, RebalanceService())
    if known.sealed and service.updated_at == known.sealed:
        return memory
    return _with_service(memory, service.name, known, changed=service.updated_at)


def ended(
    memory: RebalanceStatus,
    service: str,
    target: str,
    spec: str,
    outcome: Outcome,
    why: str,
    utc: datetime,
) -> RebalanceStatus:
    """A move of a task of `service` (a name) to `target` (an id) came to an end; `spec` is the digest
    of the service's own."""
    known = memory.services.get(service, RebalanceService())
    left = utc + LEAVE_ALONE if outcome is Outcome.YIELDED else known.left_until
    result = _with_service(memory, service, known, moved_at=utc, sealed="", left_until=left)
    node = memory.nodes.get(target)
    if node is None or outcome is Outcome.YIELDED:
        return result
    if outcome is Outcome.MOVED:
        first = node.first_move or utc
        return _with_node(result, target, node, first_move=first, failed_moves=())
    failed = (*(when for when in node.failed_moves if utc - when < BLOCK), utc)
    if len(failed) >= _FAILURES:
        result = _with_node(result, target, node, failed_moves=(), blocked_until=utc + BLOCK)
    else:
        result = _with_node(result, target, node, failed_moves=failed)
    block = BlockedMove(service=service, node=target, spec=spec, session=node.steady_since, why=why)
    others = tuple(b for b in result.blocked if (b.service, b.node) != (service, target))
    return result.model_copy(update={"blocked": (*others, block)})


def _with_service(
    memory: RebalanceStatus, name: str, known: RebalanceService, **changes: object
) -> RebalanceStatus:
    service = known.model_copy(update=changes)
    return memory.model_copy(update={"services": {**memory.services, name: service}})


def _with_node(
    memory: RebalanceStatus, node_id: str, known: RebalanceNode, **changes: object
) -> RebalanceStatus:
    node = known.model_copy(update=changes)
    return memory.model_copy(update={"nodes": {**memory.nodes, node_id: node}})


def balanced(memory: RebalanceStatus, nodes: Iterable[str]) -> RebalanceStatus:
    """These nodes, by their ids, have their share."""
    for node_id in nodes:
        memory = _with_node(memory, node_id, memory.nodes[node_id], balanced=True)
    return memory


# --- the budget -----------------------------------------------------------------------------------------


def tokens(memory: RebalanceStatus, per_hour: int, utc: datetime) -> float:
    """Moves in hand: the bucket fills evenly, up to an hour's."""
    if memory.tokens is None or memory.tokens_at is None:
        return float(per_hour)
    passed = max(0.0, (utc - memory.tokens_at).total_seconds())
    return min(float(per_hour), memory.tokens + passed * per_hour / 3600.0)


def next_token_at(memory: RebalanceStatus, per_hour: int, utc: datetime) -> datetime | None:
    """When there is one again; None where there is."""
    missing = 1.0 - tokens(memory, per_hour, utc)
    if missing <= 0 or memory.tokens_at is None or memory.tokens is None:
        return None
    return memory.tokens_at + timedelta(seconds=(1.0 - memory.tokens) * 3600.0 / per_hour)


def token_taken(memory: RebalanceStatus, per_hour: int, utc: datetime) -> RebalanceStatus:
    """One move less in hand."""
    left = round(tokens(memory, per_hour, utc) - 1.0, 6)
    return memory.model_copy(update={"tokens": left, "tokens_at": utc})
