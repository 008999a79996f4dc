"""A swarm and its operator in one picture: nodes with their tasks, stacks, the last actions.

Pure: from what was read to something that rich prints.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final, TypeAlias

from rich.console import (
    Console,
    ConsoleOptions,
    Group,
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
from swarm_operator.cli.live_nodes import NodeRow, node_rows, node_table
from swarm_operator.cli.stacks_view import View
from swarm_operator.observed.swarm import Swarm

FEWEST_EVENTS: Final = 4
"""So many of the last actions have room however small the terminal is."""
KEPT_HEADER: Final = 4
"""So many lines of the header too: what it is, and where; on the very smallest terminal one less."""
MOST_PROBLEMS: Final = 2
"""So many lines of what is to be known, and of lost nodes, where the terminal is small."""

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

    Of `header` the first `KEPT_HEADER` lines are kept wherever they fit.
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
        kept = KEPT_HEADER - (detail is _Detail.ADDRESSES)
        header = [Text(line) for line in (self.header[:kept] if is_short else self.header)]
        if is_short and header:
            _shorten(header[0])
        problems = [Text(problem, "yellow") for problem in remarks(self.scene)]
        if is_short:
            problems = [*map(_shorten, problems[:MOST_PROBLEMS]), *_more(problems)]
        nodes = _nodes_part([*node_rows(self.scene.swarm)], detail)
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
    ADDRESSES = 4
    """Of the header no more than where the engine and the KV are."""


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


def _nodes_part(rows: Sequence[NodeRow], detail: _Detail) -> RenderableType:
    if not rows:
        return Text("not read yet", "dim")
    if detail < _Detail.NODES_COUNTED:
        return node_table(rows, is_short=detail >= _Detail.LINE_EACH)
    well = [row for row in rows if row.state == "ready"]
    others = [row for row in rows if row.state != "ready"]
    tasks = sum(len(row.tasks) for row in well)
    counted = Text(f"{len(well)} nodes ready, with {tasks} tasks", "green")
    if not others:
        return counted
    shown = others[:MOST_PROBLEMS]
    more = len(others) - len(shown)
    rest = [Text(f"… and {more} more that are not ready", "red")] if more else []
    return Group(counted, node_table(shown, is_short=True), *rest)


# --- actions ------------------------------------------------------------------------------------


def _event_table(shown: Sequence[Event]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, expand=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for event in shown:
        changes = ", ".join(events_view.path_of(change) for change in event.changes)
        table.add_row(
            Text(f"{event.when:%H:%M:%S}", "dim"),
            f"{event.verb} {event.kind} {event.name}",
            Text(event.result, events_view.result_style(event.result)),
            Text(events_view.why(event) + (f" [{changes}]" if changes else "")),
        )
    return table


def one_line(text: str) -> str:
    """Without line ends."""
    return " ".join(text.split())
