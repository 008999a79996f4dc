"""What is wrong with the keys that lie below Traefik's root, foreign ones above all.

Traefik itself says it in its log at best: a key that it cannot read freezes all routes of the provider,
and the log names the field, never the key.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from swarm_operator.observed.kv import KvTree
from swarm_operator.plan.routes.check import SERVICE_TYPES
from swarm_operator.plan.routes.decoding import decode
from swarm_operator.plan.routes.fields import Version
from swarm_operator.plan.routes.keys import merged, object_of
from swarm_operator.plan.routes.ownership import owns
from swarm_operator.plan.routes.references import references
from swarm_operator.plan.routes.tree import ObjectId, RouteObject


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a key that a person should mend. Never holds a value: it may be a secret."""

    key: str
    """Relative to Traefik's root; of an object as a whole, its folder."""
    message: str
    freezes: bool
    """Whether Traefik ignores every change of any key because of it."""
    is_ours: bool
    """Whether this installation wrote the key."""


def lint(
    observed: KvTree, installation: str, version: Version | None = None, *, ours: bool = True
) -> tuple[Finding, ...]:
    """All findings, those that freeze first, for a Traefik of this version (None: the newest).

    Without `ours`, objects of which every key is ours are taken for sound: with thousands of them
    that is much quicker.
    """
    there = _objects(observed)
    sound = _all_ours(observed, installation)
    keys = {
        key: entry.value
        for key, entry in observed.entries.items()
        if ours or (named := object_of(key)) is None or merged(named) not in sound
    }
    decoded = decode(keys, version)
    frozen = tuple(
        Finding(fault.key, fault.message, True, _is_ours(fault.key, observed, installation))
        for fault in decoded.faults
    )
    dead = tuple(
        Finding(item.id.path, message, False, False)
        for item in decoded.tree
        if merged(item.id) not in sound
        for message in _dead(item, there)
    )
    return frozen + dead


def _is_ours(key: str, observed: KvTree, installation: str) -> bool:
    entry = observed.entries.get(key)
    return entry is not None and owns(entry, installation)


def _objects(observed: KvTree) -> frozenset[ObjectId]:
    """All objects, under every name that a key has for them."""
    return frozenset(named for key in observed.entries if (named := object_of(key)) is not None)


def _all_ours(observed: KvTree, installation: str) -> frozenset[ObjectId]:
    """Objects of which every key is ours: what is wrong with those is said elsewhere."""
    by_object: Mapping[bool, set[ObjectId]] = {True: set(), False: set()}
    for key, entry in observed.entries.items():
        named = object_of(key)
        if named is not None:
            by_object[owns(entry, installation)].add(merged(named))
    return frozenset(by_object[True] - by_object[False])


def _dead(item: RouteObject, there: Collection[ObjectId]) -> Iterator[str]:
    """Why Traefik does not use an object, although it can read it."""
    match item.id.kind:
        case "routers":
            yield from _of_router(item)
        case "services":
            types = sorted(SERVICE_TYPES & item.body.keys())
            if len(types) != 1:
                yield f"a service has one type; this one has {', '.join(types) or 'none'}"
        case "middlewares":
            if len(item.body) != 1:
                yield f"a middleware has one type; this one has {', '.join(item.body) or 'none'}"
    for ref in references(item):
        if ref not in there:
            yield f"names {ref}, which is not there{_spelling(ref, there)}"


def _of_router(item: RouteObject) -> Iterator[str]:
    if item.id.name.startswith("["):
        yield "a name of digits only can only be referred to in brackets"
    if not item.body:
        yield "is an empty folder, of which Traefik makes a router on all entry points: delete it"
    elif "rule" not in item.body and item.id.protocol != "udp":
        yield "a router without a rule"
    elif "service" not in item.body:
        yield "a router without a service: the KV provider, unlike labels, links none by itself"


def _spelling(ref: ObjectId, there: Collection[ObjectId]) -> str:
    other = next((each for each in there if merged(each) == merged(ref)), None)
    return f" ({other} is: references tell upper from lower case)" if other is not None else ""
