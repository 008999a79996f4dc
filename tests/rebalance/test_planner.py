"""The planner's laws: every move lowers the sums, ends somewhere, and costs hardly more than it must."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_operator.observed.swarm import Node, Service, Swarm
from swarm_operator.plan.rebalance import objective
from swarm_operator.plan.rebalance.candidates import Preferred, candidates
from swarm_operator.plan.rebalance.lookahead import shortest
from swarm_operator.plan.rebalance.mobility import How, Mobility, replicas
from swarm_operator.plan.rebalance.moves import Question, after
from swarm_operator.plan.rebalance.objective import branch
from swarm_operator.plan.rebalance.placement import Placement
from swarm_operator.plan.rebalance.planner import next_move, plan_moves
from swarm_operator.plan.rebalance.stays import Stay, stays
from tests.rebalance.fewest import Held, can_be_done
from tests.rebalance.worlds import (
    GIB,
    UTC_NOW,
    Shape,
    all_movable,
    node,
    service,
    swarm,
    tasks,
    worlds,
)

Triple = tuple[tuple[int, ...], int, int]


def sums(placement: Placement) -> Triple:
    """(F0, F1, F2) by their definition, and not by the planner's differences."""
    nodes = placement.swarm.nodes
    f0: Counter[int] = Counter()
    f1 = 0
    for each in placement.swarm.services:
        eligible = [n for n in nodes if placement.why_never(each, n) is None]
        f1 += sum(placement.copies(each.id, n.id) ** 2 for n in eligible)
        levels = len(branch(each, nodes[0]))
        for level in range(1, levels + 1):
            per_branch: Counter[tuple[str, ...]] = Counter()
            for n in nodes:
                per_branch[branch(each, n)[:level]] += placement.copies(each.id, n.id)
            f0[level] += sum(count**2 for count in per_branch.values())
    f2 = sum(total**2 for total in placement.totals.values())
    return tuple(f0[level] for level in sorted(f0)), f1, f2


@settings(max_examples=300, deadline=None)
@given(worlds(max_nodes=5, max_services=4, max_replicas=6))
def test_the_sums_fall_with_every_move(shape: Shape) -> None:
    world = shape.swarm()
    placement = Placement(world, UTC_NOW)
    before = sums(placement)
    moves = plan_moves(world, UTC_NOW, all_movable(world))
    assert len(moves) < 200
    for move in moves:
        number, target = int(move.service.removeprefix("svc")), int(move.target.removeprefix("n"))
        assert (
            target in shape.bound[number]
        )  # by how the world was drawn: not by the planner's word
        assert placement.copies(move.service_id, move.source) > 0
        placement = after(placement, move)
        now = sums(placement)
        assert now < before, f"{move}: {before} -> {now}"
        before = now


@settings(max_examples=300, deadline=None)
@given(worlds(max_nodes=4, max_services=3, max_replicas=6), st.integers(1, 4), st.integers(0, 3))
def test_the_next_move_goes_where_there_is_room(shape: Shape, gib: int, cap: int) -> None:
    """Counted from the world itself: memory that is reserved, and copies under their cap (0: none)."""
    world = shape.swarm()
    wanted = {"Resources": {"Reservations": {"MemoryBytes": gib * GIB}}}
    services = tuple(
        replace(s, spec={**s.spec, "TaskTemplate": {
            **s.spec["TaskTemplate"], **wanted,
            "Placement": {**s.spec["TaskTemplate"]["Placement"], "MaxReplicas": cap},
        }})
        for s in world.services
    )  # fmt: skip
    held = tuple(replace(task, reserved=(0, gib * GIB)) for task in world.tasks)
    world = replace(world, services=services, tasks=held)
    move = next_move(world, UTC_NOW, all_movable(world))
    if move is None:
        return
    there = [task for task in world.tasks if task.node_id == move.target]
    assert (len(there) + 1) * gib <= 8
    assert not cap or sum(task.service_id == move.service_id for task in there) < cap


