"""Tasks come home on a real swarm under load: the benchmark's scenarios, at its bars.

One lab for all. Without `slow` there are two: what people do instead, which has to cost requests (or
"0 failed" would say nothing), and a worker's power loss. `make bench-rebalance` prints them all.
"""

from collections.abc import Iterator

import pytest

from tests.bench.rebalance import scenarios
from tests.bench.rebalance.arms import LOOPS, by_loop, by_operator
from tests.bench.rebalance.floor import Floor
from tests.bench.rebalance.row import Row
from tests.cluster.harness import eventually

SLOW = [name for name in scenarios.BY_NAME if name != "power-loss"]


@pytest.fixture(scope="module")
def floor(engine: str) -> Iterator[Floor]:
    """One manager and four workers; heartbeats of a second, the shortest hold-off that there is."""
    with Floor.open(engine, heartbeat_s=1, hold_off="1s") as made:
        yield made


def _by_operator(floor: Floor, name: str) -> Row:
    row = by_operator(floor, scenarios.BY_NAME[name])
    print(row)
    return row


@pytest.mark.timeout(600)
def test_tasks_come_home_after_a_power_loss(floor: Floor) -> None:
    row = _by_operator(floor, "power-loss")
    assert row.fewest >= 3, "else there was nothing to do"
    assert row.missed() == [], row
    _assert_rollback_does_nothing(floor)


def _assert_rollback_does_nothing(floor: Floor) -> None:
    """After a move `docker service rollback` would else bring back its fences."""
    moved = next(e["name"] for e in reversed(floor.events()) if e["result"] == "moved")
    before, running = floor.stage.spec(moved), floor.stage.containers(moved)
    floor.lab.docker_cli(1, "service", "rollback", "--detach", moved)
    eventually(
        lambda: (
            floor.lab.service(moved).get("UpdateStatus", {}).get("State")
            in {None, "rollback_completed"}
        ),
        20,
        "the rollback is over",
    )
    assert floor.stage.spec(moved) == before
    assert floor.stage.containers(moved) == running


def test_the_loop_of_forced_updates_costs_requests(floor: Floor) -> None:
    """The control, for two services only."""
    arm = next(iter(LOOPS))
    row = by_loop(floor, scenarios.BY_NAME["drain"], arm, only=("one", "two"))
    print(row)
    assert row.restarts == 3, "all their tasks, whether they had to move or not"
    assert row.answers.failed > 0
    assert row.below == {"one": "0 of 1", "two": "1 of 2"}
    assert set(row.changed_specs) == {"shop_one", "shop_two"}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SLOW)
def test_tasks_come_home(floor: Floor, name: str) -> None:
    row = _by_operator(floor, name)
    assert row.fewest >= 1, "else there was nothing to do"
    assert row.missed() == [], row
