"""Ten minutes for whoever changed a service in the middle of a move, whoever ended the move."""

import pytest

from swarm_operator.plan.rebalance.intent import LABEL
from tests.rebalance.home import Home
from tests.rebalance.shop import replicas, settled

SHOP = {"api": {**replicas(10), "x-operator": {"ignore": ["labels"]}}}


@pytest.mark.parametrize("applied", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("write", [0, 1, 2])
def test_it_holds_wherever_the_process_dies_that_saw_it(write: int, applied: bool) -> None:
    """It takes the fence out, then count and label, then seals."""
    home = begun()
    home.processes["alpha"].faults.crash_at(write, applied=applied, api="docker")
    edit(home)
    home.run(30.0)
    assert not home.processes["alpha"].alive
    assert_left_for_ten_minutes(home)


def test_it_holds_where_no_process_saw_it_at_once() -> None:
    home = begun()
    home.processes["alpha"].die()
    edit(home)
    assert_left_for_ten_minutes(home)


def begun() -> Home:
    """A move of a service with ten replicas is under way."""
    home = Home()
    home.push("shop", SHOP)
    home.live()
    home.outage("w1")
    home.until(lambda: home.status().state == "Moving", step_s=0.1)
    home.run(1.0)
    return home


def assert_left_for_ten_minutes(home: Home) -> None:
    """By the next process."""
    began = home.timeline.utc()
    home.start("alpha")
    home.run(60.0)
    ended = home.service("shop_api")
    assert ended is not None
    assert LABEL not in str((ended.spec, ended.previous_spec))
    version = ended.meta.version
    home.watch()
    home.run(490.0)
    after = home.service("shop_api")
    assert after is not None
    assert after.meta.version == version, "not so much as a label"
    assert not home.started
    home.until(lambda: settled(home), within_s=900.0)
    planned = [event.when for event in home.events("planned") if event.when > began]
    assert (planned[0] - began).total_seconds() > 560.0
    assert home.hosts("shop_api")["w1"] == 2
    assert home.lowest["shop_api"] >= 10
    assert not home.broken


def edit(home: Home) -> None:
    """As `docker service update --label-add theirs=too` does."""
    api = home.hands.read().services_by_name["shop_api"]
    assert LABEL in api.labels
    spec = {**api.spec, "Labels": {**api.labels, "theirs": "too"}}
    home.hands.update_service(api.id, api.version, spec)
