"""What Traefik makes of a configuration: which routers and services work, and why others do not.

After Traefik's `pkg/server/router`, `pkg/server/service` and `pkg/config/runtime`.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from swarm_operator.plan.routes.check import SERVICE_TYPES
from swarm_operator.plan.routes.references import references
from swarm_operator.plan.routes.rules import rule_faults
from swarm_operator.plan.routes.tree import (
    Body,
    ObjectId,
    RouteObject,
    RouteTree,
    at,
    names,
    nested,
)

ENTRYPOINTS: Final = ("web", "websecure")
"""Of the static configuration, unless it says otherwise."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A configuration in use. Errors are those of objects that routers lead to: Traefik makes no
    handlers of others."""

    tree: RouteTree = field(default_factory=RouteTree)
    errors: dict[ObjectId, tuple[str, ...]] = field(default_factory=dict)
    used: frozenset[ObjectId] = frozenset()

    @classmethod
    def of(cls, tree: RouteTree, entrypoints: Collection[str] = ENTRYPOINTS) -> "Applied":
        builder = _Builder(tree, entrypoints)
        for item in tree:
            if item.id.kind == "routers":
                builder.router(item)
        return cls(tree, builder.errors, frozenset(builder.used))

    def is_enabled(self, wanted: ObjectId) -> bool:
        return not self.errors.get(wanted)


@dataclass(slots=True)
class _Builder:
    tree: RouteTree
    entrypoints: Collection[str]
    errors: dict[ObjectId, tuple[str, ...]] = field(default_factory=dict)
    used: set[ObjectId] = field(default_factory=set)

    def router(self, item: RouteObject) -> None:
        found = list(self._of_router(item))
        if found:
            self.errors[item.id] = tuple(dict.fromkeys(found))

    def _of_router(self, item: RouteObject) -> Iterator[str]:
        wanted = names(item.body.get("entrypoints"))
        if wanted and not set(wanted) & set(self.entrypoints):
            yield from (f'entryPoint "{name}" doesn\'t exist' for name in wanted)
            yield "no valid entryPoint for this router"
        yield from _of_rule(item)
        if not item.body.get("service"):
            yield "the service is missing on the router"
        for ref in references(item):
            yield from self._of_reference(ref, frozenset({item.id}))

    def _of_reference(self, ref: ObjectId, seen: frozenset[ObjectId]) -> Iterator[str]:
        """Why what is named cannot be used."""
        if ref.protocol == "tls":
            return
        item = self.tree.objects.get(ref)
        if item is None:
            yield _missing(ref)
        elif ref in seen:
            yield f"recursion: {ref.name}@consul"
        else:
            self.used.add(ref)
            found = list(dict.fromkeys(self._of_object(item, seen | {ref})))
            if found:
                self.errors[ref] = tuple(found)
                yield from found

    def _of_object(self, item: RouteObject, seen: frozenset[ObjectId]) -> Iterator[str]:
        types = list(item.body)
        if item.id.kind == "services":
            types = [each for each in types if each in SERVICE_TYPES]
            yield from _of_servers(item)
        if item.id.kind in {"services", "middlewares"} and len(types) != 1:
            yield f'"{item.id.name}@consul" must have one type, not {len(types)}'
        for ref in references(item):
            yield from self._of_reference(ref, seen)


def _of_rule(item: RouteObject) -> Iterator[str]:
    if item.id.protocol == "udp":
        return
    rule = str(item.body.get("rule", "")).strip()
    if not rule:
        yield "empty rule"
    elif any(rule_faults(item.id.protocol, rule, str(item.body.get("rulesyntax") or "v3"))):
        yield f"error while adding rule {rule}"


def _missing(ref: ObjectId) -> str:
    match ref.kind:
        case "services":
            return f'the service "{ref.name}@consul" does not exist'
        case "middlewares":
            return f'middleware "{ref.name}@consul" does not exist'
        case kind:
            return f'{kind.removesuffix("s")} "{ref.name}@consul" not found'


def servers(body: Body) -> tuple[str, ...]:
    """The URLs or addresses of a service's servers, in the order of their names."""
    found = nested(at(body, "loadbalancer", "servers"))
    both = (nested(each) for _, each in sorted(found.items()))
    return tuple(str(each.get("url", each.get("address", ""))) for each in both)


def _of_servers(item: RouteObject) -> Iterator[str]:
    if item.id.protocol != "http":
        return
    for url in servers(item.body):
        if url and not urlsplit(url).scheme:
            yield f"error parsing server URL {url}"
