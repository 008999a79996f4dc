"""Traefik's own dynamic configuration, as its file provider reads it, as bodies of objects."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from desired_state.forms import kind_of
from desired_state.go_values import printed
from swarm_operator.plan.routes import fields, scalars
from swarm_operator.plan.routes.field_table.types import TEXT
from swarm_operator.plan.routes.fields import Field, FieldType
from swarm_operator.plan.routes.tree import KINDS, Body, ObjectId, Protocol, Value, numbered

YamlPath: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where in the document. Never holds a value."""

    path: YamlPath
    reason: str
    message: str
    subject: ObjectId | None = None


@dataclass(slots=True)
class DynamicConfiguration:
    """The objects of a document's sections."""

    name: str
    """Of the document: the certificates of a list are named by it."""
    bodies: dict[ObjectId, Body] = field(default_factory=dict)
    places: dict[tuple[ObjectId, tuple[str, ...]], YamlPath] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def read(self, protocol: Protocol, section: Mapping[str, Any]) -> None:
        """Read a section: `http`, `tcp`, `udp` or `tls`."""
        for key, objects in section.items():
            kind = key.lower()
            shape = fields.find(protocol, kind) if kind in KINDS[protocol] else None
            if shape is None:
                known = ", ".join(KINDS[protocol])
                self._fault((protocol, key), "UnknownField", f"is unknown: {protocol} has {known}")
            elif kind == "certificates":
                self._certificates(shape, (protocol, key), objects)
            elif not isinstance(objects, Mapping):
                self._fault(
                    (protocol, key), "BadValue", f"must be a mapping, not {kind_of(objects)}"
                )
            else:
                for name, value in objects.items():
                    self._object(
                        ObjectId(protocol, kind, name), shape, value, (protocol, key, name)
                    )

    def _certificates(self, shape: Field, place: YamlPath, value: Any) -> None:
        if not isinstance(value, list):
            self._fault(place, "BadValue", f"must be a list, not {kind_of(value)}")
            return
        for index, item in enumerate(value):
            key = ObjectId("tls", "certificates", f"{self.name}-{index:02d}")
            self._object(key, shape, item, (*place, index))

    def _object(self, key: ObjectId, shape: Field, value: Any, place: YamlPath) -> None:
        reader = _Object(key, self.places, self.faults)
        self.places[key, ()] = place
        body = reader.value(shape, value, (), place)
        if isinstance(body, Mapping):
            self.bodies[key] = body

    def _fault(self, place: YamlPath, reason: str, message: str) -> None:
        self.faults.append(Fault(place, reason, message))


@dataclass(slots=True)
class _Object:
    """One object, read by the field table."""

    key: ObjectId
    places: dict[tuple[ObjectId, tuple[str, ...]], YamlPath]
    faults: list[Fault]

    def value(
        self, shape: Field, value: Any, path: tuple[str, ...], place: YamlPath
    ) -> Value | None:
        """A value in its canonical form; None where it says nothing, or is wrong."""
        self.places[self.key, path] = place
        match shape.type:
            case FieldType.PRESENCE if isinstance(value, bool):
                return {} if value else None
            case FieldType.STRUCT | FieldType.PRESENCE:
                if self._is_mapping(value, place):
                    return dict(self._fields(shape, value, path, place))
            case FieldType.MAP:
                if self._is_mapping(value, place):
                    return dict(self._entries(shape, value, path, place)) or None
            case FieldType.STRUCTS:
                return self._structs(shape, value, path, place)
            case FieldType.LIST:
                return self._list(value, place)
            case FieldType.RAW:
                return self._raw(value, place)
            case _:
                return self._scalar(shape, value, place)
        return None

    def _is_mapping(self, value: Any, place: YamlPath) -> bool:
        if isinstance(value, dict):
            return True
        self._fault(place, "BadValue", f"must be a mapping, not {kind_of(value)}")
        return False

    def _fields(
        self, shape: Field, value: Mapping[str, Any], path: tuple[str, ...], place: YamlPath
    ) -> Iterator[tuple[str, Value]]:
        for key, inner in value.items():
            name = key.lower()
            below = shape.fields.get(name)
            if below is None:
                close = fields.nearest(shape, key)
                hint = f"did you mean {close}?" if close else f"known are {', '.join(shape.names)}"
                self._fault((*place, key), "UnknownField", f"is unknown: {hint}")
                continue
            found = self.value(below, inner, (*path, name), (*place, key))
            if found is not None:
                yield name, found

    def _entries(
        self, shape: Field, value: Mapping[str, Any], path: tuple[str, ...], place: YamlPath
    ) -> Iterator[tuple[str, Value]]:
        for key, inner in value.items():
            entry = shape.of or TEXT
            found = self.value(entry, inner, (*path, key), (*place, key))
            if found is not None:
                yield key, found

    def _structs(
        self, shape: Field, value: Any, path: tuple[str, ...], place: YamlPath
    ) -> Value | None:
        if not isinstance(value, list):
            self._fault(place, "BadValue", f"must be a list, not {kind_of(value)}")
            return None
        element = fields.as_element(shape)
        width = len(str(max(len(value) - 1, 0)))
        found = [
            self.value(element, item, (*path, f"{index:0{width}d}"), (*place, index))
            for index, item in enumerate(value)
        ]
        return numbered([item for item in found if isinstance(item, Mapping)]) or None

    def _list(self, value: Any, place: YamlPath) -> Value | None:
        if not isinstance(value, list):
            self._fault(place, "BadValue", f"must be a list, not {kind_of(value)}")
            return None
        texts: list[str] = []
        for index, item in enumerate(value):
            if not isinstance(item, str | int | float):
                self._fault((*place, index), "BadValue", f"must be text, not {kind_of(item)}")
            elif "," in printed(item):
                message = "has a comma, at which Traefik would split it in the KV"
                self._fault((*place, index), "BadValue", message)
            else:
                texts.append(printed(item).strip())
        return tuple(texts) or None

    def _raw(self, value: Any, place: YamlPath) -> Value | None:
        if isinstance(value, dict):
            found = {key: self._raw(inner, (*place, key)) for key, inner in value.items()}
            return {key: inner for key, inner in found.items() if inner is not None}
        if isinstance(value, list):
            return self._raw_list(value, place)
        return None if value is None else printed(value)

    def _raw_list(self, value: list[Any], place: YamlPath) -> Value | None:
        """A list of texts is one text with commas, at which the plugin's loader splits it."""
        items = [self._raw(inner, (*place, index)) for index, inner in enumerate(value)]
        texts = [item for item in items if isinstance(item, str)]
        if len(texts) < len(items):
            return {f"{i:03d}": item for i, item in enumerate(items) if item is not None}
        if any("," in text for text in texts):
            self._fault(
                place, "BadValue", "has a comma inside an element, at which it would be split"
            )
        return ",".join(texts)

    def _scalar(self, shape: Field, value: Any, place: YamlPath) -> Value | None:
        if not isinstance(value, str | int | float):
            self._fault(place, "BadValue", f"must be {shape.type}, not {kind_of(value)}")
            return None
        text = printed(value)
        try:
            match shape.type:
                case FieldType.BOOL:
                    return scalars.truth(text)
                case FieldType.INT:
                    return scalars.whole(text)
                case FieldType.DURATION:
                    return scalars.duration(text)
        except ValueError as error:
            self._fault(place, "BadValue", str(error))
            return None
        return text

    def _fault(self, place: YamlPath, reason: str, message: str) -> None:
        self.faults.append(Fault(place, reason, message, self.key))
