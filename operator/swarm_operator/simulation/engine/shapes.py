"""JSON as Go's decoder and encoder treat a struct: names without case, zero values left out.

Every document of the Engine API passes through a Go struct on its way in and out. A `Struct` says
which members there are; `decoded` keeps those alone, under their proper names; `encoded` leaves out
what Go's `omitempty` leaves out. Between the two lies what the engine itself fills or drops.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, TypeAlias

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.engine.errors import ApiError


class Scalar(Enum):
    """Values without members. The text is Go's name of the type, for error messages."""

    TEXT = "string"
    FLAG = "bool"
    INTEGER = "int64"
    DURATION = "time.Duration"
    FILE_MODE = "fs.FileMode"
    COUNT = "uint64"
    SMALL_COUNT = "uint32"
    REAL = "float32"
    BYTES = "[]uint8"


class Keep(Enum):
    """When an empty value is shown."""

    FILLED = auto()
    """`omitempty`: not where it is zero, empty or null."""
    ALWAYS = auto()
    """No tag: zero, or null, is shown too."""
    GIVEN = auto()
    """A pointer with `omitempty`: zero is shown where it was given."""


@dataclass(frozen=True, slots=True)
class ListOf:
    item: "Shape"


@dataclass(frozen=True, slots=True)
class MapOf:
    """From strings to `value`."""

    value: "Shape"


@dataclass(frozen=True, slots=True)
class Member:
    name: str
    shape: "Shape"
    keep: Keep = Keep.FILLED
    embedded: str = ""
    """The struct through which it comes to the one that has it; no level of its own in JSON."""


@dataclass(frozen=True)
class Struct:
    """Members in the order in which Go writes them."""

    name: str
    """Go's name of the type, its package before it."""
    members: tuple[Member, ...]
    by_name: dict[str, Member] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = {member.name.casefold(): member for member in self.members}
        names |= {member.name: member for member in self.members}
        object.__setattr__(self, "by_name", names)

    @property
    def bare_name(self) -> str:
        return self.name.rpartition(".")[2]


Shape: TypeAlias = Scalar | ListOf | MapOf | Struct

_NUMBERS = (
    Scalar.INTEGER,
    Scalar.DURATION,
    Scalar.FILE_MODE,
    Scalar.COUNT,
    Scalar.SMALL_COUNT,
    Scalar.REAL,
)
_ZERO: dict[Scalar, Any] = {
    Scalar.TEXT: "",
    Scalar.FLAG: False,
    Scalar.INTEGER: 0,
    Scalar.DURATION: 0,
    Scalar.FILE_MODE: 0,
    Scalar.COUNT: 0,
    Scalar.SMALL_COUNT: 0,
    Scalar.REAL: 0,
}


