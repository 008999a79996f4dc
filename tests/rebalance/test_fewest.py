"""How many moves the planner makes, against the fewest that Swarm's own rules allow.

The benchmark's shop, placed by the simulation's scheduler, after workers were lost and came back. One
move at a time, each the best, wastes one in a quarter of these layouts: that is
the control.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import pytest

from swarm_operator.observed.json import JsonObject
from swarm_operator.observed.swarm import Swarm, Task
from swarm_operator.plan.rebalance import lookahead
from swarm_operator.plan.rebalance.landing import live_slots
from swarm_operator.plan.rebalance.mobility import How, Mobility
from swarm_operator.plan.rebalance.moves import Move, Question
from swarm_operator.plan.rebalance.placement import Placement
from swarm_operator.plan.rebalance.planner import next_move, plan_moves
from swarm_operator.simulation import docker_transport
from swarm_operator.simulation.api.engine_api import EngineApi
from swarm_operator.simulation.docker_wire import DirectWire
from swarm_operator.simulation.engine.engine import Engine
from tests.bench.rebalance import optimum, shop
from tests.bench.rebalance.optimum import Spread
from tests.bench.rebalance.shop import KINDS, SSD, ZONES, Kind
from tests.rebalance.fewest import Held, can_be_done, taken
from tests.rebalance.worlds import UTC_NOW

WORKERS = tuple(sorted(ZONES))
LOSSES = (("node5",), ("node4",), ("node2", "node4"))
LAYOUTS = (
    *((seed, ("node5",)) for seed in range(4)),
    *((seed, ("node4",)) for seed in (1, 8, 13, 14, 15, 16)),
    *((seed, ("node2", "node4")) for seed in (4, 8, 9, 15)),
)
"""All but the first four are among the 29 of 120 in which looking ahead ends better."""
FORCED = (8, ("node5",))
"""A layout in which Swarm takes the wrong task."""
MISSED = (12, ("node4",))


def _spec(kind: Kind) -> JsonObject:
    document = kind.in_document()["deploy"].get("placement", {})
    placement: JsonObject = {"Constraints": document["constraints"]}
    if "max_replicas_per_node" in document:
        placement["MaxReplicas"] = document["max_replicas_per_node"]
    if kind.spread_by:
        label = f"node.labels.{kind.spread_by}"
        placement["Preferences"] = [{"Spread": {"SpreadDescriptor": label}}]
    spec: JsonObject = {
        "Name": kind.full_name,
        "Labels": {},
        "TaskTemplate": {"ContainerSpec": {"Image": "app:1"}, "Placement": placement},
        "Mode": {"Replicated": {"Replicas": kind.replicas}} if kind.replicas else {"Global": {}},
    }
    if not kind.by_name and kind.replicas and kind.movable:
        port = {"TargetPort": 80, "PublishedPort": shop.HOST_PORT, "PublishMode": "host"}
        spec["EndpointSpec"] = {"Mode": "dnsrr", "Ports": [{**port, "Protocol": "tcp"}]}
    return spec


@cache
def world(seed: int, lost: tuple[str, ...]) -> Swarm:
    """The shop after these workers were off for a minute."""
    engine = Engine(seed=seed)
    engine.add_node("node1", role="manager")
    for name in WORKERS:
        engine.add_node(name)
    engine.advance(5)
    for name in WORKERS:
        node = engine.store.node_of_hostname(name)
        assert node is not None
        labels = {"zone": ZONES[name], **({"disk": "ssd"} if name in SSD else {})}
        body = {"Role": "worker", "Availability": "active", "Labels": labels}
        engine.control.update_node(node.id, node.meta.version, body)
    for kind in sorted(KINDS, key=lambda kind: kind.name):
        engine.control.create_service(_spec(kind), api_version=(1, 45))
    engine.advance(60)
    for name in lost:
        engine.kill_node(name)
    engine.advance(60)
    for name in lost:
        engine.return_node(name)
    engine.advance(20)
    api = EngineApi(engine, engine.agent("node1").node_id)
    swarm = docker_transport.over(DirectWire(api, engine), engine.timeline).read()
    live = (task for task in swarm.tasks if task.is_live and task.desired_state == "running")
    return replace(swarm, tasks=tuple(live))


def question(swarm: Swarm, lost: Sequence[str]) -> Question:
    by_name = swarm.services_by_name
    directed, fixed = Mobility(How.DIRECTED, ""), Mobility(How.FIXED, "")
    mobilities = {by_name[k.full_name].id: directed if k.movable else fixed for k in KINDS}
    returned = frozenset(node.id for node in swarm.nodes if node.hostname in lost)
    return Question(mobilities, returned)


def held(swarm: Swarm) -> tuple[list[Held], Mapping[str, int]]:
    """What is moved, and how many other tasks each worker has."""
    names = {node.id: node.hostname for node in swarm.nodes}
    services, others = [], Counter(dict.fromkeys(WORKERS, 0))
    for kind in KINDS:
        tasks = swarm.tasks_by_service[swarm.services_by_name[kind.full_name].id]
        if not kind.movable:
            others.update(names[task.node_id or ""] for task in tasks)
            continue
        slots = {n: names[found[0].node_id or ""] for n, found in live_slots(tasks).items()}
        nodes = kind.nodes or WORKERS
        branches = {node: ZONES[node] for node in nodes} if kind.spread_by else {}
        services.append(Held(slots, nodes, kind.most_per_node, branches))
    return services, others


def wasted(seed: int, lost: tuple[str, ...]) -> tuple[int, int]:
    """Moves that a shorter way would have saved, and by how much the nodes stay too far apart."""
    swarm = world(seed, lost)
    moves = plan_moves(swarm, UTC_NOW, question(swarm, lost))
    least = optimum.best(*spreads(swarm))
    end = swarm
    for move in moves:
        end = carried_out(end, move)
    services, others = held(end)
    assert all(optimum.is_even(each.spread) for each in services)
    totals = Counter(others)
    for each in services:
        totals.update(each.slots.values())
    gap = max(totals.values()) - min(totals.values()) - least.gap
    made = len(moves)
    while gap == 0 and made > least.moves and can_be_done(*held(swarm), made - 1):
        made -= 1
    return len(moves) - made, gap


def spreads(swarm: Swarm) -> tuple[list[Spread], Mapping[str, int]]:
    services, others = held(swarm)
    return [each.spread for each in services], others


def carried_out(swarm: Swarm, move: Move) -> Swarm:
    """As Swarm does it: the extra task takes the lowest free slot, and the index rule its task."""
    tasks = swarm.tasks_by_service[move.service_id]
    slots = {task.slot: task for task in tasks if task.slot is not None}
    free = next(number for number in range(1, len(slots) + 2) if number not in slots)
    extra = Task(f"{move.service}.{free}", move.service_id, move.target, free, "running", "running")
    there = [task for task in tasks if task.node_id == move.source]
    gone = there[0]
    if len(there) > 1:
        every = {n: task.node_id or "" for n, task in {**slots, free: extra}.items()}
        gone = slots[taken(every)]
    assert gone.node_id == move.source, "Swarm takes another task than was planned"
    return replace(swarm, tasks=(*(task for task in swarm.tasks if task is not gone), extra))


@pytest.mark.parametrize(("seed", "lost"), LAYOUTS)
def test_no_move_is_wasted(seed: int, lost: tuple[str, ...]) -> None:
    assert wasted(seed, lost) == (0, 0)


def test_each_by_itself_wastes_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: without looking ahead a move too many, or nodes further apart than they need be."""
    monkeypatch.setattr(lookahead, "_EFFORT", 0)
    found = Counter(wasted(seed, lost) for seed, lost in LAYOUTS)
    assert found[1, 0] >= 4
    assert found[0, 1] >= 4


