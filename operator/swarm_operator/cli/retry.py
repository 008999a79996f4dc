"""`swarm-operator retry`: try again what was rejected, or left to another hand."""

import click

from swarm_operator.cli import request
from swarm_operator.cli.completion import complete_target
from swarm_operator.cli.invocation import Invocation, pass_invocation
from swarm_operator.cli.waiting import wait_options


@click.command("retry", short_help="Try a stack or a service again now.")
@click.argument("target", metavar="STACK[/SERVICE]", shell_complete=complete_target)
@wait_options()
@pass_invocation
def command(invocation: Invocation, /, target: str, wait: bool, timeout_s: float) -> None:
    """Try a stack, or one service of it, again now.

    A spec that was rejected or rolled back is sent once more, a back-off ends, and a service that
    was left to another hand is put back.
    """
    kv = invocation.kv
    request.checked_target(kv, target)
    index = request.write(kv, "retry", target)
    click.echo(f"{target}: to be tried again")
    if wait:
        request.wait_until_taken(kv, "retry", target, index, timeout_s)
        click.echo(f"{target}: the operator took it")
