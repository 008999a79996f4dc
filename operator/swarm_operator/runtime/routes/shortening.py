"""A stack's routes in one value of the KV, however many they are: those that are worst are shown, of the
others who they are, and how many."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from desired_state.route_records import RouteStatus, StackRoutes
from swarm_operator.plan.routes.states import State

MOST_B: Final = 360_000
"""As base64 it fits into a transaction of Consul (512 KiB), the proof of the lease beside it."""
_LONGEST: Final = 300
"""Characters of a text, where not all fit."""
_WORST_FIRST: Final = tuple(reversed([str(state) for state in State]))

Routes = Sequence[tuple[str, RouteStatus]]


def shortened(record: StackRoutes, most_b: int = MOST_B) -> StackRoutes:
    """The record itself where it fits; else without the details of the routes that are best off, and in
    the extreme without their names too. How many there are in each state is always told."""
    if len(record.encode()) <= most_b:
        return record
    refused = tuple(map(_cut, record.refused))
    record = record.model_copy(update={"refused": refused})
    ordered = sorted(record.routes.items(), key=_urgency)
    for is_named in (True, False):
        shown = len(ordered)
        while shown:
            found = _with(record, ordered, shown, is_named=is_named)
            size_b = len(found.encode())
            if size_b <= most_b:
                return found
            shown = min(shown - 1, int(shown * most_b / size_b))
    found = _with(record, ordered, 0, is_named=False)
    return found if len(found.encode()) <= most_b else found.model_copy(update={"refused": ()})


def _with(record: StackRoutes, ordered: Routes, shown: int, *, is_named: bool) -> StackRoutes:
    rest = ordered[shown:]
    named: dict[str, dict[str, list[str]]] = {}
    for name, route in rest if is_named else ():
        named.setdefault(route.state, {}).setdefault(route.service, []).append(name)
    return record.model_copy(
        update={
            "routes": {name: _cut_texts(route) for name, route in sorted(ordered[:shown])},
            "more": len(rest),
            "counts": _by_urgency(Counter(route.state for _, route in ordered)),
            "others": {
                state: {owner: tuple(sorted(names)) for owner, names in sorted(owners.items())}
                for state, owners in sorted(named.items())
            },
        }
    )


def _urgency(item: tuple[str, RouteStatus]) -> tuple[int, bool, str]:
    name, route = item
    known = route.state in _WORST_FIRST
    return _WORST_FIRST.index(route.state) if known else -1, not route.message, name


def _by_urgency(counts: Mapping[str, int]) -> dict[str, int]:
    rank = {state: number for number, state in enumerate(_WORST_FIRST)}
    return dict(sorted(counts.items(), key=lambda item: (rank.get(item[0], -1), item[0])))


def _cut_texts(route: RouteStatus) -> RouteStatus:
    if len(route.rule) <= _LONGEST and len(route.message) <= _LONGEST:
        return route
    return route.model_copy(update={"rule": _cut(route.rule), "message": _cut(route.message)})


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
