"""What should move, in order, and for all that does not move now: why not."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from desired_state.rebalance_records import (
    RebalanceNode,
    RebalanceService,
    RebalanceStatus,
    WishedMove,
)
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.rebalance.gates import Closed, Gates, last_to_open
from swarm_operator.plan.rebalance.mobility import How
from swarm_operator.plan.rebalance.planner import (
    Move,
    Question,
    Stay,
    next_move,
    plan_moves,
    stays,
)

SHOWN: Final = 10
"""Moves that the status lists."""
_REASONS: Final = 3
COSTS: Final[Mapping[How, str]] = {
    How.DIRECTED: "one restart; the old task serves until the new one does",
    How.STOP_FIRST: "one restart, with a gap of seconds in which it does not run",
}


_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Wished:
    """What should move once time has opened the gates."""

    moves: tuple[Move, ...] = ()
    stays: tuple[Stay, ...] = ()
    """What stays out of balance even then."""


@dataclass(frozen=True)
class Recommendation:
    """The same, by the gates of a moment."""

    wished: Wished
    closed: Closed | None = None
    """Why nothing at all is moved."""
    next: Move | None = None
    why_not: Mapping[Move, Closed] = field(default_factory=dict)
    """Of the wished moves, those that wait for something of their own."""

    @property
    def due(self) -> datetime | None:
        """When time opens a gate."""
        gates = [self.closed, *self.why_not.values()]
        return min((g.until for g in gates if g is not None and g.until is not None), default=None)

    def gate(self, move: Move) -> Closed | None:
        """What a wished move waits for last."""
        return last_to_open(self.closed, self.why_not.get(move))

    def reason(self, move: Move) -> str:
        """The same in words; empty where it may begin."""
        gate = self.gate(move)
        return str(gate) if gate is not None else ""

    @property
    def first_gate(self) -> Closed | None:
        """What the move that may begin first waits for; None where one may begin."""
        gates = [self.gate(move) for move in self.wished.moves]
        if not gates or None in gates:
            return None
        timed = [gate for gate in gates if gate is not None and gate.until is not None]
        return min(timed, key=lambda gate: gate.until or _NEVER, default=gates[0])


def wish(
    swarm: Swarm, utc: datetime, question: Question, gates: Gates, limit: int = SHOWN
) -> Wished:
    """The plan without the gates that time opens. On a large swarm out of balance it takes a while."""
    lasting = replace(question, closed=lambda *of: _text(_lasting(gates.move(*of))))
    moves = plan_moves(swarm, utc, lasting, limit)
    by_name = swarm.services_by_name
    left = stays(swarm, utc, lasting, moves)
    return Wished(moves, tuple(s for s in left if not gates.is_in_motion(by_name[s.service])))


def _lasting(closed: Closed | None) -> Closed | None:
    return closed if closed is not None and closed.until is None else None


def recommend(
    swarm: Swarm, utc: datetime, question: Question, wished: Wished, gates: Gates
) -> Recommendation:
    """The best move that may begin now, and what every other waits for.

    Only a move that is wished is made: a second best, made because the best has to wait a little,
    would often be undone by the next.
    """
    closed = gates.cluster()
    nodes, services = swarm.nodes_by_id, swarm.services_by_id
    wished = replace(wished, moves=tuple(m for m in wished.moves if _is_of(m, swarm)))
    why_not: dict[Move, Closed] = {}
    for move in wished.moves:
        own = gates.move(services[move.service_id], nodes[move.source], nodes[move.target])
        if own is not None:
            why_not[move] = own
    if closed is not None or not wished.moves:
        return Recommendation(wished, closed, None, why_not)
    gated = replace(question, closed=lambda *of: _text(gates.move(*of)))
    found = next_move(swarm, utc, gated)
    ways = {(move.service_id, move.source, move.target) for move in wished.moves}
    is_wished = found is not None and (found.service_id, found.source, found.target) in ways
    return Recommendation(wished, None, found if is_wished else None, why_not)


def _is_of(move: Move, swarm: Swarm) -> bool:
    """A plan may be older than the snapshot, by a moment."""
    has_nodes = move.source in swarm.nodes_by_id and move.target in swarm.nodes_by_id
    return has_nodes and move.service_id in swarm.services_by_id


def _text(closed: Closed | None) -> str | None:
    return None if closed is None else str(closed)


# --- for people -----------------------------------------------------------------------------------------


def described(memory: RebalanceStatus, found: Recommendation, swarm: Swarm) -> RebalanceStatus:
    """The record with what people see of the recommendation."""
    names = {node.id: node.hostname for node in swarm.nodes}
    wished = tuple(
        WishedMove(
            service=move.service,
            source=names[move.source],
            target=names[move.target],
            why_not=found.reason(move),
        )
        for move in found.wished.moves
    )
    return memory.model_copy(
        update={
            "wished": wished,
            "wished_count": len(wished),
            "nodes": _nodes(memory, found, names),
            "services": _services(memory, found, names),
        }
    )


def _nodes(
    memory: RebalanceStatus, found: Recommendation, names: Mapping[str, str]
) -> dict[str, RebalanceNode]:
    away = Counter(move.source for move in found.wished.moves)
    result = {}
    for node_id, known in memory.nodes.items():
        surplus = away[node_id]
        reasons = [found.reason(m) for m in found.wished.moves if m.source == node_id]
        text = ""
        if surplus:
            noun = "task" if surplus == 1 else "tasks"
            text = _with(f"{surplus} {noun} too many on {names.get(node_id, '?')}", reasons)
        result[node_id] = known.model_copy(update={"surplus": surplus, "message": text})
    return result


def _services(
    memory: RebalanceStatus, found: Recommendation, names: Mapping[str, str]
) -> dict[str, RebalanceService]:
    texts: dict[str, list[str]] = {}
    surplus: Counter[str] = Counter()
    for move in found.wished.moves:
        surplus[move.service] += 1
        way = f"{names[move.source]} → {names[move.target]}"
        texts.setdefault(move.service, []).append(_with(way, [found.reason(move)]))
    for stay in found.wished.stays:
        surplus[stay.service] += stay.surplus
        noun = "task" if stay.surplus == 1 else "tasks"
        where = names.get(stay.node, "?")
        text = f"{stay.surplus} {noun} too many on {where}: {stay.reason}"
        texts.setdefault(stay.service, []).append(text)
    result = {}
    for name in sorted({*texts, *memory.services}):
        known = memory.services.get(name, RebalanceService())
        text = "; ".join(texts.get(name, [])[:_REASONS])
        updated = known.model_copy(update={"surplus": surplus[name], "message": text})
        if updated != RebalanceService():
            result[name] = updated
    return result


def _with(text: str, reasons: Sequence[str]) -> str:
    """The first few different reasons behind it."""
    different = [reason for reason in dict.fromkeys(reasons) if reason]
    return "; ".join([text, *different[:_REASONS]])
