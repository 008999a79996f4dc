"""The plan as data: ordered, typed actions with their reasons, changes and effects."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, assert_never

from swarm_operator.observed.json import JsonObject, canonical
from swarm_operator.plan.ownership import Owner


class Kind(StrEnum):
    """What an action is about."""

    NETWORK = "network"
    CONFIG = "config"
    SECRET = "secret"  # noqa: S105 - a kind of object
    SERVICE = "service"


class Effect(StrEnum):
    """What a change does to running tasks; the later, the heavier."""

    NONE = "none"
    IN_PLACE = "in place"
    RESTARTS = "restarts tasks"
    RECREATES = "recreates"

    @property
    def weight(self) -> int:
        return list(Effect).index(self)


@dataclass(frozen=True, slots=True)
class Change:
    """One field's change. Texts are what people may see: secrets are already hidden in them."""

    path: str
    before: str | None
    after: str | None
    effect: Effect

    def __str__(self) -> str:
        return f"{self.path}: {_shown(self.before)} → {_shown(self.after)}"


_LONGEST: Final = 200
"""Characters of a value that a line shows."""


def _shown(text: str | None) -> str:
    if text is None:
        return "(absent)"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


@dataclass(frozen=True, slots=True)
class Create:
    """Create an object. The body may hold secrets: it is never shown."""

    kind: Kind
    name: str
    stack: str
    reason: str
    body: JsonObject = field(repr=False, hash=False)

    @property
    def verb(self) -> str:
        return "create"

    @property
    def changes(self) -> tuple[Change, ...]:
        return ()

    @property
    def effect(self) -> Effect:
        return Effect.IN_PLACE if self.kind is Kind.SERVICE else Effect.NONE


@dataclass(frozen=True, slots=True)
class UpdateService:
    """Replace a service's spec, compare-and-set on its version."""

    name: str
    stack: str
    reason: str
    service_id: str
    version: int
    spec: JsonObject = field(repr=False, hash=False)
    changes: tuple[Change, ...]
    wished: str
    """Keyed digest of the document's wish for this service, whatever is live: what a rejection
    belongs to."""

    @property
    def kind(self) -> Kind:
        return Kind.SERVICE

    @property
    def verb(self) -> str:
        return "update"

    @property
    def effect(self) -> Effect:
        return max((change.effect for change in self.changes), key=lambda effect: effect.weight)


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove an object."""

    kind: Kind
    name: str
    stack: str
    reason: str
    object_id: str

    @property
    def verb(self) -> str:
        return "remove"

    @property
    def changes(self) -> tuple[Change, ...]:
        return ()

    @property
    def effect(self) -> Effect:
        return Effect.RECREATES if self.kind is Kind.SERVICE else Effect.NONE


Action = Create | UpdateService | Remove


class Hold(StrEnum):
    """Why an action is not executed now."""

    OBSERVE_MODE = "ObserveMode"
    SYNC_OBSERVE = "SyncObserve"
    PAUSED = "Paused"
    INCOMPLETE = "Incomplete"
    BLOCKED = "Blocked"
    PRUNE_OFF = "PruneOff"
    NEEDS_APPROVAL = "NeedsApproval"
    PROTECTED = "Protected"
    REJECTED = "Rejected"
    CONTESTED = "Contested"
    DRIFT_REPORTED = "DriftReported"
    UPDATE_UNDER_WAY = "UpdateUnderWay"
    MOVING = "Moving"
    """One of its tasks is being moved: only who moves it writes the service."""
    HANDING_OVER = "HandingOver"
    """It gives a route to another service, which must serve first."""


@dataclass(frozen=True, slots=True)
class Held:
    """An action that waits, and what for."""

    action: Action
    hold: Hold
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a stack that people should know, beside what is done about it."""

    type: str
    reason: str
    message: str
    blocks: bool = False
    """Nothing of the stack is acted on while this holds."""


@dataclass(frozen=True, slots=True)
class StackPlan:
    """What is to be done for one stack, in order, what is held back, and what was found."""

    stack: str
    revision: str = ""
    actions: tuple[Action, ...] = ()
    held: tuple[Held, ...] = ()
    findings: tuple[Finding, ...] = ()
    removes_stack: bool = False
    wishes: Mapping[str, str] = field(default_factory=dict)
    """Keyed digest of the document's wish by service, whether anything is to be done or not."""

    def everything(self) -> Iterator[Action]:
        """All actions, held or not."""
        yield from self.actions
        yield from (held.action for held in self.held)

    @property
    def is_empty(self) -> bool:
        return not self.actions and not self.held


def digest(plan: StackPlan, owner: Owner) -> str:
    """A keyed digest of all that the plan would do, held or not: what an approval refers to."""
    parts = sorted(canonical(_essence(action)) for action in plan.everything())
    return owner.digest(plan.stack.encode(), *(part.encode() for part in parts))[:16]


def _essence(action: Action) -> list[object]:
    match action:
        case Create():
            return ["create", action.kind, action.name, action.body]
        case UpdateService():
            return ["update", action.kind, action.name, action.spec]
        case Remove():
            return ["remove", action.kind, action.name, action.object_id]
        case _:
            assert_never(action)


def describe(action: Action) -> JsonObject:
    """An action as a JSON object for programs, without bodies."""
    return {
        "verb": action.verb,
        "kind": str(action.kind),
        "name": action.name,
        "stack": action.stack,
        "reason": action.reason,
        "effect": str(action.effect),
        "changes": [
            {
                "path": change.path,
                "before": change.before,
                "after": change.after,
                "effect": str(change.effect),
            }
            for change in action.changes
        ],
    }
