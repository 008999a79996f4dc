"""A stop-first move, for one replica with data that follows it: a gap of seconds, and no more."""

import pytest

from swarm_operator.observed.json import JsonObject
from swarm_operator.plan.rebalance.mobility import How
from swarm_operator.plan.rebalance.steps import Outcome
from swarm_operator.simulation.engine.images import Behaviour
from tests.rebalance.stage import NEW_TASKS, Stage, assert_as_before, spec_of

MOUNT: JsonObject = {"Type": "volume", "Source": "data", "Target": "/data"}


def staged(new: str = "good", **more: object) -> tuple[Stage, JsonObject]:
    stage = Stage(managers=3)
    container = {"Image": "web:1", "Mounts": [MOUNT]}
    original = stage.create(spec_of(ContainerSpec=container, **more), {"w1": 1, "w2": 0})  # type: ignore[arg-type]
    stage.images.scripted["web:1"] = NEW_TASKS[new]
    assert stage.begin("w1", "w2", How.STOP_FIRST) is None
    return stage, original


@pytest.mark.parametrize("more", [{}, {"Placement": None}], ids=["placement", "none"])
@pytest.mark.parametrize("new", ["good", "slow"])
def test_it_moves_with_one_restart(new: str, more: dict[str, None]) -> None:
    stage, original = staged(new, **more)
    assert stage.go() is Outcome.MOVED, stage.described()
    stage.engine.advance(30)
    assert stage.hosts() == {"w2": 1}
    assert len(stage.started) == 1
    assert stage.writes == 3 + bool(more)
    assert_as_before(stage, original)


@pytest.mark.parametrize("more", [{}, {"Placement": None}], ids=["placement", "none"])
@pytest.mark.parametrize("new", ["absent", "crashing"])
def test_swarm_goes_back_by_itself(new: str, more: dict[str, None]) -> None:
    stage, original = staged(new, **more)
    stage.go(until=lambda: stage.writes == 1 + bool(more))
    stage.until(lambda: stage.record.update_status is not None)
    stage.until(lambda: stage.record.update_status.state.startswith("rollback"), 90)
    stage.images.scripted["web:1"] = Behaviour()
    assert stage.go() is Outcome.ABORTED, stage.described()
    stage.engine.advance(30)
    assert len(stage.serving()) == 1
    assert stage.engine.leadership == "led"
    assert_gone_back(stage, original)


def assert_gone_back(stage: Stage, original: JsonObject) -> None:
    """Swarm's own rollback leaves no PreviousSpec: there is nothing to seal."""
    if stage.service.previous_spec is None:
        template = {"Placement": {}, **original["TaskTemplate"]}
        assert stage.spec == {**original, "TaskTemplate": template}
    else:
        assert_as_before(stage, original)


def test_a_target_that_never_starts_it_is_left_at_the_deadline() -> None:
    stage, original = staged("hanging")
    stage.go(until=lambda: stage.engine.timeline.now > 40)
    stage.images.scripted["web:1"] = Behaviour()
    assert stage.go() is Outcome.ABORTED, stage.described()
    assert "in time" in stage.reports[-1].why
    assert_as_before(stage, original)


def test_a_target_that_is_drained_meanwhile() -> None:
    stage, original = staged("hanging")
    stage.go(until=lambda: stage.engine.timeline.now > 40)
    stage.images.scripted["web:1"] = Behaviour()
    stage.availability("w2", "drain")
    assert stage.go() is Outcome.ABORTED, stage.described()
    stage.engine.advance(90)  # Swarm's own rollback waits a minute for the task that it gives up
    assert len(stage.serving()) == 1
    assert_gone_back(stage, original)


@pytest.mark.parametrize("later_s", [0.0, 1.0, 5.0, 90.0])
@pytest.mark.parametrize("new", ["good", "slow", "absent"])
@pytest.mark.parametrize("writes", [1, 2])
def test_killed_after_any_write(writes: int, new: str, later_s: float) -> None:
    stage, original = staged(new)
    if stage.go(until=lambda: stage.writes == writes) is not None:
        return  # over with fewer
    stage.new_mover()
    stage.engine.advance(later_s)
    stage.images.scripted["web:1"] = Behaviour()
    stage.go()
    assert_gone_back(stage, original)
    stage.engine.advance(60)
    assert len(stage.serving()) == 1, stage.described()


@pytest.mark.parametrize("pause_s", [0.0, 1.0, 4.0])
def test_a_person_edits_it(pause_s: float) -> None:
    stage, original = staged("slow")
    stage.go(until=lambda: stage.writes == 1)
    stage.engine.advance(pause_s)
    stage.edit(lambda spec: spec["Labels"].update(theirs="too"))
    assert stage.go() is Outcome.YIELDED, stage.described()
    stage.engine.advance(60)
    assert stage.spec == {**original, "Labels": {**original["Labels"], "theirs": "too"}}
    assert stage.service.previous_spec == stage.spec
    assert len(stage.serving()) == 1


def test_the_leader_changes() -> None:
    stage, original = staged("slow")
    stage.go(until=lambda: stage.writes == 1)
    stage.engine.advance(3)
    stage.engine.change_leader("m2")
    stage.go()
    stage.engine.advance(30)
    assert len(stage.serving()) == 1
    assert_as_before(stage, original)
