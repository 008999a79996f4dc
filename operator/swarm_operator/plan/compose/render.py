"""The specs of a stack as one JSON object, to look at or to compare."""

from collections.abc import Mapping
from typing import Final

from swarm_operator.observed.json import JsonObject
from swarm_operator.plan.compose.specs import StackSpecs

REDACTED: Final = "<redacted>"


def render(specs: StackSpecs, *, show_secrets: bool) -> JsonObject:
    """Services, networks, configs and secrets by full name; secret data only on demand."""
    secrets = dict(specs.secrets)
    if not show_secrets:
        secrets = {name: _redacted(secret) for name, secret in secrets.items()}
    return {
        "services": _sorted({name: service.spec for name, service in specs.services.items()}),
        "networks": _sorted(specs.networks),
        "configs": _sorted(specs.configs),
        "secrets": _sorted(secrets),
    }


def _redacted(secret: JsonObject) -> JsonObject:
    return {**secret, "Data": REDACTED} if "Data" in secret else secret


def _sorted(objects: Mapping[str, JsonObject]) -> JsonObject:
    return dict(sorted(objects.items()))