@settings(max_examples=300, deadline=None)
@given(worlds(max_nodes=5, max_services=4, max_replicas=6))
def test_every_service_without_preferences_ends_within_one(shape: Shape) -> None:
    world = shape.swarm()
    placement = Placement(world, UTC_NOW)
    for move in plan_moves(world, UTC_NOW, all_movable(world)):
        placement = after(placement, move)
    for number, each in enumerate(world.services):
        if number in shape.spread:
            continue
        eligible = [n for n in world.nodes if placement.why_never(each, n) is None]
        copies = [placement.copies(each.id, n.id) for n in eligible]
        assert max(copies) - min(copies) <= 1


def fewest_moves(world: Swarm) -> int:
    """The fewest moves after which every service is spread as evenly as can be: what leaves the
    fullest nodes, by counting."""
    placement = Placement(world, UTC_NOW)
    total = 0
    for each in world.services:
        eligible = [n for n in world.nodes if placement.why_never(each, n) is None]
        copies = sorted((placement.copies(each.id, n.id) for n in eligible), reverse=True)
        low, rest = divmod(sum(copies), len(copies))
        goal = [low + 1] * rest + [low] * (len(copies) - rest)
        total += sum(max(0, have - want) for have, want in zip(copies, goal, strict=True))
    return total


def wasted(world: Swarm) -> int:
    """Moves that a shorter way to nodes as near to each other would save, by all that Swarm's rules
    allow."""
    moves = plan_moves(world, UTC_NOW, all_movable(world))
    placement = Placement(world, UTC_NOW)
    for move in moves:
        placement = after(placement, move)
    takers = {node.id for of in world.services for node in placement.eligible(of)}
    totals = [placement.totals[node] for node in takers]
    services = [
        Held(
            {task.slot or 0: task.node_id or "" for task in world.tasks_by_service[of.id]},
            [node.id for node in placement.eligible(of)],
        )
        for of in world.services
    ]
    others, gap = dict.fromkeys(takers, 0), max(totals) - min(totals)
    assert can_be_done(services, others, len(moves), gap=gap)
    fewest = len(moves)
    while fewest and can_be_done(services, others, fewest - 1, gap=gap):
        fewest -= 1
    return len(moves) - fewest


@settings(max_examples=200, deadline=None)
@given(worlds(max_nodes=4, max_services=4, max_replicas=4))
def test_no_two_moves_are_wasted(shape: Shape) -> None:
    """In worlds without preferences. What makes services even is made in exactly the fewest moves."""
    world = replace(shape, spread=frozenset()).swarm()
    moves = plan_moves(world, UTC_NOW, all_movable(world))
    assert sum(move.change.lowers_spread for move in moves) == fewest_moves(world)
    assert wasted(world) <= 1


def test_in_nearly_all_worlds_none_is() -> None:
    """Where one is, the nodes are as far apart without it, for some cannot be evened out, but the sum of
    their squares is not as low; or it is one of the ways that are not looked at."""
    chance = random.Random(24103)
    found = Counter(wasted(_random_world(chance)) for _ in range(400))
    assert found[1] <= 4, found
    assert found[0] + found[1] == 400, found


def _random_world(chance: random.Random) -> Swarm:
    nodes = chance.randint(2, 4)
    bound, places = [], []
    for _ in range(chance.randint(1, 4)):
        allowed = chance.sample(range(nodes), chance.randint(1, nodes))
        bound.append(frozenset(allowed))
        places.append(tuple(chance.choice(allowed) for _ in range(chance.randint(1, 4))))
    return Shape(nodes, tuple(map(len, places)), tuple(places), tuple(bound)).swarm()


# --- what people expect ----------------------------------------------------------------------------


