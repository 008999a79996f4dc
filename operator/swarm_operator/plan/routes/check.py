"""What speaks against writing an object: the KV could not say it, or Traefik could not read it.

One bad key would freeze all routes of Traefik's KV provider, silently. So nothing is written that has
a problem here. Rules that need more than the object itself (references, duplicates) are elsewhere.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from swarm_operator.observed.kv import Put
from swarm_operator.observed.kv_transactions import size_b
from swarm_operator.plan.routes.encoding import encode_object
from swarm_operator.plan.routes.fields import (
    OLDEST,
    Field,
    FieldType,
    Version,
    as_element,
    child,
    find,
    nearest,
    version_text,
)
from swarm_operator.plan.routes.folding import folded
from swarm_operator.plan.routes.keys import server_of
from swarm_operator.plan.routes.room import MAX_B, MAX_KEYS, holds
from swarm_operator.plan.routes.scalars import duration_s
from swarm_operator.plan.routes.tree import Body, ObjectId, RouteObject, Value

SERVICE_TYPES: Final = frozenset(
    {"loadbalancer", "weighted", "mirroring", "failover", "highestrandomweight"}
)

_TRIMMED: Final = frozenset(
    {"service", "fallback", "name", "url", "address", "serverstransport", "options", "certresolver"}
)
"""Texts in which Traefik takes an outer blank or newline literally, and then finds nothing."""

_USERS: Final = {
    "basicauth": (1, "name:hash, as htpasswd prints it"),
    "digestauth": (2, "name:realm:hash, as htdigest prints it"),
}
"""Colons of a user (`basicUserParser`, `digestUserParser` of `pkg/middlewares/auth`)."""

_DEEPEST: Final = 100

_INT64: Final = range(-(2**63), 2**63)
_LONGEST_S: Final = 2**63 / 10**9
"""Traefik multiplies a plain number of seconds without a look at whether it still fits."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an object cannot be written as it is. Never holds a value: it may be a secret."""

    path: tuple[str, ...]
    """Of the field, inside the object; empty for the object itself."""
    message: str

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: {self.message}" if self.path else self.message


def problems(item: RouteObject, version: Version = OLDEST) -> tuple[Problem, ...]:
    """All that a Traefik of this version, or the KV, has against the object."""
    shape = find(item.id.protocol, item.id.kind)
    if shape is None:
        return (Problem((), f"Traefik has no {item.id.protocol} {item.id.kind}"),)
    found = [Problem((), text) for text in _of_name(item.id)]
    found += _of_struct(shape, item.body, (), version)
    found += _of_types(item)
    found += _of_users(item)
    return tuple(found) or tuple(_of_size(item))


def _of_name(named: ObjectId) -> Iterator[str]:
    name = named.name
    if not name or name != name.strip() or "/" in name or not name.isprintable():
        yield "a name has at least one letter, no outer blanks and no `/`"
    elif named.kind != "certificates" and name.isascii() and name.isdigit():
        yield "a name of digits only cannot be referred to: Traefik takes it for a number"
    if "@" in name:
        yield "`@` in a name: references to it would look for it at another provider"
    if ".." in name:
        yield "`..` in a name: newer versions of Consul refuse such keys"


def _of_struct(
    shape: Field, body: Body, path: tuple[str, ...], version: Version
) -> Iterator[Problem]:
    if not body and shape.type is not FieldType.PRESENCE:
        yield Problem(path, "has no fields: the KV cannot say that")
    for name, value in body.items():
        below = child(shape, name)
        here = (*path, name)
        if below is None or name != name.lower():
            yield Problem(here, _unknown(shape, name))
        elif not below.is_writable:
            yield Problem(here, f"Traefik's KV provider does not take `{below.name}`")
        elif below.since > version:
            yield Problem(
                here,
                f"`{below.name}` needs Traefik {version_text(below.since)}; "
                f"{version_text(version)} would refuse all routes because of it",
            )
        else:
            yield from _of_value(below, value, here, version)


def _unknown(shape: Field, name: str) -> str:
    meant = nearest(shape, name)
    hint = f": did you mean `{meant}`?" if meant is not None else ""
    return f"there is no such field{hint}"


def _of_value(
    shape: Field, value: Value, path: tuple[str, ...], version: Version
) -> Iterator[Problem]:
    match shape.type:
        case FieldType.STRUCT | FieldType.PRESENCE if isinstance(value, Mapping):
            yield from _of_struct(shape, value, path, version)
        case FieldType.MAP | FieldType.STRUCTS if isinstance(value, Mapping):
            yield from _of_entries(shape, value, path, version)
        case FieldType.RAW:
            yield from _of_raw(value, path)
        case FieldType.LIST if isinstance(value, tuple):
            yield from _of_list(value, path)
        case _:
            yield from (Problem(path, text) for text in _of_scalar(shape, value, path[-1]))


