"""A swarm and its operator in one picture: nodes with their tasks, stacks, the last actions.

Pure: from what was read to something that rich prints.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final, TypeAlias

from rich.console import (
    Console,
    ConsoleOptions,
    Group,
    OverflowMethod,
    RenderableType,
    RenderResult,
)
from rich.rule import Rule
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from desired_state.records import Event
from swarm_operator.cli import events as events_view
from swarm_operator.cli import stacks_view
from swarm_operator.cli.stacks_view import View
from swarm_operator.observed.swarm import Node, Swarm, Task

FEWEST_EVENTS: Final = 4
"""So many of the last actions have room however small the terminal is."""
MOST_PROBLEMS: Final = 2
"""So many lines of what is to be known, and of lost nodes, where the terminal is small."""

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

_Lines: TypeAlias = list[list[Segment]]


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that is shown. What could not be read is None, and `problems` says why."""

    swarm: Swarm | None = None
    stacks: View | None = None
    events: tuple[Event, ...] = ()
    """The newest last."""
    problems: tuple[str, ...] = ()


def picture(scene: Scene, header: Sequence[str], now: datetime, height: int) -> RenderableType:
    """The whole terminal: as much of everything as `height` lines and the width have room for.

    Of `header` the first two lines are kept wherever they fit: what this is, and where.
    """
    return _Picture(scene, header, now, height)


@dataclass(frozen=True, slots=True)
class _Picture:
    """Measures its parts when the width is known, and gives each its share of the height."""

    scene: Scene
    header: Sequence[str]
    now: datetime
    height: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        parts = self._parts(console, options.update(height=None))
        lines = [line for part in parts for line in part][: self.height]
        for number, line in enumerate(lines):
            yield from line
            if number < len(lines) - 1:
                yield Segment.line()

    def _parts(self, console: Console, options: ConsoleOptions) -> list[_Lines]:
        """The first of these that leaves room for the last actions, each shorter than the one
        before; where even the last one is too high, it is cut, in the middle of its lists."""
        actions = self._actions(console, options)
        fewest = min(FEWEST_EVENTS, len(actions))
        above: list[_Lines] = []
        for detail in _Detail:
            above = self._above(console, options, detail)
            room = self.height - sum(map(len, above))
            if room >= fewest:
                return [*above, actions[-room:] if room < len(actions) else actions]
        head, problems, nodes, stacks, rule = above
        room = max(2, self.height - len(head) - len(nodes) - len(rule) - fewest)
        stacks = _cut(console, options, stacks, max(2, room - min(1, len(problems))))
        problems = problems[: max(0, room - len(stacks))]
        return [head, problems, nodes, stacks, rule, actions[-max(1, fewest) :]]

    def _above(self, console: Console, options: ConsoleOptions, detail: "_Detail") -> list[_Lines]:
        """Header, problems, nodes, stacks and the rule above the actions."""

        def lines(*parts: RenderableType) -> _Lines:
            return [line for part in parts for line in console.render_lines(part, options)]

        is_short = detail > _Detail.FULL
        header = [Text(line) for line in (self.header[:2] if is_short else self.header)]
        if is_short and header:
            _shorten(header[0])
        problems = [Text(problem, "yellow") for problem in remarks(self.scene)]
        if is_short:
            problems = [*map(_shorten, problems[:MOST_PROBLEMS]), *_more(problems)]
        nodes = _nodes_part(list(_nodes(self.scene.swarm)), detail)
        stacks = _stacks_part(self.scene.stacks, self.now, is_short=is_short)
        return [
            lines(*header),
            lines(*problems),
            lines(_rule("nodes and their tasks"), nodes),
            lines(_rule("stacks"), stacks),
            lines(_rule("what the operator did")),
        ]

    def _actions(self, console: Console, options: ConsoleOptions) -> _Lines:
        shown = self.scene.events[-self.height :]
        part = _event_table(shown) if shown else Text("nothing yet", "dim")
        return console.render_lines(part, options)


