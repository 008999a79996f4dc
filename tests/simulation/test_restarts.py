"""Restart policies (SwarmKit manager/orchestrator/restart)."""

import pytest

from swarm_operator.simulation.engine.records import TaskState
from tests.simulation.orchestration import SECOND, Script, Swarm

S = TaskState


@pytest.fixture
def swarm() -> Swarm:
    made = Swarm()
    made.add_nodes(3)
    return made


def policy(**values: object) -> dict[str, object]:
    return {"RestartPolicy": {"Condition": "any", **values}}


def made(swarm: Swarm, name: str = "web") -> int:
    return len(swarm.tasks(name))


def test_the_default_is_any_and_five_seconds(swarm: Swarm) -> None:
    swarm.create("web", 1)
    swarm.advance(2)
    old = swarm.live("web")[0]
    swarm.report(old.id, S.COMPLETE)
    new = swarm.live("web")[0]
    assert (new.slot, new.desired_state) == (old.slot, S.READY)
    swarm.advance(4.9)
    assert swarm.store.tasks[new.id].state == S.READY, "prepared, and held back"
    swarm.advance(0.7)
    assert swarm.store.tasks[new.id].state == S.RUNNING


def test_a_delay_of_its_own(swarm: Swarm) -> None:
    for name, delay_s in (("none", 0), ("long", 30)):
        swarm.create(name, 1, task=policy(Delay=delay_s * SECOND))
        swarm.advance(2)
        swarm.report(swarm.live(name)[0].id, S.FAILED)
    assert swarm.live("none")[0].desired_state == S.RUNNING
    swarm.advance(29.9)
    assert swarm.live("long")[0].desired_state == S.READY
    swarm.advance(0.2)
    assert swarm.live("long")[0].desired_state == S.RUNNING


@pytest.mark.parametrize(
    ("condition", "state", "again"),
    [
        ("any", S.COMPLETE, True),
        ("any", S.FAILED, True),
        ("on-failure", S.COMPLETE, False),
        ("on-failure", S.FAILED, True),
        ("on-failure", S.REJECTED, True),
        ("none", S.COMPLETE, False),
        ("none", S.FAILED, False),
    ],
)
def test_conditions(swarm: Swarm, condition: str, state: TaskState, again: bool) -> None:
    swarm.create("web", 1, task=policy(Condition=condition))
    swarm.advance(2)
    old = swarm.live("web")[0]
    swarm.report(old.id, state)
    assert swarm.store.tasks[old.id].desired_state == S.SHUTDOWN
    assert bool(swarm.live("web")) is again
    swarm.update("web", Labels={"some": "change"})
    assert bool(swarm.live("web")) is again, "a reconcile does not fill what ended for good"


def test_so_many_attempts_in_all(swarm: Swarm) -> None:
    swarm.scripts["app:1"] = Script(runs_for=1.0)
    swarm.create("web", 1, task=policy(MaxAttempts=3, Delay=SECOND))
    swarm.advance(100)
    assert made(swarm) == 4
    assert swarm.live("web") == []


def test_attempts_are_counted_for_each_slot(swarm: Swarm) -> None:
    swarm.create("web", 2, task=policy(MaxAttempts=1, Delay=0))
    swarm.advance(2)
    for _ in range(2):
        one = next(task for task in swarm.live("web") if task.slot == 1)
        swarm.report(one.id, S.FAILED)
        swarm.advance(1)
    assert swarm.slots("web") == [2]
    swarm.report(swarm.live("web")[0].id, S.FAILED)
    assert swarm.slots("web") == [2]


def test_attempts_within_a_window(swarm: Swarm) -> None:
    """Two restarts a minute are allowed: failures 40 s apart go on for ever, 10 s apart end."""
    task = policy(MaxAttempts=2, Delay=0, Window=60 * SECOND)
    for name, pause_s, goes_on in (("slow", 40, True), ("fast", 10, False)):
        swarm.create(name, 1, task=task)
        for _ in range(6):
            swarm.advance(pause_s)
            for live in swarm.live(name):
                swarm.report(live.id, S.FAILED)
        assert bool(swarm.live(name)) is goes_on


def test_a_new_spec_has_all_its_attempts(swarm: Swarm) -> None:
    swarm.scripts["app:1"] = swarm.scripts["app:2"] = Script(runs_for=1.0)
    swarm.create("web", 1, task=policy(MaxAttempts=2, Delay=0))
    swarm.advance(60)
    assert swarm.live("web") == []
    swarm.update("web", image="app:2", UpdateConfig={"FailureAction": "continue"})
    swarm.advance(60)
    second = [task for task in swarm.tasks("web") if swarm.image(task) == "app:2"]
    assert len(second) == 3
    assert swarm.live("web") == []


