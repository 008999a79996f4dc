"""Global services (SwarmKit manager/orchestrator/global)."""

from collections import Counter

import pytest

from swarm_operator.simulation.engine.records import TaskState
from tests.simulation.orchestration import Script, Swarm

S = TaskState
GLOBAL: dict[str, object] = {"Global": {}}


@pytest.fixture
def swarm() -> Swarm:
    made = Swarm()
    made.add_nodes(3)
    return made


def places(swarm: Swarm, name: str = "web") -> list[str]:
    return sorted(task.node_id for task in swarm.live(name))


def test_one_on_every_node_without_a_slot(swarm: Swarm) -> None:
    swarm.create("web", mode=GLOBAL)
    swarm.advance(2)
    assert places(swarm) == ["n1", "n2", "n3"]
    assert swarm.slots("web") == [0, 0, 0]
    assert len(swarm.running("web")) == 3


def test_only_where_the_constraints_hold(swarm: Swarm) -> None:
    swarm.change_node("n2", labels={"disk": "ssd"})
    task = {"Placement": {"Constraints": ["node.labels.disk == ssd"]}}
    swarm.create("web", mode=GLOBAL, task=task)
    assert places(swarm) == ["n2"]
    swarm.change_node("n1", labels={"disk": "hdd"})
    assert places(swarm) == ["n2"]
    swarm.change_node("n3", labels={"disk": "SSD"})
    assert places(swarm) == ["n2", "n3"]


def test_a_new_node_gets_one(swarm: Swarm) -> None:
    swarm.create("web", mode=GLOBAL)
    swarm.add_nodes(1)
    assert places(swarm) == ["n1", "n2", "n3", "n4"]


@pytest.mark.parametrize("change", [{"state": "down"}, {"availability": "drain"}])
def test_lost_nodes_lose_it_and_get_it_back(swarm: Swarm, change: dict[str, str]) -> None:
    swarm.create("web", mode=GLOBAL)
    swarm.advance(2)
    lost = next(task.id for task in swarm.live("web") if task.node_id == "n1")
    swarm.change_node("n1", **change)
    assert places(swarm) == ["n2", "n3"]
    assert swarm.store.tasks[lost].desired_state == S.SHUTDOWN
    swarm.advance(20)
    assert places(swarm) == ["n2", "n3"]
    swarm.change_node("n1", state="ready", availability="active")
    assert places(swarm) == ["n1", "n2", "n3"]
    assert lost not in {task.id for task in swarm.live("web")}


def test_a_paused_node_keeps_its_task_but_gets_none(swarm: Swarm) -> None:
    swarm.create("old", mode=GLOBAL)
    swarm.advance(2)
    swarm.change_node("n1", availability="pause")
    swarm.create("new", mode=GLOBAL)
    assert places(swarm, "old") == ["n1", "n2", "n3"]
    swarm.add_nodes(1, availability="pause")
    assert places(swarm, "new") == ["n2", "n3"]
    on_n1 = next(task for task in swarm.live("old") if task.node_id == "n1")
    swarm.report(on_n1.id, S.FAILED)
    assert places(swarm, "old") == ["n2", "n3"], "what ends there is not restarted"


def test_a_paused_node_is_left_out_of_an_update_until_it_is_active(swarm: Swarm) -> None:
    swarm.create("web", mode=GLOBAL)
    swarm.advance(2)
    swarm.change_node("n1", availability="pause")
    swarm.update("web", image="app:2")
    swarm.advance(30)
    assert Counter(swarm.image(task) for task in swarm.running("web")) == {"app:1": 1, "app:2": 2}
    swarm.change_node("n1", availability="active")
    swarm.advance(3)
    assert Counter(swarm.image(task) for task in swarm.running("web")) == {"app:2": 3}
    assert swarm.status("web") == ("completed", "update completed")


def test_failures_are_restarted_on_the_same_node(swarm: Swarm) -> None:
    swarm.create("web", mode=GLOBAL)
    swarm.advance(2)
    old = swarm.live("web")[0]
    swarm.report(old.id, S.FAILED)
    assert places(swarm) == ["n1", "n2", "n3"]
    swarm.advance(4.9)
    assert len(swarm.running("web")) == 2
    swarm.advance(0.7)
    assert len(swarm.running("web")) == 3


def test_updates_go_node_by_node(swarm: Swarm) -> None:
    swarm.create("web", mode=GLOBAL)
    swarm.advance(2)
    swarm.update("web", image="app:2")
    swarm.advance(1.7)
    assert Counter(swarm.image(task) for task in swarm.running("web")) == {"app:1": 2, "app:2": 1}
    assert places(swarm) == ["n1", "n2", "n3"]
    swarm.advance(30)
    assert Counter(swarm.image(task) for task in swarm.running("web")) == {"app:2": 3}
    assert swarm.status("web") == ("completed", "update completed")


def test_a_failing_update_pauses(swarm: Swarm) -> None:
    swarm.scripts["broken"] = Script(comes_up=False)
    swarm.create("web", mode=GLOBAL)
    swarm.advance(2)
    swarm.update("web", image="broken")
    swarm.advance(20)
    assert (swarm.status("web") or ("", ""))[0] == "paused"
    assert len(swarm.running("web")) == 2


def test_new_constraints_take_it_off_nodes(swarm: Swarm) -> None:
    swarm.create("web", mode=GLOBAL)
    swarm.advance(2)
    kept = {task.id for task in swarm.live("web") if task.node_id != "n1"}
    swarm.update("web", task={"Placement": {"Constraints": ["node.hostname != n1"]}})
    swarm.advance(10)
    assert {task.id for task in swarm.live("web")} == kept
    assert swarm.status("web") is None


def test_tasks_of_a_removed_node_are_forgotten(swarm: Swarm) -> None:
    swarm.create("web", mode=GLOBAL)
    swarm.advance(2)
    swarm.store.nodes.remove("n1")
    swarm.settle()
    assert {task.node_id for task in swarm.tasks("web")} == {"n2", "n3"}


def test_removal(swarm: Swarm) -> None:
    swarm.create("web", mode=GLOBAL)
    swarm.advance(2)
    swarm.remove("web")
    swarm.advance(2)
    assert swarm.tasks("web") == []
    swarm.add_nodes(1)
    assert swarm.tasks("web") == []


def test_a_new_leader_repairs_what_it_finds(swarm: Swarm) -> None:
    swarm.create("web", mode=GLOBAL)
    swarm.advance(2)
    swarm.change_node("n1", availability="pause")  # nobody acts on it
    swarm.store.changes.clear()
    swarm.components, former = [], swarm.components
    swarm.change_node("n1", state="down", availability="active")
    swarm.add_nodes(1)
    swarm.components = former
    swarm.lead()
    assert places(swarm) == ["n2", "n3", "n4"]
