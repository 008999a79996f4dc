"""What differs between two versions of a stack, as changes of the objects on the swarm."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from desired_state.secret_texts import HIDDEN
from swarm_operator.observed.json import JsonObject
from swarm_operator.plan import diff
from swarm_operator.plan.actions import Change, Effect, Kind
from swarm_operator.plan.compose.specs import StackSpecs
from swarm_operator.plan.redact import Redaction
from swarm_operator.plan.service_spec import comparable


@dataclass(frozen=True, slots=True)
class ObjectDiff:
    """One object's difference. Texts of changes are what people may see."""

    verb: Literal["create", "update", "remove"]
    kind: Kind
    name: str
    changes: tuple[Change, ...] = ()


def spec_diff(before: StackSpecs, after: StackSpecs) -> tuple[ObjectDiff, ...]:
    """From one version to another: networks, secrets, configs, services, each by name.

    Values that are secret in either version are hidden.
    """
    redaction = Redaction(Redaction.of(before).values | Redaction.of(after).values)
    return (
        *_objects(Kind.NETWORK, before.networks, after.networks, redaction),
        *_objects(Kind.SECRET, before.secrets, after.secrets, redaction),
        *_objects(Kind.CONFIG, before.configs, after.configs, redaction),
        *_objects(Kind.SERVICE, _services(before), _services(after), redaction),
    )


def _services(specs: StackSpecs) -> Mapping[str, JsonObject]:
    return {name: comparable(service.spec, {}) for name, service in specs.services.items()}


def _objects(
    kind: Kind,
    before: Mapping[str, JsonObject],
    after: Mapping[str, JsonObject],
    redaction: Redaction,
) -> Iterator[ObjectDiff]:
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield ObjectDiff("create", kind, name)
        elif name not in after:
            yield ObjectDiff("remove", kind, name)
        elif before[name] != after[name]:
            changes = tuple(_changes(before[name], after[name], redaction))
            yield ObjectDiff("update", kind, name, changes)


def _changes(before: JsonObject, after: JsonObject, redaction: Redaction) -> Iterator[Change]:
    """The data of configs and secrets is said to have changed, never shown."""
    if before.get("Data") != after.get("Data"):
        yield Change("Data", HIDDEN, HIDDEN, Effect.RESTARTS)
    yield from diff.changes(_without_data(before), _without_data(after), redaction)


def _without_data(spec: JsonObject) -> JsonObject:
    return {key: value for key, value in spec.items() if key != "Data"}
