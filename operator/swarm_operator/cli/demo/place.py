"""Where `demo run` works: a swarm and a KV that are there already, or simulated ones."""

import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from swarm_operator.cli.demo import environment as variables
from swarm_operator.cli.demo import found
from swarm_operator.cli.demo.clients import settings_for
from swarm_operator.settings import Settings

OPERATES: Final = {
    "observe": "plans, writes nothing to the swarm, and takes the lease in Consul",
    "act": "acts on it",
}
"""What an operator does there, by its mode."""


@dataclass(frozen=True)
class Place:
    """A swarm and a KV, and what the operator that works there is told."""

    title: str
    """The first line that people see."""
    settings: Settings
    operator: Mapping[str, str]
    """The operator's whole environment."""
    folder: Path
    """Private; gone at the end."""
    is_simulated: bool
    notes: Sequence[str] = ()
    """To be said after the title."""
    is_watched_only: bool = False
    """No operator is started there."""
    remarks: Callable[[], Sequence[str]] = lambda: ()
    """What is to be known of it at the moment."""


def is_real(settings: Settings) -> bool:
    """Whether somebody said both where an engine and where a Consul is."""
    return all(settings.origins[field] != "default" for field in ("docker_host", "consul_addr"))


@contextmanager
def real(
    settings: Settings, environment: Mapping[str, str], *, pushes_examples: bool = False
) -> Iterator[Place]:
    """The swarm and the KV of the settings, watched; with an operator of our own only where the
    settings name its mode, for even one that observes takes the lease and writes to Consul."""
    told = {**variables.bare(environment), **variables.of(settings)}
    told.setdefault("SWARM_OPERATOR_LISTEN", "127.0.0.1:0")
    is_watched_only = settings.origins["mode"] == "default"
    written = (
        "the example stacks are pushed to Consul, and nothing else is written"
        if pushes_examples
        else "nothing is written to either"
    )
    what = (
        f"it is observed: what an operator would do is planned, and {written}"
        if is_watched_only
        else f"an operator in mode {settings.mode.value} {OPERATES[settings.mode.value]}"
    )
    title = f"A real swarm at {settings.docker_host}, Consul at {settings.consul_addr}; {what}"
    folder = found.new_folder(environment)
    try:
        yield Place(
            title, settings, told, folder, is_simulated=False, is_watched_only=is_watched_only
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def simulated(environment: Mapping[str, str], *, seed: int | None) -> Iterator[Place]:
    """A new world, served on this machine until the end. Raises ClickException."""
    # With it comes aiohttp, which only the simulation needs.
    from swarm_operator.cli.demo import served  # noqa: PLC0415

    seed = secrets.randbelow(10**6) if seed is None else seed
    with served.world(environment, seed=seed) as faces:
        settings = settings_for(faces.docker_host, faces.consul_addr)
        told = {
            **variables.bare(environment),
            **variables.of(settings),
            "SWARM_OPERATOR_LISTEN": "127.0.0.1:0",
            **variables.of_traefik(faces.traefik_addr),
            **variables.of_dns(faces.dns_zones, faces.dns_addr, faces.name_server, faces.folder),
        }
        title = "A simulated swarm of five nodes with an embedded KV; nothing outside is touched"
        yield Place(
            f"{title} (seed {seed})",
            settings,
            told,
            faces.folder,
            is_simulated=True,
            remarks=lambda: faces.call(lambda: served.remarks(faces)),
        )


def require_simulation() -> None:
    """Raises ClickException where the library of its servers is missing."""
    try:
        import aiohttp  # noqa: F401, PLC0415
    except ModuleNotFoundError:
        raise click.ClickException(
            "the simulation needs aiohttp: pip install 'swarm-operator[simulation]'. With both "
            "DOCKER_HOST and CONSUL_HTTP_ADDR set, `demo run` observes a real swarm without it"
        ) from None
