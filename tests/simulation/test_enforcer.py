"""Tasks that their node no longer suits are rejected, at each update of the node's record."""

from typing import Any

import pytest

from swarm_operator.simulation.engine.enforcer import ERROR, MESSAGE, ConstraintEnforcer
from swarm_operator.simulation.engine.records import TaskState
from tests.simulation.desk import Desk

SSD = ["node.labels.disk==ssd"]
GB = 1 << 30


def _desk(**fields: Any) -> Desk:
    desk = Desk()
    desk.node("one", labels={"disk": "ssd"}, **fields)
    desk.service("web", Placement={"Constraints": SSD})
    desk.begin(ConstraintEnforcer(desk.kit))
    return desk


def test_a_label_that_goes_takes_the_task_with_it() -> None:
    desk = _desk()
    [task_id] = desk.running("web", "one")
    desk.change_node("one", labels={"disk": "tape"})
    desk.advance()
    task = desk.task(task_id)
    assert task.state is TaskState.REJECTED
    assert (task.status.message, task.status.error) == (MESSAGE, ERROR)
    assert task.desired_state is TaskState.RUNNING  # the orchestrator's to change


@pytest.mark.parametrize("availability", ["pause", "drain"])
def test_paused_and_drained_nodes_are_left_alone(availability: str) -> None:
    desk = _desk()
    [task_id] = desk.running("web", "one")
    desk.change_node("one", labels={}, availability=availability)
    desk.advance()
    assert desk.task(task_id).state is TaskState.RUNNING


def test_the_service_s_constraints_of_now_count() -> None:
    """Nothing happens when they change; the next update of the node brings it out."""
    desk = _desk()
    [task_id] = desk.running("web", "one")
    desk.service("web", Placement={"Constraints": ["node.hostname!=one"]})
    desk.advance()
    assert desk.task(task_id).state is TaskState.RUNNING
    desk.change_node("one")
    desk.advance()
    assert desk.task(task_id).state is TaskState.REJECTED


def test_what_the_task_was_made_with_counts_no_longer() -> None:
    desk = _desk()
    [task_id] = desk.running("web", "one")
    desk.service("web", Placement={})
    desk.change_node("one", labels={})
    desk.advance()
    assert desk.task(task_id).state is TaskState.RUNNING


def test_a_task_without_its_service_keeps_its_own() -> None:
    desk = _desk()
    [task_id] = desk.running("web", "one")
    desk.store.services.remove("web")
    desk.change_node("one", labels={})
    desk.advance()
    assert desk.task(task_id).state is TaskState.REJECTED


@pytest.mark.parametrize(
    ("wished", "state"),
    [
        (TaskState.SHUTDOWN, TaskState.RUNNING),
        (TaskState.REMOVE, TaskState.RUNNING),
        (TaskState.RUNNING, TaskState.FAILED),
    ],
)
def test_tasks_that_end_or_have_ended_are_left_alone(wished: TaskState, state: TaskState) -> None:
    desk = _desk()
    [task_id] = desk.running("web", "one", desired_state=wished)
    desk.end(task_id, state)
    desk.change_node("one", labels={})
    desk.advance()
    assert desk.task(task_id).state is state


def test_a_new_leader_looks_at_all_nodes() -> None:
    desk = Desk()
    desk.node("one")
    desk.service("web", Placement={"Constraints": SSD})
    [task_id] = desk.running("web", "one")
    desk.begin(ConstraintEnforcer(desk.kit))
    assert desk.task(task_id).state is TaskState.REJECTED


def test_a_new_node_is_none_that_changed() -> None:
    desk = Desk()
    desk.service("web", Placement={"Constraints": SSD})
    [task_id] = desk.running("web", "late")
    desk.begin(ConstraintEnforcer(desk.kit))
    desk.node("late")
    desk.advance()
    assert desk.task(task_id).state is TaskState.RUNNING


def test_a_node_that_shrinks_keeps_what_it_can_hold() -> None:
    desk = Desk()
    desk.node("one", memory_bytes=8 * GB)
    desk.service("big", Resources={"Reservations": {"MemoryBytes": 3 * GB}})
    desk.begin(ConstraintEnforcer(desk.kit))
    first, second = desk.running("big", "one", count=2)
    desk.change_node("one", memory_bytes=5 * GB)
    desk.advance()
    assert desk.task(first).state is TaskState.RUNNING
    assert desk.task(second).state is TaskState.REJECTED


def test_a_generic_resource_that_is_gone() -> None:
    ssd = {"DiscreteResourceSpec": {"Kind": "ssd", "Value": 2}}
    desk = Desk()
    desk.node("one", generic_resources=(ssd,))
    desk.begin(ConstraintEnforcer(desk.kit))
    [task_id] = desk.running("db", "one", assigned_generic_resources=(ssd,))
    desk.change_node("one", generic_resources=())
    desk.advance()
    assert desk.task(task_id).state is TaskState.REJECTED
