"""Moves are tried on a tiny service of the operator's own before the first real one."""

import random
from collections.abc import Callable, Iterable
from datetime import timedelta

import pytest

from desired_state.rebalance_records import SelfTest
from swarm_operator.plan.rebalance import trial
from swarm_operator.plan.rebalance.intent import intent_of
from swarm_operator.simulation.engine import replicated
from swarm_operator.simulation.engine.images import Behaviour
from swarm_operator.simulation.engine.slots import Slot
from tests.rebalance.home import QUICK, Home
from tests.rebalance.shop import SHOP, settled

OPERATOR = {
    "operator": {
        "image": "registry.example.org/swarm-operator:1",
        "deploy": {
            "mode": "global",
            "labels": {"io.swarm-operator.self": "true"},
            "placement": {"constraints": ["node.role == manager"]},
        },
    }
}


def at_home(policy: str = QUICK) -> Home:
    """The operator runs as a service, as it is deployed; one worker comes back empty."""
    home = Home(policy=policy)
    home.push("ours", OPERATOR)
    home.push("shop", SHOP)
    home.live()
    home.outage("w1")
    return home


def result(home: Home) -> SelfTest | None:
    tests = home.status().self_tests
    assert len(tests) <= 1
    return next(iter(tests.values()), None)


def is_there(home: Home) -> Callable[[], bool]:
    return lambda: home.service(trial.NAME) is not None


def test_it_comes_before_the_first_move_and_leaves_nothing_behind() -> None:
    home = at_home()
    home.until(is_there(home), step_s=0.2)
    home.run(1.5)
    assert home.events("planned") == []
    assert home.status().state in {"Testing", "Moving"}
    home.until(lambda: not is_there(home)())
    home.run(2.0)
    done = result(home)
    assert done is not None
    assert (done.result, done.message) == ("passed", "")
    assert set(home.status().self_tests) == {"26.1.5"}
    home.until(lambda: bool(home.events()))
    home.until(lambda: settled(home))
    assert not is_there(home)()
    assert not home.broken


def test_it_is_done_once_for_each_version() -> None:
    home = at_home()
    home.until(lambda: settled(home) and bool(home.events()))
    first = result(home)
    home.start("alpha").die()
    home.run(30.0)
    home.start("alpha")
    home.run(60.0)
    home.outage("w2")
    home.until(lambda: bool(home.status().wished))
    home.until(lambda: settled(home))
    assert result(home) == first


def test_where_it_fails_moves_are_only_recommended(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that trims otherwise than the ones we know: the newest slot, whatever is doubled."""
    monkeypatch.setattr(replicated, "by_worth", oldest_first)
    home = at_home()
    home.until(lambda: result(home) is not None)
    done = result(home)
    assert done is not None
    assert done.result == "failed"
    home.run(300.0)
    assert home.events("planned") == []
    assert not is_there(home)()
    assert "moves failed their self-test on engine 26.1.5" in home.status().message


def test_what_failed_is_tried_again_some_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or by a newer engine; the reason may have been the day's."""
    monkeypatch.setattr(trial, "TRY_AGAIN", timedelta(minutes=10))
    with monkeypatch.context() as another_engine:
        another_engine.setattr(replicated, "by_worth", oldest_first)
        home = at_home()
        home.until(lambda: result(home) is not None)
        home.run(300.0)
    done = result(home)
    assert done is not None
    assert done.result == "failed"
    assert home.events("planned") == []
    assert "recommended only until" in home.status().message
    home.until(lambda: bool(home.events()))
    again = result(home)
    assert again is not None
    assert again.result == "passed"
    assert again.when - done.when >= timedelta(minutes=10)
    assert not is_there(home)()


def test_a_node_that_goes_in_the_middle_says_nothing_about_moves() -> None:
    home = at_home()
    home.until(lambda: target_of(home) is not None, step_s=0.1)
    home.engine.kill_node(target_of(home) or "")
    home.until(lambda: result(home) is not None)
    done = result(home)
    assert done is not None
    assert done.result == "untried"
    assert done.message.startswith("nodes came or went meanwhile: aborted")


def target_of(home: Home) -> str | None:
    """Host name of where the test's task is moved to, once it is."""
    service = home.service(trial.NAME)
    intent = intent_of(service.spec) if service is not None else None
    return home.engine.store.nodes[intent.target].hostname if intent is not None else None


def oldest_first(slots: Iterable[Slot], _rng: random.Random) -> list[Slot]:
    return sorted(slots, key=lambda slot: slot[0].slot)


def test_an_operator_that_is_no_service_goes_without() -> None:
    home = Home()
    home.push("shop", SHOP)
    home.live()
    home.outage("w1")
    home.until(lambda: bool(home.events()))
    done = result(home)
    assert done is not None
    assert done.result == "untried"
    assert "does not run as a service" in done.message


def test_it_can_be_switched_off() -> None:
    home = at_home(QUICK[:-1] + ", self_test: false}")
    home.until(lambda: bool(home.events()))
    assert result(home) is None


def test_an_image_that_does_not_start_says_nothing_about_moves() -> None:
    home = at_home()
    image = "registry.example.org/swarm-operator:1"
    home.world.images.scripted[image] = Behaviour(missing=True)
    home.until(lambda: result(home) is not None)
    done = result(home)
    assert done is not None
    assert (done.result, done.message) == ("untried", "its tasks did not come to run")
    home.until(lambda: not is_there(home)(), within_s=30.0)
    home.until(lambda: bool(home.events()))


@pytest.mark.parametrize("after_s", [0.2, 1.0, 2.0, 3.0, 4.0, 5.0, 8.0])
def test_what_a_dead_operator_left_of_it_is_taken_away(after_s: float) -> None:
    home = at_home()
    home.until(is_there(home), step_s=0.2)
    home.run(after_s)
    home.start("alpha").die()
    home.run(30.0)
    home.start("alpha")
    home.until(lambda: settled(home) and bool(home.events()))
    assert not is_there(home)()
    done = result(home)
    assert done is not None
    assert done.result == "passed"
    assert not home.broken
