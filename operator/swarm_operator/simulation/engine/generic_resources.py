"""User-defined resources of nodes (SwarmKit api/genericresource): counted, or named one by one.

As the API writes them: `{"DiscreteResourceSpec": {"Kind", "Value"}}` with a count, and
`{"NamedResourceSpec": {"Kind", "Value"}}` with a name. Services reserve counts only.
"""

from collections.abc import Iterable

from swarm_operator.observed.json import JsonObject

_COUNT = "DiscreteResourceSpec"
_NAME = "NamedResourceSpec"


def left(resources: Iterable[JsonObject], taken: Iterable[JsonObject]) -> tuple[JsonObject, ...]:
    """What remains of a node's resources."""
    rest = list(resources)
    for item in taken:
        _take(rest, item)
    return tuple(rest)


def is_enough(resources: Iterable[JsonObject], wanted: JsonObject) -> bool:
    """For one reservation."""
    kind, count = _count_of(wanted)
    return count is not None and count <= _amount(resources, kind)


def claim(
    resources: Iterable[JsonObject], reservations: Iterable[JsonObject]
) -> tuple[JsonObject, ...]:
    """What a task is given; nothing of a kind that is not enough."""
    given: list[JsonObject] = []
    rest = tuple(resources)
    for reservation in reservations:
        kind, count = _count_of(reservation)
        if not count or count > _amount(rest, kind):
            continue
        names = [item for item in rest if dict(item.get(_NAME) or {}).get("Kind") == kind]
        given.extend(names[:count] if names else [{_COUNT: {"Kind": kind, "Value": count}}])
    return tuple(given)


def still_there(assigned: JsonObject, resources: Iterable[JsonObject]) -> bool:
    """Whether the node has, in all, what a task was given of it."""
    if _NAME in assigned:
        return assigned in list(resources)
    kind, count = _count_of(assigned)
    counted = [item[_COUNT]["Value"] for item in resources if _count_of(item)[0] == kind]
    return count is not None and sum(counted) >= count


def _amount(resources: Iterable[JsonObject], kind: str) -> int:
    amount = 0
    for item in resources:
        if _NAME in item:
            amount += item[_NAME]["Kind"] == kind
        elif item[_COUNT]["Kind"] == kind:
            amount += item[_COUNT]["Value"]
    return amount


def _count_of(item: JsonObject) -> tuple[str, int | None]:
    spec = item.get(_COUNT) or {}
    return spec.get("Kind", ""), spec.get("Value")


def _take(rest: list[JsonObject], item: JsonObject) -> None:
    if _NAME in item:
        if item in rest:
            rest.remove(item)
        return
    kind, count = _count_of(item)
    for index, candidate in enumerate(rest):
        if _COUNT in candidate and candidate[_COUNT]["Kind"] == kind:
            value = candidate[_COUNT]["Value"] - (count or 0)
            rest[index : index + 1] = (
                [{_COUNT: {"Kind": kind, "Value": value}}] if value > 0 else []
            )
            return
