"""From keys to the tree, as Traefik's KV provider reads them: all, or nothing.

After `traefik/paerser` (`nodes_metadata.go`, `element_fill.go`) with the options of Traefik's
`pkg/config/kv`. Where Traefik stops at the first key that it does not understand, all are named here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from desired_state import go_values
from swarm_operator.plan.routes.fields import (
    TABLE,
    Field,
    FieldType,
    Version,
    as_element,
    nearest,
    version_text,
)
from swarm_operator.plan.routes.folding import folded
from swarm_operator.plan.routes.key_tree import Node, arranged
from swarm_operator.plan.routes.scalars import duration_s
from swarm_operator.plan.routes.tree import (
    PROTOCOLS,
    Body,
    ObjectId,
    RouteObject,
    RouteTree,
    Value,
)

_DEEPEST: Final = 100
"""Levels of a plugin's configuration."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A key that makes Traefik refuse all keys."""

    key: str
    """Relative to Traefik's root."""
    message: str
    """What is wrong with it, without its value."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the keys say to a Traefik of one version."""

    tree: RouteTree
    """What was understood. Traefik takes it only where there are no faults."""
    faults: tuple[Fault, ...] = ()


class _NotRead(Exception):
    """A field that the decoder skips, or that failed and is noted."""


@dataclass(slots=True)
class _Reader:
    version: Version | None
    faults: list[Fault] = field(default_factory=list)

    def struct(self, shape: Field, node: Node) -> Body:
        return dict(self._fields(shape, node))

    def _fields(self, shape: Field, node: Node) -> Iterator[tuple[str, Value]]:
        for name, below in node.children.items():
            inner = shape.fields.get(name)
            if inner is None:
                self._fault(below, _unknown(shape, below.name))
            elif self.version is not None and inner.since > self.version:
                since = version_text(inner.since)
                self._fault(below, f"Traefik knows `{inner.name}` only since {since}")
            else:
                try:
                    yield name, self.value(inner, below)
                except _NotRead:
                    continue

    def value(self, shape: Field, node: Node) -> Value:
        """Raises _NotRead."""
        match shape.type:
            case FieldType.IGNORED:
                raise _NotRead
            case FieldType.UNREADABLE:
                self._fault(node, f"Traefik's KV provider cannot read `{shape.name}`")
            case FieldType.RAW:
                return _raw(node)
            case FieldType.STRUCT | FieldType.PRESENCE | FieldType.MAP:
                return self._nested(shape, node)
            case FieldType.STRUCTS:
                if not node.children:
                    raise _NotRead
                return self._elements(as_element(shape), node)
            case FieldType.LIST:
                return self._list(node)
            case _:
                return self._scalar(shape, node)
        raise _NotRead

    def _nested(self, shape: Field, node: Node) -> Body:
        if shape.type is FieldType.PRESENCE:
            inner = self.struct(shape, node)
            if node.value and folded(node.value) != "true":
                raise _NotRead
            return inner
        if not node.children:
            self._fault(node, f"`{shape.name}` is no value: something must be below it")
            raise _NotRead
        if shape.type is FieldType.STRUCT:
            return self.struct(shape, node)
        assert shape.of is not None
        return self._entries(shape.of, node)

    def _entries(self, shape: Field, node: Node) -> Body:
        """Of a map; an entry needs nothing below it."""
        found: dict[str, Value] = {}
        for below in node.children.values():
            if shape.has_fields:
                found[below.name] = self.struct(shape, below)
                continue
            try:
                found[below.name] = self.value(shape, below)
            except _NotRead:
                continue
        return found

    def _elements(self, shape: Field, node: Node) -> Body:
        """Of a list of structs, by what is theirs of the keys."""
        return {
            below.name.strip("[]"): self.struct(shape, below) for below in node.children.values()
        }

    def _list(self, node: Node) -> tuple[str, ...]:
        for below in node.children.values():
            if below.children:
                self._fault(below, "nothing may be below an element of a list")
        if not node.value:
            raise _NotRead
        return tuple(each.strip() for each in node.value.split(","))

    def _scalar(self, shape: Field, node: Node) -> Value:
        if node.children:
            self._fault(node, f"`{shape.name}` is a value: nothing may be below it")
            raise _NotRead
        try:
            return _parsed(shape, node.value)
        except ValueError:
            self._fault(node, f"`{shape.name}` is no {shape.type} as Traefik reads it")
            raise _NotRead from None

    def _fault(self, node: Node, message: str) -> None:
        self.faults.append(Fault(node.below(), message))


def decode(keys: Mapping[str, bytes], version: Version | None = None) -> Decoded:
    """What a Traefik of this version makes of keys relative to its root; None: of the newest."""
    reader = _Reader(version)
    objects: list[RouteObject] = []
    for protocol_name, protocol_node in arranged(keys).children.items():
        protocol = TABLE.get(protocol_name)
        if protocol is None:
            reader.faults.append(Fault(protocol_node.below(), _no_protocol(protocol_node.name)))
            continue
        if not protocol_node.children:
            reader.faults.append(Fault(protocol_node.below(), "something must be below it"))
        for kind, value in reader.struct(protocol, protocol_node).items():
            assert isinstance(value, Mapping)
            objects.extend(_objects(protocol_name, kind, value))
    return Decoded(RouteTree.of(objects), tuple(sorted(reader.faults, key=lambda each: each.key)))


def _objects(protocol_name: str, kind: str, value: Body) -> Iterator[RouteObject]:
    protocol = next(each for each in PROTOCOLS if each == protocol_name)
    for name, body in value.items():
        assert isinstance(body, Mapping)
        yield RouteObject(ObjectId(protocol, kind, name), body)


def _parsed(shape: Field, text: str) -> Value:
    match shape.type:
        case FieldType.BOOL:
            return go_values.boolean(text)
        case FieldType.INT:
            return go_values.whole_number(text)
        case FieldType.DURATION:
            duration_s(text)
            return text
        case _:
            return text


def _raw(node: Node, depth: int = 0) -> Value:
    """A plugin's configuration, as text. What lies absurdly deep is left out."""
    if not node.children or depth > _DEEPEST:
        return node.value
    return {below.name.strip("[]"): _raw(below, depth + 1) for below in node.children.values()}


def _unknown(shape: Field, name: str) -> str:
    meant = nearest(shape, name)
    place = f"`{shape.name}`" if shape.name else "an object of this kind"
    hint = f"; did you mean `{meant}`?" if meant is not None else ""
    return f"{place} has no field `{name}`{hint}"


def _no_protocol(name: str) -> str:
    return f"Traefik takes every key that begins so for its own, and has no `{name}`"
