"""What processes are told of where things are."""

from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import SecretStr

from swarm_operator.settings import OPTIONS, Settings

_OURS = ("SWARM_OPERATOR_", "CONSUL_", "DOCKER_")


def bare(environment: Mapping[str, str]) -> dict[str, str]:
    """Without everything that leads to a Docker engine, a Consul or an installation."""
    return {name: value for name, value in environment.items() if not name.startswith(_OURS)}


def of(settings: Settings) -> dict[str, str]:
    """The variables that say what these settings say, for those that somebody gave."""
    variables = {}
    for option in OPTIONS:
        value = getattr(settings, option.field)
        if value is None or settings.origins.get(option.field, "default") == "default":
            continue
        is_secret = isinstance(value, SecretStr)
        variables[option.variable] = value.get_secret_value() if is_secret else option.show(value)
    return variables


def of_traefik(address: str) -> dict[str, str]:
    """For the operator of a simulated world: where Traefik's API is. Nobody sends long requests here,
    so that a task that is to move is given a second to answer its last ones."""
    return {"SWARM_OPERATOR_TRAEFIK_API": address, "SWARM_OPERATOR_TRAEFIK_DRAIN": "1s"}


def of_dns(zones: Collection[str], endpoint: str, name_server: str, folder: Path) -> dict[str, str]:
    """For the operator of a simulated world: its DNS provider, whose API is like OVH's. Any credentials
    will do there; they are written into the folder."""
    words = ("application_key", "application_secret", "consumer_key")
    for word in words:
        (folder / word).write_text("simulated\n", encoding="utf-8")
    files = {f"SWARM_OPERATOR_OVH_{word.upper()}_FILE": str(folder / word) for word in words}
    return {
        "SWARM_OPERATOR_DNS_ZONES": ",".join(zones),
        "SWARM_OPERATOR_DNS_NAMESERVERS": name_server,
        "SWARM_OPERATOR_OVH_ENDPOINT": endpoint,
        **files,
    }
