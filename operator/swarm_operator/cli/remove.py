"""`swarm-operator remove`: a stack is to go."""

import sys
from datetime import UTC, datetime

import click

from desired_state import keys
from desired_state.records import Tombstone
from swarm_operator.cli import output, stack_names
from swarm_operator.cli.completion import complete_stack
from swarm_operator.cli.invocation import Invocation, pass_invocation, who
from swarm_operator.observed.kv import DeleteTree, Put


@click.command("remove", short_help="Remove a stack.")
@click.argument("stack", shell_complete=complete_stack)
@click.option("--why", default="", metavar="TEXT", help="The reason, kept with the removal.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_invocation
def command(invocation: Invocation, /, stack: str, why: str, yes: bool) -> None:
    """Remove a stack: its folder from the KV and, by the operator, all its services.

    Volumes and what does not belong to the stack stay. Until the operator is done the KV holds
    desired/removed/STACK; a push of the stack after this takes the removal back.
    """
    kv = invocation.kv
    folder = keys.DESIRED + keys.stack_folder(stack)
    files = kv.read(folder).entries
    if not files:
        # A name that neither the KV's stacks nor the status knows is a slip of the finger.
        stack_names.require(kv, stack)
    if not yes and is_terminal():
        click.confirm(f"Remove the stack {stack}, all its services and its folder?", abort=True)
    tombstone = Tombstone(who=who(), when=datetime.now(UTC), why=why)
    key = keys.DESIRED + keys.removed_key(stack)
    kv.commit([Put(key, tombstone.encode()), DeleteTree(folder)])
    removed = f"its folder ({output.plural(len(files), 'key')})" if files else "no folder was left"
    click.echo(f"{stack}: to be removed; {removed}. `swarm-operator status` shows the progress.")


def is_terminal() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty()
