"""What SwarmKit does with services over time: updates, failures, scaling, nodes, jobs.

The operator builds on all of it; the simulation has to do the same, for the same reasons. What
restarts a task, and what moves rest on, is in test_rebalance_rules.py.
"""

import pytest

from swarm_operator.observed.json import JsonObject
from tests.contract.desk import QUICK, SECOND_NS, UPDATE, Desk, ids, image_of, web
from tests.contract.swarms import SwarmUnderTest, recovers


@pytest.fixture
def desk(bare_swarm: SwarmUnderTest) -> Desk:
    return Desk(bare_swarm)


# --- updates ---


def test_an_update_replaces_every_task_in_its_slot(desk: Desk) -> None:
    desk.create(web())
    before = desk.until_running(2)
    desk.update(web("lab/web:2"))
    written = desk.service()["Version"]["Index"]
    after = desk.until_update_is("completed")
    assert after["UpdateStatus"]["Message"] == "update completed"
    assert after["UpdateStatus"]["CompletedAt"] > after["UpdateStatus"]["StartedAt"]
    assert image_of(after["PreviousSpec"]) == "lab/web:1"
    # The status is part of the service: the index moves without anybody's hand.
    assert after["Version"]["Index"] > written
    now = desk.running()
    assert [task["Slot"] for task in now] == [1, 2]
    assert {task["Spec"]["ContainerSpec"]["Image"] for task in now} == {"lab/web:2"}
    assert not ids(now) & ids(before)


def test_a_crashing_update_is_rolled_back(desk: Desk) -> None:
    desk.create(web())
    desk.until_running(2)
    desk.update(web("lab/crash:1", UpdateConfig={**UPDATE, "FailureAction": "rollback"}))
    after = desk.until_update_is("rollback_completed")
    assert after["UpdateStatus"]["Message"] == "rollback completed"
    assert image_of(after["Spec"]) == "lab/web:1"
    assert "PreviousSpec" not in after
    assert {t["Spec"]["ContainerSpec"]["Image"] for t in desk.until_running(2)} == {"lab/web:1"}


def test_a_crashing_update_pauses_and_any_new_spec_resumes_it(desk: Desk) -> None:
    desk.create(web())
    desk.until_running(2)
    desk.update(web("lab/crash:1"))
    paused = desk.until_update_is("paused")
    assert (
        "update paused due to failure or early termination of task"
        in (paused["UpdateStatus"]["Message"])
    )
    # Where the first crash is told before the next task was stopped, that one is left.
    assert len(desk.running()) <= 1
    desk.update(web("lab/web:2"))
    desk.until_update_is("completed")
    assert len(desk.until_running(2)) == 2


def test_a_persons_rollback_swaps_the_specs(desk: Desk) -> None:
    desk.create(web(Labels={"v": "1"}, replicas=0))
    desk.update(web(Labels={"v": "2"}, replicas=0))
    desk.update(web(replicas=0), rollback="previous")
    after = desk.service()
    assert (after["Spec"]["Labels"], after["PreviousSpec"]["Labels"]) == ({"v": "1"}, {"v": "2"})


def test_start_first_never_has_fewer(desk: Desk) -> None:
    desk.create(web(replicas=1))
    desk.until_running(1)
    desk.update(web("lab/web:2", replicas=1, UpdateConfig={**UPDATE, "Order": "start-first"}))

    def done() -> bool:
        counts.append(sum(t["Status"]["State"] == "running" for t in desk.tasks()))
        status: JsonObject = desk.service().get("UpdateStatus", {})
        return status.get("State") == "completed"

    counts: list[int] = []
    desk.swarm.eventually(done, 30)
    assert min(counts) >= 1
    assert max(counts) == 2


# --- scaling ---


def test_scaling_up_fills_and_scaling_down_keeps_the_spread(desk: Desk) -> None:
    desk.create(web(replicas=1))
    first = ids(desk.until_running(1))
    desk.update(web(replicas=4))
    four = desk.until_running(4)
    assert [task["Slot"] for task in four] == [1, 2, 3, 4]
    assert first <= ids(four)
    assert desk.hosts(four) == ["node1", "node1", "node2", "node2"]
    desk.update(web(replicas=2))
    two = desk.until_running(2)
    assert desk.hosts(two) == ["node1", "node2"]
    assert ids(two) <= ids(four)


def test_a_slot_that_does_not_run_goes_first(desk: Desk) -> None:
    placement = {"Placement": {"MaxReplicas": 1}}
    desk.create(web(replicas=2, task=placement))
    before = ids(desk.until_running(2))
    desk.update(web(replicas=3, task=placement))

    def is_pending() -> bool:
        (third,) = [task for task in desk.tasks() if task["Slot"] == 3]
        assert third["Status"]["State"] == "pending"
        said = third["Status"].get("Err", "")
        assert said == "no suitable node (max replicas per node limit exceed)", said
        return True

    desk.swarm.eventually(is_pending, 10)
    desk.update(web(replicas=2, task=placement))
    desk.stays(lambda: ids(desk.running()) == before)
    assert ids(desk.tasks()) == before


