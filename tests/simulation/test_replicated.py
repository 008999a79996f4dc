"""Slots: filled, emptied, and kept alive (SwarmKit manager/orchestrator/replicated)."""

from collections import Counter
from dataclasses import replace

import pytest

from swarm_operator.simulation.engine.new_task import new_task
from swarm_operator.simulation.engine.records import TaskState, TaskStatus
from tests.simulation.orchestration import SECOND, Swarm

S = TaskState


@pytest.fixture
def swarm() -> Swarm:
    made = Swarm()
    made.add_nodes(3)
    return made


def test_as_many_slots_as_wished_from_one_on(swarm: Swarm) -> None:
    swarm.create("web", 4)
    swarm.advance(2)
    assert swarm.slots("web") == [1, 2, 3, 4]
    assert len(swarm.running("web")) == 4
    assert swarm.status("web") is None


def test_the_lowest_free_slots_are_filled_first(swarm: Swarm) -> None:
    swarm.create("web", 3)
    swarm.advance(2)
    second = swarm.live("web")[1]
    swarm.store.tasks.remove(second.id)
    swarm.settle()
    assert swarm.slots("web") == [1, 2, 3]
    swarm.update("web", replicas=5)
    assert swarm.slots("web") == [1, 2, 3, 4, 5]


def test_scaling_starts_no_update(swarm: Swarm) -> None:
    swarm.create("web", 2)
    swarm.advance(2)
    before = {task.id for task in swarm.live("web")}
    swarm.update("web", replicas=4)
    swarm.advance(10)
    assert swarm.status("web") is None
    assert before < {task.id for task in swarm.live("web")}


def test_victims_come_from_the_node_with_most_copies(swarm: Swarm) -> None:
    swarm.change_node("n2", availability="pause")
    swarm.change_node("n3", availability="pause")
    swarm.create("web", 3)
    swarm.advance(2)
    swarm.change_node("n2", availability="active")
    swarm.update("web", replicas=4)
    swarm.advance(2)
    assert Counter(task.node_id for task in swarm.live("web")) == {"n1": 3, "n2": 1}
    swarm.update("web", replicas=2)
    assert Counter(task.node_id for task in swarm.live("web")) == {"n1": 1, "n2": 1}
    assert swarm.slots("web") == [1, 4]


def test_balance_goes_before_running(swarm: Swarm) -> None:
    """n1: two running. n2: one that does not. A running one goes."""
    swarm.create("web", 3)
    swarm.advance(2)
    one, two, three = swarm.live("web")
    swarm.store.tasks.put(replace(two, node_id=one.node_id))
    swarm.store.tasks.put(replace(three, status=replace(three.status, state=S.STARTING)))
    swarm.settle()
    swarm.update("web", replicas=2)
    assert swarm.slots("web") == [1, 3]


def test_among_equals_those_not_running_then_the_highest_slot(swarm: Swarm) -> None:
    swarm.create("web", 3)
    swarm.advance(2)
    one = swarm.live("web")[0]
    swarm.store.tasks.put(replace(one, status=replace(one.status, state=S.STARTING)))
    swarm.settle()
    swarm.update("web", replicas=2)
    assert swarm.slots("web") == [2, 3]
    swarm.update("web", replicas=1)
    assert swarm.slots("web") == [2]


def test_a_slot_with_two_live_tasks_goes_before_all_others(swarm: Swarm) -> None:
    """The lever of a directed move."""
    swarm.create("web", 3)
    swarm.advance(2)
    first = swarm.live("web")[0]
    swarm.store.tasks.put(replace(first, id="twin", node_id="", status=TaskStatus(S.PENDING)))
    swarm.placing = False
    swarm.settle()
    swarm.update("web", replicas=2)
    assert swarm.slots("web") == [2, 3]
    assert swarm.store.tasks[first.id].desired_state == S.REMOVE
    swarm.advance(0.5)
    assert "twin" not in swarm.store.tasks, "it never ran: nobody has to stop it"


def test_a_task_without_a_node_goes_first(swarm: Swarm) -> None:
    swarm.create("web", 2)
    swarm.advance(2)
    swarm.placing = False
    swarm.update("web", replicas=3)
    swarm.update("web", replicas=2)
    assert swarm.slots("web") == [1, 2]


