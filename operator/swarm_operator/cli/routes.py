"""`swarm-operator routes`: what is published for Traefik, how far it has come, and why the rest is not."""

from datetime import UTC, datetime

import click

from desired_state import keys
from desired_state.route_records import StackRoutes, TraefikStatus
from swarm_operator.cli import output, request, routes_view
from swarm_operator.cli.invocation import Invocation, WatchedKv, pass_invocation
from swarm_operator.cli.routes_view import RoutesView
from swarm_operator.cli.waiting import wait_options
from swarm_operator.runtime.routes.documents import ADOPT, parse_object


@click.group("routes", invoke_without_command=True, short_help="Show the routes for Traefik.")
@click.option("--stack", metavar="STACK", help="Only the routes of one stack.")
@output.format_option("table", "json")
@click.pass_context
def command(ctx: click.Context, /, stack: str | None, output_format: str) -> None:
    """Show what is published for Traefik: each route's state, its servers, since when, and why not.

    live: every running instance serves it. pending: written, not seen everywhere yet. unknown: nobody
    can be asked. disabled: Traefik refuses it. frozen: an instance takes no changes any more.
    conflict: another hand's keys are in its place. rejected: it is not written, for it would not work.
    """
    if ctx.invoked_subcommand is not None:
        return
    invocation = ctx.find_object(Invocation)
    assert invocation is not None
    shown = read(invocation.kv)
    if stack is not None:
        if stack not in shown.stacks:
            raise click.ClickException(f"the operator knows no routes of a stack {stack}")
        shown = RoutesView(shown.traefik, {stack: shown.stacks[stack]}, shown.is_led)
    if not shown.is_led:
        output.warn("no operator holds the lease: nothing is published, and what follows is old")
    if output_format == "json":
        output.json(routes_view.as_json(shown))
    else:
        output.table(routes_view.as_text(shown, datetime.now(UTC)))


def read(kv: WatchedKv) -> RoutesView:
    """What the operator wrote about routes."""
    entry = kv.get(keys.TRAEFIK_STATUS)
    holder = kv.get(keys.LOCK)
    records = {
        stack: record
        for stack, found in sorted(kv.read(keys.ROUTES_STATUS).entries.items())
        if (record := StackRoutes.parse(found.value)) is not None
    }
    return RoutesView(
        TraefikStatus.parse(entry.value) if entry is not None else None,
        records,
        holder is not None and holder.session is not None,
    )


@command.command("adopt", short_help="Take an object's keys over from another hand.")
@click.argument("objects", nargs=-1, required=True, metavar="OBJECT…")
@wait_options(what="Wait until the operator has them.")
@pass_invocation
def adopt(
    invocation: Invocation, /, objects: tuple[str, ...], wait: bool, timeout_s: float
) -> None:
    """Write objects as the services wish them, though another hand wrote some of their keys.

    An OBJECT is named as `swarm-operator routes` shows it in a conflict: http/routers/web. Its foreign
    keys are overwritten or deleted; those of other objects stay.
    """
    for text in objects:
        if parse_object(text) is None:
            raise click.UsageError(f"{text!r} names no object: write e.g. http/routers/web")
    kv = invocation.kv
    indexes = {text: request.write(kv, ADOPT, text) for text in objects}
    for text in objects:
        click.echo(f"{text} is to be adopted")
    if wait:
        for text, index in indexes.items():
            request.wait_until_taken(kv, ADOPT, text, index, timeout_s)
            click.echo(f"{text} is the operator's now")