class _Detail(IntEnum):
    """How much of it is shown, from all to least."""

    FULL = 0
    SHORT_HEADER = 1
    LINE_EACH = 2
    """A node has one line."""
    NODES_COUNTED = 3
    """Only nodes that are not well have a line."""


def _rule(title: str) -> Rule:
    return Rule(title, align="left", style="dim")


def _shorten(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _more(problems: Sequence[Text]) -> Iterator[Text]:
    if len(problems) > MOST_PROBLEMS:
        yield Text(f"… and {len(problems) - MOST_PROBLEMS} more to know", "yellow")


def _cut(console: Console, options: ConsoleOptions, stacks: _Lines, room: int) -> _Lines:
    """As many lines, and how many are missing."""
    if len(stacks) <= room:
        return stacks
    missing = len(stacks) - room + 1
    said = Text(f"… and {missing} more (`swarm-operator status`)", "dim")
    return [*stacks[: room - 1], *console.render_lines(_shorten(said), options)]


def _stacks_part(shown: View | None, now: datetime, *, is_short: bool) -> RenderableType:
    if shown is None:
        return Text("not read yet", "dim")
    overview = stacks_view.overview(shown, now)
    if not is_short:
        return overview
    # A line for each: what the last column says is cut where it ends.
    parts = list(overview.renderables) if isinstance(overview, Group) else [overview]
    for part in parts:
        if isinstance(part, Table):
            part.expand = True
            column = part.columns[-1]
            column.ratio, column.no_wrap, column.overflow = 1, True, "ellipsis"
        elif isinstance(part, Text):
            _shorten(part)
    return Group(*(part for part in parts if not isinstance(part, Text) or part.plain))


def remarks(scene: Scene) -> Iterator[str]:
    """What people must know before they believe the rest."""
    yield from scene.problems
    if scene.stacks is not None:
        yield from stacks_view.remarks(scene.stacks)


# --- nodes --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node with the names and states of its tasks."""

    hostname: str
    kind: str
    """`leader`, `manager` or `worker`."""
    state: str
    tasks: tuple[tuple[str, str], ...]
    """Name as `docker service ps` shows it, and state."""


def _nodes(swarm: Swarm | None) -> Iterator[NodeRow]:
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


def _nodes_part(rows: Sequence[NodeRow], detail: _Detail) -> RenderableType:
    if not rows:
        return Text("not read yet", "dim")
    if detail < _Detail.NODES_COUNTED:
        return _node_table(rows, is_short=detail >= _Detail.LINE_EACH)
    well = [row for row in rows if row.state == "ready"]
    others = [row for row in rows if row.state != "ready"]
    tasks = sum(len(row.tasks) for row in well)
    counted = Text(f"{len(well)} nodes ready, with {tasks} tasks", "green")
    if not others:
        return counted
    shown = others[:MOST_PROBLEMS]
    more = len(others) - len(shown)
    rest = [Text(f"… and {more} more that are not ready", "red")] if more else []
    return Group(counted, _node_table(shown, is_short=True), *rest)


def _node_table(rows: Sequence[NodeRow], *, is_short: bool = False) -> Table:
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


# --- actions ------------------------------------------------------------------------------------


def _event_table(shown: Sequence[Event]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, expand=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for event in shown:
        is_done = event.result == "done"
        message = f": {one_line(event.message)}" if event.message else ""
        changes = ", ".join(events_view.path_of(change) for change in event.changes)
        table.add_row(
            Text(f"{event.when:%H:%M:%S}", "dim"),
            f"{event.verb} {event.kind} {event.name}",
            Text(event.result, "" if is_done else "red"),
            Text(event.reason + message + (f" [{changes}]" if changes else "")),
        )
    return table


def one_line(text: str) -> str:
    """Without line ends."""
    return " ".join(text.split())
