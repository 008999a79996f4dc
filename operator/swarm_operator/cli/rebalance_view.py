"""What `rebalance --dry-run`, `status` and `why` show of moving tasks."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from desired_state.rebalance_records import RebalanceStatus
from swarm_operator.cli.moments import told
from swarm_operator.plan.rebalance.gap import Gap
from swarm_operator.plan.rebalance.mobility import How
from swarm_operator.plan.rebalance.moves import Move
from swarm_operator.plan.rebalance.recommendation import COSTS, Recommendation

_NAMED: Final = 3
_SHORT_COSTS: Final[Mapping[How, str]] = {
    How.DIRECTED: "1 restart",
    How.STOP_FIRST: "1 restart + gap",
    How.RECOMMENDED: "1 restart",
}
_IN_FULL: Final[Mapping[How, str]] = {
    How.DIRECTED: "the old task serves until the new one does",
    How.STOP_FIRST: "the old task stops before the new one starts: for seconds it does not run",
    How.RECOMMENDED: "the old task serves until the new one does",
}


@dataclass(frozen=True)
class DryRun:
    """What would be done."""

    found: Recommendation
    names: Mapping[str, str]
    """Host names by node id."""
    now: datetime


def as_text(run: DryRun) -> RenderableType:
    """The moves in order, and why the rest stays."""
    wished = run.found.wished
    parts: list[RenderableType] = [*_moves(run)] if wished.moves else [Text(_NOTHING)]
    if wished.stays:
        parts += [Text(), Text("out of balance, and stays so:", "bold")]
        parts += [Text(f"  {text}") for text in _stays(run)]
    if run.found.stuck:
        parts += [Text(), Text("moves that can neither go on nor end:", "bold")]
        parts += [Text(f"  {name}: {why}") for name, why in run.found.stuck.items()]
    if wished.gap is not None:
        parts += [Text(), *_gap(run, wished.gap)]
    return Group(*parts)


_NOTHING: Final = "nothing is to be moved"


def _moves(run: DryRun) -> Iterator[RenderableType]:
    """On a narrow terminal too: what holds for all of them is said once, below."""
    moves = run.found.wished.moves
    waits = [_waits(run, move) for move in moves]
    is_same = len(moves) > 1 and len(set(waits)) == 1 and waits[0] != ""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("#", "SERVICE", "FROM", "TO", "COST", "NOW"):
        table.add_column(column, overflow="fold", no_wrap=column != "NOW")
    for number, (move, why) in enumerate(zip(moves, waits, strict=True), start=1):
        state = "waits" if is_same else f"waits: {why}" if why else "may begin"
        table.add_row(
            str(number),
            move.service,
            run.names.get(move.source, move.source),
            _landing(run, move.target, move.landings),
            _SHORT_COSTS[move.how],
            state,
        )
    yield table
    yield Text()
    if is_same:
        yield Text(f"all wait: {waits[0]}")
    for cost in dict.fromkeys(f"{_SHORT_COSTS[m.how]}: {_IN_FULL[m.how]}" for m in moves):
        yield Text(cost, "dim")
    if run.found.wished.is_cut:
        yield Text(f"more follow: these are the first {len(moves)}", "dim")


def _waits(run: DryRun, move: Move) -> str:
    gate = run.found.gate(move)
    return told(str(gate), run.now) if gate is not None else ""


def _landing(run: DryRun, target: str, landings: frozenset[str]) -> str:
    """The target, and nodes on which Swarm may put the task as well."""
    others = sorted(run.names.get(node, node) for node in landings - {target})
    meant = run.names.get(target, target)
    return f"{meant} (or {', '.join(others)})" if others else meant


def _stays(run: DryRun) -> Iterator[str]:
    for stay in run.found.wished.stays:
        noun = "task" if stay.surplus == 1 else "tasks"
        where = run.names.get(stay.node, stay.node)
        reason = told(stay.reason, run.now)
        yield f"{stay.service}: {stay.surplus} {noun} too many on {where}: {reason}"


def _gap(run: DryRun, between: Gap) -> Iterator[Text]:
    """Services with the same reason in one line."""
    source, target = (run.names.get(node, node) for node in (between.source, between.target))
    more, fewer = between.tasks
    yield Text(f"{source} has {more} tasks and {target} {fewer}; what stays on {source}:", "bold")
    services: dict[str, list[str]] = {}
    for service, reason in between.reasons:
        services.setdefault(told(reason, run.now), []).append(service)
    for reason, names in services.items():
        yield Text(f"  {', '.join(names)}: {reason}")


def as_json(run: DryRun) -> dict[str, Any]:
    """For programs."""
    closed = run.found.closed
    return {
        "closed": None if closed is None else str(closed),
        "moves": [
            {
                "service": move.service,
                "from": run.names.get(move.source, move.source),
                "to": run.names.get(move.target, move.target),
                "landings": sorted(run.names.get(node, node) for node in move.landings),
                "how": str(move.how),
                "cost": COSTS[move.how],
                "change": {
                    "branches": list(move.change.branches),
                    "copies": move.change.copies,
                    "load": move.change.load,
                },
                "why_not": run.found.reason(move) or None,
            }
            for move in run.found.wished.moves
        ],
        "stays": [
            {
                "service": stay.service,
                "node": run.names.get(stay.node, stay.node),
                "surplus": stay.surplus,
                "reason": stay.reason,
            }
            for stay in run.found.wished.stays
        ],
        "stuck": dict(run.found.stuck),
        "gap": _gap_json(run, run.found.wished.gap),
    }


def _gap_json(run: DryRun, between: Gap | None) -> dict[str, Any] | None:
    if between is None:
        return None
    return {
        "from": run.names.get(between.source, between.source),
        "to": run.names.get(between.target, between.target),
        "tasks": list(between.tasks),
        "stays": dict(between.reasons),
    }


# --- the operator's own record --------------------------------------------------------------------------


def lines(status: RebalanceStatus, now: datetime) -> list[str]:
    """Of `status/rebalance`, what is worth a look; nothing where all is in balance, and nothing was
    ever tried."""
    is_quiet = status.state in {"", "Off", "Balanced"} and not status.message
    if is_quiet and (status.state == "Off" or not status.self_tests):
        return []
    found = [f"rebalancing: {status.state}" + (f": {status.message}" if status.message else "")]
    if status.state != "Moving":
        nodes = sorted(status.nodes.values(), key=lambda node: node.hostname)
        found += [f"  {node.message}" for node in nodes if node.message]
    found += [f"  {text}" for text in _self_tests(status)]
    return [told(line, now) for line in found]


def _self_tests(status: RebalanceStatus) -> Iterator[str]:
    for version, test in sorted(status.self_tests.items()):
        why = f": {test.message}" if test.message and test.result != "passed" else ""
        yield f"self-test of moves on engine {version}: {test.result}{why}"


def of_service(status: RebalanceStatus | None, service: str, now: datetime) -> str:
    """What the operator says of where a service's tasks are; "" where it says nothing."""
    known = status.services.get(service) if status is not None else None
    return told(known.message, now) if known is not None and known.message else ""


def way_back(status: RebalanceStatus | None, stack: str, services: Collection[str]) -> str:
    """After a move Swarm knows no spec of before; "" where none of the services ended one last."""
    known = status.services if status is not None else {}
    moved = sorted(name for name in services if name in known and known[name].ends_a_move)
    if not moved:
        return ""
    few = ", ".join(moved[:_NAMED]) + (f" and {len(moved) - _NAMED} more" if moved[_NAMED:] else "")
    return (
        f"tasks of {few} were moved: `docker service rollback` does nothing now, "
        f"`swarm-operator rollback {stack}` is the way back"
    )
