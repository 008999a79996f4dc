"""Traefik's labels as bodies of objects: the second half of their grammar, typed by the field table.

Follows `AddMetadata` and `Fill` of traefik/paerser for the struct tag `label`. Two things are wider than
Traefik's own reading of labels: what it leaves out there and its KV provider can say is taken too
(weighted, mirroring, failover and highest random weight services, servers' transports, TLS options); and
every fault is told, not the first alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from swarm_operator.plan.routes import fields, scalars
from swarm_operator.plan.routes.field_table.types import BOOL, IGNORED, INT, TEXT, struct
from swarm_operator.plan.routes.fields import Field, FieldType
from swarm_operator.plan.routes.label_nodes import LabelFault, LabelNode, label_tree
from swarm_operator.plan.routes.tree import KINDS, PROTOCOLS, Body, ObjectId, Value, numbered

FILTERS: Final = (
    "traefik.http",
    "traefik.tcp",
    "traefik.udp",
    "traefik.tls.stores",
    "traefik.tls.options",
)
"""Which labels are configuration: those of `DecodeConfiguration` (`pkg/config/label`), and TLS options."""

SERVER: Final = "server"
"""In labels a load balancer has one server, which stands for all tasks (tag `label-slice-as-struct`)."""

_SERVERS: Final[Mapping[str, Field]] = {
    "http": struct(scheme=TEXT, port=TEXT, url=TEXT, weight=INT, preservePath=BOOL),
    "tcp": struct(port=TEXT, tls=BOOL),
    "udp": struct(port=TEXT),
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the labels of one service say. A load balancer's `server` is not a field of the KV yet."""

    bodies: Mapping[ObjectId, Body] = field(default_factory=dict)
    places: Mapping[tuple[ObjectId, tuple[str, ...]], str] = field(default_factory=dict)
    """The label that a field of an object comes from."""
    faults: tuple[LabelFault, ...] = ()
    """Because of each of these Traefik would not read any of the labels."""
    warnings: tuple[LabelFault, ...] = ()
    """Labels that have no effect."""


def decode(labels: Mapping[str, str]) -> Decoded:
    """Read the labels of a service; those that are no configuration are left out."""
    root, faults = label_tree(labels, FILTERS)
    decoder = _Decoder(faults)
    for protocol in root.children:
        decoder.protocol(protocol)
    return Decoded(decoder.bodies, decoder.places, tuple(decoder.faults), tuple(decoder.warnings))