def test_victims_of_seven_one_after_the_other(swarm: Swarm) -> None:
    """The example of SwarmKit's own test: one on n1 (starting), two on n2, three on n3, one nowhere."""
    swarm.placing = False
    service = swarm.create("web", 0)
    places = ["n1", "n2", "n2", "n3", "n3", "n3", ""]
    states = [S.STARTING, *[S.RUNNING] * 5, S.NEW]
    for slot, (node_id, state) in enumerate(zip(places, states, strict=True), start=1):
        task = new_task(swarm.kit, service, slot=slot, node_id=node_id)
        swarm.store.tasks.put(replace(task, status=TaskStatus(state)))
    for replicas, left in ((6, [1, 2, 3, 4, 5, 6]), (4, [1, 2, 3, 4]), (2, [2, 4])):
        swarm.update("web", replicas=replicas)
        assert swarm.slots("web") == left


def test_beyond_twelve_slots_equals_go_in_no_order() -> None:
    remaining = set()
    for seed in range(4):
        world = Swarm(seed)
        world.add_nodes(20)
        world.create("web", 20)
        world.advance(2)
        world.update("web", replicas=10)
        remaining.add(tuple(world.slots("web")))
    assert len(remaining) == 4


def test_up_to_twelve_the_highest_go() -> None:
    for seed in range(4):
        world = Swarm(seed)
        world.add_nodes(12)
        world.create("web", 12)
        world.advance(2)
        world.update("web", replicas=5)
        assert world.slots("web") == [1, 2, 3, 4, 5]


def test_victims_are_stopped_and_leave_no_history(swarm: Swarm) -> None:
    swarm.create("web", 2)
    swarm.advance(2)
    victim = swarm.live("web")[1]
    swarm.update("web", replicas=1)
    assert swarm.store.tasks[victim.id].desired_state == S.REMOVE
    swarm.advance(2)
    assert victim.id not in swarm.store.tasks


def test_removal_stops_all_and_forgets_them(swarm: Swarm) -> None:
    swarm.create("web", 2)
    swarm.advance(2)
    swarm.remove("web")
    assert {task.desired_state for task in swarm.tasks("web")} == {S.REMOVE}
    assert len(swarm.running("web")) == 2, "the processes end later"
    swarm.advance(2)
    assert swarm.tasks("web") == []


def test_tasks_of_a_node_that_is_down_run_elsewhere_after_the_delay(swarm: Swarm) -> None:
    swarm.create("web", 3)
    swarm.advance(2)
    lost = next(task for task in swarm.live("web") if task.node_id == "n1")
    swarm.change_node("n1", state="down")
    assert swarm.store.tasks[lost.id].desired_state == S.SHUTDOWN
    new = next(task for task in swarm.live("web") if task.slot == lost.slot)
    assert new.desired_state == S.READY
    swarm.advance(4.9)
    assert len(swarm.running("web")) == 3, "the lost one is still said to run"
    swarm.advance(0.7)
    assert swarm.store.tasks[new.id].state == S.RUNNING
    assert swarm.store.tasks[new.id].node_id != "n1"


def test_nothing_moves_back_to_a_node_that_returns(swarm: Swarm) -> None:
    swarm.create("web", 3)
    swarm.advance(2)
    swarm.change_node("n1", state="down")
    swarm.advance(10)
    before = {task.id for task in swarm.live("web")}
    swarm.change_node("n1", state="ready")
    swarm.advance(10)
    assert {task.id for task in swarm.live("web")} == before


def test_a_drained_node_is_emptied_without_the_delay(swarm: Swarm) -> None:
    swarm.create("web", 3)
    swarm.advance(2)
    swarm.change_node("n1", availability="drain")
    old = next(task for task in swarm.tasks("web") if task.node_id == "n1")
    assert old.desired_state == S.SHUTDOWN
    new = next(task for task in swarm.live("web") if task.slot == old.slot)
    swarm.advance(0.9)
    assert swarm.store.tasks[new.id].desired_state == S.READY, "the old one has not ended yet"
    swarm.advance(0.9)
    assert swarm.store.tasks[new.id].state == S.RUNNING


