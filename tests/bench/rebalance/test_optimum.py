"""The proof of the fewest moves, against what can be counted by hand and by brute force."""

import itertools
import random
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from tests.bench.rebalance import optimum
from tests.bench.rebalance.optimum import Best, Spread

NODES = ("a", "b", "c", "d")


def spread(*copies: int, most: int = 99, branches: Mapping[str, str] | None = None) -> Spread:
    nodes = NODES[: len(copies)]
    return Spread(dict(zip(nodes, copies, strict=True)), nodes, most, branches or {})


def test_one_service() -> None:
    assert optimum.best([spread(2, 2, 2, 0)], dict.fromkeys(NODES, 0)) == Best(1, 1)
    assert optimum.best([spread(6, 0, 0, 0)], dict.fromkeys(NODES, 0)) == Best(4, 1)


def test_even_services_on_uneven_nodes() -> None:
    """Ten services with one task each on the first node: half of them make two nodes even."""
    services = [spread(1, 0)] * 10
    assert optimum.best(services, {"a": 0, "b": 0}) == Best(5, 1)


def test_tasks_that_never_move_count() -> None:
    assert optimum.best([spread(0, 1)], {"a": 0, "b": 2}) == Best(1, 1)
    assert optimum.best([], {"a": 0, "b": 5}) == Best(0, 5)


def test_a_service_stays_within_its_nodes_and_its_limit() -> None:
    narrow = Spread({"a": 2, "b": 2}, ("a", "b"))
    assert optimum.best([narrow], dict.fromkeys(NODES, 0)) == Best(0, 2)
    assert all(max(way.values()) == 1 for way in optimum.even_ways(spread(1, 1, 0, 0, most=1)))


def test_a_wider_gap_needs_fewer_moves() -> None:
    services = [spread(1, 0)] * 10
    assert optimum.best(services, {"a": 0, "b": 0}, gap=4) == Best(3, 1)
    assert optimum.best(services, {"a": 0, "b": 0}, gap=0) == Best(5, 1)


def test_branches_come_before_nodes() -> None:
    zones = {"a": "east", "b": "east", "c": "west", "d": "west"}
    both_east = spread(1, 1, 0, 0, branches=zones)
    assert not optimum.is_even(both_east)
    assert optimum.is_even(spread(1, 1, 0, 0))
    assert optimum.best([both_east], dict.fromkeys(NODES, 0)).moves == 1


def _by_brute_force(services: Sequence[Spread], others: Mapping[str, int]) -> tuple[int, int]:
    """Breadth first over single moves, until a world is even and its nodes are as near as can be."""
    start = tuple(tuple(service.copies[node] for node in NODES[:3]) for service in services)
    seen, edge, depth = {start}, [start], 0
    balanced: dict[int, int] = {}
    while edge:
        for world in edge:
            made = [Spread(dict(zip(NODES, c, strict=False)), NODES[:3]) for c in world]
            if all(max(c) - min(c) <= 1 for c in world) and all(map(optimum.is_even, made)):
                totals = [others[n] + sum(c[i] for c in world) for i, n in enumerate(NODES[:3])]
                balanced.setdefault(max(1, max(totals) - min(totals)), depth)
        edge = sorted({n for world in edge for n in _neighbours(world)} - seen)
        seen |= set(edge)
        depth += 1
    gap = min(balanced)
    return balanced[gap], gap


def _neighbours(world: tuple[tuple[int, ...], ...]) -> list[tuple[tuple[int, ...], ...]]:
    found = []
    for index, copies in enumerate(world):
        for source, target in itertools.permutations(range(len(copies)), 2):
            if copies[source]:
                counts = Counter(dict(enumerate(copies)))
                counts[source] -= 1
                counts[target] += 1
                moved = tuple(counts[i] for i in range(len(copies)))
                found.append((*world[:index], moved, *world[index + 1 :]))
    return found


@pytest.mark.parametrize("seed", range(30))
def test_no_sequence_of_single_moves_is_shorter(seed: int) -> None:
    rng = random.Random(seed)
    services = [spread(*(rng.randint(0, 2) for _ in range(3))) for _ in range(rng.randint(1, 3))]
    others = {node: rng.randint(0, 2) for node in NODES[:3]}
    assert _by_brute_force(services, others) == (
        optimum.best(services, others).moves,
        optimum.best(services, others).gap,
    )


def slotted(*nodes: str, among: str = "abcd") -> Spread:
    """A service by its slots' nodes, from slot 1 on."""
    return Spread(Counter(nodes), tuple(among), slots=dict(enumerate(nodes, 1)))


@pytest.mark.parametrize(
    ("nodes", "goes"), [("ab", 2), ("aab", 2), ("aba", 3), ("abcabc", 6), ("cabcba", 6), ("baa", 3)]
)
def test_the_last_copy_with_the_highest_slot_goes(nodes: str, goes: int) -> None:
    state = frozenset(enumerate(nodes, 1))
    assert optimum.victim(state) == (goes, nodes[goes - 1])


def test_of_several_copies_swarm_chooses() -> None:
    """Slot 6 goes, which is on b; that c has more tasks does not count."""
    six, fixed = slotted(*"abcacb"), {"a": 0, "b": 0, "c": 1, "d": 2}
    free = Spread(six.copies, six.nodes)
    assert optimum.best([free], fixed) == Best(1, 1)
    assert optimum.best([six], fixed) == Best(1, 2)
    assert optimum.best([slotted(*"abcabc")], fixed) == Best(1, 1)


def test_a_single_copy_can_be_pointed_at() -> None:
    assert optimum.best([slotted(*"abc")] * 3, dict.fromkeys(NODES, 0)) == Best(2, 1)


@pytest.mark.parametrize("seed", range(10))
def test_swarms_choice_never_makes_it_shorter(seed: int) -> None:
    rng = random.Random(seed)
    services = [slotted(*rng.choices(NODES, k=rng.randint(1, 5))) for _ in range(4)]
    others = {node: rng.randint(0, 3) for node in NODES}
    free = [Spread(service.copies, service.nodes) for service in services]
    found, bound = optimum.best(services, others), optimum.best(free, others)
    assert found.gap >= bound.gap
    assert found.moves >= bound.moves or found.gap > bound.gap
