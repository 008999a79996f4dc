"""JSON as the Engine API speaks it, and small, total functions to look into it."""

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]


def canonical(value: Any) -> str:
    """One text for equal values, whatever the order of their keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def dig(value: Any, *path: str) -> Any:
    """The value at `path`, or None where a key is missing or a parent is not an object."""
    for key in path:
        if not isinstance(value, (dict, Mapping)):  # plain objects first: an ABC asks slowly
            return None
        value = value.get(key)
    return value


def replaced(value: JsonObject, path: tuple[str, ...], leaf: Any) -> JsonObject:
    """`value` with `leaf` at `path`; missing parents are made.

    Only what lies on the path is copied: the rest is shared, neither may be changed afterwards.
    """
    key, rest = path[0], path[1:]
    if not rest:
        return {**value, key: leaf}
    child = value.get(key)
    return {**value, key: replaced(child if isinstance(child, dict) else {}, rest, leaf)}
