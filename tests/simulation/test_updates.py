"""Rolling updates (SwarmKit manager/orchestrator/update, task.go)."""

from typing import Any

import pytest

from swarm_operator.simulation.engine.records import TaskState
from tests.simulation.orchestration import SECOND, Script, Swarm
from tests.simulation.updating import config, images, with_scripts

S = TaskState


@pytest.fixture
def swarm() -> Swarm:
    return with_scripts()


# --- what makes a task dirty


NEUTRAL: list[dict[str, Any]] = [
    {"Labels": {"a": "b"}},
    {"UpdateConfig": {"Parallelism": 2}},
    {"task": {"Placement": {"Preferences": [{"Spread": {"SpreadDescriptor": "node.id"}}]}}},
    {"task": {"Placement": {"MaxReplicas": 1}}},
    {"task": {"Placement": {"Constraints": ["node.hostname!=elsewhere"]}}},
    {"auth": "new credentials"},
    {},
]
DIRTY: list[dict[str, Any]] = [
    {"image": "app:2"},
    {"task": {"ForceUpdate": 1}},
    {"task": {"RestartPolicy": {"Condition": "none"}}},
    {"EndpointSpec": {"Ports": [{"TargetPort": 80}]}},
    {"auth": "new", "task": {"Placement": {"Constraints": ["node.hostname!=elsewhere"]}}},
]


@pytest.mark.parametrize("change", NEUTRAL)
def test_changes_that_restart_nothing(swarm: Swarm, change: dict[str, Any]) -> None:
    swarm.create("web", 2)
    swarm.advance(2)
    before = swarm.live("web")
    swarm.update("web", **change)
    swarm.advance(20)
    assert [task.id for task in swarm.live("web")] == [task.id for task in before]
    assert swarm.status("web") is None


@pytest.mark.parametrize("change", DIRTY)
def test_changes_that_restart_all(swarm: Swarm, change: dict[str, Any]) -> None:
    swarm.create("web", 2)
    swarm.advance(2)
    before = {task.id for task in swarm.live("web")}
    swarm.update("web", **change)
    swarm.advance(30)
    assert not before & {task.id for task in swarm.live("web")}
    assert swarm.status("web") == ("completed", "update completed")


def test_a_constraint_restarts_only_what_no_longer_fits(swarm: Swarm) -> None:
    swarm.create("web", 4)
    swarm.advance(2)
    before = {task.node_id: task.id for task in swarm.live("web")}
    swarm.update("web", task={"Placement": {"Constraints": ["node.hostname!=n1"]}})
    swarm.advance(20)
    after = {task.id for task in swarm.live("web")}
    assert {before[node] for node in ("n2", "n3", "n4")} == after & set(before.values())
    assert all(task.node_id != "n1" for task in swarm.live("web"))


def test_new_credentials_replace_a_task_that_has_no_image_yet(swarm: Swarm) -> None:
    swarm.placing = False
    swarm.create("web", 1)
    before = swarm.live("web")[0]
    swarm.update("web", auth="new credentials")
    assert swarm.store.tasks[before.id].desired_state == S.SHUTDOWN


def test_new_tasks_have_the_new_credentials(swarm: Swarm) -> None:
    swarm.create("web", 2)
    swarm.advance(2)
    swarm.update("web", image="app:2", auth="new credentials")
    swarm.advance(20)
    before = [task.id for task in swarm.live("web")]
    swarm.update("web", task={"Placement": {"Constraints": ["node.hostname!=elsewhere"]}})
    swarm.advance(20)
    assert [task.id for task in swarm.live("web")] == before


# --- the course of an update


def test_stop_first_one_at_a_time(swarm: Swarm) -> None:
    """Each slot: 1 s for the old one's end, 0.6 s for the new one's start."""
    swarm.create("web", 3)
    swarm.advance(2)
    swarm.update("web", image="app:2")
    assert swarm.status("web") == ("updating", "update in progress")
    assert [task.desired_state for task in swarm.tasks("web")].count(S.SHUTDOWN) == 1
    swarm.advance(0.95)
    assert [task.desired_state for task in swarm.live("web")].count(S.READY) == 1
    swarm.advance(0.75)
    assert images(swarm) == {"app:1": 2, "app:2": 1}
    swarm.advance(1.6)
    assert images(swarm) == {"app:1": 1, "app:2": 2}
    swarm.advance(2)
    assert images(swarm) == {"app:2": 3}
    assert swarm.status("web") == ("updating", "update in progress"), "monitored for 5 s more"
    swarm.advance(5)
    assert swarm.status("web") == ("completed", "update completed")
    assert swarm.store.services["web"].update_status.completed_at is not None  # type: ignore[union-attr]


def test_the_new_task_starts_after_a_minute_at_the_latest(swarm: Swarm) -> None:
    swarm.scripts["app:1"] = Script(stop_s=1000)
    swarm.create("web", 1)
    swarm.advance(2)
    swarm.update("web", image="app:2")
    swarm.advance(59.9)
    assert swarm.live("web")[0].desired_state == S.READY
    swarm.advance(1)
    assert images(swarm) == {"app:1": 1, "app:2": 1}


def test_start_first_stops_the_old_one_when_the_new_runs(swarm: Swarm) -> None:
    swarm.create("web", 1)
    swarm.advance(2)
    swarm.update("web", image="app:2", UpdateConfig=config(Order="start-first"))
    assert len(swarm.live("web")) == 2
    swarm.advance(0.5)
    assert images(swarm) == {"app:1": 1}
    swarm.advance(0.2)
    assert images(swarm) == {"app:1": 1, "app:2": 1}
    assert [swarm.image(task) for task in swarm.live("web")] == ["app:2"]
    swarm.advance(1)
    assert images(swarm) == {"app:2": 1}


