"""What a change of a service's spec does to its routes, for people: `plan` shows it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import Service
from swarm_operator.plan.actions import Action, Create, Kind, Remove, UpdateService
from swarm_operator.plan.routes.hiding import shown_rule
from swarm_operator.plan.routes.offline import Readings, refusals
from swarm_operator.plan.routes.published import Published
from swarm_operator.plan.routes.services import defect, read_safely
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.tree import Body, Refusal, RouteObject, Severity, names

_FIELDS: Final = ("rule", "entrypoints", "service", "middlewares", "priority")
"""Of a router, those that people look for; what lies in middlewares may be secret, their names not."""


@dataclass(frozen=True, slots=True)
class RouteChange:
    """What becomes of one router."""

    verb: str
    """create, update or remove; refuse where the new labels cannot be published."""
    route: str
    """http/shop; of a refusal the service."""
    message: str = ""

    def __str__(self) -> str:
        return f"{self.verb} route {self.route}" + (f": {self.message}" if self.message else "")


def route_changes(
    action: Action, live: Service | None, settings: RouteSettings
) -> tuple[RouteChange, ...]:
    """The changes of an action's service's routers, refusals first. () where it has none."""
    if action.kind is not Kind.SERVICE:
        return ()
    before = _published(live.spec, settings) if live is not None else None
    after = _published(_spec_after(action), settings)
    refused = _errors(after, settings) if after is not None else ()
    if refused:
        stays = "; what it published before stays" if before is not None else ""
        return tuple(RouteChange("refuse", action.name, f"{refusal}{stays}") for refusal in refused)
    return tuple(_between(_routers(before), _routers(after)))


def _errors(published: Published, settings: RouteSettings) -> tuple[Refusal, ...]:
    """What is wrong with it by itself, whichever version of Traefik is to read it."""
    try:
        found = tuple(refusals([published], Readings(settings)))
    except Exception as error:  # noqa: BLE001 - a plan is shown all the same
        return (defect(published.origin, error),)
    return tuple(each for each in found if each.severity is Severity.ERROR)


def _spec_after(action: Action) -> JsonObject | None:
    match action:
        case UpdateService():
            return action.spec
        case Create():
            return action.body
        case Remove():
            return None


def _published(spec: JsonObject | None, settings: RouteSettings) -> Published | None:
    if spec is None:
        return None
    return read_safely(Service("", 0, str(spec.get("Name", "")), spec), settings)


def _routers(published: Published | None) -> dict[str, RouteObject]:
    tree = published.tree if published is not None else ()
    return {f"{i.id.protocol}/{i.id.name}": i for i in tree if i.id.kind == "routers"}


def _between(
    before: dict[str, RouteObject], after: dict[str, RouteObject]
) -> Iterator[RouteChange]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None and new is not None:
            yield RouteChange("create", name, _said(new.body))
        elif new is None:
            yield RouteChange("remove", name)
        elif old is not None and old.body != new.body:
            yield RouteChange("update", name, _difference(old.body, new.body))


def _said(body: Body) -> str:
    entrypoints = ", ".join(names(body.get("entrypoints")))
    return shown_rule(str(body.get("rule", ""))) + (f" on {entrypoints}" if entrypoints else "")


def _difference(old: Body, new: Body) -> str:
    found = [
        f"{field} {_text(old, field)} → {_text(new, field)}"
        for field in _FIELDS
        if old.get(field) != new.get(field)
    ]
    return "; ".join(found) or "its options change"


def _text(body: Body, field: str) -> str:
    value = body.get(field)
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if field == "rule" and value is not None:
        return shown_rule(str(value))
    return "-" if value is None else str(value)