def _of_entries(
    shape: Field, entries: Body, path: tuple[str, ...], version: Version
) -> Iterator[Problem]:
    if not entries:
        yield Problem(path, "is empty: the KV cannot say that")
    element = shape.of if shape.type is FieldType.MAP else as_element(shape)
    assert element is not None
    yield from _of_names(entries, path, digits=shape.type is FieldType.STRUCTS)
    for name, value in entries.items():
        yield from _of_value(element, value, (*path, name), version)


def _of_names(entries: Body, path: tuple[str, ...], *, digits: bool) -> Iterator[Problem]:
    """Names that go into a path. `digits`: whether names of digits only are numbers and welcome."""
    seen: dict[str, str] = {}
    for name in entries:
        if not name or "/" in name or not name.isprintable():
            yield Problem((*path, name), "cannot be a part of a key's path")
        if not digits and name.isascii() and name.isdigit():
            yield Problem((*path, name), "Traefik takes a name of digits only for a number")
        if seen.setdefault(folded(name), name) != name:
            yield Problem((*path, name), f"Traefik takes it for the same as `{seen[folded(name)]}`")


def _of_raw(value: Value, path: tuple[str, ...]) -> Iterator[Problem]:
    if len(path) > _DEEPEST:
        yield Problem(path[:4], f"a plugin's configuration of more than {_DEEPEST} levels")
    elif isinstance(value, Mapping):
        if not value:
            yield Problem(path, "is empty: the KV cannot say that")
        leaves = {name: below for name, below in value.items() if not isinstance(below, Mapping)}
        yield from _of_names(leaves, path, digits=False)
        yield from _of_names({**value}, path, digits=True)
        for name, below in value.items():
            yield from _of_raw(below, (*path, name))
    elif not isinstance(value, str):
        yield Problem(path, "a plugin's values are texts")


def _of_list(value: tuple[Value, ...], path: tuple[str, ...]) -> Iterator[Problem]:
    if not value:
        yield Problem(path, "is empty: the KV cannot say that")
    for each in value:
        if not isinstance(each, str) or not each or each != each.strip():
            yield Problem(path, "an element of a list is a text without outer blanks")
        elif "," in each:
            yield Problem(path, "a comma inside an element of a list: Traefik would split it")


def _of_scalar(shape: Field, value: Value, name: str) -> Iterator[str]:
    wrong = f"is no {shape.type}"
    match shape.type, value:
        case FieldType.BOOL, bool():
            return
        case FieldType.INT, bool():
            yield wrong
        case FieldType.INT, int() if value in _INT64:
            return
        case FieldType.DURATION, str():
            try:
                if abs(duration_s(value)) > _LONGEST_S:
                    yield "is longer than the longest duration, about 292 years"
            except ValueError:
                yield 'is no duration such as "10s", "500ms" or "1m30s"'
        case FieldType.STR, str():
            if name in _TRIMMED and value != value.strip():
                yield "has blanks or a newline around it"
        case _:
            yield wrong


def _of_types(item: RouteObject) -> Iterator[Problem]:
    """Traefik disables an object of two types, and one without any."""
    if item.id.kind == "services":
        types = sorted(SERVICE_TYPES & item.body.keys())
        if item.body and not types:
            yield Problem((), "a service without a type, such as `loadBalancer`")
    elif item.id.kind == "middlewares":
        types = sorted(item.body)
    else:
        return
    if len(types) > 1:
        yield Problem((), f"is of several types at once: {', '.join(types)}")


def _of_users(item: RouteObject) -> Iterator[Problem]:
    """Traefik tells a user that it cannot split, with the password, to whoever asks its API."""
    if item.id.kind != "middlewares":
        return
    for name, (colons, form) in _USERS.items():
        auth = item.body.get(name)
        users = auth.get("users") if isinstance(auth, Mapping) else None
        listed = users if isinstance(users, tuple) else ()
        for number, user in enumerate(listed, 1):
            if isinstance(user, str) and user.count(":") != colons:
                yield Problem(
                    (name, "users"), f"the user number {number} is not of the form {form}"
                )


def _of_size(item: RouteObject) -> Iterator[Problem]:
    puts = [Put(key, value) for key, value in encode_object(item).items()]
    if not holds(sum(1 for put in puts if server_of(put.key) is None)):
        yield Problem((), f"has more than {MAX_KEYS} fields: one transaction cannot hold them")
    if sum(map(size_b, puts)) > MAX_B:
        yield Problem((), "is too large for one transaction of Consul (about 390 kB of values)")


def without_empty(objects: Iterable[RouteObject]) -> Iterator[RouteObject]:
    """Objects without what is empty and says nothing, and none that would be nothing itself: what is
    left of those that could not be read as a whole."""
    for item in objects:
        body = _without_empty(item.body, find(item.id.protocol, item.id.kind))
        if body:
            yield RouteObject(item.id, body, item.origin)


def _without_empty(body: Body, shape: Field | None) -> Body:
    found: dict[str, Value] = {}
    for name, value in body.items():
        below = child(shape, name) if shape is not None else None
        says = below is not None and below.type is FieldType.PRESENCE
        left = _without_empty(value, below) if isinstance(value, Mapping) else value
        if left != {} or (says and not value):
            found[name] = left
    return found
