"""Tasks come home although a move fails, people edit in the midst of it, or operators die."""

import random
from datetime import timedelta

import pytest

from desired_state import keys
from swarm_operator.observed.json import dig
from swarm_operator.plan.rebalance.intent import LABEL
from swarm_operator.simulation.engine.images import Behaviour
from tests.laws.schedules.people import Remove
from tests.rebalance.home import Home
from tests.rebalance.shop import (
    NODES,
    SHOP,
    OneAtATime,
    replicas,
    settled,
)


def test_a_move_that_fails_costs_nothing_and_is_not_tried_again(home: Home) -> None:
    home.push("shop", {"api": {"image": "heavy:1", **replicas(10)}})
    home.live()
    home.outage("w1")
    home.world.images.scripted["heavy:1"] = Behaviour(missing=True)
    home.watch()
    specs = home.specs()
    home.until(lambda: bool(home.events("aborted")))
    home.run(400.0)
    assert home.lowest == {"shop_api": 10}
    assert home.specs() == specs
    assert home.started == []
    status = home.status()
    assert len(home.events("aborted")) == len(status.blocked) == 1
    assert status.blocked[0].service == "shop_api"


@pytest.mark.parametrize("after_s", [0.5, 2.0, 4.0, 5.0, 6.0])
def test_a_push_in_the_middle_of_a_move_wins(home: Home, after_s: float) -> None:
    """The move is ended first, then the new document is written: never with our fences in it."""
    careful = {"update_config": {"order": "start-first", "parallelism": 1}}
    home.push("shop", {"api": replicas(6, **careful)})
    home.live()
    home.outage("w1")
    home.until(lambda: home.status().state == "Moving", step_s=0.1)
    home.watch()
    home.run(after_s)
    home.push("shop", {"api": {"image": "app:2", **replicas(6, **careful)}})
    home.until(lambda: images(home, "shop_api") == ["app:2"] * 6, within_s=200.0)
    home.until(lambda: settled(home))
    assert home.lowest["shop_api"] >= 6
    api = home.service("shop_api")
    assert api is not None
    assert LABEL not in api.spec["Labels"]
    assert dig(api.spec, "TaskTemplate", "Placement") in (None, {})
    assert dig(api.spec, "UpdateConfig", "Delay") in (None, 0)
    assert dig(api.spec, "Mode", "Replicated", "Replicas") == 6


def images(home: Home, service: str) -> list[str]:
    return [str(dig(task.spec, "ContainerSpec", "Image")) for task in home.tasks(service)]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_service_that_was_yielded_to_a_person_is_left_for_ten_minutes(
    home: Home, is_restarted: bool
) -> None:
    """Though it is as its document says, and a person asks; and by the next process, too, which did
    not see it. Then it comes home."""
    home.push("shop", {"api": {**replicas(10), "x-operator": {"ignore": ["labels"]}}})
    home.live()
    home.outage("w1")
    home.until(lambda: home.status().state == "Moving", step_s=0.1)
    home.watch()
    home.run(1.0)
    api = home.hands.read().services_by_name["shop_api"]
    assert LABEL in api.labels
    spec = {**api.spec, "Labels": {**api.labels, "theirs": "too"}}
    home.hands.update_service(api.id, api.version, spec)
    home.until(lambda: bool(home.events("yielded")), within_s=120.0)
    yielded = home.events("yielded")[0]
    if is_restarted:
        home.processes["alpha"].die()
        home.start("alpha")
    record = home.service("shop_api")
    assert record is not None
    assert record.spec["Labels"]["theirs"] == "too"
    assert LABEL not in record.spec["Labels"]
    home.ask(keys.NOW)
    home.run(30.0)
    assert (
        "by another hand in a move: it is left until" in home.status().services["shop_api"].message
    )

    def moved_again() -> list[float]:
        later = (event.when - yielded.when for event in home.events("planned"))
        return [after.total_seconds() for after in later if after > timedelta(0)]

    home.until(lambda: bool(moved_again()), within_s=700.0)
    assert moved_again()[0] >= 600.0
    home.until(lambda: settled(home))
    assert home.lowest["shop_api"] >= 10
    assert home.hosts("shop_api")["w1"] == 2


