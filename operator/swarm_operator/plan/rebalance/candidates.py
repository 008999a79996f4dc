"""Moves that would lower the sums, the best first, whether or not they can be made.

On a large swarm there are millions of pairs of nodes, and hardly one of them matters: what makes a
service more even is found service by service, what only evens out the nodes' loads by the loads.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from swarm_operator.observed.swarm import Node, Service
from swarm_operator.plan.rebalance import objective
from swarm_operator.plan.rebalance.objective import Change, Loads
from swarm_operator.plan.rebalance.placement import Placement

_ROUNDING: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Preferred:
    """What decides among equals."""

    returned: frozenset[str] = frozenset()
    """Nodes that came back lately are filled first."""
    moved_at: Mapping[str, float] = field(default_factory=dict)
    """By service id: the longer ago, the better."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One task of a service, from a node to a node."""

    rank: tuple[Any, ...]
    """The smaller, the better."""
    service: Service
    source: Node
    target: Node
    change: Change


def candidates(
    placement: Placement, loads: Loads, services: Sequence[Service], preferred: Preferred
) -> Iterator[Candidate]:
    """The best first."""
    found = _Search(placement, loads, preferred)
    yield from sorted(found.more_even(services), key=_rank_of)
    yield from found.for_load(services)


def _rank_of(candidate: Candidate) -> tuple[Any, ...]:
    return candidate.rank


@dataclass(frozen=True, slots=True)
class _Search:
    placement: Placement
    loads: Loads
    preferred: Preferred

    def more_even(self, services: Sequence[Service]) -> Iterator[Candidate]:
        """Those that lower a service's spread, over branches or over nodes."""
        for service in services:
            if not self.placement.spread_labels(service):
                most = max(self.placement.copies_of(service.id).values(), default=0)
                if most < 2 or most - self.placement.on_eligible(service)[1] < 2:
                    continue
            for candidate in self._of(service):
                if candidate.change.lowers_spread:
                    yield candidate

    def for_load(self, services: Sequence[Service]) -> Iterator[Candidate]:
        """Those that keep the spread, and even out the nodes."""
        simple: list[Service] = []
        others: list[Service] = []
        for service in services:
            is_simple = not self.loads.by_reservation and not self.placement.spread_labels(service)
            (simple if is_simple else others).append(service)
        by_load: dict[float, list[Candidate]] = {}
        emptiest = sorted(self.loads.by_node.items(), key=lambda item: item[1])
        for service in others:
            for candidate in self._downhill(service, emptiest):
                if candidate.change.keeps_spread:
                    by_load.setdefault(candidate.change.load, []).append(candidate)
        pairs = _Pairs.of(self.loads)
        hosted = self._hosted(simple)
        for change in sorted({*by_load, *pairs.by_change}):
            found = by_load.get(change, [])
            for sources, targets in pairs.by_change.get(change, ()):
                found += self._between(sources, targets, hosted)
            yield from sorted(found, key=_rank_of)

    def _hosted(self, services: Sequence[Service]) -> Mapping[str, Sequence[Service]]:
        """Services by the id of each node that holds copies."""
        result: dict[str, list[Service]] = {}
        for service in services:
            for node_id, count in self.placement.copies_of(service.id).items():
                if count > 0:
                    result.setdefault(node_id, []).append(service)
        return result

    def _between(
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        hosted: Mapping[str, Sequence[Service]],
    ) -> Iterator[Candidate]:
        """Where the target has just one copy less, the service stays as even as it is."""
        nodes = self.placement.swarm.nodes_by_id
        for source in sources:
            for service in hosted.get(source, ()):
                copies = self.placement.copies_of(service.id)
                wanted = copies[source] - 1
                for target in targets:
                    if copies.get(target, 0) == wanted and self.placement.is_eligible(
                        service, target
                    ):
                        yield from self._admissible(service, nodes[source], nodes[target])

    def _downhill(
        self, service: Service, emptiest: Sequence[tuple[str, float]]
    ) -> Iterator[Candidate]:
        """To nodes that are emptier by a step at least: of a thousand that are even, to hardly any."""
        nodes = self.placement.swarm.nodes_by_id
        for source_id, count in self.placement.copies_of(service.id).items():
            load = self.loads.by_node.get(source_id)
            if count <= 0 or load is None:
                continue
            far = load - self.loads.step + _ROUNDING
            for target_id, _load in emptiest[: bisect_right(emptiest, far, key=lambda i: i[1])]:
                if self.placement.is_eligible(service, target_id):
                    yield from self._admissible(service, nodes[source_id], nodes[target_id])

    def _of(self, service: Service) -> Iterator[Candidate]:
        """Of all pairs of nodes."""
        nodes = self.placement.swarm.nodes_by_id
        for source_id, count in self.placement.copies_of(service.id).items():
            source = nodes.get(source_id)
            if count <= 0 or source is None or source.state != "ready":
                continue
            for target in self.placement.eligible(service):
                yield from self._admissible(service, source, target)

    def _admissible(self, service: Service, source: Node, target: Node) -> Iterator[Candidate]:
        if source is target:
            return
        change = objective.change(self.placement, self.loads, service, source, target)
        if objective.is_admissible(change, self.loads, service, source, target):
            rank = self._rank(service, source, target, change)
            yield Candidate(rank, service, source, target, change)

    def _rank(
        self, service: Service, source: Node, target: Node, change: Change
    ) -> tuple[Any, ...]:
        lowers_branches = change.branches < (0,) * len(change.branches)
        return (
            not lowers_branches,
            change.copies,
            change.load,
            target.id not in self.preferred.returned,
            -sum(self.placement.copies_of(service.id).values()),
            self.preferred.moved_at.get(service.id, 0.0),
            service.name,
            source.id,
            target.id,
        )


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Nodes that are far enough apart for a task's move, where each task weighs one."""

    by_change: Mapping[float, Sequence[tuple[Sequence[str], Sequence[str]]]]
    """Sources and targets, by what a move between them does to the sum of squares."""

    @classmethod
    def of(cls, loads: Loads) -> "_Pairs":
        levels: dict[float, list[str]] = {}
        for node_id, load in loads.by_node.items():
            levels.setdefault(load, []).append(node_id)
        found: dict[float, list[tuple[Sequence[str], Sequence[str]]]] = {}
        for fuller, sources in levels.items():
            for emptier, targets in levels.items():
                if fuller - emptier - 1.0 >= loads.step:
                    change = 2.0 * (emptier - fuller + 1.0)
                    found.setdefault(change, []).append((sources, targets))
        return cls({} if loads.by_reservation else found)
