"""Which node gets a task: SwarmKit's order, batches, preferences, and tasks that wait."""

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_operator.simulation.engine.node_set import NodeInfo, NodeSet
from swarm_operator.simulation.engine.records import (
    NodeRecord,
    TaskRecord,
    TaskState,
    TaskStatus,
)
from swarm_operator.simulation.engine.scheduler import ASSIGNED, CONFIRMED, Scheduler
from tests.simulation.desk import Desk


def _desk(*nodes: str, seed: int = 0) -> Desk:
    desk = Desk(seed)
    for name in nodes:
        desk.node(name)
    desk.begin(Scheduler(desk.kit))
    return desk


def _spread(*labels: str) -> dict[str, Any]:
    return {"Preferences": [{"Spread": {"SpreadDescriptor": label}} for label in labels]}


def _reserving(cpus: int) -> dict[str, Any]:
    return {"Reservations": {"NanoCPUs": cpus * 10**9}}


def test_a_new_leader_assigns_what_waits() -> None:
    """Also where nothing else happens: it looks at its start."""
    desk = Desk(0)
    desk.node("one")
    [task_id] = desk.pending("web")
    desk.begin(Scheduler(desk.kit))
    desk.advance()
    assert desk.places(task_id) == ["one"]


# --- the order of nodes ---


def test_a_task_is_assigned_and_says_so() -> None:
    desk = _desk("one")
    [task_id] = desk.pending("web")
    desk.advance()
    task = desk.task(task_id)
    assert (task.node_id, task.state, task.status.message) == ("one", TaskState.ASSIGNED, ASSIGNED)
    assert task.status.error == ""


def test_fewer_copies_of_the_service_come_before_fewer_tasks() -> None:
    desk = _desk("busy", "holder")
    desk.running("other", "busy", count=7)
    desk.running("web", "holder")
    [task_id] = desk.pending("web")
    desk.advance()
    assert desk.places(task_id) == ["busy"]


def test_fewer_tasks_in_all_break_a_tie() -> None:
    desk = _desk("busy", "idle")
    desk.running("other", "busy")
    [task_id] = desk.pending("web")
    desk.advance()
    assert desk.places(task_id) == ["idle"]


def test_remaining_ties_are_chance() -> None:
    chosen = set()
    for seed in range(20):
        desk = _desk("one", "two", "three", seed=seed)
        [task_id] = desk.pending("web")
        desk.advance()
        chosen.update(desk.places(task_id))
    assert chosen == {"one", "two", "three"}


def test_the_same_seed_chooses_the_same() -> None:
    def places() -> list[str]:
        desk = _desk("one", "two", "three", seed=5)
        ids = desk.pending("web", count=2) + desk.pending("other", count=2)
        desk.advance()
        return [desk.task(task_id).node_id for task_id in ids]

    assert places() == places()


def test_load_and_reservations_do_not_rank() -> None:
    desk = _desk("reserved", "tasks")
    desk.service("big", Resources=_reserving(3))
    desk.running("big", "reserved")
    desk.running("small", "tasks", count=2)
    [task_id] = desk.pending("web")
    desk.advance()
    assert desk.places(task_id) == ["reserved"]


def test_a_batch_fills_up_to_equal_copies() -> None:
    desk = _desk("one", "two", "three")
    desk.running("web", "one")
    desk.running("web", "two")
    desk.pending("web", count=4)
    desk.advance()
    assert desk.copies("web") == {"one": 2, "two": 2, "three": 2}


def test_a_batch_goes_on_to_the_next_node_only_when_that_is_better_by_then() -> None:
    """So SwarmKit leaves a node with one copy more than the next: scheduleNTasksOnNodes."""
    desk = _desk("one", "two", "three")
    desk.running("web", "one", count=3)
    desk.running("web", "two")
    desk.pending("web", count=5)
    desk.advance()
    assert desk.copies("web") == {"one": 3, "two": 4, "three": 2}


# --- failures ---


def _with_failures(count: int, *, version: int = 1) -> Desk:
    """`bad` would be chosen by everything else."""
    desk = _desk("bad", "good")
    desk.service("web", spec_version=version)
    desk.running("other", "good", count=9)
    for task_id in desk.running("web", "bad", count=count):
        desk.settle()
        desk.end(task_id)
    desk.advance()
    return desk


