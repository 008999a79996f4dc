"""A directed move on the simulated swarm: one task, from a chosen node to a chosen node."""

import pytest

from swarm_operator.plan.rebalance.steps import Outcome
from tests.rebalance.stage import Stage, assert_as_before, spec_of

WORLDS = {
    1: {"w1": 1, "w2": 0},
    2: {"w1": 1, "w2": 1, "w3": 0},
    3: {"w1": 2, "w2": 1, "w3": 0},
    4: {"w1": 2, "w2": 1, "w3": 1, "w4": 0},
    6: {"w1": 3, "w2": 2, "w3": 1},
    14: {"w1": 5, "w2": 4, "w3": 4, "w4": 1},
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("replicas", WORLDS)
def test_one_task_moves_and_no_other_restarts(replicas: int, seed: int) -> None:
    stage, hosts = Stage(seed=seed), WORLDS[replicas]
    original = stage.create(spec_of(), hosts)
    before = {task.id for task in stage.serving()}
    target = list(hosts)[-1]
    assert stage.begin("w1", target) is None
    assert stage.go() is Outcome.MOVED, stage.described()
    stage.engine.advance(30)
    moved = {**hosts, "w1": hosts["w1"] - 1, target: hosts[target] + 1}
    assert stage.hosts() == {host: count for host, count in moved.items() if count}
    assert len({task.id for task in stage.serving()} & before) == replicas - 1
    assert stage.lowest == replicas
    assert_as_before(stage, original)
    assert stage.writes == (4 if hosts["w1"] == 1 else 3)
