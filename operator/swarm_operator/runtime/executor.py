"""Carries out one action. What went wrong comes back as a value; nothing is retried here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from swarm_operator.observed.errors import (
    Conflict,
    Denied,
    Gone,
    InUse,
    OutsideError,
    SpecRefused,
    Unavailable,
)
from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.actions import Action, Create, Kind, Remove, UpdateService
from swarm_operator.plan.references import with_ids
from swarm_operator.runtime.ports import SwarmPort

RegistryAuth = Callable[[str], str | None]
"""From an image reference to the X-Registry-Auth header's value."""


class Result(StrEnum):
    """How an action ended."""

    DONE = "done"
    CONFLICT = "conflict"
    """Something moved: read again, plan again, at once."""
    LATER = "later"
    """Not now: the object is in use, the engine does not answer."""
    REFUSED = "refused"
    """The engine will not take it as it stands."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An action's end, with the engine's own words where it did not go well."""

    action: Action
    result: Result
    message: str = ""
    engine_is_away: bool = False


@dataclass(slots=True)
class Executor:
    """Executes actions against one snapshot, and remembers the ids of what it created."""

    port: SwarmPort
    swarm: Swarm
    registry_auth: RegistryAuth = lambda _image: None
    _created: dict[tuple[Kind, str], str] = field(default_factory=dict)

    def execute(self, action: Action) -> Outcome:
        """One write, or none where the action's premise is gone."""
        try:
            self._dispatch(action)
        except Conflict as error:
            return Outcome(action, Result.CONFLICT, str(error))
        except Gone as error:
            if isinstance(action, Remove):
                return Outcome(action, Result.DONE, "was gone already")
            return Outcome(action, Result.CONFLICT, str(error))
        except InUse as error:
            return Outcome(action, Result.LATER, str(error))
        except Unavailable as error:
            return Outcome(action, Result.LATER, str(error), engine_is_away=True)
        except (SpecRefused, Denied, OutsideError) as error:
            return Outcome(action, Result.REFUSED, str(error))
        return Outcome(action, Result.DONE)

    def _dispatch(self, action: Action) -> None:
        match action:
            case Create():
                self._created[action.kind, action.name] = self._create(action)
            case UpdateService():
                spec = self._with_ids(action.spec)
                self.port.update_service(
                    action.service_id, action.version, spec, registry_auth=self._renewed(action)
                )
            case Remove():
                self._remove(action)
            case _:
                assert_never(action)

    def _create(self, action: Create) -> str:
        match action.kind:
            case Kind.NETWORK:
                return self.port.create_network(action.body)
            case Kind.CONFIG:
                return self.port.create_config(action.body)
            case Kind.SECRET:
                return self.port.create_secret(action.body)
            case Kind.SERVICE:
                spec = self._with_ids(action.body)
                return self.port.create_service(spec, registry_auth=self._auth(spec))
            case _:
                assert_never(action.kind)

    def _remove(self, action: Remove) -> None:
        match action.kind:
            case Kind.NETWORK:
                self.port.remove_network(action.object_id)
            case Kind.CONFIG:
                self.port.remove_config(action.object_id)
            case Kind.SECRET:
                self.port.remove_secret(action.object_id)
            case Kind.SERVICE:
                self.port.remove_service(action.object_id)
            case _:
                assert_never(action.kind)

    def _with_ids(self, spec: JsonObject) -> JsonObject:
        configs = {config.name: config.id for config in self.swarm.configs}
        secrets = {secret.name: secret.id for secret in self.swarm.secrets}
        configs.update(self._made(Kind.CONFIG))
        secrets.update(self._made(Kind.SECRET))
        try:
            return with_ids(spec, configs, secrets)
        except KeyError as error:
            raise Conflict(f"the config or secret {error} is not on the swarm any more") from None

    def _made(self, kind: Kind) -> dict[str, str]:
        return {name: made for (of, name), made in self._created.items() if of is kind}

    def _renewed(self, update: UpdateService) -> str | None:
        """Credentials go with a changed image only: renewed ones beside a change of placement would
        restart every task (SwarmKit compares the pull options with the task's own)."""
        changed = any(change.path.endswith("ContainerSpec.Image") for change in update.changes)
        return self._auth(update.spec) if changed else None

    def _auth(self, spec: JsonObject) -> str | None:
        image = spec["TaskTemplate"].get("ContainerSpec", {}).get("Image", "")
        return self.registry_auth(image)
