"""What should move, in order, and for all that does not move now: why not."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from desired_state.rebalance_records import (
    RebalanceNode,
    RebalanceService,
    RebalanceStatus,
    WishedMove,
)
from swarm_operator.observed.swarm import Node, Service, Swarm
from swarm_operator.plan.rebalance.closed import Closed, last_to_open
from swarm_operator.plan.rebalance.gap import Gap, gap
from swarm_operator.plan.rebalance.gates import Gates
from swarm_operator.plan.rebalance.mobility import How, Mobility
from swarm_operator.plan.rebalance.moves import Move, Question
from swarm_operator.plan.rebalance.placement import Placement
from swarm_operator.plan.rebalance.planner import next_move, plan_from
from swarm_operator.plan.rebalance.stays import Stay, stays

SHOWN: Final = 10
"""Moves that the status lists."""
_REASONS: Final = 3
COSTS: Final[Mapping[How, str]] = {
    How.DIRECTED: "one restart; the old task serves until the new one does",
    How.STOP_FIRST: "one restart, with a gap of seconds in which it does not run",
    How.RECOMMENDED: "one restart; the old task serves until the new one does",
}

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Wished:
    """What should move once time has opened the gates."""

    moves: tuple[Move, ...] = ()
    """In order; at the end those that only a person makes (`How.RECOMMENDED`)."""
    stays: tuple[Stay, ...] = ()
    """What stays out of balance even then."""
    gap: Gap | None = None
    """Nodes that stay apart even then."""
    is_cut: bool = False
    """Whether more moves follow those that were planned."""
    ages: bool = True
    """Whether it may change though nothing else does: by what time forgives, or what was closed."""

    @property
    def is_for_people(self) -> bool:
        """Whether nobody but a person makes any of the moves."""
        return all(move.how is How.RECOMMENDED for move in self.moves)


@dataclass(frozen=True)
class Recommendation:
    """The same, by the gates of a moment."""

    wished: Wished
    closed: Closed | None = None
    """Why nothing at all is moved."""
    next: Move | None = None
    why_not: Mapping[Move, Closed] = field(default_factory=dict)
    """Of the wished moves, those that wait for something of their own."""
    stuck: Mapping[str, str] = field(default_factory=dict)
    """By service: a move of ours that can neither go on nor end, and the way out."""

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
    was_closed: list[str] = []

    def closed(service: Service, source: Node, target: Node) -> str | None:
        why = _text(_lasting(gates.move(service, source, target)))
        was_closed.extend([why] if why is not None else [])
        return why

    lasting = replace(question, closed=closed)
    placement = Placement(swarm, utc, returned_at=question.returned_at, stopping_are_gone=True)
    moves, placement = plan_from(placement, lasting, limit)
    told, placement = plan_from(placement, _as_if_told(lasting), limit - len(moves))
    moves += tuple(replace(move, how=How.RECOMMENDED) for move in told)
    if len(moves) >= limit:
        return Wished(moves, is_cut=True)  # what would stay cannot be said yet
    by_name = swarm.services_by_name
    left = tuple(s for s in stays(placement, lasting) if not gates.is_in_motion(by_name[s.service]))
    between = gap(placement, lasting)
    if between is not None and any(map(gates.is_in_motion, _replicated(swarm, question))):
        between = None  # where tasks are says nothing yet
    ages = placement.forgives or bool(was_closed or moves)
    return Wished(moves, left, between, ages=ages)


def _replicated(swarm: Swarm, question: Question) -> Iterator[Service]:
    """Of the services with documents, those whose tasks are counted."""
    known = (service for service in swarm.services if service.id in question.mobilities)
    return (service for service in known if "Replicated" in (service.spec.get("Mode") or {}))


def _as_if_told(question: Question) -> Question:
    """As if a person had said `auto` of each service that nobody dares to move unasked; of all others
    nothing is asked any more."""
    auto = Mobility(How.DIRECTED, "")
    open_ones = {
        service_id: auto
        for service_id, known in question.mobilities.items()
        if known.how is How.RECOMMENDED
    }
    return replace(question, mobilities=open_ones)


def _lasting(closed: Closed | None) -> Closed | None:
    return closed if closed is not None and closed.is_lasting else None


def recommend(
    swarm: Swarm, utc: datetime, question: Question, wished: Wished, gates: Gates
) -> Recommendation:
    """The best move that may begin now, and what every other waits for.

    Only a move that is wished is made: a second best, made because the best has to wait a little,
    would often be undone by the next.
    """
    closed, placement = gates.cluster(), Placement(swarm, utc, returned_at=question.returned_at)
    nodes, services = swarm.nodes_by_id, swarm.services_by_id
    wished = replace(wished, moves=tuple(m for m in wished.moves if _is_of(m, swarm)))
    why_not: dict[Move, Closed] = {}
    for move in wished.moves:
        if move.how is How.RECOMMENDED:
            known = question.mobilities.get(move.service_id)
            why_not[move] = Closed(
                f"recommended only: {known.reason if known else ''}".rstrip(": ")
            )
            continue
        landings = {move.target, *move.landings} & nodes.keys()
        of, source = services[move.service_id], nodes[move.source]
        own = last_to_open(
            *(gates.move(of, source, nodes[each]) for each in sorted(landings)),
            _occupied(placement, of, nodes[move.target]),
        )
        if own is not None:
            why_not[move] = own
    if closed is not None or not wished.moves:
        return Recommendation(wished, closed, None, why_not, gates.stuck())
    ways = frozenset((move.service_id, move.source, move.target) for move in wished.moves)
    gated = replace(question, closed=lambda *of: _text(gates.move(*of)), only=ways)
    found = next_move(swarm, utc, gated)
    return Recommendation(wished, None, found, why_not, gates.stuck())


def _occupied(placement: Placement, service: Service, target: Node) -> Closed | None:
    """What tasks that were told to stop hold as long as they run."""
    why = placement.why_not_now(service, target)
    return Closed(f"{target.hostname}: {why}", passes=True) if why is not None else None


def _is_of(move: Move, swarm: Swarm) -> bool:
    """A plan may be older than the snapshot, by a moment."""
    has_nodes = move.source in swarm.nodes_by_id and move.target in swarm.nodes_by_id
    return has_nodes and move.service_id in swarm.services_by_id


def _text(closed: Closed | None) -> str | None:
    return None if closed is None else str(closed)


# --- for people -----------------------------------------------------------------------------------------


def headline(found: Recommendation, gates: Gates, swarm: Swarm) -> tuple[str, str]:
    """State and message of the whole."""
    wished, count = found.wished, len(found.wished.moves)
    if gates.paused is not None:
        return "Paused", str(gates.paused)
    if found.stuck:
        return "Blocked", "; ".join(f"{name}: {why}" for name, why in found.stuck.items())
    if not count:
        return _without_moves(wished, {node.id: node.hostname for node in swarm.nodes})
    recommends = gates.policy.mode == "recommend" or not gates.acts or wished.is_for_people
    state = "Recommending" if recommends else "Waiting"
    number = f"at least {count}" if wished.is_cut else str(count)
    moves = "1 move is" if count == 1 else f"{number} moves are"
    first = found.first_gate
    return state, f"{moves} wished" + (f"; {first}" if first is not None else "")


def _without_moves(wished: Wished, names: Mapping[str, str]) -> tuple[str, str]:
    if wished.stays:
        first = wished.stays[0]
        others = len(wished.stays) - 1
        more = f"; and {others} more" if others else ""
        where = names.get(first.node, "?")
        text = f"{first.service} has {_too_many(first.surplus)} on {where}: {first.reason}{more}"
        return "Unbalanced", text
    between = wished.gap
    if between is None or between.is_wished:
        return "Balanced", ""
    source, target = (names.get(node, "?") for node in (between.source, between.target))
    full, empty = between.tasks
    return "Balanced", (
        f"{source} has {full} tasks and {target} {empty}, but none of them may go there "
        "(`swarm-operator rebalance --dry-run` says why)"
    )


def _too_many(surplus: int) -> str:
    return f"{surplus} {'task' if surplus == 1 else 'tasks'} too many"


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
            "services": _services(memory, found, names, swarm),
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
            text = _with(f"{_too_many(surplus)} on {names.get(node_id, '?')}", reasons)
        result[node_id] = known.model_copy(update={"surplus": surplus, "message": text})
    return result


def _services(
    memory: RebalanceStatus, found: Recommendation, names: Mapping[str, str], swarm: Swarm
) -> dict[str, RebalanceService]:
    ways: dict[tuple[str, str], list[str]] = {}
    surplus: Counter[str] = Counter()
    for move in found.wished.moves:
        surplus[move.service] += 1
        way = f"{names[move.source]} → {names[move.target]}"
        ways.setdefault((move.service, found.reason(move)), []).append(way)
    texts: dict[str, list[str]] = {name: [why] for name, why in found.stuck.items()}
    for (service, reason), several in ways.items():
        texts.setdefault(service, []).append(_with(", ".join(several), [reason]))
    for stay in found.wished.stays:
        surplus[stay.service] += stay.surplus
        where = names.get(stay.node, "?")
        text = f"{_too_many(stay.surplus)} on {where}: {stay.reason}"
        texts.setdefault(stay.service, []).append(text)
    result = {}
    for name in sorted({*texts, *memory.services}):
        known = memory.services.get(name, RebalanceService())
        text = "; ".join(texts.get(name, [])[:_REASONS])
        live = swarm.services_by_name.get(name)
        ends_a_move = bool(known.sealed) and live is not None and live.updated_at == known.sealed
        changes = {"surplus": surplus[name], "message": text, "ends_a_move": ends_a_move}
        updated = known.model_copy(update=changes)
        if updated != RebalanceService():
            result[name] = updated
    return result


def _with(text: str, reasons: Sequence[str]) -> str:
    """The first few different reasons behind it."""
    different = [reason for reason in dict.fromkeys(reasons) if reason]
    return "; ".join([text, *different[:_REASONS]])