@pytest.mark.parametrize(("failures", "node"), [(4, "bad"), (5, "good")])
def test_five_failures_make_a_node_the_last_choice(failures: int, node: str) -> None:
    desk = _with_failures(failures)
    [task_id] = desk.pending("web")
    desk.advance()
    assert desk.places(task_id) == [node]


def test_a_last_choice_is_taken_where_there_is_no_other() -> None:
    desk = _with_failures(5)
    desk.change_node("good", availability="drain")
    [task_id] = desk.pending("web")
    desk.advance()
    assert desk.places(task_id) == ["bad"]


def test_failures_are_forgotten_after_five_minutes() -> None:
    desk = _with_failures(5)
    desk.advance(301)
    [task_id] = desk.pending("web")
    desk.advance()
    assert desk.places(task_id) == ["bad"]


def test_failures_are_forgotten_with_a_new_spec() -> None:
    desk = _with_failures(5)
    desk.service("web", spec_version=2)
    [task_id] = desk.pending("web")
    desk.advance()
    assert desk.places(task_id) == ["bad"]


def test_failures_of_another_service_do_not_count() -> None:
    desk = _with_failures(5)
    [task_id] = desk.pending("api")
    desk.advance()
    assert desk.places(task_id) == ["bad"]


def test_rejections_count_and_orderly_ends_do_not() -> None:
    for state, node in ((TaskState.REJECTED, "good"), (TaskState.SHUTDOWN, "bad")):
        desk = _desk("bad", "good")
        desk.running("other", "good", count=9)
        for task_id in desk.running("web", "bad", count=5):
            desk.settle()
            desk.end(task_id, state)
        [task_id] = desk.pending("web")
        desk.advance()
        assert desk.places(task_id) == [node]


def test_failures_where_nobody_chose_the_node_do_not_count() -> None:
    desk = _desk("bad", "good")
    desk.running("other", "good", count=9)
    for task_id in desk.pending("web", count=5, node_id="bad"):
        desk.advance()
        desk.end(task_id)
    [task_id] = desk.pending("web")
    desk.advance()
    assert desk.places(task_id) == ["bad"]


# --- what a task takes, and when it gives it back ---


def test_a_task_told_to_stop_counts_no_longer_but_keeps_its_reservation() -> None:
    desk = _desk("one", "two")
    desk.service("big", Resources=_reserving(3))
    [old] = desk.running("big", "one")
    desk.running("other", "two")
    desk.settle()
    desk.wish(old, TaskState.SHUTDOWN)
    [small] = desk.pending("web")
    desk.advance()
    assert desk.places(small) == ["one"]  # no active task there
    [big, other] = desk.pending("big", count=2)
    desk.advance()
    assert desk.places(big, other) == ["", "two"]  # 3 of 4 processors are still taken there
    desk.end(old, TaskState.SHUTDOWN)
    desk.advance()
    assert desk.places(big, other) == ["one", "two"]


def test_a_host_port_is_taken_until_the_end() -> None:
    endpoint = {"Ports": [{"PublishMode": "host", "PublishedPort": 80, "Protocol": "tcp"}]}
    desk = _desk("one")
    [old] = desk.running("web", "one", endpoint=endpoint)
    desk.settle()
    desk.wish(old, TaskState.SHUTDOWN)
    [new] = desk.pending("web", endpoint=endpoint)
    desk.advance()
    assert desk.task(new).status.error == (
        "no suitable node (host-mode port already in use on 1 node)"
    )
    desk.end(old, TaskState.SHUTDOWN)
    desk.advance()
    assert desk.places(new) == ["one"]


def test_max_replicas_limit_each_node() -> None:
    desk = _desk("one", "two")
    desk.service("web", Placement={"MaxReplicas": 2})
    ids = desk.pending("web", count=5)
    desk.advance()
    assert desk.copies("web") == {"one": 2, "two": 2, "": 1}
    [waiting] = [task_id for task_id in ids if not desk.task(task_id).node_id]
    assert "max replicas per node limit exceed" in desk.task(waiting).status.error


def test_generic_resources_are_given_by_name() -> None:
    desk = Desk()
    gpus = [{"NamedResourceSpec": {"Kind": "gpu", "Value": name}} for name in ("a", "b", "c")]
    desk.node("one", generic_resources=tuple(gpus))
    desk.begin(Scheduler(desk.kit))
    wanted = [{"DiscreteResourceSpec": {"Kind": "gpu", "Value": 2}}]
    desk.service("train", Resources={"Reservations": {"GenericResources": wanted}})
    first, second = desk.pending("train", count=2)
    desk.advance()
    placed = [task for task in (desk.task(first), desk.task(second)) if task.node_id]
    assert [task.assigned_generic_resources for task in placed] == [tuple(gpus[:2])]
    desk.end(placed[0].id, TaskState.COMPLETE)
    desk.advance()
    assert desk.places(first, second) == ["one", "one"]


