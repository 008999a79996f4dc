"""`demo freeze` and `demo thaw`: servers that stand still."""

import click

from swarm_operator.cli.demo.world_client import the_world
from swarm_operator.cli.invocation import Invocation, pass_invocation
from swarm_operator.settings import values

FACES = ("kv", "docker")


def _duration(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    try:
        return values.duration(0.001, 86400)(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a duration such as 10s or 2m") from None


_face_argument = click.argument("face", type=click.Choice(FACES), metavar="kv|docker")


@click.command("freeze", short_help="Let the KV, or the engine, stand still.")
@_face_argument
@click.option("--for", "for_s", callback=_duration, metavar="DURATION", help="Then it thaws.")
@pass_invocation
def freeze_command(invocation: Invocation, /, face: str, for_s: float | None) -> None:
    """Let a server take connections and requests, and answer none, as one does that was stopped.

    The operator loses its lease and touches nothing; what runs goes on running.
    """
    parameters = {} if for_s is None else {"for_s": f"{for_s:g}"}
    the_world(invocation).send("POST", face, "freeze", **parameters)
    end = f"; `demo thaw {face}` ends it" if for_s is None else f" for {for_s:g} s"
    click.echo(f"{face} is frozen{end}")


@click.command("thaw", short_help="Let it go on.")
@_face_argument
@pass_invocation
def thaw_command(invocation: Invocation, /, face: str) -> None:
    """Let a frozen server go on with what waited."""
    the_world(invocation).send("POST", face, "thaw")
    click.echo(f"{face} answers again")
