"""The fewest moves that balance a swarm, proved by going through all of them.

Balanced: every movable service is as even as it can be, first over the branches of its spread
preference and then over its nodes, and no two nodes differ by more than one task (or, where
that cannot be, as little as can be). The operator's planner is not used here.

Which task a move takes is not free: of a service with several copies on a node Swarm itself takes one,
by its own rule, when a replica too many goes; only a node's single copy can be pointed at. So `best` is
told the slots, and goes through what that rule allows; without them, any task may go.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

_State = frozenset[tuple[int, str]]
"""A service's tasks: slot number and node of each."""
_DETOUR: Final = 3
"""So many moves more than if any task could go are looked at, until a way is given up."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Where a service's tasks are, and where they may be. Nodes are host names."""

    copies: Mapping[str, int]
    nodes: Sequence[str]
    most_per_node: int = 99
    branches: Mapping[str, str] = field(default_factory=dict)
    """By node, the value of the label that it is spread by; empty: no preference."""
    slots: Mapping[int, str] = field(default_factory=dict)
    """By slot number, its task's node; empty: any task may go."""


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
            (tuple(way.get(node, 0) for node in nodes), moves)
            for way, moves in _ways_with_moves(service)
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


def _ways_with_moves(service: Spread) -> list[tuple[dict[str, int], int]]:
    """All even ways that can be reached, with the fewest moves to each."""
    ways = [(way, _moves(service.copies, way)) for way in even_ways(service)]
    if not service.slots:
        return ways
    furthest = max(moves for _, moves in ways) + _DETOUR
    wanted = {_counts(way): way for way, _ in ways}
    found: dict[frozenset[tuple[str, int]], int] = {}
    edge, seen, moves = {frozenset(service.slots.items())}, set[_State](), 0
    while edge and moves <= furthest and len(found) < len(wanted):
        for state in edge:
            key = _counts(Counter(node for _, node in state))
            if key in wanted:
                found.setdefault(key, moves)
        seen |= edge
        edge = {after for state in edge for after in _after_a_move(service, state)} - seen
        moves += 1
    return [(wanted[key], moves) for key, moves in found.items()] or ways


def _counts(way: Mapping[str, int]) -> frozenset[tuple[str, int]]:
    return frozenset((node, count) for node, count in way.items() if count)


def _after_a_move(service: Spread, state: _State) -> Iterator[_State]:
    """Where tasks may be after one replica more on a chosen node, and one less."""
    copies = Counter(node for _, node in state)
    taken = {slot for slot, _ in state}
    slot = next(number for number in itertools.count(1) if number not in taken)
    for target in service.nodes:
        if copies[target] >= service.most_per_node:
            continue
        more = state | {(slot, target)}
        gone = {task for task in state if copies[task[1]] == 1} | {victim(more)}
        for task in gone - {(slot, target)}:
            if task[1] != target:
                yield more - {task}


def victim(state: _State) -> tuple[int, str]:
    """The task that goes when there is one replica too many: the last copy on the node with most,
    of those the highest slot (SwarmKit, orchestrator/replicated/services.go)."""
    copies: Counter[str] = Counter()
    ranked = []
    for slot, node in sorted(state):
        copies[node] += 1
        ranked.append((copies[node], slot, node))
    _, slot, node = max(ranked)
    return slot, node


def is_even(service: Spread) -> bool:
    return _moves_to_even(service) == 0


def difference(service: Spread) -> int:
    """Between the nodes that it may run on: its most copies and its fewest."""
    copies = [service.copies.get(node, 0) for node in service.nodes]
    return max(copies) - min(copies)


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
