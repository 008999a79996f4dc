"""From the tree to the keys of Traefik's KV provider, relative to its root.

The rules are those of Traefik's decoder (`pkg/config/kv`, `traefik/paerser`); `decoding` is the way
back, and for every tree that `check` finds nothing against, the two are inverse.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from swarm_operator.plan.routes.tree import Body, RouteObject, RouteTree, Scalar, Value

ON: Final = b"true"
"""The value of a struct that has no fields and means something by being there."""


def encode(tree: RouteTree) -> dict[str, bytes]:
    """All keys of a tree, with their values."""
    keys: dict[str, bytes] = {}
    for item in tree:
        keys.update(encode_object(item))
    return keys


def encode_object(item: RouteObject) -> dict[str, bytes]:
    """The keys of one object. Raises ValueError where the object says nothing at all: it would be
    no key, and come back as no object."""
    if not item.body:
        raise ValueError(f"{item.id} has no fields")
    return dict(_below(item.id.path, item.body))


def _below(path: str, body: Body) -> Iterator[tuple[str, bytes]]:
    for name, value in body.items():
        yield from _at(f"{path}/{name}", value)


def _at(path: str, value: Value) -> Iterator[tuple[str, bytes]]:
    if isinstance(value, Mapping):
        if value:
            yield from _below(path, value)
        else:
            yield path, ON
    elif isinstance(value, tuple):
        # One value with commas: keys with numbers sort as text (0, 1, 10, 2).
        yield path, ",".join(map(text_of, value)).encode()
    else:
        yield path, text_of(value).encode()


def text_of(value: Scalar) -> str:
    """A scalar as Go's parsers read it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