def moves_of(world: Swarm, question: Question | None = None) -> list[tuple[str, str, str]]:
    planned = plan_moves(world, UTC_NOW, question or all_movable(world))
    return [(move.service, move.source, move.target) for move in planned]


@settings(max_examples=200, deadline=None)
@given(worlds(max_nodes=5, max_services=4, max_replicas=5), st.booleans())
def test_candidates_come_in_their_order_and_none_is_missed(shape: Shape, reserves: bool) -> None:
    """They are looked for where they may be; here in every pair of nodes."""
    world = shape.swarm()
    if reserves:
        wanted = {"Reservations": {"MemoryBytes": GIB}}
        services = tuple(
            replace(s, spec={**s.spec, "TaskTemplate": {**s.spec["TaskTemplate"], "Resources": wanted}})
            for s in world.services
        )  # fmt: skip
        world = replace(world, services=services)
    placement = Placement(world, UTC_NOW)
    loads = objective.loads(placement, world.services)
    assert loads.by_reservation is reserves
    found = list(candidates(placement, loads, world.services, Preferred(frozenset({"n1"}))))
    assert [c.rank for c in found] == sorted(c.rank for c in found)
    every = {
        (of.name, a.id, b.id)
        for of in world.services
        for a in world.nodes
        for b in placement.eligible(of)
        if a is not b and placement.copies(of.id, a.id) > 0
        and objective.is_admissible(
            objective.change(placement, loads, of, a, b), loads, of, a, b
        )
    }  # fmt: skip
    assert {(c.service.name, c.source.id, c.target.id) for c in found} == every
    assert len(found) == len(every)


def test_a_returned_worker_gets_its_share_and_no_more() -> None:
    nodes = [node(f"n{i}") for i in range(1, 5)]
    services = [service("six", 6), service("four", 4), service("three", 3)]
    places = {
        "six": ["n1", "n1", "n2", "n2", "n3", "n3"],
        "four": ["n1", "n2", "n2", "n3"],
        "three": ["n1", "n2", "n3"],
    }
    world = swarm(nodes, services, places)
    moves = moves_of(world)
    assert [move[2] for move in moves] == ["n4"] * 3
    placement = Placement(world, UTC_NOW)
    for move in plan_moves(world, UTC_NOW, all_movable(world)):
        placement = after(placement, move)
    assert sorted(placement.totals.values()) == [3, 3, 3, 4]


def test_nothing_moves_in_a_balanced_world() -> None:
    nodes = [node("n1"), node("n2")]
    world = swarm(
        nodes, [service("a", 2), service("b", 3)], {"a": ["n1", "n2"], "b": ["n1", "n2", "n1"]}
    )
    assert moves_of(world) == []


def test_loads_alone_move_a_task_only_over_a_gap_of_two() -> None:
    nodes = [node("n1"), node("n2")]
    singles = [service(f"s{i}", 1) for i in range(3)]
    near = swarm(nodes, singles, {"s0": ["n1"], "s1": ["n1"], "s2": ["n2"]})
    far = swarm(nodes, singles, {"s0": ["n1"], "s1": ["n1"], "s2": ["n1"]})
    assert moves_of(near) == []
    assert len(moves_of(far)) == 1


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (node("n2", state="down"), "the node is down"),
        (node("n2", availability="pause"), "availability is pause"),
        (node("n2", labels={"swarm-operator.rebalance": "never"}), "says never"),
        (node("n2", role="manager"), "node.role==worker"),
        (node("n2", platform=("linux", "aarch64")), "platform"),
    ],
)
def test_a_node_that_may_not_take_it_is_no_target(target: Node, why: str) -> None:
    placement = {
        "Constraints": ["node.role==worker"],
        "Platforms": [{"Architecture": "amd64", "OS": "linux"}],
    }
    web = service("web", 2, Placement=placement)
    world = swarm([node("n1"), target], [web], {"web": ["n1", "n1"]})
    assert moves_of(world) == []
    assert why in (Placement(world, UTC_NOW).why_never(web, target) or "")


