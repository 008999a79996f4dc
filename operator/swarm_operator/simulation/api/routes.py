"""Which handler answers what, and what is known of the real engine but not simulated."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from swarm_operator.simulation.api import (
    cluster,
    configs,
    events,
    info,
    local,
    networks,
    nodes,
    services,
    tasks,
)
from swarm_operator.simulation.api.backend import Backend
from swarm_operator.simulation.api.message import ApiRequest, ApiResponse

Handler: TypeAlias = Callable[[Backend, ApiRequest, str], ApiResponse]
"""The third argument is what stands for `{id}` in the path; "" where nothing does."""


@dataclass(frozen=True, slots=True)
class Route:
    handler: Handler
    asks_swarm: bool
    """Only a manager of a swarm with a leader can answer it."""


_OF_THE_SWARM: Final[dict[tuple[str, str], Handler]] = {
    ("GET", "/swarm"): cluster.inspect,
    ("GET", "/services"): services.listing,
    ("POST", "/services/create"): services.create,
    ("GET", "/services/{id}"): services.inspect,
    ("POST", "/services/{id}/update"): services.update,
    ("DELETE", "/services/{id}"): services.remove,
    ("GET", "/tasks"): tasks.listing,
    ("GET", "/tasks/{id}"): tasks.inspect,
    ("GET", "/nodes"): nodes.listing,
    ("GET", "/nodes/{id}"): nodes.inspect,
    ("POST", "/nodes/{id}/update"): nodes.update,
    ("DELETE", "/nodes/{id}"): nodes.remove,
    ("GET", "/configs"): configs.list_configs,
    ("POST", "/configs/create"): configs.create_config,
    ("GET", "/configs/{id}"): configs.inspect_config,
    ("POST", "/configs/{id}/update"): configs.update_config,
    ("DELETE", "/configs/{id}"): configs.remove_config,
    ("GET", "/secrets"): configs.list_secrets,
    ("POST", "/secrets/create"): configs.create_secret,
    ("GET", "/secrets/{id}"): configs.inspect_secret,
    ("POST", "/secrets/{id}/update"): configs.update_secret,
    ("DELETE", "/secrets/{id}"): configs.remove_secret,
}
_OF_THE_ENGINE: Final[dict[tuple[str, str], Handler]] = {
    ("HEAD", "/_ping"): info.ping,
    ("GET", "/_ping"): info.ping,
    ("GET", "/version"): info.version,
    ("GET", "/info"): info.info,
    ("GET", "/events"): events.stream,
    ("GET", "/networks"): networks.listing,
    ("GET", "/networks/{id}"): networks.inspect,
    ("POST", "/networks/create"): networks.create,
    ("DELETE", "/networks/{id}"): networks.remove,
    ("GET", "/distribution/{image}/json"): local.distribution,
    ("GET", "/containers/json"): local.nothing,
    ("GET", "/images/json"): local.nothing,
    ("GET", "/images/{image}/json"): local.image,
    ("GET", "/volumes"): local.no_volumes,
}

_NOT_SIMULATED: Final = (
    ("the logs of services and tasks", r"/(services|tasks)/[^/]+/logs"),
    ("connecting containers to networks", r"/networks/.+/(connect|disconnect)"),
    ("pruning", r"/(networks|containers|images|volumes|build)/prune"),
    ("forming, joining, leaving and locking a swarm", r"/swarm/.+"),
    ("a single container", r"/(containers|exec|commit)(/.*)?"),
    ("images", r"/(images|build|distribution)(/.*)?"),
    ("volumes", r"/volumes(/.*)?"),
    ("plugins", r"/plugins(/.*)?"),
    ("logging in to a registry", r"/auth"),
    ("disk usage", r"/system/df"),
    ("BuildKit's session", r"/(session|grpc)"),
)
"""Names for people, and the real engine's paths."""


def find(method: str, path: str) -> tuple[Route, str] | None:
    """The route of a request and its `{id}`; None where there is none."""
    exact = _EXACT.get((method, path))
    if exact is not None:
        return exact, ""
    for its_method, pattern, route in _PATTERNS:
        if its_method == method and (match := pattern.fullmatch(path)):
            return route, match[1]
    return None


def not_simulated(path: str) -> str | None:
    """What a real engine does at this path, where this one does not; else None."""
    return next((name for name, pattern in _NOT_SIMULATED if re.fullmatch(pattern, path)), None)


def _routes() -> dict[tuple[str, str], Route]:
    routes = {key: Route(handler, True) for key, handler in _OF_THE_SWARM.items()}
    return routes | {key: Route(handler, False) for key, handler in _OF_THE_ENGINE.items()}


def _pattern(path: str) -> re.Pattern[str]:
    # An image's name has slashes; ids and names have none.
    return re.compile(path.replace("{id}", "([^/]+)").replace("{image}", "(.+)"))


_EXACT: Final = {key: route for key, route in _routes().items() if "{" not in key[1]}
_PATTERNS: Final = [
    (method, _pattern(path), route) for (method, path), route in _routes().items() if "{" in path
]
