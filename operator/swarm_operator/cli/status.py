"""`swarm-operator status`: how the stacks stand, as the operator wrote it into the KV."""

import difflib
import sys
from datetime import UTC, datetime
from typing import Final

import click
from rich.console import Console, RenderableType

from desired_state import keys
from swarm_operator.cli import output, stacks_view, waiting
from swarm_operator.cli.completion import complete_stack
from swarm_operator.cli.invocation import Invocation, WatchedKv, pass_invocation
from swarm_operator.cli.stacks_view import View
from swarm_operator.observed.errors import Unavailable

ONE_WAIT_S: Final = 30.0


@click.command("status", short_help="Show how the stacks stand.")
@click.argument("stack", required=False, shell_complete=complete_stack)
@click.option("--watch", is_flag=True, help="Show it again whenever it changes, until Ctrl-C.")
@output.format_option("table", "json")
@pass_invocation
def command(invocation: Invocation, /, stack: str | None, watch: bool, output_format: str) -> None:
    """Show all stacks, or all about one STACK.

    The operator writes a status when something changes, so it may be old where no operator holds
    the lease; that is said on standard error.
    """
    kv = invocation.kv
    if watch:
        try:
            _follow(kv, stack, output_format)
        except KeyboardInterrupt:
            return
    shown = _read(kv)
    _require(shown, stack)
    for remark in stacks_view.remarks(shown):
        output.warn(remark)
    _print(shown, stack, output_format)


def _read(kv: WatchedKv) -> View:
    return stacks_view.view(kv.read(keys.STATUS), kv.get(keys.LOCK), kv.read(keys.DESIRED).entries)


def _require(shown: View, stack: str | None) -> None:
    if stack is None or stack in shown.stacks:
        return
    if stack in shown.unseen:
        lead = "it was pushed a moment ago" if shown.is_led else "no operator holds the lease"
        raise click.ClickException(f"no operator has looked at {stack} yet: {lead}")
    near = difflib.get_close_matches(stack, [*shown.stacks, *shown.unseen], 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise click.ClickException(f"there is no stack {stack}{hint}")


def _print(shown: View, stack: str | None, output_format: str) -> None:
    if output_format == "json":
        output.json(stacks_view.as_json(shown, stack))
    else:
        output.table(_text(shown, stack))


def _text(shown: View, stack: str | None) -> RenderableType:
    now = datetime.now(UTC)
    if stack is None:
        return stacks_view.overview(shown, now)
    routes = shown.stack_routes.get(stack)
    return stacks_view.details(shown.stacks[stack], now, shown.rebalance, routes)


def _follow(kv: WatchedKv, stack: str | None, output_format: str) -> None:
    """Blocking reads of `status/`; a picture for each change. Ends by KeyboardInterrupt only."""
    screen = Console() if sys.stdout.isatty() and output_format == "table" else None
    index, last = 0, ""
    while True:
        try:
            index = kv.watch(keys.STATUS, index, ONE_WAIT_S).index
            shown = _read(kv)
            picture = repr(shown)
        except Unavailable as error:
            shown, index, picture = None, 0, str(error)
        if shown is None:
            waiting.after_an_outage()
        if picture == last and screen is None:
            continue
        last = picture
        if screen is not None:
            screen.clear()
        if shown is None:
            output.warn(picture)
        elif stack is None or stack in shown.stacks:
            for remark in stacks_view.remarks(shown):
                output.warn(remark)
            _print(shown, stack, output_format)
        else:
            output.warn(f"no operator has looked at {stack} yet")
