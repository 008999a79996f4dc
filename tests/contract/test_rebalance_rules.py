"""What restarts a task, and what else of SwarmKit's behaviour moving tasks rests on.

None of it is promised by anybody: each new engine generation has to show it anew.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import pytest

from swarm_operator.observed.errors import OutsideError
from swarm_operator.observed.json import JsonObject
from tests.contract.desk import QUICK, SECOND_NS, UPDATE, Desk, ids, web
from tests.contract.swarms import SwarmUnderTest

WATCHED_S: Final = 0.7
"""An update begins within a tenth of it."""
CREDENTIALS: Final = "eyJ1c2VybmFtZSI6ICJhIn0="
GUARD: Final[JsonObject] = {
    "Parallelism": 1,
    "Delay": 3600 * SECOND_NS,
    "Monitor": SECOND_NS,
    "Order": "start-first",
}
"""The update config under which a move holds its fence."""


@pytest.fixture
def desk(bare_swarm: SwarmUnderTest) -> Desk:
    return Desk(bare_swarm)


def with_placement(placement: JsonObject, **more: Any) -> JsonObject:
    return web(task={"Placement": placement}, **more)


def preferring(label: str) -> JsonObject:
    return {"Preferences": [{"Spread": {"SpreadDescriptor": label}}]}


def put(desk: Desk, *hosts: str, image: str = "lab/web:1") -> None:
    """One task after the other on each of these hosts, with no constraint left of it.

    A constraint that all hosts satisfy restarts nothing, be it added or removed.
    """
    for count, host in enumerate(hosts, 1):
        others = {"node1", "node2"} - set(hosts[:count])
        placement: JsonObject = {"Constraints": [f"node.hostname!={name}" for name in others]}
        placement["MaxReplicas"] = hosts[:count].count(host)
        body = with_placement(placement, image=image, replicas=count)
        (desk.update if count > 1 else desk.create)(body)
        desk.until_running(count)
    desk.update(web(image, replicas=len(hosts)))
    assert desk.hosts(desk.running()) == sorted(hosts)


# --- what restarts a task -------------------------------------------------------------------------

NOTHING: Final[dict[str, JsonObject]] = {
    "a label": web(Labels={"a": "b"}),
    "the update config": web(UpdateConfig={**UPDATE, "Parallelism": 2, "Order": "start-first"}),
    "the rollback config": web(RollbackConfig={**UPDATE, "Parallelism": 2}),
    "an identical spec": web(RollbackConfig={**UPDATE, "Parallelism": 2}),
    "a preference": with_placement(preferring("node.labels.rack")),
    "another preference": with_placement(preferring("node.id")),
    "no preference any more": web(),
    "a limit for each node": with_placement({"MaxReplicas": 2}),
    "one that is exceeded": with_placement({"MaxReplicas": 1}),
    "no limit any more": web(),
    "a constraint that all hosts satisfy": with_placement(
        {"Constraints": ["node.hostname!=node9"]}
    ),
    "no constraint any more": web(),
    "credentials": web(),
}
"""What is changed, one after another, and the spec then."""


def test_what_restarts_nothing(desk: Desk) -> None:
    size: JsonObject = {"Mode": {"Replicated": {"Replicas": 4}}}
    desk.create({**web(), **size})
    desk.until_running(4)
    before = ids(desk.tasks())
    for what, body in NOTHING.items():
        auth = CREDENTIALS if what == "credentials" else None
        desk.update({**body, **size}, auth=auth)
        desk.stays(lambda: ids(desk.tasks()) == before, WATCHED_S)  # with those that would be made
        state = desk.service().get("UpdateStatus", {}).get("State")
        assert state in {None, "completed"}, f"{what}: {state}"
    desk.update(web(replicas=5))
    assert before < ids(desk.until_running(5)), "one more replica"
    desk.update(web(replicas=4))
    assert len(ids(desk.until_running(4)) & before) >= 3, "one fewer is one stop"


ALL: Final[dict[str, JsonObject]] = {
    "force": web(task={"ForceUpdate": 1}),
    "a container's label": web(container={"Labels": {"a": "b"}}),
    "the restart policy": web(task={"RestartPolicy": {**QUICK, "MaxAttempts": 9}}),
    "the image": web("lab/web:2"),
    "ports": web(EndpointSpec={"Ports": [{"TargetPort": 80, "PublishedPort": 8097}]}),
}


def test_what_restarts_everything(desk: Desk) -> None:
    quickly: JsonObject = {"UpdateConfig": {**UPDATE, "Parallelism": 0, "Monitor": SECOND_NS // 10}}
    desk.create({**web(), **quickly})
    before = ids(desk.until_running(2))
    for what, body in ALL.items():
        desk.update({**body, **quickly})
        desk.until_update_is("completed")
        after = ids(desk.until_running(2))
        assert not after & before, what
        before = after


def test_a_constraint_restarts_only_the_tasks_that_break_it(desk: Desk) -> None:
    """By a rolling update, from the node that is shut out."""
    desk.create(web(replicas=4))
    before = desk.until_running(4)
    assert desk.hosts(before) == ["node1", "node1", "node2", "node2"]
    desk.update(with_placement({"Constraints": ["node.hostname==node1"]}, replicas=4))
    desk.until_update_is("completed")
    after = desk.until_running(4)
    assert desk.hosts(after) == ["node1"] * 4
    assert len(ids(after) & ids(before)) == 2


def test_renewed_credentials_and_a_placement_restart_everything(desk: Desk) -> None:
    """Each alone restarts nothing."""
    desk.create(web())
    before = ids(desk.until_running(2))
    desk.update(web(), auth=CREDENTIALS)
    desk.stays(lambda: ids(desk.tasks()) == before, WATCHED_S)
    desk.update(with_placement({"MaxReplicas": 2}))
    desk.until_update_is("completed")
    assert not ids(desk.until_running(2)) & before


def test_a_task_keeps_the_placement_that_it_was_made_with(desk: Desk) -> None:
    """So renewed credentials alone restart those that were made under another, and only those."""
    desk.create(with_placement({"Constraints": ["node.hostname==node1"]}, replicas=1))
    (moved,) = desk.until_running(1)
    desk.update(web(replicas=2))
    before = ids(desk.until_running(2))
    desk.update(web(replicas=2))
    desk.stays(lambda: ids(desk.tasks()) == before, WATCHED_S)
    desk.update(web(replicas=2), auth=CREDENTIALS)
    desk.until_update_is("completed")
    assert ids(desk.until_running(2)) & before == before - {moved["ID"]}


# --- which task a scale-down takes ----------------------------------------------------------------

FENCE: Final[JsonObject] = {"Constraints": ["node.hostname!=node2"], "MaxReplicas": 1}
"""For a service with tasks on node1: there is no place left for another."""


def mark(desk: Desk, replicas: int) -> JsonObject:
    """Fence the only task on node2, so that its slot gets a second one that can be placed nowhere;
    the task."""
    (old,) = [task for task in desk.running() if desk.hosts([task]) == ["node2"]]
    desk.update(with_placement(FENCE, replicas=replicas, UpdateConfig=GUARD))

    def is_doubled() -> bool:
        tasks = [task for task in desk.tasks() if task["Slot"] == old["Slot"]]
        return len([t for t in tasks if t["DesiredState"] in {"ready", "running"}]) == 2

    desk.swarm.eventually(is_doubled, 20)
    return old


def test_a_slot_with_two_tasks_goes_before_all_others(desk: Desk) -> None:
    """Against the balance of the nodes, and the second of its tasks costs nothing."""
    put(desk, "node1", "node1", "node2")
    old = mark(desk, 3)
    desk.stays(lambda: len(desk.running()) == 3, WATCHED_S)
    desk.update(web(replicas=2))
    left = desk.until_running(2)
    assert desk.hosts(left) == ["node1", "node1"]
    assert old["ID"] not in ids(left)
    desk.stays(lambda: ids(desk.running()) == ids(left), WATCHED_S)


def test_else_the_node_with_the_most_copies_loses_one(desk: Desk) -> None:
    put(desk, "node1", "node1", "node2")
    before = ids(desk.running())
    desk.update(web(replicas=2))
    left = desk.until_running(2)
    assert desk.hosts(left) == ["node1", "node2"]
    assert ids(left) < before


def test_balance_goes_before_running(desk: Desk) -> None:
    """So scaling back before the new task runs takes one that does."""
    put(desk, "node1", "node1", image="lab/slow:1")
    before = ids(desk.running())
    desk.update(web("lab/slow:1", replicas=3))

    def is_starting() -> bool:
        return any(t["ID"] not in before and t.get("NodeID") for t in desk.tasks())

    desk.swarm.eventually(is_starting, 10)
    desk.update(web("lab/slow:1", replicas=2))
    desk.swarm.eventually(lambda: len(desk.running()) == 1, 10)
    assert desk.hosts(desk.until_running(2)) == ["node1", "node2"]
    assert len(ids(desk.running()) & before) == 1


def test_a_fence_costs_tasks_when_their_node_is_updated(desk: Desk) -> None:
    """The constraint enforcer looks at it then, and rejects at once."""
    put(desk, "node1", "node2")
    old = mark(desk, 2)
    desk.stays(lambda: len(desk.running()) == 2, WATCHED_S)
    desk.update_node("node2", Labels={"rack": "b"})
    desk.swarm.eventually(lambda: old["ID"] not in ids(desk.running()), 10)
    assert desk.get(f"/tasks/{old['ID']}")["Status"]["State"] in {"rejected", "shutdown"}
    desk.update_node("node2", Labels={})


# --- what a write does besides --------------------------------------------------------------------


def test_scaling_a_paused_update_resumes_it(desk: Desk) -> None:
    desk.create(web(replicas=4))
    before = ids(desk.until_running(4))
    desk.update(web("lab/crash:1", replicas=4))
    desk.until_update_is("paused")
    # The next task may be on its way out already when the first failure is told.
    desk.stays(lambda: before & ids(desk.running()), 2)
    left = before & ids(desk.running())
    desk.stays(lambda: before & ids(desk.running()) == left, WATCHED_S)
    desk.update(web("lab/crash:1", replicas=5))
    desk.swarm.eventually(lambda: before & ids(desk.running()) < left, 20)


def test_an_identical_write_makes_a_rollback_harmless(desk: Desk) -> None:
    desk.create(web())
    before = ids(desk.until_running(2))
    desk.update(web(Labels={"fence": "stands"}, replicas=2))
    desk.update(web())
    assert desk.service()["PreviousSpec"]["Labels"] == {"fence": "stands"}
    desk.update(web())
    desk.update(web(), rollback="previous")
    spec = desk.service()["Spec"]
    assert not spec.get("Labels")
    desk.stays(lambda: ids(desk.tasks()) == before, WATCHED_S)


@pytest.fixture
def manager_to_lose(swarm_of: Callable[[int, int], SwarmUnderTest]) -> SwarmUnderTest:
    """A manager of its own for this test."""
    return swarm_of(1, 0)


def test_a_service_restored_without_placement_kills_the_manager(
    manager_to_lose: SwarmUnderTest,
) -> None:
    """SwarmKit follows a nil pointer: that is why our client refuses such a spec."""
    desk = Desk(manager_to_lose)
    desk.create(with_placement({"MaxReplicas": 2}))
    desk.until_running(2)
    without = web()
    del without["TaskTemplate"]["Placement"]
    with suppress(OutsideError):
        desk.update(without)

    def is_dead() -> bool:
        try:
            desk.service()
        except OutsideError:
            return True
        return False

    manager_to_lose.eventually(is_dead, 10)
