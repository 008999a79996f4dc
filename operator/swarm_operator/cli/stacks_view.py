"""What `status` shows: the operator's records in the KV, as one value, and as text."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from desired_state import keys
from desired_state.rebalance_records import RebalanceStatus
from desired_state.records import OperatorStatus, StackStatus
from desired_state.route_records import StackRoutes, TraefikStatus
from swarm_operator.cli import rebalance_view, routes_view
from swarm_operator.cli.moments import age
from swarm_operator.observed.kv import KvEntry, KvTree

UNSEEN: Final = "Unseen"
"""The headline of a stack that is in the KV and that no operator wrote a status of yet."""

_COLOURS: Final = {
    "Ready": "green",
    "Reconciling": "cyan",
    "Degraded": "red",
    "Failed": "red",
    "Invalid": "red",
    "Blocked": "yellow",
    "Held": "yellow",
    "Paused": "yellow",
    "Missing": "yellow",
}


@dataclass(frozen=True, slots=True)
class View:
    """Everything that `status` can show."""

    operator: OperatorStatus | None
    is_led: bool
    """Whether somebody holds the lease."""
    stacks: Mapping[str, StackStatus]
    unseen: tuple[str, ...]
    """Stacks with a folder and without a status."""
    removing: tuple[str, ...]
    """Stacks with a tombstone."""
    rebalance: RebalanceStatus | None = None
    routes: tuple[str, ...] = ()
    """What is worth a look of what is published for Traefik."""
    stack_routes: Mapping[str, StackRoutes] = field(default_factory=dict)


def view(status: KvTree, lock: KvEntry | None, desired_keys: Iterable[str]) -> View:
    """The records of `status/`, the lock's key and the keys below `desired/`, put together."""
    stacks = {}
    for key, entry in sorted(status.entries.items()):
        if key.startswith("stacks/") and (record := StackStatus.parse(entry.value)):
            stacks[key.removeprefix("stacks/")] = record
    operator = status.entries.get("operator")
    moves = status.entries.get("rebalance")
    published = status.entries.get("traefik")
    traefik = TraefikStatus.parse(published.value) if published is not None else None
    routes = {
        key.removeprefix(keys.ROUTES): found
        for key, entry in sorted(status.entries.items())
        if key.startswith(keys.ROUTES) and (found := StackRoutes.parse(entry.value))
    }
    folders, removing = set(), set()
    for key in desired_keys:
        if parsed := keys.parse_stack_key(key):
            folders.add(parsed.stack)
        if key.startswith(keys.REMOVED) and key != keys.REMOVED:
            removing.add(key.removeprefix(keys.REMOVED))
    return View(
        operator=OperatorStatus.parse(operator.value) if operator else None,
        is_led=lock is not None and lock.session is not None,
        stacks=stacks,
        unseen=tuple(sorted(folders - set(stacks))),
        removing=tuple(sorted(removing)),
        rebalance=RebalanceStatus.parse(moves.value) if moves else None,
        routes=tuple(routes_view.lines(traefik, routes)),
        stack_routes=routes,
    )


def as_json(shown: View, stack: str | None) -> Any:
    """For programs."""
    if stack is not None:
        return shown.stacks[stack].model_dump(mode="json")
    return {
        "leader": shown.operator.leader if shown.operator and shown.is_led else None,
        "operator": shown.operator.model_dump(mode="json") if shown.operator else None,
        "stacks": [record.model_dump(mode="json") for record in shown.stacks.values()],
        "rebalance": shown.rebalance.model_dump(mode="json") if shown.rebalance else None,
        "unseen": list(shown.unseen),
        "removing": list(shown.removing),
        "routes": list(shown.routes),
    }


