"""What `rebalance --dry-run`, `status` and `why` show of moving tasks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from desired_state.rebalance_records import RebalanceStatus
from swarm_operator.cli.moments import told
from swarm_operator.plan.rebalance.recommendation import COSTS, Recommendation


@dataclass(frozen=True)
class DryRun:
    """What would be done."""

    found: Recommendation
    names: Mapping[str, str]
    """Host names by node id."""
    now: datetime


def as_text(run: DryRun) -> RenderableType:
    """The moves in order, and why the rest stays."""
    moves = run.found.wished.moves
    parts: list[RenderableType] = []
    if not moves:
        parts.append(Text("nothing is to be moved"))
    else:
        parts.append(_moves(run))
    if run.found.wished.stays:
        parts += [Text(), Text("out of balance, and stays so:", "bold")]
        parts += [Text(f"  {text}") for text in _stays(run)]
    return Group(*parts)


def _moves(run: DryRun) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("#", "SERVICE", "FROM", "TO", "COST", "NOW"):
        table.add_column(column, overflow="fold", no_wrap=column not in {"COST", "NOW"})
    for number, move in enumerate(run.found.wished.moves, start=1):
        gate = run.found.gate(move)
        state = f"waits: {told(str(gate), run.now)}" if gate is not None else "may begin"
        table.add_row(
            str(number),
            move.service,
            run.names.get(move.source, move.source),
            _landing(run, move.target, move.landings),
            COSTS[move.how],
            state,
        )
    return table


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
    }


# --- the operator's own record --------------------------------------------------------------------------


def lines(status: RebalanceStatus, now: datetime) -> list[str]:
    """Of `status/rebalance`, what is worth a look; nothing where all is in balance."""
    if status.state in {"", "Off", "Balanced"} and not status.message:
        return []
    found = [f"rebalancing: {status.state}" + (f": {status.message}" if status.message else "")]
    if status.state == "Moving":
        return [told(found[0], now)]
    nodes = sorted(status.nodes.values(), key=lambda node: node.hostname)
    found += [f"  {node.message}" for node in nodes if node.message]
    return [told(line, now) for line in found]


def of_service(status: RebalanceStatus | None, service: str, now: datetime) -> str:
    """What the operator says of where a service's tasks are; "" where it says nothing."""
    known = status.services.get(service) if status is not None else None
    return told(known.message, now) if known is not None and known.message else ""
