"""One configuration with every field that a version of Traefik knows, and every field that it does not."""

from collections.abc import Iterator

from swarm_operator.plan.routes.fields import Field, FieldType, Version, as_element, find
from tests.plan.routes.trees import kinds

_VALUES = {
    FieldType.STR: "x",
    FieldType.INT: "1",
    FieldType.BOOL: "true",
    FieldType.DURATION: "10s",
    FieldType.LIST: "x,y",
    FieldType.RAW: "x",
}


def keys(version: Version) -> dict[str, str]:
    """Every field in an object of its own type, relative to the root."""
    return {key: value for key, value, since in _everything() if since <= version}


def newer(version: Version) -> dict[str, dict[str, str]]:
    """The outermost fields that this version does not know, each as a key by itself: one for each
    version in which fields were added, and kind of object."""
    chosen: dict[tuple[Version, str], tuple[str, str]] = {}
    for key, value, since in _everything():
        if since > version:
            chosen.setdefault((since, key.split("/")[1]), (key, value))
    return {key: {key: value} for key, value in chosen.values()}


def _everything() -> Iterator[tuple[str, str, Version]]:
    for protocol, kind in kinds():
        shape = find(protocol, kind)
        assert shape is not None
        for name, below in shape.fields.items():
            # Objects of one type each: their names are those of the types.
            own = kind in {"services", "middlewares"} and name != "middlewares"
            folder = f"{protocol}/{kind}/{f'all-{name}' if own else 'all'}"
            yield from _below(f"{folder}/{name}", below, below.since)


def _below(path: str, shape: Field, since: Version) -> Iterator[tuple[str, str, Version]]:
    since = max(since, shape.since)
    if not shape.is_writable:
        return
    match shape.type:
        case FieldType.STRUCT | FieldType.PRESENCE if shape.fields:
            for name, below in shape.fields.items():
                yield from _below(f"{path}/{name}", below, since)
        case FieldType.PRESENCE:
            yield path, "true", since
        case FieldType.STRUCTS:
            yield from _below(f"{path}/e1", as_element(shape), since)
        case FieldType.MAP:
            assert shape.of is not None
            yield from _below(f"{path}/Entry", shape.of, since)
        case simple:
            yield path, _VALUES[simple], since
