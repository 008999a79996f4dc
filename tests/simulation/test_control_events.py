"""The engine's events, out of changes of the store."""

from dataclasses import replace
from typing import Any

from swarm_operator.simulation.engine.records import UpdateStatus
from tests.simulation.control_world import World, spec


def _said(world: World) -> list[tuple[str, str, dict[str, str]]]:
    return [
        (event["Type"], event["Action"], event["Actor"]["Attributes"])
        for event in world.events.past()
    ]


def _last(world: World) -> dict[str, Any]:
    return dict(_said(world)[-1][2])


def test_each_kind_has_its_events() -> None:
    world = World()
    before = len(_said(world))
    world.control.create_config({"Name": "c", "Data": "eA=="})
    world.control.create_secret({"Name": "s", "Data": "eA=="})
    world.network("n")
    world.service("web", networks=("n",))
    world.control.remove_service("web")
    world.control.remove_config("c")
    assert _said(world)[before:] == [
        ("config", "create", {"name": "c"}),
        ("secret", "create", {"name": "s"}),
        ("network", "create", {"name": "n"}),
        ("network", "update", {"name": "n"}),
        ("service", "create", {"name": "web"}),
        ("service", "update", {"name": "web"}),
        ("service", "remove", {"name": "web"}),
        ("config", "remove", {"name": "c"}),
    ]


def test_networks_that_nobody_sees_have_no_events() -> None:
    names = {attributes["name"] for kind, _, attributes in _said(World()) if kind == "network"}
    assert names == {"ingress"}


def test_an_update_tells_what_changed() -> None:
    world = World()
    world.service("web")
    replicas: dict[str, Any] = {"Mode": {"Replicated": {"Replicas": 3}}}
    world.update("web", spec("web", container={"Image": "app:2"}, **replicas))
    assert _last(world) == {
        "name": "web",
        "image.old": "app:1",
        "image.new": "app:2",
        "replicas.old": "1",
        "replicas.new": "3",
    }
    world.update(
        "web", {**spec("web", container={"Image": "app:2"}, **replicas), "Labels": {"a": "b"}}
    )
    assert _last(world) == {"name": "web"}


def test_each_move_of_an_update_is_an_event() -> None:
    world = World()
    service = world.store.services[world.service("web")]
    for state in ("updating", "completed"):
        moved = replace(service, update_status=UpdateStatus(state, 0.0))
        service = world.store.services.put(moved)
    world.settle()
    assert [attributes for _, _, attributes in _said(world)[-2:]] == [
        {"name": "web", "updatestate.new": "updating"},
        {"name": "web", "updatestate.old": "updating", "updatestate.new": "completed"},
    ]


def test_nodes_tell_their_state_and_availability() -> None:
    world = World()
    node = world.node("node1", role="worker")
    drained = {"Role": "worker", "Availability": "drain", "Labels": {"a": "b"}}
    world.control.update_node("node1", node.meta.version, drained)
    assert _last(world) == {
        "name": "node1",
        "availability.old": "active",
        "availability.new": "drain",
    }
    world.store.nodes.put(replace(world.control.node("node1"), state="down"))
    world.settle()
    assert _last(world) == {"name": "node1", "state.old": "ready", "state.new": "down"}


def test_the_ring_keeps_256_and_is_read_from_a_time_on() -> None:
    world = World()
    for number in range(300):
        world.timeline.advance(float(number))
        world.control.create_config({"Name": f"c{number}", "Data": "eA=="})
    kept = world.events.past()
    assert len(kept) == 256
    assert kept[-1]["Actor"]["Attributes"] == {"name": "c299"}
    since = kept[-10]["timeNano"]
    assert world.events.past(since) == kept[-10:]
    assert kept[-1]["time"] == kept[-1]["timeNano"] // 10**9


def test_listeners_hear_what_comes_until_they_leave() -> None:
    world = World()
    heard: list[dict[str, Any]] = []
    leave = world.events.subscribe(heard.append)
    world.service("web")
    leave()
    leave()
    world.service("other")
    assert [event["Actor"]["Attributes"]["name"] for event in heard] == ["web"]
