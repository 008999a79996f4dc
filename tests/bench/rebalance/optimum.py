"""The fewest moves that balance a swarm, proved by going through all of them.

Balanced: every movable service is as even as it can be, first over the branches of its spread
preference and then over its nodes, and no two nodes differ by more than one task (or, where
that cannot be, as little as can be). The operator's planner is not used here.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Spread:
    """Where a service's tasks are, and where they may be. Nodes are host names."""

    copies: Mapping[str, int]
    nodes: Sequence[str]
    most_per_node: int = 99
    branches: Mapping[str, str] = field(default_factory=dict)
    """By node, the value of the label that it is spread by; empty: no preference."""


@dataclass(frozen=True, slots=True)
class Best:
    """What the fewest moves are, and how near to each other the nodes' totals can come at all."""

    moves: int
    gap: int


def best(services: Sequence[Spread], others: Mapping[str, int], gap: int = 1) -> Best:
    """`others` are the tasks by node that are never moved; its keys are all nodes that count. `gap`
    is by how much two nodes may differ in the end, where less can be."""
    nodes = sorted(others)
    reached = {tuple(others[node] for node in nodes): 0}
    for service in services:
        after: dict[tuple[int, ...], int] = {}
        ways = [
            (tuple(way.get(node, 0) for node in nodes), _moves(service.copies, way))
            for way in even_ways(service)
        ]
        for totals, cost in reached.items():
            for added, moves in ways:
                both = tuple(map(sum, zip(totals, added, strict=True)))
                after[both] = min(cost + moves, after.get(both, cost + moves))
        reached = after
    least = max(1, min(map(_gap, reached)))
    allowed = max(gap, least)
    return Best(min(cost for totals, cost in reached.items() if _gap(totals) <= allowed), least)


def even_ways(service: Spread) -> list[dict[str, int]]:
    """All ways to place its tasks that are as even as can be."""
    ways = list(_ways(sum(service.copies.values()), list(service.nodes), service.most_per_node))
    least = min(_unevenness(service, way) for way in ways)
    return [way for way in ways if _unevenness(service, way) == least]


def is_even(service: Spread) -> bool:
    return _moves_to_even(service) == 0


def _moves_to_even(service: Spread) -> int:
    return min(_moves(service.copies, way) for way in even_ways(service))


def _unevenness(service: Spread, way: Mapping[str, int]) -> tuple[int, int]:
    branches: Counter[str] = Counter()
    for node, count in way.items():
        branches[service.branches.get(node, "")] += count
    return _squares(branches), _squares(way)


def _squares(counts: Mapping[str, int]) -> int:
    return sum(count * count for count in counts.values())


def _ways(tasks: int, nodes: list[str], most: int) -> Iterator[dict[str, int]]:
    for way in itertools.product(range(min(tasks, most) + 1), repeat=len(nodes)):
        if sum(way) == tasks:
            yield dict(zip(nodes, way, strict=True))


def _moves(before: Mapping[str, int], after: Mapping[str, int]) -> int:
    return sum(max(0, after.get(node, 0) - before.get(node, 0)) for node in {*before, *after})


def _gap(totals: Sequence[int]) -> int:
    return max(totals) - min(totals)