def test_where_a_shorter_way_is_missed() -> None:
    """The bound: of 120 layouts 110 take the fewest moves of the proof, the other ten one more. In nine of
    these it is Swarm's rule that costs it (see below); in one, this one, it is the planner: it looks at
    ways that differ in two choices, and not at all of them."""
    assert wasted(*MISSED) == (1, 0)


@pytest.mark.parametrize("lost", LOSSES)
def test_planned_anew_after_each_move_it_is_as_many(lost: tuple[str, ...]) -> None:
    swarm = world(1, lost)
    planned = len(plan_moves(swarm, UTC_NOW, question(swarm, lost)))
    made = 0
    while made < 50:
        asked = question(swarm, lost)
        wished = plan_moves(swarm, UTC_NOW, asked, limit=10)
        ways = frozenset((move.service_id, move.source, move.target) for move in wished)
        move = next_move(swarm, UTC_NOW, replace(asked, only=ways))
        if move is None:
            break
        swarm, made = carried_out(swarm, move), made + 1
    assert made == planned


def test_swarms_rule_may_cost_a_move() -> None:
    """What the proof without it does not know: of two nodes with as many copies of a service only one
    can be left, and a minimum that leaves the other one is not to be had."""
    swarm = world(*FORCED)
    least = optimum.best(*spreads(swarm)).moves
    assert not can_be_done(*held(swarm), least)
    assert can_be_done(*held(swarm), least + 1)
    assert len(plan_moves(swarm, UTC_NOW, question(swarm, FORCED[1]))) == least + 1


def test_placements_are_only_imagined() -> None:
    """A plan leaves the snapshot that it is made from as it is."""
    swarm = world(0, LOSSES[0])
    before = Placement(swarm, UTC_NOW).totals
    plan_moves(swarm, UTC_NOW, question(swarm, LOSSES[0]))
    assert Placement(swarm, UTC_NOW).totals == before
