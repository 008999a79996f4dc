"""A router that goes from one service to another: who gains it is written first, and serves, before who
loses it is touched.

Whoever has a router keeps it while two want it, by its name or by what it matches
(`routes/claims.py`). So the moment the one lets go, the other has it, in the same write to Traefik's
keys: what must be waited for is that its tasks run.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import Service, Swarm
from swarm_operator.plan.actions import (
    Action,
    Create,
    Held,
    Hold,
    Kind,
    Remove,
    StackPlan,
    UpdateService,
)
from swarm_operator.plan.order import clash, published_ports
from swarm_operator.plan.ownership import ROUTES_LABEL
from swarm_operator.plan.routes.claims import rivals
from swarm_operator.plan.routes.offline import Readings, refusals
from swarm_operator.plan.routes.published import Published
from swarm_operator.plan.routes.servers import is_running, wanted
from swarm_operator.plan.routes.services import read_safely
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.tree import RouteObject, Severity

_SETTINGS: Final = RouteSettings()
"""Names of routers do not depend on settings, but for those of services with no label at all."""

Routers: TypeAlias = tuple[RouteObject, ...]


def handed_over(plan: StackPlan, swarm: Swarm) -> StackPlan:
    """The plan with those actions held that take a router from a service before the one that gains it
    serves. Idempotent."""
    specs = _specs_after(plan, swarm)
    losers = [
        (action, live, lost)
        for action in plan.actions
        for live, lost in _lost(action, specs, swarm)
    ]
    if not losers:
        return plan
    routers = {name: _routers(spec) for name, spec in specs.items()}
    held = {}
    for action, live, lost in losers:
        for name, wished in routers.items():
            given = _common(lost, wished)
            if name == action.name or not given:
                continue
            if not _serves(name, given, swarm) and not _needs_port(specs[name], action, live):
                route = min(_name(each) for each in given)
                held[action] = (
                    f"its route {route} goes to {name}: it stays as it is until {name} has the route "
                    "and its tasks run"
                )
    # Two that swap would wait for each other for ever.
    waiting = {action.name for action in held}
    held = {
        action: why
        for action, why in held.items()
        if not _gains_from(action, waiting, swarm, routers)
    }
    if not held:
        return plan
    return replace(
        plan,
        actions=tuple(action for action in plan.actions if action not in held),
        held=(*plan.held, *(Held(action, Hold.HANDING_OVER, why) for action, why in held.items())),
    )


def _lost(
    action: Action, specs: Mapping[str, JsonObject], swarm: Swarm
) -> Iterator[tuple[Service, Routers]]:
    """The service of an action and the routers that it takes from it, where it takes any."""
    live = swarm.services_by_name.get(action.name)
    if live is not None and action.kind is Kind.SERVICE:
        lost = _without(_routers(live.spec), _routers(specs.get(action.name, {})))
        if lost:
            yield live, lost


def _specs_after(plan: StackPlan, swarm: Swarm) -> dict[str, JsonObject]:
    """The specs of the stack's services as they will be."""
    live = swarm.services_by_stack.get(plan.stack, ())
    specs = {service.name: service.spec for service in live}
    for action in plan.everything():
        if isinstance(action, UpdateService):
            specs[action.name] = action.spec
        elif isinstance(action, Create) and "TaskTemplate" in action.body:
            specs[action.name] = action.body
        elif isinstance(action, Remove):
            specs.pop(action.name, None)
    return specs


def _routers(spec: JsonObject) -> Routers:
    """A spec's routers, those too that a faulty one means to have; none where it cannot be read."""
    published = _published(spec)
    tree = (published.draft or published).tree if published is not None else ()
    return tuple(item for item in tree if item.id.kind == "routers")


def _published(spec: JsonObject) -> Published | None:
    labels: Mapping[str, str] = spec.get("Labels") or {}
    if ROUTES_LABEL not in labels and not any(label.startswith("traefik.") for label in labels):
        return None
    return read_safely(Service("", 0, str(spec.get("Name", "")), spec), _SETTINGS)


def _is_faulty(spec: JsonObject) -> bool:
    """Whether it is never published as it is, so that who has its routers must keep them."""
    published = _published(spec)
    if published is None:
        return False
    try:
        found = tuple(refusals([published], Readings(_SETTINGS)))
    except Exception:  # noqa: BLE001 - a defect in reading routes stops no deploy
        return False
    return any(
        each.severity is Severity.ERROR and each.reason != "ReferenceMissing" for each in found
    )


def _name(router: RouteObject) -> str:
    """http/shop"""
    return f"{router.id.protocol}/{router.id.name}"


def _is_among(router: RouteObject, others: Iterable[RouteObject]) -> bool:
    """By its name, or by what it matches: short routes are named after their service, so the same host
    at another service is another name."""
    return any(each.id == router.id or rivals(each, router) for each in others)


def _common(some: Routers, others: Routers) -> Routers:
    return tuple(each for each in some if _is_among(each, others))


def _without(some: Routers, others: Routers) -> Routers:
    return tuple(each for each in some if not _is_among(each, others))


def _serves(name: str, routers: Routers, swarm: Swarm) -> bool:
    """Whether a service has the routers, and as many tasks run as it wants."""
    live = swarm.services_by_name.get(name)
    if live is None or _without(routers, _routers(live.spec)) or live.update_state == "updating":
        return False
    if _is_faulty(live.spec):
        return False
    tasks = swarm.tasks_by_service.get(live.id, ())
    running = sum(is_running(task) and task.node_id in swarm.nodes_up for task in tasks)
    count = wanted(live)
    return running >= count if count is not None else running > 0


def _needs_port(spec: JsonObject, action: Action, live: Service) -> bool:
    """Whether the service that gains the router cannot start before the other gave up a port."""
    after = published_ports(action.spec) if isinstance(action, UpdateService) else {}
    before = published_ports(live.spec)
    given_up = {port: mode for port, mode in before.items() if after.get(port) != mode}
    return clash(published_ports(spec), given_up)


def _gains_from(
    action: Action, waiting: set[str], swarm: Swarm, routers: Mapping[str, Routers]
) -> bool:
    """Whether the service of an action waits itself for a router of one that waits."""
    live = swarm.services_by_name[action.name]
    gained = _without(routers.get(action.name, ()), _routers(live.spec))
    others = (swarm.services_by_name[name] for name in waiting - {action.name})
    return any(_common(gained, _routers(other.spec)) for other in others)