def test_scaling_in_the_middle_of_a_move(home: Home) -> None:
    home.push("shop", {"api": replicas(6)})
    home.live()
    home.outage("w1")
    home.until(lambda: home.status().state == "Moving", step_s=0.1)
    home.watch()
    home.push("shop", {"api": replicas(8)})
    home.until(lambda: len(home.tasks("shop_api")) == 8)
    home.until(lambda: settled(home))
    assert home.lowest["shop_api"] >= 6
    assert home.spread("shop_api", NODES) <= 1


def test_a_stack_removed_in_the_middle_of_a_move(home: Home) -> None:
    home.push("shop", {"api": replicas(6)})
    home.live()
    home.outage("w1")
    home.until(lambda: home.status().state == "Moving", step_s=0.1)
    Remove("shop").do(home)
    home.until(lambda: home.service("shop_api") is None, within_s=60.0)
    home.until(lambda: settled(home), within_s=60.0)


@pytest.mark.parametrize("seed", range(12))
def test_the_operator_killed_at_random_and_started_again(seed: int) -> None:
    """Moves are many here; each of their writes is somebody's last."""
    chance = random.Random(seed)
    home = Home(seed=seed, monitors=[OneAtATime])
    home.push("shop", SHOP)
    home.live()
    home.outage("w1")
    home.until(lambda: home.status().state == "Moving", step_s=0.1)
    home.watch()
    originals = {
        name: text for name, text in home.specs().items() if LABEL not in text
    }  # of the one that moves: what the document says, below
    for _ in range(6):
        process = home.start("alpha")
        process.faults.crash_at(chance.randrange(6), applied=chance.random() < 0.5)
        home.run(chance.uniform(0.5, 40.0))
        if process.alive and chance.random() < 0.5:
            process.die()
            home.run(chance.uniform(0.5, 30.0))
    if (last := home.running("alpha")) is not None:
        last.faults.clear()
    home.start("alpha")
    home.run(60.0)
    home.until(lambda: settled(home))
    assert not home.broken, "\n".join(map(str, home.broken))
    for name, wished in (("shop_api", 6), ("shop_web", 4), ("shop_cache", 3), ("shop_solo", 1)):
        assert home.lowest[name] >= wished, name
        assert len(home.tasks(name)) == wished
    specs = home.specs()
    assert {name: specs[name] for name in originals} == originals
    assert all(LABEL not in text for text in specs.values())
    for service in ("shop_api", "shop_web", "shop_cache"):
        assert home.spread(service, NODES) <= 1


def test_another_operator_takes_over_in_the_middle(home: Home) -> None:
    home.push("shop", SHOP)
    home.live()
    home.start("beta")
    home.outage("w1")
    home.until(lambda: home.status().state == "Moving", step_s=0.1)
    home.watch()
    home.processes["alpha"].die()
    home.until(lambda: settled(home))
    for name, wished in (("shop_api", 6), ("shop_web", 4), ("shop_cache", 3)):
        assert home.lowest[name] >= wished
    assert all(LABEL not in text for text in home.specs().values())
    assert home.spread("shop_api", NODES) <= 1


def test_a_new_leader_in_the_middle(home: Home) -> None:
    home.push("shop", SHOP)
    home.live()
    home.outage("w1")
    home.until(lambda: home.status().state == "Moving", step_s=0.1)
    home.watch()
    specs = {name: text for name, text in home.specs().items() if LABEL not in text}
    home.engine.change_leader()
    home.run(30.0)
    assert len(home.events()) <= 1, "the leader must be steady before the next move"
    home.until(lambda: settled(home))
    assert {name: home.specs()[name] for name in specs} == specs
    for name, wished in (("shop_api", 6), ("shop_web", 4), ("shop_cache", 3)):
        assert home.lowest[name] >= wished
    assert home.spread("shop_api", NODES) <= 1