# --- tasks that wait ---


def test_a_waiting_task_takes_the_node_that_becomes_fit() -> None:
    desk = _desk("one")
    desk.service("web", Placement={"Constraints": ["node.labels.disk==ssd"]})
    [task_id] = desk.pending("web")
    desk.advance()
    assert desk.task(task_id).state is TaskState.PENDING
    desk.change_node("one", labels={"disk": "ssd"})
    desk.advance()
    assert desk.places(task_id) == ["one"]
    assert desk.task(task_id).status.error == ""


def test_a_waiting_task_is_not_written_again_for_the_same_reason() -> None:
    desk = _desk("one")
    desk.service("web", Placement={"Constraints": ["node.labels.disk==ssd"]})
    [task_id] = desk.pending("web")
    desk.advance()
    version = desk.task(task_id).meta.version
    desk.change_node("one", labels={"disk": "tape"})
    desk.advance(5)
    assert desk.task(task_id).meta.version == version


def test_changes_of_a_moment_are_taken_together() -> None:
    desk = _desk("one")
    [task_id] = desk.pending("web")
    desk.advance(0.04)
    assert desk.task(task_id).node_id == ""
    desk.advance(0.02)
    assert desk.task(task_id).node_id == "one"


def test_it_lets_itself_be_put_off_for_a_second_at_most() -> None:
    desk = _desk("one")
    [task_id] = desk.pending("web")
    for number in range(40):
        desk.change_node("one", labels={"number": str(number)})
        desk.advance(0.04)
        if desk.task(task_id).node_id:
            break
    assert 1.0 < desk.timeline.now <= 1.1


def test_a_needless_task_of_an_older_spec_is_shut_down_instead() -> None:
    desk = Desk()
    desk.service("web", spec_version=2)
    desk.begin(Scheduler(desk.kit))
    [task_id] = desk.pending("web", spec_version=1, desired_state=TaskState.SHUTDOWN)
    desk.advance()
    assert desk.task(task_id).state is TaskState.SHUTDOWN


def test_a_removed_task_gives_its_place_to_a_waiting_one() -> None:
    desk = _desk("one")
    desk.service("big", Resources=_reserving(4))
    [old] = desk.running("big", "one")
    [new] = desk.pending("big")
    desk.advance()
    assert desk.places(new) == [""]
    desk.store.tasks.remove(old)
    desk.advance()
    assert desk.places(new) == ["one"]


# --- global services: the node is given, the scheduler confirms ---


def test_a_preassigned_task_is_confirmed() -> None:
    desk = _desk("one")
    [task_id] = desk.pending("agent", node_id="one")
    desk.advance()
    task = desk.task(task_id)
    assert (task.state, task.status.message) == (TaskState.ASSIGNED, CONFIRMED)


def test_a_preassigned_task_waits_until_its_node_has_room() -> None:
    desk = _desk("one", "two")
    desk.service("big", Resources=_reserving(4))
    [old] = desk.running("big", "one")
    [new] = desk.pending("big", node_id="one")
    desk.advance()
    assert desk.task(new).state is TaskState.PENDING
    assert desk.task(new).status.error == "insufficient resources on 1 node"
    desk.end(old)
    desk.advance()
    assert desk.task(new).state is TaskState.ASSIGNED


# --- preferences ---


def _zones(**zones: str) -> Desk:
    """Node name to the value of its label; "" has no label."""
    desk = Desk()
    for name, zone in zones.items():
        desk.node(name, labels={"zone": zone} if zone else {})
    desk.begin(Scheduler(desk.kit))
    return desk


def test_branches_get_equal_parts_whatever_their_size() -> None:
    desk = _zones(a1="a", a2="a", a3="a", b1="b")
    desk.service("web", Placement=_spread("node.labels.zone"))
    desk.pending("web", count=6)
    desk.advance()
    assert desk.copies("web") == {"a1": 1, "a2": 1, "a3": 1, "b1": 3}


def test_nodes_without_the_label_are_a_branch() -> None:
    desk = _zones(a1="a", a2="a", bare="")
    desk.service("web", Placement=_spread("node.labels.zone"))
    desk.pending("web", count=4)
    desk.advance()
    assert desk.copies("web") == {"a1": 1, "a2": 1, "bare": 2}