def test_start_first_waits_for_ever(swarm: Swarm) -> None:
    swarm.create("web", 2)
    swarm.advance(2)
    swarm.placing = False
    swarm.update("web", image="app:2", UpdateConfig=config(Order="start-first"))
    swarm.advance(3600)
    assert images(swarm) == {"app:1": 2}
    assert swarm.status("web") == ("updating", "update in progress")
    assert len(swarm.live("web")) == 3


@pytest.mark.parametrize(("parallelism", "at_once"), [(0, 6), (1, 1), (2, 2), (9, 6)])
def test_parallelism(swarm: Swarm, parallelism: int, at_once: int) -> None:
    swarm.create("web", 6)
    swarm.advance(2)
    swarm.update("web", image="app:2", UpdateConfig={"Parallelism": parallelism})
    stopped = [task for task in swarm.tasks("web") if task.desired_state == S.SHUTDOWN]
    assert len(stopped) == at_once


def test_without_a_config_one_at_a_time_with_an_empty_one_all(swarm: Swarm) -> None:
    cases: list[tuple[str, dict[str, Any], int]] = [("a", {}, 1), ("b", {"UpdateConfig": {}}, 3)]
    for name, more, at_once in cases:
        swarm.create(name, 3)
        swarm.advance(2)
        swarm.update(name, image="app:2", **more)
        stopped = [task for task in swarm.tasks(name) if task.desired_state == S.SHUTDOWN]
        assert len(stopped) == at_once


def test_the_delay_comes_after_each_slot(swarm: Swarm) -> None:
    swarm.create("web", 2)
    swarm.advance(2)
    swarm.update("web", image="app:2", UpdateConfig=config(Delay=10 * SECOND))
    swarm.advance(11.5)
    assert images(swarm) == {"app:1": 1, "app:2": 1}
    swarm.advance(0.2)
    assert len(swarm.live("web")) == 2
    assert [task.desired_state for task in swarm.live("web")].count(S.READY) == 1
    swarm.advance(12)
    assert images(swarm) == {"app:2": 2}
    # a second longer than the delay is monitored, so that the last delay lies within
    swarm.advance(8)
    assert swarm.status("web") == ("updating", "update in progress")
    swarm.advance(14)
    assert swarm.status("web") == ("completed", "update completed")


def test_slots_come_in_random_order() -> None:
    orders = set()
    for seed in range(6):
        world = Swarm(seed)
        world.add_nodes(4)
        world.create("web", 4)
        world.advance(2)
        world.update("web", image="app:2")
        orders.add(next(t.slot for t in world.tasks("web") if t.desired_state == S.SHUTDOWN))
    assert len(orders) > 1


def test_a_second_update_replaces_the_first(swarm: Swarm) -> None:
    swarm.create("web", 3)
    swarm.advance(2)
    swarm.update("web", image="app:2")
    swarm.advance(2)
    made_before = len([task for task in swarm.tasks("web") if swarm.image(task) == "app:2"])
    swarm.update("web", image="app:3")
    swarm.advance(20)
    assert images(swarm) == {"app:3": 3}
    made = [task for task in swarm.tasks("web") if swarm.image(task) == "app:2"]
    assert len(made) == made_before == 2
    assert swarm.status("web") == ("completed", "update completed")


def test_what_was_replaced_does_nothing_more(swarm: Swarm) -> None:
    """Not even after its delay."""
    swarm.create("web", 3)
    swarm.advance(2)
    swarm.update("web", image="app:2", UpdateConfig=config(Delay=4 * SECOND))
    swarm.advance(2)
    swarm.update("web", image="app:3", UpdateConfig=config(Delay=60 * SECOND))
    swarm.advance(30)
    assert len([task for task in swarm.tasks("web") if swarm.image(task) == "app:2"]) == 1
    assert len([task for task in swarm.tasks("web") if swarm.image(task) == "app:3"]) == 1


def test_a_change_of_a_label_begins_the_supervision_anew(swarm: Swarm) -> None:
    swarm.create("web", 3)
    swarm.advance(2)
    swarm.update("web", image="app:2")
    swarm.advance(2)
    first = swarm.store.services["web"].update_status
    swarm.update("web", Labels={"a": "b"})
    second = swarm.store.services["web"].update_status
    assert first is not None
    assert second is not None
    assert (second.state, second.started_at) == ("updating", first.started_at + 2)
    swarm.advance(20)
    assert images(swarm) == {"app:2": 3}


def test_the_very_same_spec_written_again_silences_the_update(swarm: Swarm) -> None:
    """It goes on, but the status that it would write on is cleared."""
    swarm.create("web", 3)
    swarm.advance(2)
    swarm.update("web", image="app:2")
    swarm.advance(2)
    swarm.update("web")
    swarm.advance(30)
    assert images(swarm) == {"app:2": 3}
    assert swarm.status("web") is None


def test_cancelling_leaves_two_tasks_and_the_next_keeps_the_one_that_fits(swarm: Swarm) -> None:
    swarm.create("web", 1)
    swarm.advance(2)
    old = swarm.live("web")[0]
    swarm.update("web", image="app:2", UpdateConfig=config(Order="start-first"))
    swarm.advance(0.3)
    swarm.update("web", image="app:1")
    assert [task.id for task in swarm.live("web")] == [old.id]
    swarm.advance(10)
    assert swarm.status("web") == ("completed", "update completed")
