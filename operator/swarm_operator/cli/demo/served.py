"""A simulated world, served on this machine for the time of a `with`."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import click

from swarm_operator.cli.demo import found
from swarm_operator.simulation.engine.component import Tempo
from swarm_operator.simulation.faces.serve import CannotServe, Faces
from swarm_operator.simulation.kv_faults import State
from swarm_operator.simulation.timeline import Timeline
from swarm_operator.simulation.world import World

DNS_ZONE: Final = "example.org"
"""Which the world's DNS provider has."""
THROTTLE_S: Final = 0.5
"""Of the world's Traefik; what its static configuration should say (deploy/traefik)."""


@contextmanager
def world(
    environment: Mapping[str, str], *, seed: int, tempo: Tempo | None = None
) -> Iterator[Faces]:
    """It begins now; its folder and its sockets are gone afterwards. Raises ClickException."""
    folder = found.new_folder(environment)
    try:
        made = World(seed=seed, timeline=Timeline(start=datetime.now(UTC)), tempo=tempo)
        faces = Faces(made, folder, traefik_throttle_s=THROTTLE_S, dns_zones=[DNS_ZONE])
        try:
            faces.start()
            yield faces
        finally:
            faces.stop()
    except CannotServe as error:
        raise click.ClickException(str(error)) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remarks(faces: Faces) -> list[str]:
    """What was done to it and still holds. For the world's own thread."""
    found_so = []
    if faces.gate.is_frozen:
        found_so.append("the engine is frozen (`demo thaw docker`)")
    if faces.consul.state is State.FROZEN:
        found_so.append("the KV is frozen (`demo thaw kv`)")
    for node in faces.world.engine.store.nodes.all():
        agent = faces.world.engine.agent(node.hostname)
        if not agent.has_power:
            found_so.append(f"{node.hostname} is off (`demo return {node.hostname}`)")
        elif not agent.has_link:
            found_so.append(f"{node.hostname} is cut off (`demo reconnect {node.hostname}`)")
    broken = sorted(faces.world.images.scripted)
    return [*found_so, *(f"{image} is broken (`demo mend {image}`)" for image in broken)]