def test_tasks_of_a_removed_node(swarm: Swarm) -> None:
    """Its tasks are made orphans in the same write; they are replaced after the delay."""
    swarm.create("web", 3)
    swarm.advance(2)
    lost = next(task for task in swarm.live("web") if task.node_id == "n1")
    swarm.store.nodes.remove("n1")
    swarm.store.tasks.put(replace(lost, status=replace(lost.status, state=S.ORPHANED)))
    swarm.settle()
    swarm.advance(6)
    assert len(swarm.running("web")) == 3
    assert swarm.slots("web") == [1, 2, 3]


def test_a_new_leader_goes_on_where_the_former_stopped(swarm: Swarm) -> None:
    swarm.create("web", 3, task={"RestartPolicy": {"Condition": "any", "Delay": 10 * SECOND}})
    swarm.advance(2)
    swarm.report(swarm.live("web")[0].id, S.FAILED)
    held = next(task for task in swarm.live("web") if task.desired_state == S.READY)
    swarm.advance(4)
    swarm.lead()
    assert swarm.store.tasks[held.id].desired_state == S.READY
    swarm.advance(6.2)
    assert swarm.store.tasks[held.id].desired_state == S.RUNNING, "ten in all, not ten more"
    swarm.advance(1)
    assert len(swarm.running("web")) == 3
    assert swarm.slots("web") == [1, 2, 3]


@pytest.mark.parametrize("change", [{"state": "down"}, {"availability": "drain"}])
def test_a_new_leader_sees_nodes_that_went_unseen(swarm: Swarm, change: dict[str, str]) -> None:
    swarm.create("web", 3)
    swarm.advance(2)
    swarm.components, former = [], swarm.components
    swarm.change_node("n1", **change)
    swarm.components = former
    swarm.lead()
    swarm.advance(7)
    assert sorted(task.node_id for task in swarm.live("web")) in (
        ["n2", "n2", "n3"],
        ["n2", "n3", "n3"],
    )


def test_a_task_given_to_a_node_that_just_went_down_is_replaced(swarm: Swarm) -> None:
    swarm.placing = False
    swarm.create("web", 1)
    task = swarm.live("web")[0]
    swarm.change_node("n1", state="down")
    status = replace(task.status, state=S.ASSIGNED)
    swarm.store.tasks.put(replace(task, node_id="n1", status=status))
    swarm.settle()
    assert swarm.store.tasks[task.id].desired_state == S.SHUTDOWN
    assert swarm.slots("web") == [1]


def test_a_new_leader_drops_tasks_of_services_that_are_gone(swarm: Swarm) -> None:
    swarm.create("web", 2)
    swarm.advance(2)
    swarm.store.services.remove("web")
    swarm.store.changes.clear()  # the former leader died before it heard
    swarm.lead()
    assert swarm.tasks("web") == []


def test_one_change_looks_at_one_service() -> None:
    """Reads of services' tasks are counted, for 200 services and one task that fails."""
    swarm = Swarm()
    swarm.add_nodes(3)
    for number in range(200):
        swarm.create(f"s{number}", 3)
    swarm.advance(2)
    asked: list[str] = []
    look_up = swarm.store.tasks_of_service
    swarm.store.tasks_of_service = (  # type: ignore[method-assign]
        lambda service_id: asked.append(service_id) or look_up(service_id)  # type: ignore[func-returns-value]
    )
    swarm.report(next(task.id for task in swarm.store.tasks.all()), S.FAILED)
    swarm.timeline.advance(swarm.timeline.now + 10)
    assert set(asked) <= {"s0"}


def test_slots_with_nothing_alive_are_forgotten_at_the_next_reconcile(swarm: Swarm) -> None:
    """Though their processes still run: their nodes stop what is gone from the store."""
    swarm.create("web", 4)
    swarm.advance(2)
    first, second, third, fourth = (task.id for task in swarm.live("web"))
    swarm.update("web", replicas=3)
    swarm.update("web", replicas=2)
    assert fourth not in swarm.store.tasks
    assert third in swarm.store.tasks
    swarm.update("web", Labels={"a": "b"})
    assert [task.id for task in swarm.tasks("web")] == [first, second]


def test_a_slot_that_is_filled_again_keeps_its_history(swarm: Swarm) -> None:
    swarm.create("web", 2)
    swarm.advance(2)
    victim = swarm.live("web")[1].id
    swarm.update("web", replicas=1)
    swarm.update("web", replicas=2)
    assert victim in swarm.store.tasks
    assert swarm.slots("web") == [1, 2]
