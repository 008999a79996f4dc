"""The way with the fewest moves, as far as one looks: of moves that are equally good now, not all leave
equally many to make.

Each by itself, the best first: that ends well, but not always on the shortest way. Which of two services
gives the task that a node has too many decides whether the other one can still give what the next node
lacks. So where the plain way may be longer than it has to be, its equals are tried, each to its end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, takewhile, zip_longest
from typing import Final

from swarm_operator.plan.rebalance import objective
from swarm_operator.plan.rebalance.moves import Move, Question, after, movable, moves
from swarm_operator.plan.rebalance.objective import Change, Loads
from swarm_operator.plan.rebalance.placement import Placement

_EFFORT: Final = 1500
"""Of one search: imagined moves, times the services that may be moved. On larger swarms the plain way is
taken: there a node's load counts in steps of several tasks anyway."""
_FURTHEST: Final = 50
"""Moves: a plan is looked at to its end, even where fewer are asked for."""
_EQUALS: Final = 16
"""So many equally good moves are tried at each place of the plan."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Moves in order, and where tasks are before each of them and after the last."""

    moves: tuple[Move, ...]
    placements: tuple[Placement, ...]

    @property
    def end(self) -> Placement:
        return self.placements[-1]

    def cut(self, length: int) -> "Plan":
        return Plan(self.moves[:length], self.placements[: length + 1])

    def with_move(self, move: Move) -> "Plan":
        return Plan((*self.moves, move), (*self.placements, after(self.end, move)))


def shortest(placement: Placement, question: Question, limit: int) -> Plan:
    """At most `limit` moves of the way that was found."""
    effort = _EFFORT // max(1, len(movable(placement, question)))
    furthest = max(limit, min(effort // 8, _FURTHEST))
    search = _Search(question, furthest, effort, _takers(placement, question))
    return search.improved(search.plain(Plan((), (placement,)))).cut(limit)


@dataclass(slots=True)
class _Search:
    question: Question
    furthest: int
    effort: int
    """Moves that may still be imagined."""
    _nodes: frozenset[str]
    """Ids of those that may take tasks."""

    def plain(self, plan: Plan) -> Plan:
        """Continued by the best move each time."""
        while len(plan.moves) < self.furthest:
            move = next(moves(plan.end, self.question), None)
            if move is None:
                break
            plan = plan.with_move(move)
        return plan

    def improved(self, plan: Plan) -> Plan:
        """With one choice made otherwise, then with two, as long as there is effort left."""
        for choices in (1, 2):
            plan = self._improved(plan, 0, choices)
        return plan

    def _improved(self, plan: Plan, first: int, choices: int) -> Plan:
        """The last moves are looked at first: there is the most to choose from, and the least to
        imagine. Those before `first` stay."""
        index = len(plan.moves) - 1
        while index >= first and len(plan.moves) < self.furthest and not self._is_least(plan):
            rank = self._rank(plan)
            others = self._others(plan, index, choices)
            better = next((other for other in others if self._rank(other) < rank), None)
            if better is not None:
                plan, index = better, len(better.moves)
            index -= 1
        return plan

    def _others(self, plan: Plan, index: int, choices: int) -> Iterator[Plan]:
        chosen, start = plan.moves[index], plan.cut(index)
        every = moves(start.end, self.question)
        equals = takewhile(lambda move: _is_as_good(move.change, chosen.change), every)
        for move in islice(equals, _EQUALS):
            if self.effort <= 0:
                return
            if move != chosen:
                other = self.plain(start.with_move(move))
                self.effort -= len(other.moves) - index
                yield other if choices == 1 else self._improved(other, index + 1, choices - 1)

    def _rank(self, plan: Plan) -> tuple[tuple[int, ...], int, float, int]:
        """By its end, and then by its length."""
        return (*_spread(plan), self._overhang(plan.end), len(plan.moves))

    def _overhang(self, placement: Placement) -> float:
        """By how far nodes are beyond what may stay apart, squared."""
        loads = self._loads(placement)
        if not loads.by_node:
            return 0.0
        mean = sum(loads.by_node.values()) / len(loads.by_node)
        half = loads.apart / 2
        beyond = (max(0.0, abs(load - mean) - half) for load in loads.by_node.values())
        return round(sum(each**2 for each in beyond), 6)

    def _is_least(self, plan: Plan) -> bool:
        """Whether no way to so good an end can be shorter: each move mends one of the services that
        are uneven, or fills one of the nodes that are too empty."""
        start, end = self._loads(plan.placements[0]), self._loads(plan.end)
        if end.by_reservation or not self._nodes:
            return False
        lowest = min(end.by_node[node] for node in self._nodes)
        if max(end.by_node[node] for node in self._nodes) - lowest > end.apart:
            return False
        lacking = sum(max(0.0, lowest - start.by_node[node]) for node in self._nodes)
        uneven = sum(move.change.lowers_spread for move in plan.moves)
        return len(plan.moves) <= max(lacking, uneven)

    def _loads(self, placement: Placement) -> Loads:
        return objective.loads(placement, movable(placement, self.question))


def _takers(placement: Placement, question: Question) -> frozenset[str]:
    """Ids of the nodes that may take any of the tasks that are moved at all."""
    services = movable(placement, question)
    return frozenset(node.id for service in services for node in placement.eligible(service))


def _is_as_good(one: Change, other: Change) -> bool:
    """For the services; what it does to the nodes' loads now says little of the end."""
    return (one.branches, one.copies) == (other.branches, other.copies)


def _spread(plan: Plan) -> tuple[tuple[int, ...], int]:
    """What the moves do to the branches, level by level, and to the nodes."""
    levels = zip_longest(*(move.change.branches for move in plan.moves), fillvalue=0)
    sums = [sum(level) for level in levels]
    while sums and not sums[-1]:
        sums.pop()  # no preferences, and nothing changed of any, are the same
    return tuple(sums), sum(move.change.copies for move in plan.moves)
