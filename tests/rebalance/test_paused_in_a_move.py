"""A person's write in a move whose update then pauses: who goes on, and what is waited for."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from swarm_operator.observed.json import JsonObject, replaced
from swarm_operator.observed.swarm import Service
from swarm_operator.plan.rebalance.intent import LABEL, PLACEMENT, REPLICAS
from swarm_operator.simulation.engine.images import Behaviour
from swarm_operator.simulation.engine.records import ServiceRecord
from swarm_operator.simulation.engine.store import Change
from tests.cli.at_home import AtHome
from tests.rebalance.home import Home
from tests.rebalance.shop import replicas, settled

START_FIRST = {"update_config": {"order": "start-first"}}
SHOP = {
    "api": replicas(6, **START_FIRST),
    "web": replicas(4, **START_FIRST),
    "cache": replicas(3, **START_FIRST),
}


@pytest.fixture
def home() -> Iterator[Home]:
    made = Home()
    made.push("shop", SHOP)
    made.live()
    made.world.images.scripted["bad:1"] = Behaviour(exit_after_s=0.5, exit_code=1)
    yield made
    assert not made.broken, "\n".join(map(str, made.broken))


def moving(home: Home) -> list[Service]:
    services = home.hands.read().services
    return [service for service in services if LABEL in service.labels]


def in_a_move(home: Home, change: Callable[[JsonObject], JsonObject]) -> str:
    """Somebody changes the service whose task is being moved; returns its name."""
    home.outage("w1")
    home.watch()
    home.until(lambda: bool(moving(home)), step_s=0.1)
    (service,) = moving(home)
    home.hands.update_service(service.id, service.version, change(service.spec))
    return service.name


def bad_image(spec: JsonObject) -> JsonObject:
    """`docker service update --image bad:1 --update-failure-action pause --update-order start-first`."""
    spec = replaced(spec, ("TaskTemplate", "ContainerSpec", "Image"), "bad:1")
    spec = replaced(spec, ("UpdateConfig", "FailureAction"), "pause")
    return replaced(spec, ("UpdateConfig", "Delay"), 0)


def state(home: Home, name: str) -> str | None:
    return home.hands.read().services_by_name[name].update_state


def paused(home: Home) -> str:
    name = in_a_move(home, bad_image)
    home.until(lambda: state(home, name) == "paused")
    return name


def edited(name: str, **changes: Any) -> dict[str, Any]:
    """The stack's document with another environment of one service."""
    short = name.removeprefix("shop_")
    return {**SHOP, short: {**SHOP[short], "environment": {"A": "1"}, **changes}}


def bare(home: Home, name: str) -> bool:
    service = home.hands.read().services_by_name[name]
    return LABEL not in str((service.spec, service.previous_spec))


def test_their_paused_update_is_left_alone_and_told(home: Home) -> None:
    name = paused(home)
    home.run(5.0)
    version = home.hands.read().services_by_name[name].version
    home.until(lambda: home.status().state == "Blocked")
    home.run(900.0)
    assert home.hands.read().services_by_name[name].version == version, "not so much as a label"
    status, people = home.status(), AtHome(home)
    way_out = f"end the update with `docker service update {name}`"
    assert status.state == "Blocked"
    for text in (
        status.message,
        status.services[name].message,
        people.line("plan", "shop"),
        people.line("why", name),
        people.line("status"),
        people.line("rebalance"),
        people.line("rebalance", "--dry-run"),
        people.line("rebalance", "--dry-run", "-o", "json"),
    ):
        assert way_out in text


def test_other_services_come_home_meanwhile(home: Home) -> None:
    name = paused(home)
    others = {f"shop_{short}" for short in SHOP} - {name}
    home.push("more", {"many": {"deploy": {"replicas": 10}}})
    home.run(200.0)
    home.outage("w2")
    home.until(lambda: "more_many" in {event.name for event in home.events()})
    home.run(900.0)
    assert LABEL in home.hands.read().services_by_name[name].labels
    assert all(home.spread(other, ["m1", "m2", "m3", "w1", "w2"]) <= 1 for other in others)


@pytest.mark.parametrize("restarted", [False, True], ids=["same process", "another process"])
def test_a_changed_document_ends_it(home: Home, restarted: bool) -> None:
    name = paused(home)
    wished = SHOP[name.removeprefix("shop_")]["deploy"]["replicas"]
    home.run(60.0)
    if restarted:
        home.processes["alpha"].die()
        home.start("alpha")
        home.run(60.0)
    home.watch()  # their own update stopped a task of the old image for one that fails
    home.run(30.0)
    served = home.lowest[name]
    assert served >= wished - 1
    home.push("shop", edited(name))
    home.until(lambda: bare(home, name))
    service = home.hands.read().services_by_name[name]
    assert service.spec["TaskTemplate"]["ContainerSpec"]["Image"] == "app:1"
    assert service.spec["TaskTemplate"]["ContainerSpec"]["Env"] == ["A=1"]
    assert not service.spec["TaskTemplate"]["Placement"].get("Constraints")
    assert not service.spec["TaskTemplate"]["Placement"].get("MaxReplicas")
    assert service.spec["Mode"]["Replicated"]["Replicas"] == wished
    home.until(lambda: settled(home))
    assert home.lowest[name] >= served
    assert len(home.tasks(name)) == wished
    assert home.status().state != "Blocked"


