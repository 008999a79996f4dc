"""`demo break` and `demo mend`: how the containers of an image behave."""

import click

from swarm_operator.cli import output
from swarm_operator.cli.demo.clients import clients_for
from swarm_operator.cli.demo.world_client import the_world
from swarm_operator.cli.invocation import Invocation, pass_invocation
from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.json import dig
from swarm_operator.observed.swarm import Service

HOW = ("crash", "unhealthy", "missing", "slow", "stubborn")


@click.command("break", short_help="Break an image.")
@click.argument("image")
@click.option(
    "--how",
    type=click.Choice(HOW),
    default="crash",
    show_default=True,
    help="crash: ends with exit code 1 after half a second; unhealthy: fails its health check, "
    "where it has one; missing: no node has it; slow: starts within 20 s; stubborn: ignores SIGTERM.",
)
@pass_invocation
def break_command(invocation: Invocation, /, image: str, how: str) -> None:
    """Let all containers of IMAGE misbehave that start from now on.

    IMAGE is a reference as documents write it, `nginx:1.28-alpine`, or without its tag: all tags.
    Then let the operator roll it out, e.g. `demo edit site --service web --image nginx:broken`.
    """
    if not image.strip():
        raise click.UsageError("IMAGE is empty")
    world = the_world(invocation)
    state = world.send("PUT", "images", image=image, how=how)
    click.echo(f"{image}: {how}; `demo mend {image}` ends it")
    try:
        swarm = clients_for(world.docker_host, state["consul_addr"]).swarm.read()
    except OutsideError:  # frozen, or without a leader: the image is broken all the same
        return
    used = sorted({_image_of(service) for service in swarm.services} - {""})
    if not any(_is_meant(image, each) for each in used):
        output.warn(f"no service uses {image} now; there are: {', '.join(used) or '(none)'}")


def _image_of(service: Service) -> str:
    """Without the digest, as documents write it."""
    image = str(dig(service.spec, "TaskTemplate", "ContainerSpec", "Image") or "")
    return image.partition("@")[0]


def _is_meant(reference: str, image: str) -> bool:
    """Whether a broken `reference`, with a tag or without, is that image."""
    return reference in {image, image.rpartition(":")[0]}


@click.command("mend", short_help="Mend an image.")
@click.argument("image")
@pass_invocation
def mend_command(invocation: Invocation, /, image: str) -> None:
    """Let containers of IMAGE work again, from their next start on."""
    the_world(invocation).send("DELETE", "images", image=image)
    click.echo(f"{image}: mended")
