"""`swarm-operator pause`: hands off a stack for a while."""

from datetime import UTC, datetime, timedelta

import click

from desired_state import keys, policy
from desired_state.records import Request
from swarm_operator.cli import request, stack_names
from swarm_operator.cli.completion import complete_stack
from swarm_operator.cli.invocation import Invocation, pass_invocation


def moment(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | None:
    """RFC 3339 with a zone, or how long from now."""
    if value is None:
        return None
    now = datetime.now(UTC)
    try:
        wished = now + timedelta(seconds=policy.seconds(value))
    except ValueError:
        wished = _written(value)
    except OverflowError:
        raise click.BadParameter(f"{value!r} is too long") from None
    if wished <= now:
        raise click.BadParameter(f"{value!r} is over already")
    return wished


def _written(value: str) -> datetime:
    try:
        written = datetime.fromisoformat(value)
    except ValueError:
        message = f"{value!r} is neither a moment such as 2030-01-31T18:00:00Z nor one such as 2h"
        raise click.BadParameter(message) from None
    if written.tzinfo is None:
        raise click.BadParameter(f"{value!r} has no time zone: write 2030-01-31T18:00:00Z")
    return written.astimezone(UTC)


@click.command("pause", short_help="Hands off a stack, until `resume`.")
@click.argument("stack", shell_complete=complete_stack)
@click.option("--reason", required=True, metavar="TEXT", help="Why; shown wherever the stack is.")
@click.option(
    "--until",
    callback=moment,
    metavar="RFC3339|2h",
    help="When it ends by itself; without it only `resume` ends it.",
)
@pass_invocation
def command(invocation: Invocation, /, stack: str, reason: str, until: datetime | None) -> None:
    """Pause a stack: the operator looks, plans and reports, and changes nothing of it.

    What runs goes on running, and its names go on following it. It is the same as `sync: {paused:
    …}` in the document, for those who do not want to push.
    """
    if not reason.strip():
        raise click.UsageError("--reason is empty: say why, others will ask")
    kv = invocation.kv
    stack_names.require(kv, stack)
    before = kv.get(keys.DESIRED + keys.request_key("pause", stack))
    request.write(kv, "pause", stack, reason=reason.strip(), until=until)
    end = f"until {until:%Y-%m-%d %H:%M:%S} UTC" if until else f"until `resume {stack}`"
    click.echo(f"{stack}: paused {end}{_in_place_of(before.value if before else None)}")


def _in_place_of(value: bytes | None) -> str:
    earlier = Request.parse(value) if value is not None else None
    if earlier is None:
        return ""
    by = f" by {earlier.who}" if earlier.who else ""
    return f", in place of the pause{by}: {earlier.reason}"
