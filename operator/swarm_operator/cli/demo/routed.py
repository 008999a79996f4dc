"""What Traefik's API says of routes, and the operator's own status beside it."""

import http.client
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from desired_state import keys
from desired_state.route_records import RouteStatus, StackRoutes
from swarm_operator.cli.demo.route_witness import RouteWitness
from swarm_operator.cli.demo.stage import Stage
from swarm_operator.observed.errors import OutsideError

_TIMEOUT_S = 5.0


def ask(stage: Stage, *path: str) -> Any:
    """The JSON of a path below `/api/http` of the world's Traefik; None where there is nothing."""
    connection = http.client.HTTPConnection(
        urlsplit(stage.faces.traefik_addr).netloc, timeout=_TIMEOUT_S
    )
    try:
        connection.request("GET", "/".join(("/api/http", *(quote(word) for word in path))))
        answer = connection.getresponse()
        said = json.loads(answer.read() or b"null")
    finally:
        connection.close()
    return said if answer.status == 200 else None


def has_router(stage: Stage, name: str) -> bool:
    """Whether Traefik has it, and can use it."""
    found = ask(stage, "routers", f"{name}@consul")
    return found is not None and found.get("status") == "enabled"


def servers(stage: Stage, name: str) -> set[str]:
    """URLs that Traefik sends requests of a service of its own to."""
    found = ask(stage, "services", f"{name}@consul") or {}
    return {each["url"] for each in (found.get("loadBalancer") or {}).get("servers") or ()}


def status(stage: Stage, stack: str, name: str) -> RouteStatus:
    """As the operator wrote it, of the HTTP router of that name."""
    try:
        entry = stage.clients.kv.get(keys.routes_status_key(stack))
    except OutsideError:
        entry = None
    record = StackRoutes.parse(entry.value) if entry is not None else None
    nothing = RouteStatus(state="(no status)", since=datetime.now(UTC))
    return record.routes.get(f"http/{name}", nothing) if record is not None else nothing


def is_live(stage: Stage, stack: str, counts: Mapping[str, int]) -> bool:
    """Whether Traefik has these routers and so many servers for each (of one name), and the status
    says so."""
    return all(
        has_router(stage, name)
        and len(servers(stage, name)) == count
        and status(stage, stack, name).state == "live"
        for name, count in counts.items()
    )


def said(stage: Stage, stack: str, counts: Mapping[str, int]) -> str:
    """For people: how far it is."""
    return ", ".join(
        f"{name}: {status(stage, stack, name).state}, {len(servers(stage, name))} servers"
        for name in counts
    )


def until_live(stage: Stage, stack: str, counts: Mapping[str, int], within_s: float = 40) -> float:
    """Seconds until they are live. Raises ActFailed."""
    return stage.until(
        "the route is live with a server for each task",
        lambda: is_live(stage, stack, counts),
        within_s,
        lambda: said(stage, stack, counts),
    )


def watched(stage: Stage, services: Mapping[str, str]) -> RouteWitness:
    """A witness from now on: services of the swarm → of Traefik's."""
    traefik = stage.faces.traefik
    assert traefik is not None
    return stage.in_world(lambda: RouteWitness(stage.faces.world.engine, traefik, services))
