"""A person's write in a move whose update never ends: it holds up its own service, and nothing else."""

from collections.abc import Iterator

import pytest

from swarm_operator.observed.json import JsonObject, replaced
from swarm_operator.plan.rebalance.intent import LABEL
from swarm_operator.simulation.engine.images import Behaviour
from tests.cli.at_home import AtHome
from tests.rebalance.home import QUICK, Home
from tests.rebalance.test_paused_in_a_move import (
    SHOP,
    START_FIRST,
    bare,
    edited,
    in_a_move,
    state,
)

NEVER = "never:1"
POLICY = QUICK.replace("hold_off: 30s", "hold_off: 30s, start_deadline: 60s")
NODES = ("m1", "m2", "m3", "w1", "w2")


@pytest.fixture
def home() -> Iterator[Home]:
    made = Home(policy=POLICY)
    made.push("shop", SHOP)
    made.live()
    made.world.images.scripted[NEVER] = Behaviour(start_s=1e9)
    yield made
    assert not made.broken, "\n".join(map(str, made.broken))


def image_that_never_runs(spec: JsonObject) -> JsonObject:
    """`docker service update --image never:1 --update-order start-first`: a pull that does not end."""
    return replaced(spec, ("TaskTemplate", "ContainerSpec", "Image"), NEVER)


def hanging(home: Home) -> str:
    name = in_a_move(home, image_that_never_runs)
    wished = home.hands.read().services_by_name[name].spec["UpdateConfig"]["Order"]
    assert (wished, state(home, name)) == (START_FIRST["update_config"]["order"], "updating")
    return name


def _others_move(home: Home, name: str) -> bool:
    home.push("more", {"many": {"deploy": {"replicas": 10}}})
    home.run(200.0)
    assert home.lowest[name] >= SHOP[name.removeprefix("shop_")]["deploy"]["replicas"]
    home.outage("w2")
    home.run(900.0)
    assert LABEL in home.hands.read().services_by_name[name].labels
    assert state(home, name) == "updating"
    return home.spread("more_many", NODES) <= 1


def test_other_services_come_home_meanwhile(home: Home) -> None:
    name = hanging(home)
    assert _others_move(home, name)
    assert "more_many" in {event.name for event in home.events()}


def test_without_that_rule_nothing_else_would(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    monkeypatch.setattr("swarm_operator.plan.rebalance.gates.hanging", lambda *_: None)
    assert not _others_move(home, hanging(home))


def test_it_is_told_with_what_to_do(home: Home) -> None:
    name = hanging(home)
    home.until(lambda: home.status().state == "Blocked")
    people = AtHome(home)
    for text in (
        home.status().message,
        people.line("status"),
        people.line("rebalance", "--dry-run"),
    ):
        assert f"docker service ps --no-trunc {name}" in text


def test_a_changed_document_ends_it(home: Home) -> None:
    name = hanging(home)
    home.until(lambda: home.status().state == "Blocked")
    home.push("shop", edited(name))
    home.until(lambda: bare(home, name))
    service = home.hands.read().services_by_name[name]
    container = service.spec["TaskTemplate"]["ContainerSpec"]
    assert (container["Image"], container["Env"]) == ("app:1", ["A=1"])
    wished = SHOP[name.removeprefix("shop_")]["deploy"]["replicas"]
    assert service.spec["Mode"]["Replicated"]["Replicas"] == wished
    home.until(lambda: len(home.tasks(name)) == wished)
    assert home.lowest[name] >= wished


@pytest.mark.parametrize("restarted", [False, True], ids=["same process", "another process"])
def test_what_comes_up_after_all_ends_it(home: Home, restarted: bool) -> None:
    name = hanging(home)
    home.until(lambda: home.status().state == "Blocked")
    if restarted:
        home.processes["alpha"].die()
        home.start("alpha")
    service = home.hands.read().services_by_name[name]
    again = replaced(service.spec, ("TaskTemplate", "ContainerSpec", "Image"), "app:2")
    home.hands.update_service(service.id, service.version, again)
    home.until(lambda: bare(home, name))
    home.until(lambda: home.status().state != "Blocked")
