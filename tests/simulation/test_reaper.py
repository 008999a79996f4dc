"""What is forgotten of old tasks, and when (SwarmKit manager/orchestrator/taskreaper)."""

import pytest

from swarm_operator.simulation.engine.records import TaskState
from tests.simulation.orchestration import SECOND, Script, Swarm

S = TaskState


@pytest.fixture
def swarm() -> Swarm:
    made = Swarm(scripts={"crashes": Script(runs_for=1.0)})
    made.add_nodes(3)
    return made


def test_a_slot_keeps_five_tasks_the_live_one_included(swarm: Swarm) -> None:
    swarm.create("web", 2)
    swarm.create("bad", 1, image="crashes")
    swarm.advance(100)
    tasks = swarm.tasks("bad")
    assert len(tasks) == 5
    assert len(swarm.live("bad")) == 1
    assert all(task.meta.created_at > 50 for task in tasks), "the oldest go first"
    assert len(swarm.tasks("web")) == 2


def test_with_a_limit_of_attempts_one_more_than_those(swarm: Swarm) -> None:
    task = {"RestartPolicy": {"Condition": "any", "MaxAttempts": 9, "Delay": SECOND}}
    swarm.create("bad", 1, image="crashes", task=task)
    swarm.advance(200)
    assert len(swarm.tasks("bad")) == 10


def test_global_services_have_their_history_on_each_node(swarm: Swarm) -> None:
    swarm.create("bad", image="crashes", mode={"Global": {}})
    swarm.advance(100)
    for node_id in ("n1", "n2", "n3"):
        assert len([t for t in swarm.tasks("bad") if t.node_id == node_id]) == 5


def test_a_quarter_of_a_second_after_the_end(swarm: Swarm) -> None:
    swarm.create("web", 2)
    swarm.advance(2)
    victim = swarm.live("web")[1].id
    swarm.update("web", replicas=1)
    swarm.advance(1.0)
    assert swarm.store.tasks[victim].state == S.SHUTDOWN
    swarm.advance(0.2)
    assert victim in swarm.store.tasks
    swarm.advance(0.1)
    assert victim not in swarm.store.tasks


def test_many_at_once_do_not_wait(swarm: Swarm) -> None:
    swarm.placing = False
    swarm.create("web", 1200)
    swarm.update("web", replicas=0)
    assert 0 < len(swarm.tasks("web")) < 500
    swarm.advance(0.3)
    assert swarm.tasks("web") == []


def test_tasks_that_still_run_are_kept_whatever_their_number(swarm: Swarm) -> None:
    swarm.scripts["app:1"] = Script(stop_s=1000)
    swarm.create("web", 1)
    swarm.advance(1)
    for number in range(8):
        swarm.update("web", task={"ForceUpdate": number + 1})
        swarm.advance(65)
    assert len(swarm.running("web")) == 9
    swarm.advance(1000)
    assert len(swarm.tasks("web")) == 5


def test_a_new_leader_clears_up(swarm: Swarm) -> None:
    swarm.create("web", 2)
    swarm.advance(2)
    swarm.update("web", replicas=1)
    swarm.advance(1.1)
    swarm.lead()
    assert len(swarm.tasks("web")) == 1