def test_what_is_there_counts_for_its_branch() -> None:
    desk = _zones(a1="a", b1="b")
    desk.service("web", Placement=_spread("node.labels.zone"))
    desk.running("web", "a1", count=2)
    desk.pending("web", count=4)
    desk.advance()
    assert desk.copies("web") == {"a1": 3, "b1": 3}


def test_a_full_branch_leaves_its_part_to_the_others() -> None:
    desk = _zones(a1="a", b1="b")
    desk.service("web", Placement={**_spread("node.labels.zone"), "MaxReplicas": 2})
    desk.running("web", "a1", count=2)
    desk.running("other", "b1", count=5)
    desk.pending("web", count=2)
    desk.advance()
    assert desk.copies("web") == {"a1": 2, "b1": 2}


def test_a_branch_that_takes_nothing_is_out_of_the_sum() -> None:
    """What it has already is no reason to give the others unequal parts."""
    desk = _zones(a1="a", b1="b", c1="c")
    desk.service("web", Placement=_spread("node.labels.zone"))
    desk.running("web", "a1", count=9)
    desk.change_node("a1", availability="pause")
    desk.pending("web", count=40)
    desk.advance()
    # an odd one for the same branch in each of two rounds, as SwarmKit does
    assert abs(desk.copies("web")["b1"] - desk.copies("web")["c1"]) <= 2


def test_which_branch_gets_the_odd_one_is_chance() -> None:
    chosen = set()
    for seed in range(20):
        desk = Desk(seed)
        for zone in "abc":
            desk.node(zone, labels={"zone": zone})
        desk.begin(Scheduler(desk.kit))
        desk.service("web", Placement=_spread("node.labels.zone"))
        [task_id] = desk.pending("web")
        desk.advance()
        chosen.update(desk.places(task_id))
    assert chosen == {"a", "b", "c"}


def test_preferences_nest() -> None:
    desk = Desk()
    for name, zone, rack in (("a1", "a", "1"), ("a2", "a", "2"), ("a3", "a", "2"), ("b", "b", "1")):
        desk.node(name, labels={"zone": zone}, engine_labels={"rack": rack})
    desk.begin(Scheduler(desk.kit))
    desk.service("web", Placement=_spread("node.labels.zone", "engine.labels.rack"))
    desk.pending("web", count=8)
    desk.advance()
    assert desk.copies("web") == {"a1": 2, "a2": 1, "a3": 1, "b": 4}


# --- against the plain reading of the rules ---


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_the_best_nodes_are_those_that_a_full_sort_finds(data: st.DataObject) -> None:
    """Buckets are only a way to look at fewer nodes."""
    number = data.draw(st.integers(1, 8))
    nodes = NodeSet(random.Random(data.draw(st.integers(0, 99))))
    for index in range(number):
        nodes.put(NodeRecord(id=f"n{index}", hostname=f"n{index}"))
    tasks = []
    for index in range(data.draw(st.integers(0, 20))):
        task = TaskRecord(
            id=f"t{index}",
            service_id=data.draw(st.sampled_from(["web", "api"])),
            spec={},
            spec_version=1,
            node_id=f"n{data.draw(st.integers(0, number - 1))}",
            status=TaskStatus(TaskState.RUNNING),
        )
        tasks.append(nodes.add_task(task))
    for task in tasks:
        fate = data.draw(st.sampled_from(["stays", "stops", "ends"]))
        if fate == "stops":
            nodes.add_task(replace(task, desired_state=TaskState.SHUTDOWN))
        elif fate == "ends":
            nodes.remove_task(task)
    for index in range(number):
        for _ in range(data.draw(st.sampled_from([0, 0, 4, 5, 6]))):
            nodes.note_failure(f"n{index}", ("web", 1), 0.0)
    excluded = data.draw(st.sets(st.integers(0, number - 1)))

    def fits(info: NodeInfo) -> bool:
        return info.node.id not in {f"n{index}" for index in excluded}

    count = data.draw(st.integers(1, 10))
    ranks = sorted(info.rank(("web", 1), 1.0) for info in nodes if fits(info))
    found = nodes.best(("web", 1), count, fits, 1.0)
    assert [info.rank(("web", 1), 1.0) for info in found] == ranks[:count]
    assert len({info.node.id for info in found}) == len(found)
