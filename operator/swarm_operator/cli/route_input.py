"""How routes on disk are read: by the settings, and by what a version of Traefik knows."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from desired_state import keys
from swarm_operator.cli.invocation import Invocation
from swarm_operator.cli.traefik_settings import traefik_plan
from swarm_operator.observed.errors import OutsideError
from swarm_operator.plan.routes.fields import OLDEST, Version, version_of
from swarm_operator.plan.routes.offline import NEWEST, Readings, defined_in
from swarm_operator.plan.routes.tree import ObjectId

Function = TypeVar("Function", bound=Callable[..., Any])

version_option: Final = click.option(
    "--traefik",
    metavar="VERSION",
    help="Of the Traefik that reads the routes, such as 3.1; default: the newest that is known.",
)


def readings(invocation: Invocation, version: str | None = None) -> Readings | None:
    """As the settings say; None where they say that no routes are published.

    Raises SettingsError, and click.BadParameter for what is no version of Traefik 3.
    """
    settings = invocation.settings()
    if not settings.traefik:
        return None
    return Readings(traefik_plan(settings).routes, _version(version))


def with_documents(routes: Readings | None, invocation: Invocation) -> Readings | None:
    """Which know the objects of the KV's documents of routes, too."""
    if routes is None:
        return None
    return Readings(routes.settings, routes.version, lambda: _documents(invocation, routes))


def _documents(invocation: Invocation, routes: Readings) -> set[ObjectId]:
    try:
        entries = invocation.kv.read(keys.DESIRED + keys.ROUTES).entries
    except OutsideError:
        return set()  # the push itself says what is wrong, or needs no right to read them
    return defined_in(((name, entry.value) for name, entry in entries.items()), routes.settings)


def _version(text: str | None) -> Version:
    if text is None:
        return NEWEST
    found = version_of(text)
    if found is None or found < OLDEST:
        raise click.BadParameter(f"{text!r} is no version of Traefik 3", param_hint="--traefik")
    return found
