"""What one service of the swarm publishes: by Traefik's labels, and by its terse routes."""

from collections.abc import Callable
from dataclasses import replace

from swarm_operator.observed.swarm import Service
from swarm_operator.plan.ownership import ROUTES_LABEL
from swarm_operator.plan.routes import terse_label
from swarm_operator.plan.routes.published import Published
from swarm_operator.plan.routes.settings import RouteSettings
from swarm_operator.plan.routes.swarm_provider import origin_of, read_labels, route_name
from swarm_operator.plan.routes.terse import Terse, twice
from swarm_operator.plan.routes.tree import Origin, Refusal, RouteTree


def read_service(service: Service, settings: RouteSettings) -> Published | None:
    """What a service publishes; None where it says nothing about routes, or is not to be published.

    Depends on the service's spec and on the settings alone. Raises ValueError where the settings' own
    texts (default rule, constraints) cannot be read.
    """
    value = service.labels.get(ROUTES_LABEL)
    by_labels = read_labels(service, settings, needs_nothing=value is not None)
    if value is None:
        return by_labels
    by_terse = _terse(service, value, settings)
    return by_terse if by_labels is None else _together(by_labels, by_terse)


def read_safely(service: Service, settings: RouteSettings) -> Published | None:
    """As `read_service`; where reading is a defect of ours, a refusal of this service: others go on."""
    owner = f"service {service.name}"
    origin = Origin(service.stack, owner, owner)
    read = guarded(lambda: read_service(service, settings), origin)
    if read is None or read.service_id:
        return read
    return replace(
        read,
        service_id=service.id,
        service_name=service.name,
        created_at=service.created_at,
    )


def guarded(read: Callable[[], Published | None], origin: Origin) -> Published | None:
    """What is read; of what makes the operator stumble a refusal."""
    try:
        return read()
    except Exception as error:  # noqa: BLE001
        return Published(origin.owner, origin, refusals=(defect(origin, error),))


def defect(origin: Origin, error: Exception) -> Refusal:
    """Without the error's text: it may hold a value of a label."""
    message = (
        f"a defect of the operator ({type(error).__name__}): its routes are not published as they are "
        "written now; the others are. Please report it"
    )
    return Refusal(origin, None, "Defect", message)


def _terse(service: Service, value: str, settings: RouteSettings) -> Published:
    origin = origin_of(service)
    result = Published(
        owner=origin.owner,
        origin=origin,
        service_id=service.id,
        service_name=service.name,
        created_at=service.created_at,
    )
    try:
        routes = terse_label.read(value)
    except terse_label.NotTerseRoutes as fault:
        refusal = Refusal(origin.at(f"label {ROUTES_LABEL}"), None, "BadRoutes", str(fault))
        return replace(result, refusals=(refusal,))
    found = Terse(settings, route_name(service), service.stack)
    places = [origin.at(f"x-operator.routes[{index}]") for index in range(len(routes))]
    found.add(routes, places)
    refusals = tuple(twice(found.objects))
    once = {item.id: item for item in found.objects}
    whole = replace(result, tree=RouteTree.of(once.values()), targets=tuple(found.targets))
    return replace(result, refusals=refusals, draft=whole) if refusals else whole


def _together(by_labels: Published, by_terse: Published) -> Published:
    """Labels and terse routes of one service; what both name is refused."""
    first, second = by_labels.draft or by_labels, by_terse.draft or by_terse
    refusals = [*by_labels.refusals, *by_terse.refusals]
    for item in second.tree:
        if item.id in first.tree:
            message = f"{item.id.kind[:-1]} {item.id.name} stands in traefik.* labels too: keep one"
            refusals.append(Refusal(item.origin, item.id, "BothForms", message))
    nothing = replace(by_labels, refusals=tuple(refusals), tree=RouteTree(), targets=(), draft=None)
    whole = replace(
        nothing,
        tree=RouteTree({**second.tree.objects, **first.tree.objects}),
        targets=(*first.targets, *second.targets),
        places={**second.places, **first.places},
    )
    return replace(nothing, draft=whole) if whole.is_refused else whole