@pytest.mark.parametrize("applied", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("write", [0, 1, 2])
def test_wherever_the_process_dies_the_document_ends_it(
    home: Home, write: int, applied: bool
) -> None:
    """It writes the document, then takes count and label out, then seals."""
    name = paused(home)
    wished = SHOP[name.removeprefix("shop_")]["deploy"]["replicas"]
    home.run(30.0)
    home.watch()
    home.run(30.0)
    served = home.lowest[name]
    home.processes["alpha"].faults.crash_at(write, applied=applied, api="docker")
    home.push("shop", edited(name))
    home.until(lambda: not home.processes["alpha"].alive)
    home.start("alpha")
    home.until(lambda: bare(home, name))
    home.until(lambda: settled(home))
    assert home.hands.read().services_by_name[name].spec["TaskTemplate"]["ContainerSpec"]["Env"]
    assert len(home.tasks(name)) == wished
    assert home.lowest[name] >= served


def test_a_changed_document_with_fewer_replicas_ends_it(home: Home) -> None:
    name = paused(home)
    home.run(60.0)
    home.push("shop", edited(name, **replicas(2, **START_FIRST)))
    home.until(lambda: bare(home, name))
    home.until(lambda: len(home.tasks(name)) == 2)
    home.until(lambda: settled(home))
    assert home.lowest[name] >= 2


def test_a_stack_deploy_that_pauses_is_ended_by_a_document_too(home: Home) -> None:
    """It takes all our labels off; the move's is in the previous spec alone."""

    def deployed(spec: JsonObject) -> JsonObject:
        placed = replaced(bad_image(spec), PLACEMENT, {})
        count = spec["Mode"]["Replicated"]["Replicas"] - 1
        labels = {key: value for key, value in spec["Labels"].items() if key.startswith("com.")}
        return replaced({**placed, "Labels": labels}, REPLICAS, count)

    told = {"x-operator": {"drift": "report"}}  # else it is put right before it pauses
    home.push("shop", {short: {**service, **told} for short, service in SHOP.items()})
    home.run(60.0)
    name = in_a_move(home, deployed)
    home.until(lambda: state(home, name) == "paused")
    home.until(lambda: home.status().state == "Blocked")
    assert f"docker service update {name}" in home.status().services[name].message
    others = {f"shop_{short}" for short in SHOP} - {name}
    home.until(lambda: others & {event.name for event in home.events()} != set())
    version = home.hands.read().services_by_name[name].version
    home.run(100.0)
    assert home.hands.read().services_by_name[name].version == version
    home.push("shop", edited(name))
    home.until(lambda: bare(home, name))
    home.until(lambda: settled(home))


def test_their_own_next_update_ends_it(home: Home) -> None:
    name = paused(home)
    home.run(60.0)
    service = home.hands.read().services_by_name[name]
    good = replaced(service.spec, ("TaskTemplate", "ContainerSpec", "Image"), "app:1")
    home.hands.update_service(service.id, service.version, good)
    home.until(lambda: bare(home, name))
    home.until(lambda: settled(home))


def test_an_update_that_pauses_after_our_own_strip_is_gone_on_with(home: Home) -> None:
    """`docker service scale`: tasks that wait behind the fence are replaced once it is out, by an update
    that nobody asked for; one of the new ones fails."""
    states: dict[str, list[str]] = {}

    def see(change: Change) -> None:
        status = getattr(change.new, "update_status", None)
        if isinstance(change.new, ServiceRecord) and status is not None:
            states.setdefault(change.new.name, []).append(status.state)

    def scaled(spec: JsonObject) -> JsonObject:
        home.world.images.scripted["app:1"] = Behaviour(exit_after_s=0.2, exit_code=1)
        count = spec["Mode"]["Replicated"]["Replicas"]
        return replaced(spec, ("Mode", "Replicated", "Replicas"), count + 6)

    home.engine.store.observe(see)
    name = in_a_move(home, scaled)
    home.until(lambda: "paused" in states.get(name, ()), within_s=60.0, step_s=0.1)
    home.world.images.scripted.pop("app:1")
    home.until(lambda: bare(home, name), within_s=60.0)
    wished = SHOP[name.removeprefix("shop_")]["deploy"]["replicas"]
    home.until(lambda: len(home.tasks(name)) == wished)
    home.until(lambda: settled(home))
    assert home.lowest[name] >= wished
    assert state(home, name) != "paused"