class _Decoder:
    """Collects bodies and faults on the way down."""

    def __init__(self, faults: list[LabelFault]) -> None:
        self.bodies: dict[ObjectId, Body] = {}
        self.places: dict[tuple[ObjectId, tuple[str, ...]], str] = {}
        self.faults = faults
        self.warnings: list[LabelFault] = []
        self.subject = ObjectId("http", "", "")

    def protocol(self, node: LabelNode) -> None:
        name = next((item for item in PROTOCOLS if item == node.name.lower()), None)
        if name is None:
            known = ", ".join(PROTOCOLS)
            self._fault(
                node, "UnknownLabel", f"{node.name} is unknown: after traefik comes {known}"
            )
            return
        if not self._has_children(node):
            return
        for kind in node.children:
            if kind.name.lower() not in KINDS[name]:
                known = ", ".join(KINDS[name])
                self._fault(kind, "UnknownLabel", f"{kind.name} is unknown: {name} has {known}")
            elif self._has_children(kind):
                for item in kind.children:
                    self.subject = ObjectId(name, kind.name.lower(), item.name)
                    self._object(item)

    def _object(self, node: LabelNode) -> None:
        shape = fields.find(self.subject.protocol, self.subject.kind)
        if self._is_for_all():
            message = (
                f"would hold for the TLS of all services: write {self.subject.path} in a document "
                "desired/routes/<name>, or give it another name"
                if self.subject.kind == "options"
                else "Traefik uses the store default alone: write others in desired/routes/<name>"
            )
            self._fault(node, "NotInLabels", message)
        elif shape is None:
            self._fault(node, "UnknownLabel", "is nothing that labels can say")
        elif self._has_children(node):
            self.places[self.subject, ()] = node.children[0].label
            body = dict(self._fields(shape, node, ()))
            if body or self.subject.kind in {"routers", "services"}:
                self.bodies[self.subject] = body
            elif not self.faults:
                message = f"says nothing, so there is no {self.subject.kind[:-1]} {node.name}"
                self._warn(node.children[0], "HasNoEffect", message)

    def _is_for_all(self) -> bool:
        """Whether an object is one by which a service would change what others get. Of TLS, Traefik's own
        provider reads `tls.stores.default` from labels and nothing else; options with a name of their
        own hold only where a router names them."""
        is_default = self.subject.name.lower() == "default"
        match self.subject.protocol, self.subject.kind:
            case "tls", "options":
                return is_default
            case "tls", "stores":
                return not is_default
        return False

    def _fields(
        self, shape: Field, node: LabelNode, path: tuple[str, ...]
    ) -> Iterator[tuple[str, Value]]:
        """The fields of a struct that have a value."""
        for below in node.children:
            found = self._field(shape, below, path)
            if found is None:
                continue
            name = below.name.lower()
            value = self._value(found, below, (*path, name))
            if value is not None:
                self.places[self.subject, (*path, name)] = below.label
                yield name, value

    def _field(self, shape: Field, node: LabelNode, path: tuple[str, ...]) -> Field | None:
        """What the struct has under the name of the node; None, with a word on it, where nothing."""
        name = node.name.lower()
        if path == ("loadbalancer",) and self.subject.kind == "services":
            if name == SERVER:
                return _SERVERS[self.subject.protocol]
            if name == "servers":
                message = "servers follow from the tasks: write loadbalancer.server.port"
                self._fault(node, "UnknownField", message)
                return None
        found = shape.fields.get(name)
        if path == ("loadbalancer", SERVER) and name == "address":
            found = IGNORED
        if found is None:
            self._unknown(shape, node)
        elif found.type is FieldType.UNREADABLE:
            self._fault(node, "UnknownField", f"{found.name} is not read by Traefik's KV provider")
        elif found.type is FieldType.IGNORED or found.internal:
            self._warn(node, "HasNoEffect", f"{found.name or name} has no effect in labels")
        else:
            return found
        return None

    def _unknown(self, shape: Field, node: LabelNode) -> None:
        close = fields.nearest(shape, node.name)
        hint = f"did you mean {close}?" if close else f"there are {', '.join(shape.names)}"
        self._fault(node, "UnknownField", f"{node.name} is unknown: {hint}")

    def _value(self, shape: Field, node: LabelNode, path: tuple[str, ...]) -> Value | None:
        match shape.type:
            case FieldType.STRUCT:
                found = dict(self._fields(shape, node, path)) if self._has_children(node) else {}
                return found or None  # one without fields says nothing, and the KV cannot say it
            case FieldType.PRESENCE:
                body = dict(self._fields(shape, node, path))
                is_on = node.value == "" or node.value.lower() == "true"
                return body if is_on else None
            case FieldType.MAP:
                return self._map(shape, node, path) if self._has_children(node) else None
            case FieldType.STRUCTS:
                return self._structs(shape, node, path)
            case FieldType.LIST:
                return self._list(node)
            case FieldType.RAW:
                return self._raw(node)
            case _:
                return self._scalar(shape, node)

    def _map(self, shape: Field, node: LabelNode, path: tuple[str, ...]) -> Value | None:
        entry = shape.of or TEXT
        body: dict[str, Value] = {}
        for below in node.children:
            if below.children and entry.type in {FieldType.STR, FieldType.INT}:
                message = f"the name of an entry of {node.name} has a dot, which labels cannot say"
                self._fault(below, "BadLabel", message)
                continue
            value = self._value(entry, below, (*path, below.name))
            if value is not None:
                self.places[self.subject, (*path, below.name)] = below.label
                body[below.name] = value
        return body or None

    def _structs(self, shape: Field, node: LabelNode, path: tuple[str, ...]) -> Value | None:
        if not node.children:
            self._warn(node, "HasNoEffect", f"{node.name} has no effect: write {node.name}[0].…")
            return None
        element = fields.as_element(shape)
        found = [
            dict(self._fields(element, below, (*path, below.name)))
            for below in node.children
            if self._has_children(below)
        ]
        return numbered(found) or None

    def _list(self, node: LabelNode) -> Value | None:
        if node.children:
            message = f"{node.name} with an index has no effect in labels: write {node.name}=a,b"
            self._warn(node.children[0], "HasNoEffect", message)
        return scalars.texts(node.value) or None

    def _raw(self, node: LabelNode) -> Value:
        """A plugin's own configuration: texts, in mappings and lists. A list of texts is one text with
        commas, at which the plugin's loader splits it: so it comes out of the KV, too."""
        if not node.children:
            return node.value
        found = {below.name: self._raw(below) for below in node.children}
        if not all(name.startswith("[") and name.endswith("]") for name in found):
            return found
        texts = [value for value in found.values() if isinstance(value, str)]
        if len(texts) < len(found):
            return {f"{index:03d}": value for index, value in enumerate(found.values())}
        if any("," in text for text in texts):
            message = f"{node.name} has a comma inside an element, at which it would be split"
            self._fault(node.children[0], "BadValue", message)
        return ",".join(texts)

    def _scalar(self, shape: Field, node: LabelNode) -> Value | None:
        if node.children:
            message = f"{node.children[0].name} is unknown: {node.name} is a {shape.type}"
            self._fault(node.children[0], "UnknownField", message)
            return None
        try:
            match shape.type:
                case FieldType.BOOL:
                    return scalars.truth(node.value)
                case FieldType.INT:
                    return scalars.whole(node.value)
                case FieldType.DURATION:
                    return scalars.duration(node.value)
        except ValueError as error:
            self._fault(node, "BadValue", str(error))
            return None
        return node.value

    def _has_children(self, node: LabelNode) -> bool:
        if node.children:
            return True
        self._fault(node, "BadLabel", f"{node.name} needs a name below it: {node.label}.…")
        return False

    def _fault(self, node: LabelNode, reason: str, message: str) -> None:
        self.faults.append(LabelFault(node.label, reason, message))

    def _warn(self, node: LabelNode, reason: str, message: str) -> None:
        self.warnings.append(LabelFault(node.label, reason, message))
