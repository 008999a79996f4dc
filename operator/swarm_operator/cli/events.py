"""`swarm-operator events`: what the operator did, with causes and outcomes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import click
from rich.table import Table
from rich.text import Text

from desired_state import keys
from desired_state.records import Event
from swarm_operator.cli import output, stack_names, waiting
from swarm_operator.cli.completion import complete_stack
from swarm_operator.cli.invocation import Invocation, WatchedKv, pass_invocation
from swarm_operator.observed.errors import Unavailable
from swarm_operator.observed.kv import KvEntry
from swarm_operator.runtime.events import RING

RING_PREFIX: Final = f"{keys.event_key(0).rpartition('/')[0]}/"
ONE_WAIT_S: Final = 30.0
_FINE: Final = frozenset({"done", "planned", "step", "moved"})


@click.command("events", short_help="Show what the operator did lately, and why.")
@click.argument("stack", required=False, shell_complete=complete_stack)
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=RING),
    default=50,
    show_default=True,
    metavar="N",
    help="The newest N only.",
)
@click.option("--follow", is_flag=True, help="Go on with each new one, until Ctrl-C.")
@output.format_option("table", "json")
@pass_invocation
def command(
    invocation: Invocation, /, stack: str | None, limit: int, follow: bool, output_format: str
) -> None:
    """Show the operator's last actions, the oldest first: of all stacks, or of one STACK.

    Each names its cause (a key of the KV with its index, or what was seen in Docker), and how it
    ended. The operator keeps the last 200. `-o json` with --follow is one object on each line.
    """
    kv = invocation.kv
    found = in_order(kv.read(RING_PREFIX).entries, stack)
    if stack is not None and not found:
        stack_names.require(kv, stack)
    if not follow:
        _print(found[-limit:], output_format)
        return
    _print_lines(found[-limit:], output_format)
    try:
        _follow(kv, stack, max((event.number for event in found), default=0), output_format)
    except KeyboardInterrupt:
        return


def in_order(entries: Mapping[str, KvEntry], stack: str | None = None) -> list[Event]:
    """The ring's events by number; what cannot be read is left out."""
    parsed = (Event.parse(entry.value) for entry in entries.values())
    found = [event for event in parsed if event is not None and stack in (None, event.stack)]
    return sorted(found, key=lambda event: event.number)


def _follow(kv: WatchedKv, stack: str | None, last: int, output_format: str) -> None:
    """Ends by KeyboardInterrupt only."""
    index, said = 0, ""
    while True:
        try:
            tree = kv.watch(RING_PREFIX, index, ONE_WAIT_S)
        except Unavailable as error:
            if str(error) != said:
                output.warn(str(error))
            index, said = 0, str(error)
            waiting.after_an_outage()
            continue
        index, said = tree.index, ""
        every = in_order(tree.entries)
        if every and every[-1].number < last:
            last = 0  # the KV was wiped, and the numbers begin anew
        fresh = [event for event in every if event.number > last]
        _print_lines([event for event in fresh if stack in (None, event.stack)], output_format)
        last = max((event.number for event in every), default=last)


def _print(events: Sequence[Event], output_format: str) -> None:
    if output_format == "json":
        output.json([event.model_dump(mode="json") for event in events])
    elif events:
        output.table(_table(events))
    else:
        click.echo("no events")


def _print_lines(events: Iterable[Event], output_format: str) -> None:
    for event in events:
        if output_format == "json":
            click.echo(json.dumps(event.model_dump(mode="json"), ensure_ascii=False))
        else:
            click.echo(f"{event.when:%Y-%m-%d %H:%M:%S} {line(event)}")


def line(event: Event) -> str:
    """An event in one line, without its time."""
    message = f" ({' '.join(event.message.split())})" if event.message else ""
    changes = (
        f" [{', '.join(path_of(change) for change in event.changes)}]" if event.changes else ""
    )
    reason = f"; {event.reason}" if event.reason else ""
    cause = f"; cause: {event.cause}" if event.cause else ""
    return (
        f"#{event.number} {event.verb} {event.kind} {event.name}: {event.result}{message}"
        f"{reason}{changes}{cause}"
    )


def why(event: Event) -> str:
    """Reason and message, of which either may be missing."""
    return ": ".join(part for part in (event.reason, " ".join(event.message.split())) if part)


def result_style(result: str) -> str:
    """Red is what did not come off."""
    return "" if result in _FINE else "red"


def path_of(change: str) -> str:
    """`Labels.x` of `Labels.x: 1 → 2`."""
    return change.partition(": ")[0]


def _table(events: Sequence[Event]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("#", "WHEN", "STACK", "ACTION", "RESULT", "WHY", "CHANGES", "CAUSE"):
        table.add_column(
            column, overflow="fold", no_wrap=column in {"#", "WHEN", "STACK", "RESULT"}
        )
    for event in events:
        table.add_row(
            str(event.number),
            f"{event.when:%Y-%m-%d %H:%M:%S}",
            event.stack,
            f"{event.verb} {event.kind} {event.name}",
            Text(event.result, result_style(event.result)),
            why(event),
            ", ".join(path_of(change) for change in event.changes),
            event.cause,
        )
    return table
