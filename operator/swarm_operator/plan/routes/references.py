"""Which objects an object names. An object whose service or middleware is missing is disabled by
Traefik, so what is named is written before, and removed after, what names it."""

from collections.abc import Iterator
from typing import Final

from swarm_operator.plan.routes.tree import (
    Body,
    ObjectId,
    Protocol,
    RouteObject,
    Value,
    at,
    names,
    nested,
)

PROVIDER: Final = "consul"
"""Traefik's name of the provider: `app@consul` from elsewhere, or from here, too."""

_CHILDREN: Final = (
    ("weighted", "services"),
    ("mirroring", "mirrors"),
    ("highestrandomweight", "services"),
)
_CHILD_NAMES: Final = (("mirroring", "service"), ("failover", "service"), ("failover", "fallback"))


def references(item: RouteObject) -> tuple[ObjectId, ...]:
    """The objects of the same provider that it names, each once, in the order of their ids.

    Names of other providers (`auth@file`, `api@internal`) are not ours to look at.
    """
    match item.id.kind:
        case "routers":
            found = _of_router(item.id.protocol, item.body)
        case "services":
            found = _of_service(item.id.protocol, item.body)
        case "middlewares":
            found = _of_middleware(item.id.protocol, item.body)
        case "models":
            found = _named(item.id.protocol, "middlewares", *names(item.body.get("middlewares")))
        case _:
            found = iter(())
    return tuple(sorted(set(found)))


def _of_router(protocol: Protocol, body: Body) -> Iterator[ObjectId]:
    yield from _named(protocol, "services", body.get("service"))
    yield from _named(protocol, "middlewares", *names(body.get("middlewares")))
    yield from _named(protocol, "routers", *names(body.get("parentrefs")))
    # Options that nobody defined are Traefik's own, under this name.
    yield from (
        option
        for option in _named("tls", "options", at(body, "tls", "options"))
        if option.name != "default"
    )


def _of_service(protocol: Protocol, body: Body) -> Iterator[ObjectId]:
    yield from _named(protocol, "middlewares", *names(body.get("middlewares")))
    yield from _named(protocol, "serverstransports", at(body, "loadbalancer", "serverstransport"))
    yield from _named(protocol, "services", *(at(body, *path) for path in _CHILD_NAMES))
    for path in _CHILDREN:
        children = nested(at(body, *path)).values()
        yield from _named(protocol, "services", *(nested(each).get("name") for each in children))


def _of_middleware(protocol: Protocol, body: Body) -> Iterator[ObjectId]:
    yield from _named(protocol, "middlewares", *names(at(body, "chain", "middlewares")))
    yield from _named(protocol, "services", at(body, "errors", "service"))


def _named(protocol: Protocol, kind: str, *values: "Value | None") -> Iterator[ObjectId]:
    for value in values:
        if not isinstance(value, str) or not value:
            continue
        name, _, provider = value.rpartition("@") if "@" in value else (value, "", PROVIDER)
        if name and provider == PROVIDER:
            yield ObjectId(protocol, kind, name)
