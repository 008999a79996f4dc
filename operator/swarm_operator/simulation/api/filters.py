"""The `filters` of a list: parsed as moby's filters package does, matched as SwarmKit's controlapi.

A filter is a set of values by key. Values of one key are alternatives, except labels, which must
all match; different keys must all match.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from swarm_operator.simulation.engine.errors import ApiError


class Filters:
    """The values by key, in the order given."""

    def __init__(self, values: Mapping[str, tuple[str, ...]]) -> None:
        self._values = values

    @classmethod
    def parse(cls, text: str, accepted: Collection[str] | None = None) -> "Filters":
        """`text` is the query's parameter: JSON of lists, or of objects {value: true}.

        Raises ApiError 400 for other JSON and for keys that are not `accepted` (None: any).
        """
        values = {key: _values_of(raw) for key, raw in _object(text).items()}
        for key in values:
            if accepted is not None and key not in accepted:
                raise ApiError(400, f"invalid filter '{key}'")
        return cls(values)

    def __bool__(self) -> bool:
        return bool(self._values)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def get(self, key: str) -> tuple[str, ...]:
        """() where the key is not given, or without values: both filter nothing."""
        return self._values.get(key, ())

    def is_one_of(self, key: str, value: str) -> bool:
        wanted = self.get(key)
        return not wanted or value in wanted

    def has_prefix(self, key: str, value: str) -> bool:
        """How SwarmKit filters by name and by id."""
        wanted = self.get(key)
        return not wanted or value.startswith(wanted)

    def is_like(self, key: str, value: str) -> bool:
        """How the engine filters its own networks: by the whole, else as a regular expression."""
        wanted = self.get(key)
        return not wanted or value in wanted or any(_found(each, value) for each in wanted)

    def has_labels(self, key: str, labels: Mapping[str, str]) -> bool:
        """SwarmKit: `name` asks that the label is there, `name=value` for its value too; an empty
        value asks for nothing more."""
        for each in self.get(key):
            name, _, value = each.partition("=")
            if name not in labels or (value and labels[name] != value):
                return False
        return True

    def is_near(self, key: str, values: Iterable[str]) -> bool:
        """How events are filtered by name or id: equal, or beginning with it."""
        wanted = self.get(key)
        return not wanted or any(value.startswith(wanted) for value in values)


def _object(text: str) -> dict[str, Any]:
    try:
        parsed = json.loads(text) if text else {}
    except ValueError:
        raise ApiError(400, "invalid filter") from None
    if not isinstance(parsed, dict):
        raise ApiError(400, "invalid filter")
    return parsed


def _values_of(raw: Any) -> tuple[str, ...]:
    if isinstance(raw, dict) and all(isinstance(flag, bool) for flag in raw.values()):
        return tuple(raw)
    if isinstance(raw, list) and all(isinstance(value, str) for value in raw):
        return tuple(dict.fromkeys(raw))
    raise ApiError(400, "invalid filter")


def _found(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except re.error:
        return False
