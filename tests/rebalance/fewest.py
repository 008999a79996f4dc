"""The fewest moves that Swarm's own rules allow, found by going through all of them.

A second model of these rules, and none of the planner's code: which task a scale-down takes, where an
extra task lands, what is even (`tests.bench.rebalance.optimum`). Which nodes may be left and entered is
what makes it more than the proof there: of a node with several copies of a service Swarm takes the task
that it likes, or none of them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from tests.bench.rebalance import optimum
from tests.bench.rebalance.optimum import Spread

Slots = Mapping[int, str]
"""Host names by slot."""


class TooMany(Exception):
    """More to go through than anybody waits for."""


@dataclass(frozen=True)
class Held:
    """A service that is moved: where its tasks are, and where they may be."""

    slots: Slots
    nodes: Sequence[str]
    most_per_node: int = 99
    branches: Mapping[str, str] = field(default_factory=dict)

    @property
    def spread(self) -> Spread:
        return Spread(Counter(self.slots.values()), self.nodes, self.most_per_node, self.branches)

    def moved(self, source: str, target: str, totals: Mapping[str, int]) -> "Held | None":
        """With one task moved; None where Swarm would not do it."""
        copies = Counter(self.slots.values())
        if target not in self.nodes or copies[target] >= self.most_per_node:
            return None
        rank = (copies[target], totals[target])
        for other in self.nodes:
            is_open = 0 < copies[other] <= copies[target] and other != target
            if is_open and (copies[other], totals[other]) < rank:
                return None  # the extra task would land there
        free = next(n for n in range(1, len(self.slots) + 2) if n not in self.slots)
        slots = {**self.slots, free: target}
        gone = taken(slots)
        if copies[source] == 1:
            (gone,) = (number for number, node in self.slots.items() if node == source)
        if slots[gone] != source:
            return None
        del slots[gone]
        return replace(self, slots=slots)


def taken(slots: Slots) -> int:
    """The slot that a scale-down by one takes, all of them running: the last of those on nodes with
    the most (SwarmKit manager/orchestrator/replicated/slot.go)."""
    most = max(Counter(slots.values()).values())
    counted: Counter[str] = Counter()
    nth = {}
    for number in sorted(slots):
        counted[slots[number]] += 1
        nth[number] = counted[slots[number]]
    return max(number for number, index in nth.items() if index == most)


def can_be_done(
    services: Sequence[Held],
    others: Mapping[str, int],
    moves: int,
    *,
    gap: int = 0,
    effort: int = 6000,
) -> bool:
    """Whether after so many moves every service can be even, and the nodes no further apart than
    `gap`, or as they have to be at all; `others` are the tasks by node that stay. Raises TooMany."""
    search = _Search(others, effort)
    return search.within(tuple(services), moves, max(gap, search.least_gap(services)))


@cache
def _even_ways(
    tasks: int, nodes: tuple[str, ...], most: int, branches: tuple[tuple[str, str], ...]
) -> list[dict[str, int]]:
    somehow = Counter({nodes[0]: tasks})
    return optimum.even_ways(Spread(somehow, nodes, most, dict(branches)))


class _Search:
    def __init__(self, others: Mapping[str, int], effort: int) -> None:
        self.others, self.effort = others, effort
        self._known: dict[tuple[object, ...], dict[tuple[int, ...], int]] = {}
        self._failed: set[tuple[object, ...]] = set()

    def least_gap(self, services: Sequence[Held]) -> int:
        return max(1, min(max(totals) - min(totals) for totals in self._ends(services)))

    def least(self, services: Sequence[Held], gap: int) -> int:
        """Without Swarm's rules: no way is shorter."""
        ends = self._ends(services)
        return min(moves for totals, moves in ends.items() if max(totals) - min(totals) <= gap)

    def _ends(self, services: Sequence[Held]) -> dict[tuple[int, ...], int]:
        """Moves, by what the nodes have in the end, of all ways that make every service even."""
        key = tuple(tuple(sorted(held.slots.values())) for held in services)
        if key not in self._known:
            nodes = sorted(self.others)
            ends = {tuple(self.others[node] for node in nodes): 0}
            for held in services:
                ends = _with(ends, held, nodes)
            self._known[key] = ends
        return self._known[key]

    def within(self, services: tuple[Held, ...], depth: int, gap: int) -> bool:
        """Whether so many moves are enough."""
        left = self.least(services, gap)
        key = (depth, *(tuple(sorted(held.slots.items())) for held in services))
        if left == 0 or left > depth or key in self._failed:
            return left == 0
        self.effort -= 1
        if self.effort < 0:
            raise TooMany
        found = any(self.within(n, depth - 1, gap) for n in self._next(services))
        if not found:
            self._failed.add(key)
        return found

    def _next(self, services: tuple[Held, ...]) -> Iterator[tuple[Held, ...]]:
        totals = Counter(self.others)
        for held in services:
            totals.update(held.slots.values())
        for index, held in enumerate(services):
            for source in sorted(set(held.slots.values())):
                for target in held.nodes:
                    moved = held.moved(source, target, totals) if source != target else None
                    if moved is not None:
                        yield (*services[:index], moved, *services[index + 1 :])


def _with(
    ends: Mapping[tuple[int, ...], int], held: Held, nodes: Sequence[str]
) -> dict[tuple[int, ...], int]:
    copies = Counter(held.slots.values())
    branches = tuple(sorted(held.branches.items()))
    result: dict[tuple[int, ...], int] = {}
    for way in _even_ways(len(held.slots), tuple(held.nodes), held.most_per_node, branches):
        cost = sum(max(0, count - copies[node]) for node, count in way.items())
        added = [way.get(node, 0) for node in nodes]
        for totals, moves in ends.items():
            both = tuple(map(sum, zip(totals, added, strict=True)))
            result[both] = min(moves + cost, result.get(both, moves + cost))
    return result
