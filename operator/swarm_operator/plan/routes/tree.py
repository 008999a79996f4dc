"""Traefik's dynamic configuration as one typed tree: what labels, terse routes and documents compile
into, and what the keys of the KV are made from.

A body says of an object what Traefik's structs say (`pkg/config/dynamic`), in one canonical form, so
that equal trees mean equal configurations:

- a struct is a mapping; its fields have the lower case names of the KV's paths;
- a map is a mapping; its entries keep their case (`customrequestheaders`: {"X-Lab": …});
- a list of scalars is a tuple, never empty, whose texts hold no comma and no outer blanks;
- a list of structs is a mapping too, from the name of the element, by which the KV orders it, to the
  element: servers have the ids of their tasks, others are `numbered`;
- a struct that means something by being there (a router's `tls`, `sticky.cookie`, `compress`) is an
  empty mapping where it has no fields, and absent where it is off; other empty structs and maps are
  absent, for the KV cannot say them;
- a duration is text, as Traefik reads it: "500ms", "1m30s", "10" (seconds).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, TypeAlias, cast

Protocol: TypeAlias = Literal["http", "tcp", "udp", "tls"]

PROTOCOLS: Final[tuple[Protocol, ...]] = ("http", "tcp", "udp", "tls")

KINDS: Final[Mapping[Protocol, tuple[str, ...]]] = {
    "http": ("routers", "services", "middlewares", "serverstransports", "models"),
    "tcp": ("routers", "services", "middlewares", "serverstransports", "models"),
    "udp": ("routers", "services"),
    "tls": ("options", "stores", "certificates"),
}
"""What has names below each protocol. `tls/certificates` is a list; its elements count as objects."""

Scalar: TypeAlias = str | int | bool
Value: TypeAlias = str | int | bool | tuple[Scalar, ...] | Mapping[str, "Value"]
Body: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True, slots=True, order=True)
class ObjectId:
    """An object of the dynamic configuration, without its provider: http/routers/gogs."""

    protocol: Protocol
    kind: str
    """Lower case, as in the KV's paths; see KINDS."""
    name: str
    """As it is referred to; references tell upper from lower case."""

    @property
    def path(self) -> str:
        """The folder of the object's keys, relative to Traefik's root, without a closing slash."""
        return f"{self.protocol}/{self.kind}/{self.name}"

    @property
    def folded(self) -> "ObjectId":
        """Equal for two names that Traefik's KV provider takes for one."""
        return ObjectId(self.protocol, self.kind, self.name.casefold())

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something came from, for people."""

    stack: str | None
    source: str
    """ "service shop_web, label traefik.http.routers.web.rule"; "desired/routes/legacy, line 12"."""
    owner: str = ""
    """What stands or falls together: "service shop_web", "desired/routes/legacy", "operator"."""
    detail: str = ""
    """The place inside of the owner: "label traefik.http.routers.web.rule", "line 12"."""

    def at(self, detail: str) -> "Origin":
        """A place inside of it: a label, a line."""
        return Origin(self.stack, f"{self.owner or self.source}, {detail}", self.owner, detail)

    def __str__(self) -> str:
        return self.source


@dataclass(frozen=True, slots=True)
class RouteObject:
    """A router, service, middleware, … with its body; equal whatever its origin."""

    id: ObjectId
    body: Body
    origin: Origin = field(default=Origin(None, ""), compare=False)


class Severity(StrEnum):
    """How much a refusal takes away."""

    ERROR = "error"
    """What it names is not published as it is written now."""
    WARNING = "warning"
    """It is published; something of it has no effect or may not do what is expected."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is not published, or not as written. Never holds a value of a label: it may be a
    secret (basic-auth users)."""

    origin: Origin
    subject: ObjectId | None
    reason: str
    """One word in PascalCase, stable: for conditions, metrics and tests."""
    message: str
    """For people: what is wrong and what to do, without the origin."""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{self.origin}: {self.message}"


@dataclass(frozen=True, slots=True)
class RouteTree:
    """A dynamic configuration. Immutable; equal by value, origins aside."""

    objects: Mapping[ObjectId, RouteObject] = field(default_factory=dict)

    @classmethod
    def of(cls, objects: Iterable[RouteObject]) -> "RouteTree":
        """A tree of objects, in the order of their ids. Raises ValueError where two have one id."""
        found = sorted(objects, key=lambda item: item.id)
        tree = {item.id: item for item in found}
        if len(tree) != len(found):
            raise ValueError("two objects of a tree have the same id")
        return cls(tree)

    def __iter__(self) -> Iterator[RouteObject]:
        return iter(self.objects.values())

    def __len__(self) -> int:
        return len(self.objects)

    def __contains__(self, wanted: object) -> bool:
        return wanted in self.objects

    def body(self, wanted: ObjectId) -> Body | None:
        """What an object says; None where there is none of this name."""
        found = self.objects.get(wanted)
        return found.body if found is not None else None

    def of_kind(self, protocol: Protocol, kind: str) -> tuple[RouteObject, ...]:
        """The objects of one kind, in the order of their names."""
        return tuple(item for item in self if item.id.protocol == protocol and item.id.kind == kind)


def numbered(elements: Sequence[Body]) -> Body:
    """A list of structs with names that sort as the list is ordered: "0", "1" …, "00" … from ten on."""
    width = len(str(max(len(elements) - 1, 0)))
    return {f"{index:0{width}d}": element for index, element in enumerate(elements)}


def nested(value: Value | None) -> Body:
    """The fields of a struct that may be absent."""
    return value if isinstance(value, Mapping) else {}


def at(body: Body, *path: str) -> Value | None:
    """What lies at a path of fields; None where nothing does."""
    found: Value | None = body
    for name in path:
        found = nested(found).get(name)
    return found


def replaced(body: Body, path: Sequence[str], value: Value) -> Body:
    """A copy of a body with another value at a path; structs on the way are made."""
    first, *rest = path
    inner = replaced(nested(body.get(first)), rest, value) if rest else value
    return {**body, first: inner}


def without(body: Body, path: Sequence[str]) -> Body:
    """A copy of a body without what is at a path."""
    first, *rest = path
    if first not in body:
        return body
    if rest:
        return {**body, first: without(nested(body[first]), rest)}
    return {name: value for name, value in body.items() if name != first}


def names(value: Value | None) -> tuple[str, ...]:
    """A list of texts that may be absent."""
    return cast("tuple[str, ...]", value) if isinstance(value, tuple) else ()