def remarks(shown: View) -> list[str]:
    """What people must know before they believe the rest."""
    found = []
    if not shown.is_led:
        found.append("no operator holds the lease: nothing is acted on, and what follows is old")
    operator = shown.operator
    if operator is not None:
        if operator.state == "Waiting":
            reason = f" ({operator.reason})" if operator.reason else ""
            found.append(f"operator: {operator.state}{reason}: {operator.message}".rstrip(": "))
        if operator.mode == "observe":
            found.append("the operator observes: it plans and reports, and changes nothing")
        found.extend(operator.warnings)
    return found


def overview(shown: View, now: datetime) -> RenderableType:
    """One line for each stack."""
    said = rebalance_view.lines(shown.rebalance, now) if shown.rebalance else []
    said += shown.routes
    if not shown.stacks and not shown.unseen:
        return Group(Text("no stacks"), *map(Text, said))
    table = _table("STACK", "STATE", "SERVICES", "TASKS", "SINCE", "MESSAGE")
    for name, record in shown.stacks.items():
        state = f"{record.state}, removing" if name in shown.removing else record.state
        table.add_row(
            name,
            Text(state, colour_of(record.state)),
            str(len(record.services)),
            _tasks(record),
            age(record.since, now),
            _one_line(record.message or record.reason),
        )
    for name in shown.unseen:
        table.add_row(name, UNSEEN, "-", "-", "-", "no operator has looked at it yet")
    return Group(table, Text(), *map(Text, said)) if said else table


def details(
    record: StackStatus,
    now: datetime,
    moves: RebalanceStatus | None = None,
    routes: StackRoutes | None = None,
) -> RenderableType:
    """All about one stack; `moves` is what is said about moving tasks."""
    head = Text.assemble(
        (record.stack, "bold"),
        ": ",
        (record.state, colour_of(record.state)),
        f" ({record.reason})" if record.reason else "",
        f" for {age(record.since, now)}",
    )
    parts: list[RenderableType] = [head]
    if record.message:
        parts.append(Text(record.message))
    if record.revision:
        parts.append(Text(f"revision {record.revision[:12]}"))
    if record.plan:
        approve = f"`swarm-operator approve {record.stack}` agrees to it"
        parts.append(Text(f"plan {record.plan} waits for approval: {approve}", "yellow"))
    parts += [Text(f"warning: {text}", "yellow") for text in record.warnings]
    if record.conditions:
        parts += [Text(), _conditions(record, now)]
    if record.services:
        parts += [Text(), _services(record)]
    said = {name: rebalance_view.of_service(moves, name, now) for name in sorted(record.services)}
    if any(said.values()):
        parts += [Text(), *(Text(f"rebalancing {n}: {text}") for n, text in said.items() if text)]
    back = rebalance_view.way_back(moves, record.stack, record.services)
    if back:
        parts += [Text(), Text(back, "dim")]
    if routes is not None and (routes.routes or routes.refused):
        parts += [Text(), *(Text(line) for line in routes_view.of_stack(routes, now))]
    return Group(*parts)


def _conditions(record: StackStatus, now: datetime) -> Table:
    table = _table("CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE")
    for each in record.conditions:
        table.add_row(
            each.type, each.status, each.reason, age(each.since, now), _one_line(each.message)
        )
    return table


def _services(record: StackStatus) -> Table:
    table = _table("SERVICE", "STATE", "TASKS", "MESSAGE")
    for name, service in sorted(record.services.items()):
        tasks = f"{service.running}/{service.wanted}"
        table.add_row(name, service.state, tasks, _one_line(service.message))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        is_long = column == "MESSAGE"
        table.add_column(column, overflow="fold", no_wrap=not is_long)
    return table


def _tasks(record: StackStatus) -> str:
    running = sum(service.running for service in record.services.values())
    wanted = sum(service.wanted for service in record.services.values())
    return f"{running}/{wanted}"


def colour_of(state: str) -> str:
    """The style of a stack's or service's state."""
    return _COLOURS.get(state, "")


def _one_line(text: str) -> str:
    return " ".join(text.split())