@pytest.mark.parametrize("window", [{}, {"Window": 60 * SECOND}])
def test_a_new_leader_counts_former_attempts(window: dict[str, object]) -> None:
    def times(*, leaders: int) -> list[float]:
        swarm = Swarm(scripts={"app:1": Script(runs_for=1.0)})
        swarm.add_nodes(1)
        swarm.create("web", 1, task=policy(MaxAttempts=3, Delay=SECOND, **window))
        swarm.advance(2.7)
        assert made(swarm) == 2
        for _ in range(leaders):
            swarm.lead()
        swarm.advance(30)
        return [task.meta.created_at for task in swarm.tasks("web")]

    assert len(times(leaders=0)) == 4
    assert times(leaders=1)[-1] == times(leaders=0)[-1]


def test_the_old_tasks_end_is_waited_for(swarm: Swarm) -> None:
    """On a node that is paused, then drained, it still runs when its replacement is made."""
    swarm.scripts["app:1"] = Script(stop_s=20)
    swarm.create("web", 1)
    swarm.advance(2)
    old = swarm.live("web")[0]
    swarm.change_node(old.node_id, availability="drain")
    swarm.advance(19)
    assert swarm.live("web")[0].desired_state == S.READY
    swarm.advance(1.5)
    assert swarm.live("web")[0].desired_state == S.RUNNING


def test_the_old_tasks_end_is_waited_for_a_minute(swarm: Swarm) -> None:
    swarm.scripts["app:1"] = Script(stop_s=1000)
    swarm.create("web", 1)
    swarm.advance(2)
    swarm.change_node(swarm.live("web")[0].node_id, availability="drain")
    swarm.advance(59)
    assert swarm.live("web")[0].desired_state == S.READY
    swarm.advance(2)
    assert swarm.live("web")[0].desired_state == S.RUNNING


def test_or_until_its_node_is_down(swarm: Swarm) -> None:
    swarm.scripts["app:1"] = Script(stop_s=1000)
    swarm.create("web", 1)
    swarm.advance(2)
    old = swarm.live("web")[0]
    swarm.change_node(old.node_id, availability="drain")
    swarm.advance(5)
    swarm.change_node(old.node_id, state="down")
    assert swarm.live("web")[0].desired_state == S.RUNNING


def test_a_task_that_ends_while_held_back_is_not_restarted_at_once(swarm: Swarm) -> None:
    """A missing image fails in preparation: no tight loop."""
    swarm.create("web", 1)
    swarm.advance(2)
    swarm.report(swarm.live("web")[0].id, S.FAILED)
    held = swarm.live("web")[0]
    swarm.report(held.id, S.REJECTED)
    swarm.advance(4.9)
    assert made(swarm) == 2
    swarm.advance(0.2)
    assert made(swarm) == 3
    assert swarm.store.tasks[held.id].desired_state == S.SHUTDOWN
    assert swarm.live("web")[0].desired_state == S.READY


def test_a_held_task_that_is_removed_is_forgotten(swarm: Swarm) -> None:
    swarm.create("web", 1)
    swarm.advance(2)
    swarm.report(swarm.live("web")[0].id, S.FAILED)
    held = swarm.live("web")[0]
    swarm.store.tasks.remove(held.id)
    swarm.settle()
    assert len(swarm.live("web")) == 1, "the slot is filled anew"
    swarm.advance(10)
    assert len(swarm.running("web")) == 1


def test_a_stopped_leader_starts_nothing(swarm: Swarm) -> None:
    swarm.create("web", 1)
    swarm.advance(2)
    swarm.report(swarm.live("web")[0].id, S.FAILED)
    for component in swarm.components:
        component.stop()
    swarm.components = []
    swarm.advance(60)
    assert swarm.live("web")[0].desired_state == S.READY


def test_a_rollback_fills_what_ended_for_good(swarm: Swarm) -> None:
    swarm.create("web", 1, task=policy(Condition="none"))
    swarm.advance(2)
    swarm.report(swarm.live("web")[0].id, S.COMPLETE)
    swarm.update("web", Labels={"a": "b"})
    assert swarm.live("web") == []
    swarm.rollback("web")
    assert swarm.slots("web") == [1]