def _reserving(name: str, replicas: int, memory: int) -> Service:
    return service(name, replicas, Resources={"Reservations": {"MemoryBytes": memory}})


def test_reservations_count_tasks_that_are_still_stopping() -> None:
    web, old = _reserving("web", 2, 3 * GIB), _reserving("old", 1, 6 * GIB)
    nodes = [node("n1"), node("n2")]
    world = swarm(nodes, [web, old], {"web": ["n1", "n1"]})
    stopping = tasks(old, ["n2"], reserved=(0, 6 * GIB))[0]
    full = replace(world, tasks=(*world.tasks, replace(stopping, desired_state="shutdown")))
    gone = replace(
        world, tasks=(*world.tasks, replace(stopping, desired_state="shutdown", state="shutdown"))
    )
    assert moves_of(full) == []
    assert moves_of(gone) == [("web", "n1", "n2")]


def test_a_host_port_that_is_taken() -> None:
    endpoint = {"Ports": [{"PublishMode": "host", "PublishedPort": 80, "Protocol": "tcp"}]}
    web, other = service("web", 1, endpoint=endpoint), service("other", 1, endpoint=endpoint)
    crowd = [service(f"s{i}", 1) for i in range(3)]
    nodes = [node("n1"), node("n2")]
    places: Mapping[str, list[str]] = {"web": ["n1"], "other": ["n2"]}
    world = swarm(nodes, [web, other, *crowd], {**places, **{s.name: ["n1"] for s in crowd}})
    assert (
        Placement(world, UTC_NOW).why_not_now(web, nodes[1])
        == "the host port 80/tcp is taken there"
    )
    assert "web" not in {move[0] for move in moves_of(world)}


def stays_of(world: Swarm, question: Question) -> tuple[Stay, ...]:
    return stays(Placement(world, UTC_NOW), question)


def test_max_replicas_per_node_of_the_document() -> None:
    web = service("web", 4, Placement={"MaxReplicas": 1})
    world = swarm([node("n1"), node("n2")], [web], {"web": ["n1", "n1", "n1", "n2"]})
    assert moves_of(world) == []
    assert "max_replicas_per_node is 1" in stays_of(world, all_movable(world))[0].reason


def test_two_zones_come_before_two_nodes() -> None:
    spread = {"Preferences": [{"Spread": {"SpreadDescriptor": "node.labels.zone"}}]}
    web = service("web", 2, Placement=spread)
    nodes = [
        node("n1", labels={"zone": "a"}),
        node("n2", labels={"zone": "a"}),
        node("n3", labels={"zone": "b"}),
    ]
    world = swarm(nodes, [web], {"web": ["n1", "n2"]})
    assert [move[2] for move in moves_of(world)] == ["n3"]


def test_what_stays_says_why() -> None:
    web = service("web", 3)
    world = swarm([node("n1"), node("n2")], [web], {"web": ["n1", "n1", "n1"]})
    fixed = Question({web.id: Mobility(How.FIXED, "its document says never")})
    closed = all_movable(world, closed=lambda _s, _a, _b: "n2 must be steady for another 40 s")
    assert [stay.reason for stay in stays_of(world, fixed)] == ["its document says never"]
    assert "steady for another 40 s" in stays_of(world, closed)[0].reason
    assert next_move(world, UTC_NOW, closed) is None


def test_a_move_whose_landing_is_unsure_is_not_made() -> None:
    """Both nodes hold a copy; the second would take the extra task as gladly, which helps nobody."""
    web = service("web", 4)
    nodes = [node("n1"), node("n2"), node("n3")]
    world = swarm(nodes, [web], {"web": ["n1", "n1", "n1", "n2"]})
    first = next_move(world, UTC_NOW, all_movable(world))
    assert first is not None
    assert (first.source, first.target, first.landings) == ("n1", "n3", frozenset({"n3"}))