def _is_whole(value: Any, lowest: int = -(2**63), highest: int = 2**63 - 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest


def _is_count(value: Any) -> bool:
    return _is_whole(value, 0, 2**64 - 1)


def _is_small_count(value: Any) -> bool:
    return _is_whole(value, 0, 2**32 - 1)


def _is_real(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and abs(value) <= _MAX_FLOAT32


_MAX_FLOAT32 = 3.4028234663852886e38
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_IS: dict[Scalar, Callable[[Any], bool]] = {
    Scalar.TEXT: lambda value: isinstance(value, str),
    Scalar.BYTES: lambda value: isinstance(value, str),
    Scalar.FLAG: lambda value: isinstance(value, bool),
    Scalar.INTEGER: _is_whole,
    Scalar.DURATION: _is_whole,
    Scalar.FILE_MODE: _is_small_count,
    Scalar.COUNT: _is_count,
    Scalar.SMALL_COUNT: _is_small_count,
    Scalar.REAL: _is_real,
}


def struct(name: str, *members: Member | Iterable[Member]) -> Struct:
    """A struct; an iterable of members is an embedded one."""
    flat: list[Member] = []
    for member in members:
        flat += [member] if isinstance(member, Member) else member
    return Struct(name, tuple(flat))


def decoded(shape: Struct, body: Any) -> JsonObject:
    """The members that were given, under their own names; unknown ones and nulls are dropped.

    Raises `ApiError` 400 where a value has the wrong type, as the engine's ReadJSON does.
    """
    result = _decode(shape, body, "", ())
    return {} if result is None else dict(result)


def _decode(shape: Shape, value: Any, owner: str, trail: tuple[str, ...]) -> Any:
    """`owner` is the struct whose member this is, `trail` its path from the top: for errors."""
    if value is None:
        return None
    if isinstance(shape, Struct):
        if not isinstance(value, dict):
            raise _mistyped(value, shape, owner, trail)
        return _decode_struct(shape, value, trail)
    if isinstance(shape, ListOf):
        if not isinstance(value, list):
            raise _mistyped(value, shape, owner, trail)
        return [_decode_within(shape.item, item, owner, trail) for item in value]
    if isinstance(shape, MapOf):
        if not isinstance(value, dict):
            raise _mistyped(value, shape, owner, trail)
        return {
            _whole_text(key): _decode_within(shape.value, value[key], owner, trail)
            for key in sorted(value)  # as Go writes maps
        }
    if not _IS[shape](value):
        raise _mistyped(value, shape, owner, trail)
    return _whole_text(value) if isinstance(value, str) else value


def _whole_text(text: str) -> str:
    """Half a surrogate pair (JSON may spell one, UTF-8 cannot) becomes U+FFFD, as in Go."""
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def _decode_within(shape: Shape, value: Any, owner: str, trail: tuple[str, ...]) -> Any:
    """A value of a list or map: null leaves Go's zero value there, and drops nothing."""
    if value is None:
        return {} if isinstance(shape, Struct) else _zero(shape)
    return _decode(shape, value, owner, trail)


def _decode_struct(shape: Struct, value: JsonObject, trail: tuple[str, ...]) -> JsonObject:
    result: JsonObject = {}
    for key, item in value.items():
        member = shape.by_name.get(key) or shape.by_name.get(key.casefold())
        if member is None:
            continue
        path = (*trail, f"{member.embedded}.{member.name}" if member.embedded else member.name)
        child = _decode(member.shape, item, shape.bare_name, path)
        if child is not None:
            result[member.name] = child
    return result


def encoded(shape: Struct, value: JsonObject) -> JsonObject:
    """As Go writes it: members in order, empty ones left out where the tag says so."""
    result: JsonObject = {}
    for member in shape.members:
        item = _encode(member.shape, value.get(member.name))
        if member.keep is Keep.ALWAYS:
            result[member.name] = _zero(member.shape) if item is None else item
        elif item is not None and (member.keep is Keep.GIVEN or not _is_empty(member.shape, item)):
            result[member.name] = item
    return result


def _encode(shape: Shape, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(shape, Struct):
        return encoded(shape, value)
    if isinstance(shape, ListOf):
        return [_encode(shape.item, item) for item in value]
    if isinstance(shape, MapOf):
        return {key: _encode(shape.value, item) for key, item in value.items()}
    return value


def _is_empty(shape: Shape, value: Any) -> bool:
    """Go's `omitempty` never leaves out a struct, or a pointer to one that is there."""
    return not isinstance(shape, Struct) and not value


def _zero(shape: Shape) -> Any:
    return _ZERO.get(shape) if isinstance(shape, Scalar) else None


def _go_name(shape: Shape) -> str:
    match shape:
        case Struct():
            return shape.name
        case ListOf():
            return f"[]{_go_name(shape.item)}"
        case MapOf():
            return f"map[string]{_go_name(shape.value)}"
        case Scalar():
            return shape.value


def _mistyped(value: Any, shape: Shape, owner: str, trail: tuple[str, ...]) -> ApiError:
    """In the words of Go's encoding/json: a number's value is told where numbers were wanted."""
    kinds = {bool: "bool", str: "string", list: "array", dict: "object"}
    kind = kinds.get(type(value), f"number {value}" if shape in _NUMBERS else "number")
    place = f"struct field {owner}.{'.'.join(trail)}" if trail else "value"
    text = f"json: cannot unmarshal {kind} into Go {place} of type {_go_name(shape)}"
    return ApiError(400, f"invalid JSON: {text}")
