"""The operator dies after any write of any move; whoever comes next ends it from its label alone."""

import pytest

from tests.rebalance.stage import NEW_TASKS, Stage, assert_as_before, spec_of

MOVES = [
    ("w1", "w2", {"w1": 1, "w2": 0}),
    ("w1", "w3", {"w1": 1, "w2": 1, "w3": 0}),
    ("w1", "w3", {"w1": 2, "w2": 1, "w3": 0}),
    ("w1", "w4", {"w1": 2, "w2": 1, "w3": 1, "w4": 0}),
    ("w1", "w3", {"w1": 3, "w2": 2, "w3": 1}),
    ("w1", "w2", {"w1": 3, "w2": 1, "w3": 1}),
    ("w1", "w4", {"w1": 5, "w2": 4, "w3": 4, "w4": 1}),
]
WRITES = 5
"""More than any move makes: surge, mark, abort, restore, seal."""


@pytest.mark.parametrize("later_s", [0.0, 0.7, 5.0, 70.0])
@pytest.mark.parametrize("new", NEW_TASKS)
@pytest.mark.parametrize(("source", "target", "hosts"), MOVES)
def test_killed_after_any_write(
    source: str, target: str, hosts: dict[str, int], new: str, later_s: float
) -> None:
    for writes in range(1, WRITES):
        stage = Stage(seed=writes)
        original = stage.create(spec_of(), hosts)
        stage.images.scripted["web:1"] = NEW_TASKS[new]
        assert stage.begin(source, target) is None
        outcome = stage.go(until=lambda: stage.writes == writes)  # noqa: B023
        if outcome is not None:
            break
        stage.new_mover()
        stage.engine.advance(later_s)
        outcome = stage.go(limit_s=1000)
        told = f"killed after write {writes}: {outcome}\n{stage.described()}"
        assert stage.lowest == sum(hosts.values()), told
        assert_as_before(stage, original)
        stage.engine.advance(60)
        assert stage.lowest == sum(hosts.values()), told
        assert len(stage.serving()) == sum(hosts.values()), told
        assert len(stage.started) <= 1 + (new == "crashing") * 99, told
