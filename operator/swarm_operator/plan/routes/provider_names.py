"""References with the name of a provider: `auth@swarm` is `auth` when the services' labels are published
through the KV."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Final

from swarm_operator.plan.routes.tree import Body, ObjectId, Protocol, RouteObject, Scalar, Value

_OURS: Final = ("@swarm", "@docker", "@consul")
"""Providers whose objects may be in our tree: the two that read labels, and the one that reads ours."""

_REFERENCES: Final[Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]] = {
    "routers": (
        (("service",), "services"),
        (("middlewares",), "middlewares"),
        (("parentrefs",), "routers"),
        (("tls", "options"), "options"),
    ),
    "services": (
        (("middlewares",), "middlewares"),
        (("loadbalancer", "serverstransport"), "serverstransports"),
        (("mirroring", "service"), "services"),
        (("failover", "service"), "services"),
        (("failover", "fallback"), "services"),
        (("weighted", "services", "*", "name"), "services"),
        (("mirroring", "mirrors", "*", "name"), "services"),
        (("highestrandomweight", "services", "*", "name"), "services"),
    ),
    "middlewares": (
        (("errors", "service"), "services"),
        (("chain", "middlewares"), "middlewares"),
    ),
}
"""Where each kind of object names others, and of which kind these are."""


def with_own_names(item: RouteObject, known: Collection[ObjectId]) -> RouteObject:
    """The object with bare names for what is in our tree; other references stay as they are."""
    body = item.body
    for path, kind in _REFERENCES.get(item.id.kind, ()):
        body = _mapped(body, path, partial(_own, item.id.protocol, kind, known))
    return item if body is item.body else RouteObject(item.id, body, item.origin)


def _own(protocol: Protocol, kind: str, known: Collection[ObjectId], value: Value) -> Value:
    if isinstance(value, tuple):
        found = tuple(_bare(protocol, kind, known, each) for each in value)
        return found if found != value else value
    return _bare(protocol, kind, known, value) if isinstance(value, str) else value


def _bare(protocol: Protocol, kind: str, known: Collection[ObjectId], value: Scalar) -> Scalar:
    if not isinstance(value, str) or not value.endswith(_OURS):
        return value
    name = value.rpartition("@")[0]
    place: Protocol = "tls" if kind == "options" else protocol
    return name if ObjectId(place, kind, name) in known else value


def _mapped(body: Body, path: tuple[str, ...], change: Callable[[Value], Value]) -> Body:
    """A body with another value at a path, where `*` is every element; itself where nothing changes."""
    first, *rest = path
    changed: dict[str, Value] = {}
    for name in body if first == "*" else (first,):
        value = body.get(name)
        if value is None:
            continue
        if not rest:
            new: Value = change(value)
        elif isinstance(value, Mapping):
            new = _mapped(value, tuple(rest), change)
        else:
            continue
        if new is not value:
            changed[name] = new
    return {**body, **changed} if changed else body