def test_of_more_than_a_dozen_it_does_not_matter_which_goes() -> None:
    """Beyond twelve slots the order of Swarm's trimming is not known (Go's sort): each of the fullest
    nodes may lose a task, and each is as good."""
    web = service("web", 14)
    nodes = [node(f"n{i}") for i in range(1, 5)]
    world = swarm(nodes, [web], {"web": ["n1"] * 5 + ["n2"] * 5 + ["n3"] * 4})
    move = next_move(world, UTC_NOW, all_movable(world))
    assert move is not None
    assert (move.target, move.sources) == ("n4", frozenset({"n1", "n2"}))
    assert len(moves_of(world)) == 3


def test_a_node_that_is_not_as_good_forbids_the_move() -> None:
    """The new task may land on n2 as well as on n3, for both have a copy and as many tasks; where one of
    them is to get none now, neither is a target."""
    web = service("web", 5)
    nodes = [node("n1"), node("n2"), node("n3")]
    world = swarm(nodes, [web], {"web": ["n1"] * 3 + ["n2", "n3"]})
    closed = all_movable(world, closed=lambda _s, _a, to: "watched" if to.id == "n2" else None)
    move = next_move(world, UTC_NOW, all_movable(world))
    assert move is not None
    assert move.landings == {"n2", "n3"}
    assert next_move(world, UTC_NOW, closed) is None


def test_only_what_is_asked_about() -> None:
    """The best of several, though a better one is not asked about."""
    services = [service("one", 2), service("two", 2)]
    nodes = [node("n1"), node("n2"), node("n3")]
    world = swarm(nodes, services, {"one": ["n1", "n1"], "two": ["n2", "n2"]})
    best = next_move(world, UTC_NOW, all_movable(world))
    assert best is not None
    other = next(
        m for m in plan_moves(world, UTC_NOW, all_movable(world)) if m.service != best.service
    )
    only = frozenset({(other.service_id, other.source, other.target)})
    asked = next_move(world, UTC_NOW, all_movable(world, only=only))
    assert asked is not None
    assert (asked.service, asked.source, asked.target) == (
        other.service,
        other.source,
        other.target,
    )


def _reserving_world(seed: int) -> Swarm:
    """A world whose services reserve processors, memory or both, on nodes of several sizes."""
    chance = random.Random(seed)
    names = [f"n{i}" for i in range(chance.randint(2, 4))]
    sizes = [(chance.choice([4, 8]), chance.choice([8, 32])) for _ in names]
    nodes = [
        node(name, nano_cpus=cpus * 10**9, memory_bytes=gib * GIB)
        for name, (cpus, gib) in zip(names, sizes, strict=True)
    ]
    services, places = [], {}
    for i in range(chance.randint(2, 6)):
        wanted = {"NanoCPUs": chance.choice([0, 5 * 10**8]), "MemoryBytes": chance.choice([0, GIB])}
        of = service(f"s{i}", chance.randint(1, 3), Resources={"Reservations": wanted})
        services.append(of)
        places[of.name] = [chance.choice(names) for _ in range(replicas(of.spec))]
    return swarm(nodes, services, places)


def test_the_sum_of_reserved_shares_falls_with_every_move_for_load() -> None:
    """Processors or memory, whichever is shorter: no sum of what single tasks weigh."""
    moved = 0
    for seed in range(300):
        world = _reserving_world(seed)
        question = all_movable(world)
        plan = shortest(Placement(world, UTC_NOW), question, 50)
        assert len(plan.moves) < 50
        squared = []
        for placement in plan.placements:
            loads = objective.loads(placement, world.services)
            squared.append(sum(load**2 for load in loads.by_node.values()))
        for index, move in enumerate(plan.moves):
            if move.change.keeps_spread:
                moved += 1
                assert squared[index + 1] < squared[index], (seed, move)
    assert moved > 30
