"""What a stack is to be on the swarm, in the Engine API's own JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from desired_state import Problem, ServiceOptions, StackOptions
from swarm_operator.observed.json import JsonObject


@dataclass(frozen=True, slots=True)
class DesiredService:
    """One service. Its spec names networks, configs and secrets where the API wants an id."""

    name: str
    key: str
    spec: JsonObject = field(repr=False)
    options: ServiceOptions
    networks: frozenset[str]
    configs: frozenset[str]
    secrets: frozenset[str]


@dataclass(frozen=True, slots=True)
class StackSpecs:
    """All objects of a stack by their full names; what is external exists already."""

    stack: str
    revision: str
    services: Mapping[str, DesiredService]
    networks: Mapping[str, JsonObject]
    configs: Mapping[str, JsonObject] = field(repr=False)
    secrets: Mapping[str, JsonObject] = field(repr=False)
    external_networks: frozenset[str]
    external_configs: frozenset[str]
    external_secrets: frozenset[str]
    warnings: tuple[Problem, ...]
    secret_values: frozenset[str] = field(repr=False)
    options: StackOptions
