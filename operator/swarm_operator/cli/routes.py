"""`swarm-operator routes`: what is published for Traefik, how far it has come, and why the rest is not."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from desired_state import keys
from desired_state.problems import Severity
from desired_state.route_records import StackRoutes, TraefikStatus
from swarm_operator.cli import output, request, route_input, routes_view, stack_files
from swarm_operator.cli.completion import complete_stack
from swarm_operator.cli.invocation import Invocation, WatchedKv, pass_invocation
from swarm_operator.cli.routes_view import RoutesView
from swarm_operator.cli.waiting import wait_options
from swarm_operator.observed.kv import Delete, Put
from swarm_operator.plan.routes.documents import owner_of_document
from swarm_operator.plan.routes.offline import Readings, document_problems
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.runtime.routes.documents import ADOPT, parse_object


@click.group("routes", invoke_without_command=True, short_help="Show the routes for Traefik.")
@click.option(
    "--stack", metavar="STACK", help="Only the routes of one stack.", shell_complete=complete_stack
)
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


_files: Final = click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE…",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)


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


@command.command("validate", short_help="Check documents of routes on disk.")
@_files
@route_input.version_option
@pass_invocation
def validate(invocation: Invocation, /, files: tuple[Path, ...], traefik: str | None) -> None:
    """Check documents for desired/routes/: exit code 0 where they are good, 1 with every problem.

    A FILE is what `routes push` would write. Nothing is asked of Docker or Consul.
    """
    _checked(files, route_input.readings(invocation, traefik) or Readings(RouteSettings()))


@command.command("push", short_help="Write documents of routes from disk into the KV.")
@_files
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@pass_invocation
def push(invocation: Invocation, /, files: tuple[Path, ...], dry_run: bool) -> None:
    """Write documents of routes (backends outside the swarm, shared middlewares) into the KV.

    FILE legacy.yaml becomes desired/routes/legacy. All files are checked before the first write. The
    operator publishes them at once.
    """
    routes = route_input.readings(invocation)
    if routes is None:
        output.warn("the settings say that no routes are published: nothing will come of this")
    routes = route_input.with_documents(routes, invocation)
    documents = _checked(files, routes or Readings(RouteSettings()))
    kv = invocation.kv
    for name, content in documents.items():
        key = owner_of_document(name)
        known = kv.get(key)
        if known is not None and known.value == content:
            click.echo(f"{key}: unchanged")
            continue
        if not dry_run:
            kv.commit([Put(key, content, index=known.modify_index if known is not None else 0)])
        click.echo(f"{key}: {'would be written' if dry_run else 'written'}")


@command.command("remove", short_help="Delete documents of routes from the KV.")
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@pass_invocation
def remove(invocation: Invocation, /, names: tuple[str, ...]) -> None:
    """Delete documents of routes, by their names in desired/routes/; their routes go at once.

    Those of services go with their labels: `push` a document without them.
    """
    kv = invocation.kv
    found = {name: kv.get(owner_of_document(name)) for name in names}
    missing = [name for name, entry in found.items() if entry is None]
    if missing:
        raise click.ClickException(f"there is no document {owner_of_document(missing[0])}")
    for name, entry in found.items():
        assert entry is not None
        kv.commit([Delete(owner_of_document(name), index=entry.modify_index)])
        click.echo(f"{owner_of_document(name)}: deleted")


def _checked(files: tuple[Path, ...], routes: Readings) -> dict[str, bytes]:
    """The documents by name; every problem of every one is said, and ends the command."""
    documents = {file.name.partition(".")[0]: stack_files.read_limited(file) for file in files}
    if len(documents) < len(files):
        raise click.UsageError("two files have one name: they would be one document")
    failed = False
    for file, (name, content) in zip(files, documents.items(), strict=True):
        found = [
            replace(problem, document=str(file))
            for problem in document_problems(name, content, routes)
        ]
        output.problems(tuple(found), name, of="document")
        failed |= any(problem.severity is Severity.ERROR for problem in found)
    if failed:
        raise click.exceptions.Exit(1)
    return documents


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
