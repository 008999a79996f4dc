"""What a new holder of the lease takes over from what lies in the KV: who had what, and the routes of
services whose last good state nobody remembers any more."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from swarm_operator.observed.swarm import Swarm
from swarm_operator.plan.routes.compile import Compiled
from swarm_operator.plan.routes.references import references
from swarm_operator.plan.routes.servers import TASKS
from swarm_operator.plan.routes.tree import (
    ObjectId,
    Origin,
    RouteObject,
    RouteTree,
    Severity,
    at,
    nested,
    replaced,
)

Owners = Mapping[ObjectId, tuple[str, ...]]
_SERVERS = ("loadbalancer", "servers")


def with_what_they_name(noted: Owners, lying: RouteTree) -> Owners:
    """The owners of routers, and with them of all that these name: of two that want a middleware's name
    the one keeps it whose route uses it."""
    found: dict[ObjectId, tuple[str, ...]] = dict(noted)
    for router, owners in noted.items():
        for item in _below(router, lying):
            known = found.get(item.id, ())
            found[item.id] = (*known, *(each for each in owners if each not in known))
    return found


def owners_in(noted: Owners) -> frozenset[str]:
    """All owners that had a router."""
    return frozenset(owner for owners in noted.values() for owner in owners)


def with_what_lies_there(
    tree: RouteTree, lying: RouteTree, noted: Owners, swarm: Swarm
) -> RouteTree:
    """The documents could not be read whole: what may be theirs, or depend on them, stays; but not the
    routers of services that are no more."""
    alive = {f"service {name}" for name in swarm.services_by_name}
    gone = {
        router
        for router, owners in noted.items()
        if all(owner.startswith("service ") and owner not in alive for owner in owners)
    }
    kept = [item for item in lying if item.id not in tree and item.id not in gone]
    return RouteTree.of([*tree, *kept])


def orphans(compiled: Compiled, noted: Owners) -> Mapping[str, Origin]:
    """By owner: those that are refused, are not in the tree, and had a router before the take-over."""
    had = owners_in(noted)
    return {
        (owner := refusal.origin.owner): Origin(refusal.origin.stack, owner, owner)
        for refusal in compiled.refused
        if refusal.severity is Severity.ERROR
        and refusal.origin.owner in had
        and refusal.origin.owner not in compiled.in_tree
    }


def with_what_drafts_name(noted: Owners, compiled: Compiled, lying: RouteTree) -> Owners:
    """With the routers of ours that lie there, that nobody is noted for (the notes were lost), and that a
    refused owner means to have: they are taken for what it published before."""
    found: dict[ObjectId, tuple[str, ...]] = {}
    for owner in sorted({each.origin.owner for each in compiled.refused} - compiled.in_tree.keys()):
        wished = compiled.wished_by(owner)
        for item in wished.tree if wished is not None else ():
            if item.id.kind == "routers" and item.id in lying and item.id not in compiled.tree:
                found.setdefault(item.id, (owner,))
    return {**found, **noted}


def routes_of(owner: str, noted: Owners, lying: RouteTree) -> tuple[RouteObject, ...]:
    """The routers of an owner as they lie there, and all that they name, each once."""
    routers = (router for router, owners in noted.items() if owner in owners)
    found = {item.id: item for router in routers for item in _below(router, lying)}
    return tuple(found.values())


def with_their_routes(
    compiled: Compiled,
    orphaned: Mapping[str, Origin],
    noted: Owners,
    lying: RouteTree,
    running: Collection[str],
) -> Compiled:
    """With the routes of orphans as they lie there, but for servers whose tasks do not run any more."""
    kept: dict[ObjectId, RouteObject] = {}
    owners: dict[ObjectId, tuple[str, ...]] = {}
    for router, names in noted.items():
        owner = next((each for each in names if each in orphaned), None)
        if owner is None or router in compiled.tree:
            continue
        for item in _below(router, lying):
            if item.id not in compiled.tree:
                kept[item.id] = replace(_served(item, running), origin=orphaned[owner])
                owners[item.id] = (owner,)
    if not kept:
        return compiled
    tree = RouteTree.of([*compiled.tree, *kept.values()])
    return replace(compiled, tree=tree, owners={**compiled.owners, **owners})


def _below(router: ObjectId, lying: RouteTree) -> Iterator[RouteObject]:
    """A router that lies there, and all that it names."""
    seen: set[ObjectId] = set()
    ahead = [router]
    while ahead:
        item = lying.objects.get(ahead.pop())
        if item is not None and item.id not in seen:
            seen.add(item.id)
            ahead += references(item)
            yield item


def _served(item: RouteObject, running: Collection[str]) -> RouteObject:
    servers = nested(at(item.body, *_SERVERS))
    left = {name: each for name, each in servers.items() if name in running or name == TASKS}
    if not left or len(left) == len(servers):
        return item  # no names of tasks, or nobody better
    return replace(item, body=replaced(item.body, _SERVERS, left))
