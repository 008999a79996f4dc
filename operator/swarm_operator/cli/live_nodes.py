"""Nodes with their tasks, as the live picture shows them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import OverflowMethod
from rich.table import Table
from rich.text import Text

from swarm_operator.observed.swarm import Node, Swarm, Task

_TASK_COLOURS: Final = {
    "running": "green",
    "complete": "green",
    "failed": "red",
    "rejected": "red",
    "orphaned": "red",
    "shutdown": "bright_black",
    "remove": "bright_black",
}
_NODE_COLOURS: Final = {"ready": "green", "down": "red", "disconnected": "red"}


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node with the names and states of its tasks."""

    hostname: str
    kind: str
    """`leader`, `manager` or `worker`."""
    state: str
    tasks: tuple[tuple[str, str], ...]
    """Name as `docker service ps` shows it, and state."""


def node_rows(swarm: Swarm | None) -> Iterator[NodeRow]:
    """Managers first; tasks without a node come last."""
    if swarm is None:
        return
    names = {service.id: service.name for service in swarm.services}
    for node in sorted(swarm.nodes, key=lambda node: (not node.is_manager, node.hostname)):
        tasks = sorted(
            (task_name(task, names, node.hostname), task.state)
            for task in swarm.tasks
            if task.node_id == node.id and _is_shown(task)
        )
        yield NodeRow(node.hostname, _kind(node), node_state(node), tuple(tasks))
    waiting = sorted(
        (task_name(task, names, ""), task.state)
        for task in swarm.tasks
        if task.node_id is None and _is_shown(task)
    )
    if waiting:
        yield NodeRow("(no node)", "", "", tuple(waiting))


def _is_shown(task: Task) -> bool:
    """What runs, will run, or is about to stop; not the history of a slot."""
    return task.is_live or (task.desired_state in {"running", "ready"} and task.state != "complete")


def task_name(task: Task, services: Mapping[str, str], hostname: str) -> str:
    """As `docker service ps` shows it."""
    service = services.get(task.service_id, task.service_id[:12])
    return f"{service}.{task.slot if task.slot is not None else hostname}"


def _kind(node: Node) -> str:
    if node.is_leader:
        return "leader"
    return "manager" if node.is_manager else "worker"


def node_state(node: Node) -> str:
    """With its availability, unless tasks may run there."""
    return node.state if node.availability == "active" else f"{node.state}, {node.availability}"


def node_table(rows: Sequence[NodeRow], *, is_short: bool = False) -> Table:
    """`is_short`: no header, and one line for each."""
    table = Table(
        box=None, pad_edge=False, header_style="bold", expand=True, show_header=not is_short
    )
    table.add_column("NODE", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("STATE", no_wrap=True)
    table.add_column("N", justify="right", no_wrap=True)
    overflow: OverflowMethod = "ellipsis" if is_short else "fold"
    table.add_column("TASKS", ratio=1, no_wrap=is_short, overflow=overflow)
    for row in rows:
        colour = _NODE_COLOURS.get(row.state.partition(",")[0], "yellow")
        table.add_row(
            Text(row.hostname, "bold"),
            row.kind,
            Text(row.state, colour),
            str(len(row.tasks)),
            _task_list(row.tasks),
        )
    return table


def _task_list(tasks: Sequence[tuple[str, str]]) -> Text:
    """Running ones by name alone; of all others the state too."""
    text = Text()
    for name, state in tasks:
        if text:
            text.append("  ")
        shown = name if state == "running" else f"{name}:{state}"
        text.append(shown, _TASK_COLOURS.get(state, "yellow"))
    return text
