"""What all our services share, and what they get of it: a short dial timeout, retries, a passive health
check. Measured: with the three a lost node costs no request, and a single replica that is replaced costs
none either, since requests wait for its successor.

Left alone is who says something else: a service with a servers' transport of its own (or https servers,
whose certificates the default transport may be told to trust), a router with a retry of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from swarm_operator.plan.routes.fields import Version
from swarm_operator.plan.routes.tree import (
    Body,
    ObjectId,
    Origin,
    RouteObject,
    Value,
    at,
    names,
    nested,
    replaced,
    without,
)

ORIGIN: Final = Origin(None, "the operator", "operator")

TRANSPORT: Final = ObjectId("http", "serverstransports", "swarm-operator")
RETRY: Final = ObjectId("http", "middlewares", "swarm-operator-retry")
PARK: Final = ObjectId("http", "middlewares", "swarm-operator-park")

SHARED: Final = frozenset({TRANSPORT, RETRY, PARK})

_BODIES: Final[Mapping[ObjectId, Body]] = {
    TRANSPORT: {
        "forwardingtimeouts": {"dialtimeout": "500ms"},
        # As Traefik's default transport has it; without the field it would be Go's 2.
        "maxidleconnsperhost": 200,
    },
    RETRY: {"retry": {"attempts": 5}},
    PARK: {"retry": {"attempts": 16, "initialinterval": "500ms"}},
}

_KNOWS_PASSIVE_CHECKS: Final[Version] = (3, 6, 0)
_PASSIVE_CHECK: Final[Body] = {"failurewindow": "3s", "maxfailedattempts": 5}
"""Traefik counts what an application answers with 500 or more as failures of its server, one after the
other without a success (pkg/healthcheck/healthcheck.go): with one attempt, two such answers took a service
with two servers away for the whole window, with 503 for all. With five a lost server is noticed later, so
that a request may meet it more than twice: hence five attempts of the retry (with three, 5 of 180 requests
failed beside a dead one of three servers at 6 requests a second; with five none, at 3, 6 and 9)."""


def shared_objects(items: Iterable[RouteObject]) -> list[RouteObject]:
    """Those that are referred to."""
    used: set[ObjectId] = set()
    for item in items:
        if item.id.protocol != "http":
            continue
        if at(item.body, "loadbalancer", "serverstransport") == TRANSPORT.name:
            used.add(TRANSPORT)
        middlewares = names(item.body.get("middlewares")) if item.id.kind == "routers" else ()
        used.update(each for each in (RETRY, PARK) if each.name in middlewares)
    return [RouteObject(each, _BODIES[each], ORIGIN) for each in sorted(used)]


def with_transport(body: Body, scheme: str, version: Version) -> Body:
    """An HTTP load balancer over tasks, with the dial timeout and the passive check."""
    balancer = nested(body.get("loadbalancer"))
    if "serverstransport" not in balancer and scheme != "https":
        body = replaced(body, ("loadbalancer", "serverstransport"), TRANSPORT.name)
    checks = {"passivehealthcheck", "healthcheck"} & balancer.keys()
    # With one server it would answer 503 by itself, where a retry finds the next task.
    several = len(nested(balancer.get("servers"))) > 1
    if several and not checks and version >= _KNOWS_PASSIVE_CHECKS:
        body = replaced(body, ("loadbalancer", "passivehealthcheck"), dict(_PASSIVE_CHECK))
    return body


def without_shared(item: RouteObject) -> RouteObject:
    """An object as it was before it got anything that is shared."""
    body = item.body
    if item.id.protocol == "http" and item.id.kind == "routers":
        left = tuple(
            each for each in names(body.get("middlewares")) if each not in {RETRY.name, PARK.name}
        )
        body = {**without(body, ("middlewares",)), **({"middlewares": left} if left else {})}
    elif item.id.protocol == "http" and item.id.kind == "services":
        if at(body, "loadbalancer", "serverstransport") == TRANSPORT.name:
            body = without(body, ("loadbalancer", "serverstransport"))
        if at(body, "loadbalancer", "passivehealthcheck") == _PASSIVE_CHECK:
            body = without(body, ("loadbalancer", "passivehealthcheck"))
    return replace(item, body=body)


def with_retry(
    router: RouteObject, *, parked: bool, middlewares: Mapping[ObjectId, Body]
) -> RouteObject:
    """An HTTP router to our tasks, which repeats requests that no task has seen."""
    own = names(router.body.get("middlewares"))
    if _retries(middlewares, own):
        return router
    chain: Value = (*own, (PARK if parked else RETRY).name)
    return RouteObject(router.id, {**router.body, "middlewares": chain}, router.origin)


def _retries(middlewares: Mapping[ObjectId, Body], own: Iterable[str]) -> bool:
    """Whether one of these middlewares is a retry, or a chain with one in it."""
    left, seen = list(own), set(own)
    while left:
        body = middlewares.get(ObjectId("http", "middlewares", left.pop()), {})
        if "retry" in body:
            return True
        inner = [each for each in names(at(body, "chain", "middlewares")) if each not in seen]
        seen.update(inner)
        left += inner
    return False
