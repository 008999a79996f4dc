"""`swarm-operator approve`: a person agrees to what the operator holds back."""

import click

from swarm_operator.cli import request
from swarm_operator.cli.completion import complete_stack
from swarm_operator.cli.invocation import Invocation, pass_invocation
from swarm_operator.cli.waiting import wait_options


@click.command("approve", short_help="Approve what waits for a person.")
@click.argument("stack", shell_complete=complete_stack)
@wait_options()
@pass_invocation
def command(invocation: Invocation, /, stack: str, wait: bool, timeout_s: float) -> None:
    """Approve the actions that wait for a person, as `status STACK` shows them now.

    The approval is for just these: if the plan becomes another one, it holds no more.
    """
    kv = invocation.kv
    status = request.stack_status(kv, stack)
    if not status.plan:
        raise click.ClickException(f"nothing of {stack} waits for approval ({status.state})")
    index = request.write(kv, "approve", stack, digest=status.plan, names=status.waiting)
    what = ", ".join(status.waiting) or f"plan {status.plan}"
    click.echo(f"{stack}: approved {what}")
    if wait:
        request.wait_until_taken(kv, "approve", stack, index, timeout_s)
        click.echo(f"{stack}: the operator took it")
