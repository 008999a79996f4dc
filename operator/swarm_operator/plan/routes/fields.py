"""Which keys Traefik's KV provider understands, and since which version.

One key that it does not understand makes it refuse all of them, so what is written is held against
this table first. The table (package `field_table`) follows the structs that the provider decodes into
(`pkg/config/dynamic`, `pkg/tls`, `pkg/types` of every release from 3.0.0 to 3.7.9), with the decoder's
own marks: the struct tag `kv`. It holds for later 3.x too: they know these fields and perhaps more.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Final

from swarm_operator.plan.routes.field_table import http, middlewares, tcp, tls, udp
from swarm_operator.plan.routes.field_table.types import (
    IGNORED,
    OLDEST,
    RAW,
    TEXT,
    Field,
    FieldType,
    Version,
    listed,
    map_of,
    struct,
)
from swarm_operator.plan.routes.tree import ObjectId

__all__ = (
    "OLDEST",
    "TABLE",
    "Field",
    "FieldType",
    "Version",
    "as_element",
    "child",
    "field_at",
    "find",
    "known",
    "nearest",
    "version_of",
    "version_text",
)

TABLE: Final[Mapping[str, Field]] = struct(
    http=struct(
        routers=map_of(http.ROUTER),
        services=map_of(http.SERVICE),
        middlewares=map_of(middlewares.MIDDLEWARE),
        models=map_of(http.MODEL),
        serversTransports=map_of(http.SERVERS_TRANSPORT),
    ),
    tcp=struct(
        routers=map_of(tcp.ROUTER),
        services=map_of(tcp.SERVICE),
        middlewares=map_of(tcp.MIDDLEWARE),
        models=IGNORED,
        serversTransports=map_of(tcp.SERVERS_TRANSPORT),
    ),
    udp=struct(routers=map_of(udp.ROUTER), services=map_of(udp.SERVICE)),
    tls=struct(
        certificates=listed(tls.CERTIFICATE_IN_STORES),
        options=map_of(tls.OPTIONS),
        stores=map_of(tls.STORE),
    ),
).fields
"""By protocol, then by kind: what is below Traefik's root."""

_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?(-.+)?$")


def version_of(text: str) -> Version | None:
    """The version that Traefik's `/api/version` gives; None for a build that has none ("dev")."""
    found = _VERSION.match(text.strip())
    if found is None:
        return None
    patch = -1 if found[4] else int(found[3] or 0)
    return (int(found[1]), int(found[2]), patch)


def version_text(version: Version) -> str:
    """ "3.6.0"; of a field that came with a minor version "3.6"."""
    major, minor, patch = version
    return f"{major}.{minor}.{patch}" if patch > 0 else f"{major}.{minor}"


def find(protocol: str, kind: str) -> Field | None:
    """What an object of this kind is made of; None where Traefik has no such kind."""
    return _objects_of(TABLE.get(protocol), kind)


def _objects_of(protocol: Field | None, kind: str) -> Field | None:
    found = protocol.fields.get(kind) if protocol is not None else None
    if found is None or found.type is FieldType.IGNORED:
        return None
    return found.of if found.type is FieldType.MAP else as_element(found)


def as_element(shape: Field) -> Field:
    """One struct of a list of them."""
    return replace(shape, type=FieldType.STRUCT)


def child(shape: Field, name: str) -> Field | None:
    """What lies below a field under this name, in any case; an element of a list has any name."""
    match shape.type:
        case FieldType.STRUCT | FieldType.PRESENCE:
            return shape.fields.get(name.lower())
        case FieldType.STRUCTS:
            return as_element(shape)
        case FieldType.MAP:
            return shape.of
        case FieldType.RAW:
            return RAW
        case FieldType.LIST:
            return TEXT
        case _:
            return None


def field_at(protocol: str, kind: str, path: Sequence[str]) -> Field | None:
    """The field at a path of an object; None where Traefik has none. Its `since` counts what is
    above it: ("http", "services", ("loadbalancer", "servers", "0", "url"))."""
    shape = find(protocol, kind)
    since = OLDEST
    for name in path:
        if shape is None:
            return None
        shape = child(shape, name)
        since = max(since, shape.since) if shape is not None else since
    return replace(shape, since=since) if shape is not None else None


def known(wanted: ObjectId, path: Sequence[str], version: Version) -> bool:
    """Whether a Traefik of this version reads the field."""
    found = field_at(wanted.protocol, wanted.kind, path)
    return found is not None and found.type is not FieldType.UNREADABLE and found.since <= version


def nearest(shape: Field, name: str) -> str | None:
    """The field that was perhaps meant, as documented."""
    names = {each.lower(): each for each in shape.names}
    found = get_close_matches(name.lower(), names, n=1)
    return names[found[0]] if found else None
