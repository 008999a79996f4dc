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


def text_at(value: Any, *path: str) -> str:
    """The text at `path`; "" where there is none."""
    found = dig(value, *path)
    return found if isinstance(found, str) else ""


def object_at(value: Any, *path: str) -> JsonObject:
    """The object at `path`; an empty one where there is none."""
    found = dig(value, *path)
    return found if isinstance(found, dict) else {}


def objects_at(value: Any, *path: str) -> list[JsonObject]:
    """The objects in the list at `path`; what else is in it is left out."""
    found = dig(value, *path)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def number_at(value: Any, *path: str) -> int:
    """The whole number at `path`; 0 where there is none."""
    found = dig(value, *path)
    return found if is_number(found) else 0


def is_number(value: Any) -> bool:
    """Whether it is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def replaced(value: JsonObject, path: tuple[str, ...], leaf: Any) -> JsonObject:
    """`value` with `leaf` at `path`; missing parents are made.

    Only what lies on the path is copied: the rest is shared, neither may be changed afterwards.
    """
    key, rest = path[0], path[1:]
    if not rest:
        return {**value, key: leaf}
    child = value.get(key)
    return {**value, key: replaced(child if isinstance(child, dict) else {}, rest, leaf)}
