"""`swarm-operator redeploy`: the same spec once more, for a tag that moved."""

import click

from swarm_operator.cli import request
from swarm_operator.cli.completion import complete_target
from swarm_operator.cli.invocation import Invocation, pass_invocation
from swarm_operator.cli.waiting import wait_options


@click.command("redeploy", short_help="Restart a stack or a service with the spec that it has.")
@click.argument("target", metavar="STACK[/SERVICE]", shell_complete=complete_target)
@wait_options()
@pass_invocation
def command(invocation: Invocation, /, target: str, wait: bool, timeout_s: float) -> None:
    """Restart the tasks of a stack, or of one service of it, with the spec that they have.

    Each service is restarted once, in the way that its `update_config` says; a tag that moved is
    pulled anew. A pause or another brake holds it as any change. --wait ends when the operator has
    given the order; `status` shows how it goes.
    """
    kv = invocation.kv
    request.checked_target(kv, target)
    index = request.write(kv, "redeploy", target)
    click.echo(f"{target}: to be restarted")
    if wait:
        request.wait_until_taken(kv, "redeploy", target, index, timeout_s)
        click.echo(f"{target}: the operator gave the order")
