"""`swarm-operator resume`: ends a pause."""

import click

from desired_state import keys
from desired_state.records import Request
from swarm_operator.cli import kv_folder, output, stack_names
from swarm_operator.cli.completion import complete_stack
from swarm_operator.cli.invocation import Invocation, WatchedKv, pass_invocation
from swarm_operator.observed.kv import Delete


@click.command("resume", short_help="End the pause of a stack.")
@click.argument("stack", shell_complete=complete_stack)
@pass_invocation
def command(invocation: Invocation, /, stack: str) -> None:
    """End the pause of a stack; the operator does at once what it held.

    A pause that the document itself asks for (`sync: {paused: …}`) ends by a push: that is said,
    and exit code 1 where there is no other.
    """
    kv = invocation.kv
    key = keys.DESIRED + keys.request_key("pause", stack)
    entry = kv.get(key)
    if entry is None:
        stack_names.require(kv, stack)
        if remark := _paused_by_document(kv, stack):
            raise click.ClickException(remark)
        click.echo(f"{stack}: was not paused")
        return
    kv.commit([Delete(key, index=entry.modify_index)])
    pause = Request.parse(entry.value) or Request()
    by = f" by {pause.who}" if pause.who else ""
    reason = f": {pause.reason}" if pause.reason else ""
    click.echo(f"{stack}: resumed; it was paused{by}{reason}")
    if remark := _paused_by_document(kv, stack):
        output.warn(remark)


def _paused_by_document(kv: WatchedKv, stack: str) -> str:
    specs = kv_folder.read(kv, stack).parsed.specs
    pause = specs.options.sync.paused if specs is not None else None
    if pause is None:
        return ""
    until = f" until {pause.until:%Y-%m-%d %H:%M %Z}" if pause.until else ""
    return (
        f"{stack} is paused by its own document{until} ({pause.reason}): take x-operator.sync out of "
        "it and push"
    )