def test_a_stop_has_two_steps(desk: Desk) -> None:
    container = {"StopGracePeriod": 3 * SECOND_NS}
    desk.create(web("lab/stubborn:1", replicas=1, container=container))
    (before,) = desk.until_running(1)
    desk.update(web("lab/stubborn:1", replicas=0, container=container))

    def is_told() -> bool:
        (told,) = desk.tasks()
        assert told["DesiredState"] == "remove"
        assert (told["ID"], told["Status"]["State"]) == (before["ID"], "running")
        return True

    desk.swarm.eventually(is_told, 2)
    started = desk.swarm.now()
    desk.swarm.eventually(lambda: desk.tasks() == [], 15)
    assert desk.swarm.now() - started < 10


# --- where tasks can run ---


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (
            {"Placement": {"Constraints": ["node.labels.x==1"]}},
            "no suitable node (scheduling constraints not satisfied on 2 nodes)",
        ),
        (
            {"Resources": {"Reservations": {"MemoryBytes": 1 << 50}}},
            "no suitable node (insufficient resources on 2 nodes)",
        ),
        (
            {"Placement": {"Platforms": [{"Architecture": "pdp11", "OS": "unix"}]}},
            "no suitable node (unsupported platform on 2 nodes)",
        ),
    ],
    ids=["constraint", "resources", "platform"],
)
def test_a_task_that_fits_nowhere_says_why(desk: Desk, task: JsonObject, said: str) -> None:
    desk.create(web(replicas=1, task=task))

    def is_told() -> bool:
        tasks = desk.tasks()
        assert len(tasks) == 1
        found = tasks[0]
        assert found["Status"].get("Err") == said, found["Status"]
        assert found["Status"]["State"] == "pending"
        assert "NodeID" not in found
        return True

    desk.swarm.eventually(is_told, 10)


def test_two_tasks_cannot_have_one_port_of_a_host(desk: Desk) -> None:
    ports = {"Ports": [{"TargetPort": 80, "PublishedPort": 8096, "PublishMode": "host"}]}
    desk.create(web(replicas=3, EndpointSpec=ports))
    assert desk.hosts(desk.until_running(2)) == ["node1", "node2"]
    (waiting,) = [task for task in desk.tasks() if task["Status"]["State"] == "pending"]
    said = "no suitable node (host-mode port already in use on 2 nodes)"
    desk.swarm.eventually(
        lambda: desk.get(f"/tasks/{waiting['ID']}")["Status"].get("Err") == said, 10
    )


def test_a_node_that_loses_its_label_loses_the_task(desk: Desk) -> None:
    desk.update_node("node2", Labels={"x": "1"})
    placement = {"Constraints": ["node.labels.x==1"]}
    desk.create(web(replicas=1, task={"Placement": placement}))
    (before,) = desk.until_running(1)
    assert desk.hosts([before]) == ["node2"]
    desk.update_node("node2", Labels={})

    def is_rejected() -> bool:
        found = desk.get(f"/tasks/{before['ID']}")["Status"]
        assert found["State"] in {"rejected", "shutdown"}, found
        assert desk.running() == []
        return True

    desk.swarm.eventually(is_rejected, 10)
    desk.update_node("node2", Labels={"x": "1"})
    assert desk.hosts(desk.until_running(1)) == ["node2"]


# --- nodes ---


def test_a_drained_node_is_emptied_and_not_filled_again(desk: Desk) -> None:
    desk.create(web())
    desk.create(web(name="everywhere", Mode={"Global": {}}))
    desk.until_running(2)
    desk.until_running(2, "everywhere")
    desk.update_node("node2", Availability="drain")

    def is_empty() -> bool:
        assert desk.hosts(desk.running()) == ["node1", "node1"]
        assert desk.hosts(desk.running("everywhere")) == ["node1"]
        return True

    desk.swarm.eventually(is_empty, 20)
    moved = ids(desk.running())
    desk.update_node("node2", Availability="active")
    assert desk.hosts(desk.until_running(2, "everywhere")) == ["node1", "node2"]
    desk.stays(lambda: ids(desk.running()) == moved)


def test_a_paused_node_keeps_what_it_has_and_gets_nothing(desk: Desk) -> None:
    desk.create(web())
    before = ids(desk.until_running(2))
    desk.update_node("node2", Availability="pause")
    desk.update(web(replicas=4))
    four = desk.until_running(4)
    assert before <= ids(four)
    assert desk.hosts(four) == ["node1", "node1", "node1", "node2"]


