"""One owner's objects as they go into the tree: with servers, shared objects, and bare names."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from swarm_operator.plan.routes.fields import Version
from swarm_operator.plan.routes.published import Servers, Target
from swarm_operator.plan.routes.shared_objects import with_retry, with_transport
from swarm_operator.plan.routes.tree import (
    Body,
    ObjectId,
    RouteObject,
    Value,
    at,
    nested,
    replaced,
)

_SERVERS: Final = ("loadbalancer", "servers")


def with_servers(item: RouteObject, found: Iterable[tuple[Target, Servers]]) -> RouteObject:
    """A load balancer with the servers of its targets, several of them where several services of the
    swarm share it."""
    servers: dict[str, Value] = dict(nested(at(item.body, *_SERVERS)))
    for target, addresses in found:
        for name, address in addresses.addresses.items():
            servers[_free(name, servers)] = _server(target, address)
    if not servers:
        return item
    return RouteObject(item.id, replaced(item.body, _SERVERS, servers), item.origin)


def _free(name: str, servers: Mapping[str, Value]) -> str:
    """A server's name; task ids are unique, but two services may each have one named "tasks"."""
    number = 2
    free = name
    while free in servers:
        free = f"{name}-{number}"
        number += 1
    return free


def _server(target: Target, address: str) -> Body:
    if target.protocol == "http":
        return {**target.server, "url": f"{target.scheme}://{address}"}
    return {**target.server, "address": address}


def is_writable(body: Body) -> bool:
    """Whether the KV can say that a service is there: one without any field it cannot."""
    return any(value not in ({}, ()) for value in body.values())


class Services:
    """The services of a tree and the state of their tasks, for what refers to them."""

    def __init__(
        self, items: Mapping[ObjectId, RouteObject], found: Mapping[ObjectId, tuple[Servers, ...]]
    ) -> None:
        self.items = items
        self.found = found

    def over_tasks(self, service: ObjectId) -> bool:
        """Whether requests to a service reach our tasks, directly or through its children."""
        return any(each in self.found for each in self._below(service))

    def is_parked(self, service: ObjectId) -> bool:
        """Whether some requests to a service may find nobody for a moment."""
        return any(
            servers.parked for each in self._below(service) for servers in self.found.get(each, ())
        )

    def _below(self, service: ObjectId) -> Iterator[ObjectId]:
        """A service and all that it sends requests to, each once."""
        left, seen = [service], {service}
        while left:
            each = left.pop()
            yield each
            inner = [child for child in self.children(each) if child not in seen]
            seen.update(inner)
            left += inner

    def is_served(self, service: ObjectId) -> bool:
        """Whether a task answers; what is not ours is taken to."""
        servers = self.found.get(service)
        return servers is None or any(each.addresses and each.is_served for each in servers)

    def children(self, service: ObjectId) -> list[ObjectId]:
        """The services that a weighted, mirroring or failover one sends requests to."""
        item = self.items.get(service)
        if item is None or "loadbalancer" in item.body:
            return []
        texts = [at(item.body, *path) for path in _CHILD_NAMES]
        for path in _CHILDREN:
            texts += (at(nested(each), "name") for each in nested(at(item.body, *path)).values())
        names = (text for text in texts if isinstance(text, str))
        return [ObjectId(service.protocol, "services", name) for name in names]


_CHILD_NAMES: Final = (("mirroring", "service"), ("failover", "service"), ("failover", "fallback"))
_CHILDREN: Final = (("weighted", "services"), ("highestrandomweight", "services"))


def with_weights(item: RouteObject, services: Services) -> RouteObject:
    """A weighted service that sends nobody to a child without tasks: half of the requests would fail.
    Where no child has any, the weights stay; where the others have no weight, they get one each."""
    children = nested(at(item.body, "weighted", "services"))
    unserved = {
        name
        for name, child in children.items()
        if not services.is_served(
            ObjectId(item.id.protocol, "services", str(nested(child).get("name", "")))
        )
    }
    if not unserved or len(unserved) == len(children):
        return item
    instead: dict[str, Value] = dict.fromkeys(unserved, 0)
    served = children.keys() - unserved
    if any(_weight(children[name]) for name in unserved) and not any(
        _weight(children[name]) for name in served
    ):
        instead |= dict.fromkeys(served, 1)
    weighted: Body = {
        name: {**nested(child), "weight": instead[name]} if name in instead else child
        for name, child in children.items()
    }
    body = replaced(item.body, ("weighted", "services"), weighted)
    return RouteObject(item.id, body, item.origin)


def _weight(child: Value) -> Value:
    return nested(child).get("weight", 1)


def with_shared_objects(
    items: Mapping[ObjectId, RouteObject],
    targets: Mapping[ObjectId, tuple[Target, ...]],
    services: Services,
    version: Version,
) -> dict[ObjectId, RouteObject]:
    """The objects, with what `shared_objects` gives to those over tasks."""
    middlewares = {key: item.body for key, item in items.items() if key.kind == "middlewares"}
    result = dict(items)
    for key, item in items.items():
        if key.protocol != "http":
            continue
        if key.kind == "services" and key in targets:
            body = with_transport(item.body, targets[key][0].scheme, version)
            result[key] = RouteObject(key, body, item.origin)
        elif key.kind == "routers":
            service = ObjectId("http", "services", str(item.body.get("service", "")))
            if services.over_tasks(service):
                parked = services.is_parked(service)
                result[key] = with_retry(item, parked=parked, middlewares=middlewares)
    return result
