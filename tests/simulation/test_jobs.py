"""Jobs, replicated and global (SwarmKit manager/orchestrator/jobs)."""

from dataclasses import replace

import pytest

from swarm_operator.simulation.engine.records import TaskState
from tests.simulation.orchestration import SECOND, Script, Swarm

S = TaskState
GLOBAL_JOB: dict[str, object] = {"GlobalJob": {}}


@pytest.fixture
def swarm() -> Swarm:
    made = Swarm(scripts={"job": Script(runs_for=2.0, ends_in=S.COMPLETE)})
    made.add_nodes(3)
    return made


def job(concurrent: int, total: int) -> dict[str, object]:
    return {"ReplicatedJob": {"MaxConcurrent": concurrent, "TotalCompletions": total}}


def completed(swarm: Swarm, name: str = "job") -> list[int]:
    return sorted(task.slot for task in swarm.tasks(name) if task.state == S.COMPLETE)


def test_so_many_completions_so_many_at_a_time(swarm: Swarm) -> None:
    swarm.create("job", image="job", mode=job(2, 5))
    assert len(swarm.tasks("job")) == 2
    assert {task.desired_state for task in swarm.tasks("job")} == {S.COMPLETE}
    for _ in range(60):
        swarm.advance(0.25)
        assert len([task for task in swarm.tasks("job") if task.state < S.COMPLETE]) <= 2
    assert completed(swarm) == [0, 1, 2, 3, 4]
    swarm.advance(60)
    assert len(swarm.tasks("job")) == 5


def test_without_counts_one_task(swarm: Swarm) -> None:
    swarm.create("job", image="job", mode={"ReplicatedJob": {}})
    swarm.advance(30)
    assert completed(swarm) == [0]


def test_failures_are_run_again_in_their_slot(swarm: Swarm) -> None:
    swarm.create("job", image="job", mode=job(1, 2))
    swarm.advance(1)
    first = swarm.tasks("job")[0]
    swarm.report(first.id, S.FAILED)
    again = swarm.tasks("job")[1]
    assert (again.slot, again.desired_state, again.job_iteration) == (0, S.READY, 0)
    swarm.advance(5.1)
    assert swarm.store.tasks[again.id].desired_state == S.COMPLETE
    swarm.advance(20)
    assert completed(swarm) == [0, 1]


def test_no_more_than_the_attempts(swarm: Swarm) -> None:
    swarm.scripts["bad"] = Script(comes_up=False)
    task = {"RestartPolicy": {"Condition": "on-failure", "MaxAttempts": 2, "Delay": SECOND}}
    swarm.create("job", image="bad", mode=job(1, 1), task=task)
    swarm.advance(60)
    assert len(swarm.tasks("job")) == 3


@pytest.mark.parametrize("condition", ["any", "on-failure"])
def test_a_completed_task_is_never_restarted(swarm: Swarm, condition: str) -> None:
    task = {"RestartPolicy": {"Condition": condition}}
    swarm.create("job", image="job", mode=job(1, 1), task=task)
    swarm.advance(60)
    assert len(swarm.tasks("job")) == 1


def test_any_update_runs_it_again(swarm: Swarm) -> None:
    """Even one of a label, on a job that has completed."""
    swarm.create("job", image="job", mode=job(2, 2))
    swarm.advance(10)
    swarm.update("job", Labels={"a": "b"})
    swarm.advance(10)
    assert completed(swarm) == [0, 0, 1, 1]
    assert sorted(task.job_iteration or 0 for task in swarm.tasks("job")) == [0, 0, 1, 1]


def test_an_update_stops_what_still_runs_of_the_former_iteration(swarm: Swarm) -> None:
    swarm.create("job", image="job", mode=job(2, 2))
    swarm.advance(1)
    former = {task.id for task in swarm.tasks("job")}
    swarm.update("job", Labels={"a": "b"})
    assert {swarm.store.tasks[task_id].desired_state for task_id in former} == {S.REMOVE}
    swarm.advance(2)
    assert not former & {task.id for task in swarm.tasks("job")}


def test_a_job_waits_for_a_node_that_is_down(swarm: Swarm) -> None:
    swarm.create("job", image="job", mode=job(1, 1))
    swarm.advance(1)
    swarm.change_node(swarm.tasks("job")[0].node_id, state="down")
    swarm.advance(600)
    assert len(swarm.tasks("job")) == 1
    assert completed(swarm) == []


def test_a_global_job_runs_once_on_every_node(swarm: Swarm) -> None:
    swarm.change_node("n3", availability="pause")
    swarm.create("job", image="job", mode=GLOBAL_JOB)
    swarm.advance(30)
    assert sorted(task.node_id for task in swarm.tasks("job")) == ["n1", "n2"]
    assert {task.state for task in swarm.tasks("job")} == {S.COMPLETE}
    swarm.add_nodes(1)
    swarm.advance(30)
    assert len(swarm.tasks("job")) == 2, "it does not look out for nodes"
    swarm.update("job", Labels={"a": "b"})
    swarm.advance(30)
    assert sorted(task.node_id for task in swarm.tasks("job")) == ["n1", "n2", "n4"]


def test_a_global_job_leaves_a_drained_node_when_it_is_looked_at(swarm: Swarm) -> None:
    swarm.scripts["job"] = Script()
    swarm.create("job", image="job", mode=GLOBAL_JOB)
    swarm.advance(2)
    on = {task.node_id: task.id for task in swarm.tasks("job")}
    swarm.change_node("n1", availability="drain")
    assert swarm.store.tasks[on["n1"]].desired_state == S.COMPLETE
    swarm.report(on["n2"], S.FAILED)
    assert swarm.store.tasks[on["n1"]].desired_state == S.SHUTDOWN


def test_a_global_job_fails_for_ever(swarm: Swarm) -> None:
    """Its attempts are noted under one key and looked for under another."""
    swarm.scripts["bad"] = Script(comes_up=False)
    task = {"RestartPolicy": {"Condition": "any", "MaxAttempts": 1, "Delay": SECOND}}
    swarm.create("job", image="bad", mode=GLOBAL_JOB, task=task)
    swarm.advance(60)
    assert len(swarm.tasks("job")) > 3 * 5


def test_removal(swarm: Swarm) -> None:
    swarm.create("job", image="job", mode=job(2, 4))
    swarm.advance(1)
    swarm.remove("job")
    swarm.advance(3)
    assert swarm.tasks("job") == []


def test_a_new_leader_runs_again_what_failed_unseen(swarm: Swarm) -> None:
    swarm.create("job", image="job", mode=job(1, 1))
    swarm.advance(1)
    task = swarm.tasks("job")[0]
    swarm.store.tasks.put(replace(task, status=replace(task.status, state=S.FAILED)))
    swarm.store.changes.clear()
    swarm.lead()
    swarm.advance(20)
    assert completed(swarm) == [0]