@pytest.mark.slow
def test_a_node_without_power(desk: Desk) -> None:
    desk.create(web())
    before = desk.until_running(2)
    desk.swarm.power_off("node2")

    def is_down() -> bool:
        return bool(desk.get("/nodes/node2")["Status"]["State"] == "down")

    recovers(desk.swarm, is_down, 40)
    assert desk.get("/nodes/node2")["Status"]["Message"] == "heartbeat failure"

    def moved() -> bool:
        assert desk.hosts(desk.running()) == ["node1", "node1"]
        return True

    desk.swarm.eventually(moved, 30)
    kept = ids(desk.running())
    assert len(kept & ids(before)) == 1
    (lost,) = [task for task in desk.tasks() if task["ID"] in ids(before) - kept]
    assert (lost["DesiredState"], lost["Status"]["State"]) == ("shutdown", "running")
    desk.swarm.power_on("node2")
    recovers(desk.swarm, lambda: desk.get("/nodes/node2")["Status"]["State"] == "ready", 40)
    desk.stays(lambda: ids(desk.running()) == kept)
    # Its container died with the machine.
    desk.swarm.eventually(
        lambda: desk.get(f"/tasks/{lost['ID']}")["Status"]["State"] == "failed", 20
    )


# --- restarts, history, jobs ---


def test_only_so_many_ended_tasks_are_remembered(desk: Desk) -> None:
    desk.create(web("lab/crash:1", replicas=1))
    seen: set[str] = set()

    def seven_have_been() -> bool:
        seen.update(ids(desk.tasks()))
        return len(seen) >= 8

    desk.swarm.eventually(seven_have_been, 60)
    desk.update(web("lab/crash:1", replicas=1, task={"RestartPolicy": {"Condition": "none"}}))
    desk.swarm.eventually(lambda: len(desk.tasks()) <= 5, 30)
    failed = [task["Status"] for task in desk.tasks() if task["Status"]["State"] == "failed"]
    assert failed[0]["Err"] == "task: non-zero exit (1)"
    assert failed[0]["ContainerStatus"]["ExitCode"] == 1


def test_what_is_never_healthy_and_heeds_the_signal_ends_without_error(desk: Desk) -> None:
    """Whoever stops it, an end with exit code 0 is a good one."""
    check = {"Test": ["CMD", "false"], "Interval": SECOND_NS, "Retries": 1}
    once = {"RestartPolicy": {"Condition": "none"}}
    desk.create(web("lab/unwell:1", replicas=1, container={"Healthcheck": check}, task=once))

    def has_ended() -> JsonObject | None:
        (task,) = desk.tasks()
        status: JsonObject = task["Status"]
        return status if status["State"] in {"complete", "failed"} else None

    status = desk.swarm.eventually(has_ended, 30)
    assert (status["State"], status["Message"], status.get("Err")) == ("complete", "finished", None)
    assert (status["ContainerStatus"]["PID"], status["ContainerStatus"]["ExitCode"]) == (0, 0)


def test_attempts_come_to_an_end(desk: Desk) -> None:
    policy = {"RestartPolicy": {**QUICK, "MaxAttempts": 2}}
    desk.create(web("lab/crash:1", replicas=1, task=policy))

    def has_ended() -> bool:
        states = [task["Status"]["State"] for task in desk.tasks()]
        assert states == ["failed"] * 3, states
        return True

    desk.swarm.eventually(has_ended, 30)
    desk.stays(lambda: len(desk.tasks()) == 3)


def test_a_job_runs_again_for_a_mere_label(desk: Desk, side: str) -> None:
    if side == "20":
        pytest.skip("20.10 never forgets the tasks of a removed job: nothing else could be tested")
    mode = {"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 2}}
    job = {**web("lab/done:1"), "Mode": mode}
    del job["UpdateConfig"]
    job["TaskTemplate"]["RestartPolicy"] = {"Condition": "none"}
    desk.create(job)

    def completed(iteration: int) -> bool:
        tasks = [t for t in desk.tasks() if t["JobIteration"].get("Index", 0) == iteration]
        assert [task["Status"]["State"] for task in tasks] == ["complete"] * 2, tasks
        return True

    desk.swarm.eventually(lambda: completed(0), 20)
    assert desk.service()["JobStatus"]["JobIteration"] == {}
    desk.update({**job, "Labels": {"a": "b"}})
    desk.swarm.eventually(lambda: completed(1), 20)
    assert desk.service()["JobStatus"]["JobIteration"] == {"Index": 1}
    desk.remove()
    desk.swarm.eventually(lambda: desk.get("/tasks") == [], 20)
