"""What a field of Traefik's dynamic configuration can be, and the words that the table is written in."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

Version: TypeAlias = tuple[int, int, int]
"""Of Traefik: major, minor, patch. A pre-release has patch -1: it knows less than its release."""

OLDEST: Final[Version] = (3, 0, 0)
"""The first version that the table describes."""


class FieldType(StrEnum):
    """The kinds of Go values that Traefik's KV decoder (`traefik/paerser`) tells apart."""

    STR = "text"
    INT = "whole number"
    BOOL = "boolean"
    DURATION = "duration"
    LIST = "list"
    """Of texts: one value with commas, or keys with numbers."""
    STRUCTS = "list of objects"
    MAP = "map"
    STRUCT = "object"
    PRESENCE = "object or true"
    """A struct that also means something without any field: `tls`, `compress` (tag `kv:"allowEmpty"`)."""
    RAW = "anything"
    """A plugin's configuration: Traefik does not know its fields."""
    IGNORED = "ignored"
    """The decoder skips it (tag `kv:"-"`)."""
    UNREADABLE = "unreadable"
    """Documented, but the decoder fails on every key of it."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field. Immutable; shared by all places where Traefik uses the same struct."""

    type: FieldType
    name: str = ""
    """As Traefik's documentation spells it; the KV does not tell upper from lower case."""
    since: Version = OLDEST
    """The first version that knows it; every later one does."""
    fields: Mapping[str, "Field"] = field(default_factory=dict, repr=False)
    """By lower case name: of a struct, or of each element of a list of structs."""
    of: "Field | None" = None
    """What an entry of a map is."""
    secret: bool = False
    """Its value is never shown (Traefik's tag `loggable:"false"`)."""
    internal: bool = False
    """The KV can set it, but it is no part of Traefik's configuration: nobody should."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its fields that may be written, as documented."""
        return tuple(each.name for each in self.fields.values() if each.is_writable)

    @property
    def is_writable(self) -> bool:
        unwritable = (FieldType.IGNORED, FieldType.UNREADABLE)
        return not self.internal and self.type not in unwritable

    @property
    def has_fields(self) -> bool:
        return self.type in (FieldType.STRUCT, FieldType.PRESENCE)


TEXT: Final = Field(FieldType.STR)
INT: Final = Field(FieldType.INT)
BOOL: Final = Field(FieldType.BOOL)
DURATION: Final = Field(FieldType.DURATION)
TEXTS: Final = Field(FieldType.LIST)
RAW: Final = Field(FieldType.RAW)
IGNORED: Final = Field(FieldType.IGNORED)
UNREADABLE: Final = Field(FieldType.UNREADABLE)
SWITCH: Final = Field(FieldType.PRESENCE)
"""A struct without fields: there or not."""


def struct(**fields: Field) -> Field:
    """A struct, its fields in the order of Traefik's documentation."""
    named = {name.lower(): replace(each, name=name) for name, each in fields.items()}
    return Field(FieldType.STRUCT, fields=MappingProxyType(named))


def by_presence(shape: Field) -> Field:
    return replace(shape, type=FieldType.PRESENCE)


def listed(shape: Field) -> Field:
    """A list of these structs."""
    return replace(shape, type=FieldType.STRUCTS)


def map_of(entry: Field) -> Field:
    return Field(FieldType.MAP, of=entry)


def since(version: str, shape: Field) -> Field:
    major, minor, patch = (*map(int, version.split(".")), 0)[:3]
    return replace(shape, since=(major, minor, patch))


def secret(shape: Field) -> Field:
    return replace(shape, secret=True)


def internal(shape: Field) -> Field:
    return replace(shape, internal=True)
