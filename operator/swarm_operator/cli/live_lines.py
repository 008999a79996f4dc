"""What changed on a swarm, in plain lines; for where there is no terminal to draw on. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from desired_state.records import Event
from swarm_operator.cli import events as events_view
from swarm_operator.cli.live_nodes import node_state, task_name
from swarm_operator.cli.live_view import Scene, one_line, remarks
from swarm_operator.cli.stacks_view import View
from swarm_operator.observed.swarm import Swarm

MOST_EVENTS: Final = 50
"""So many lines of them at once, the newest."""


def lines(before: Scene, after: Scene) -> list[str]:
    """What changed, one line each; for where there is no terminal to draw on."""
    return [
        *_problem_lines(before, after),
        *_node_lines(before.swarm, after.swarm),
        *_task_lines(before.swarm, after.swarm),
        *_event_lines(before.events, after.events),
        *_stack_lines(before.stacks, after.stacks),
    ]


def _problem_lines(before: Scene, after: Scene) -> Iterator[str]:
    known = set(remarks(before))
    yield from (f"! {problem}" for problem in remarks(after) if problem not in known)


def _node_lines(before: Swarm | None, after: Swarm | None) -> Iterator[str]:
    if after is None:
        return
    known = {node.id: node_state(node) for node in before.nodes} if before else {}
    for node in sorted(after.nodes, key=lambda node: node.hostname):
        was, is_now = known.get(node.id), node_state(node)
        if was != is_now:
            yield f"node {node.hostname}: {f'{was} → ' if was else ''}{is_now}"


def _task_lines(before: Swarm | None, after: Swarm | None) -> Iterator[str]:
    """Tasks that came up, and those that ended badly; what lies between is told by the stacks, and
    what was there from the beginning too."""
    if before is None or after is None:
        return
    known = {task.id: task.state for task in before.tasks}
    names = {service.id: service.name for service in after.services}
    hosts = {node.id: node.hostname for node in after.nodes}
    for task in after.tasks:
        if task.state == known.get(task.id):
            continue
        host = hosts.get(task.node_id or "", "no node")
        error = f": {one_line(task.error)}" if task.error else ""
        if task.state in {"running", "failed", "rejected"}:
            yield f"task {task_name(task, names, host)} on {host}: {task.state}{error}"


def _event_lines(before: Sequence[Event], after: Sequence[Event]) -> Iterator[str]:
    last = before[-1].number if before else 0
    if after and after[-1].number < last:
        last = 0  # the KV was wiped, and the numbers begin anew
    fresh = [event for event in after if event.number > last]
    yield from (events_view.line(event) for event in fresh[-MOST_EVENTS:])


def _stack_lines(before: View | None, after: View | None) -> Iterator[str]:
    if after is None:
        return
    known = {name: _stack_text(before, name) for name in before.stacks} if before else {}
    for name in after.stacks:
        text = _stack_text(after, name)
        if text != known.get(name):
            yield f"stack {name}: {text}"
    yield from (f"stack {name}: gone" for name in known if name not in after.stacks)


def _stack_text(view: View, name: str) -> str:
    record = view.stacks[name]
    running = sum(service.running for service in record.services.values())
    wanted = sum(service.wanted for service in record.services.values())
    why = one_line(record.message or record.reason)
    tasks = f", {running} of {wanted} tasks run" if record.services else ""
    return f"{record.state}{tasks}" + (f" ({why})" if why else "")
