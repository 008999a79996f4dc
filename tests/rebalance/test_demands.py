"""What a service demands of a node besides room: plugins and resources of its own kind."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from desired_state.operator_block import Rebalance
from swarm_operator.observed.swarm import Network, Node, Swarm
from swarm_operator.plan.rebalance.mobility import How, Wish, mobility
from swarm_operator.plan.rebalance.placement import Placement
from swarm_operator.plan.rebalance.planner import next_move
from tests.cli.at_home import AtHome
from tests.rebalance.home import Home
from tests.rebalance.shop import replicas
from tests.rebalance.worlds import UTC_NOW, all_movable, node, service, swarm, tasks

BARE = frozenset({("Network", "overlay"), ("Volume", "local")})
WEAVE = BARE | {("Network", "weave:latest")}
GPU = {
    "Reservations": {"GenericResources": [{"DiscreteResourceSpec": {"Kind": "gpu", "Value": 1}}]}
}


def two_nodes(plugins: frozenset[tuple[str, str]], of: Any) -> Swarm:
    """Both tasks on the first; `plugins` are what the second reports."""
    nodes: list[Node] = [node("full", plugins=WEAVE), node("empty", plugins=plugins)]
    made = swarm(nodes, [of], {of.name: ["full", "full"]})
    networks = (Network("net", "mesh", "weave", {}),)
    return Swarm("swarm", made.nodes, made.services, made.tasks, networks)


@pytest.mark.parametrize("target", ["net", "mesh"], ids=["by id", "by name"])
@pytest.mark.parametrize("in_task", [True, False])
def test_no_move_to_a_node_without_the_networks_driver(target: str, in_task: bool) -> None:
    attached = [{"Target": target}]
    web = service("web", 2, **({"Networks": attached} if in_task else {}))
    if not in_task:
        web = type(web)(web.id, 1, web.name, {**web.spec, "Networks": attached})
    without, having = two_nodes(BARE, web), two_nodes(WEAVE, web)
    why = Placement(without, UTC_NOW).why_never(web, without.nodes[1])
    assert why == "the node has no plugin weave"
    assert next_move(without, UTC_NOW, all_movable(without)) is None
    found = next_move(having, UTC_NOW, all_movable(having))
    assert found is not None
    assert found.target == "empty"


def test_services_on_different_networks_are_judged_apart() -> None:
    """What is found for one demand is kept for the same demand alone."""
    plain = service("plain", 2)
    web = service("web", 2, Networks=[{"Target": "net"}])
    made = two_nodes(BARE, web)
    placement = Placement(made, UTC_NOW)
    assert [n.id for n in placement.eligible(plain)] == ["full", "empty"]
    assert [n.id for n in placement.eligible(web)] == ["full"]


@pytest.mark.parametrize(
    ("says", "how"),
    [
        (None, How.RECOMMENDED),
        (Rebalance.AUTO, How.RECOMMENDED),
        (Rebalance.NEVER, How.FIXED),
    ],
)
def test_what_reserves_generic_resources_is_recommended_at_most(says: Any, how: How) -> None:
    known = Wish(says, default="auto", image_volumes=False)
    assert mobility(service("ai", 2, Resources=GPU), known).how is how
    plain = How.FIXED if says is Rebalance.NEVER else How.DIRECTED
    assert mobility(service("ai", 2), known).how is plain


def test_stop_first_with_generic_resources_stays() -> None:
    known = Wish(Rebalance.STOP_FIRST)
    found = mobility(service("ai", 1, Resources=GPU), known)
    assert (found.how, "gpu" in found.reason) == (How.FIXED, True)
    assert mobility(service("ai", 1), known).how is How.STOP_FIRST


def test_in_a_whole_world_a_service_with_gpus_waits_for_a_person() -> None:
    home = Home()
    for record in list(home.engine.store.nodes.all()):
        gpus = ({"DiscreteResourceSpec": {"Kind": "gpu", "Value": 9}},)
        home.engine.store.nodes.put(replace(record, generic_resources=gpus))
    reserved = [{"discrete_resource_spec": {"kind": "gpu", "value": 1}}]
    gpu = replicas(10, resources={"reservations": {"generic_resources": reserved}})
    home.push("shop", {"ai": gpu, "api": replicas(10)})
    home.live()
    home.outage("w1")
    home.until(lambda: bool(home.events()))
    home.run(300.0)
    assert {event.name for event in home.events("planned")} == {"shop_api"}
    assert "recommended only: it reserves generic resources (gpu)" in AtHome(home).line(
        "rebalance", "--dry-run"
    )
    assert not home.broken


@pytest.mark.parametrize(("reported_s", "is_forgiven"), [(31, True), (119, True), (121, False)])
def test_what_a_node_says_late_of_what_it_never_started(reported_s: int, is_forgiven: bool) -> None:
    """Swarm gave it a task in the second between its death and the news of it; back, its agent needs
    half a minute to reject that: no reason to give the node none for ten minutes."""
    web = service("web", 2)
    world = swarm([node("n1"), node("n2")], [web], {"web": ["n1", "n1"]})
    back = UTC_NOW - timedelta(seconds=200)

    def stamp(seconds: float) -> str:
        return f"{back + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S.%f}123Z"

    (late,) = tasks(web, ["n2"], created_at=stamp(-17), timestamp=stamp(reported_s))
    late = replace(late, id="late", state="rejected", desired_state="shutdown")
    world = replace(world, tasks=(*world.tasks, late))
    placement = Placement(world, UTC_NOW, returned_at={"n2": back})
    why = placement.why_not_now(web, world.nodes_by_id["n2"])
    assert (why is None) is is_forgiven, why
