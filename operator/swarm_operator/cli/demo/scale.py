"""`demo scale`: a hand from outside, which the operator has not asked for."""

import copy
import difflib
from typing import Any, Final

import click

from swarm_operator.cli.demo.clients import clients_for
from swarm_operator.cli.demo.world_client import the_world
from swarm_operator.cli.invocation import Invocation, pass_invocation
from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.observed.swarm import Service, Swarm
from swarm_operator.runtime.ports import SwarmPort

MOST: Final = 1000
"""Replicas: more than that keep the simulated world busy for so long that nobody gets an answer."""


def _parse(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[str, int]:
    name, equals, number = value.rpartition("=")
    if not equals or not name or not number.isdecimal():
        raise click.BadParameter(f"{value!r} is not SERVICE=N, e.g. site_web=5")
    if len(number) > len(str(MOST)) or int(number) > MOST:
        raise click.BadParameter(
            f"{number} replicas are too many: the simulated nodes run in one process; up to {MOST}"
        )
    return name, int(number)


@click.command("scale", short_help="Scale a service behind the operator's back.")
@click.argument("wish", metavar="SERVICE=N", callback=_parse)
@pass_invocation
def scale_command(invocation: Invocation, /, wish: tuple[str, int]) -> None:
    """Set the replicas of a service through the Engine API, as `docker service scale` does.

    The KV says otherwise: the operator puts it back, once. Done again within ten minutes it takes
    the other hand for one that insists, says so, and leaves it alone.
    """
    world = the_world(invocation)
    swarm = clients_for(world.docker_host, world.state()["consul_addr"]).swarm
    before = scale(swarm, *wish)
    click.echo(f"{wish[0]}: {before} → {wish[1]} replicas")


def scale(swarm: SwarmPort, name: str, replicas: int) -> int:
    """Writes it, and returns how many there were. Raises ClickException, OutsideError."""
    service = _service(swarm.read(), name)
    before = dig(service.spec, "Mode", "Replicated", "Replicas")
    if before is None:
        raise click.ClickException(f"{name} is not replicated: it has no number to change")
    swarm.update_service(service.id, service.version, _with_replicas(service.spec, replicas))
    return int(before)


def _service(swarm: Swarm, name: str) -> Service:
    found = swarm.services_by_name.get(name)
    if found is None:
        near = difflib.get_close_matches(name, swarm.services_by_name, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise click.ClickException(f"there is no service {name}{hint}")
    return found


def _with_replicas(spec: JsonObject, replicas: int) -> JsonObject:
    changed: dict[str, Any] = copy.deepcopy(dict(spec))
    changed["Mode"]["Replicated"]["Replicas"] = replicas
    return changed
