"""Rolling updates that fail: they pause, go on or roll back (SwarmKit manager/orchestrator/update)."""

import pytest

from swarm_operator.simulation.engine.records import TaskState
from tests.simulation.orchestration import SECOND, Script, Swarm
from tests.simulation.updating import config, images, with_scripts

S = TaskState


@pytest.fixture
def swarm() -> Swarm:
    return with_scripts()


@pytest.mark.parametrize("action", [None, "pause"])
def test_a_failure_pauses(swarm: Swarm, action: str | None) -> None:
    swarm.create("web", 3)
    swarm.advance(2)
    more = {"FailureAction": action} if action else {}
    swarm.update("web", image="broken", UpdateConfig=config(**more))
    swarm.advance(6)
    failed = next(t for t in swarm.tasks("web") if t.state == S.FAILED)
    assert swarm.status("web") == (
        "paused",
        f"update paused due to failure or early termination of task {failed.id}",
    )
    assert images(swarm) == {"app:1": 2}


def test_a_paused_update_stays_so_but_its_tasks_are_restarted(swarm: Swarm) -> None:
    swarm.create("web", 3)
    swarm.advance(2)
    swarm.update("web", image="broken")
    swarm.advance(60)
    assert swarm.status("web") is not None
    failed = [t for t in swarm.tasks("web") if t.state == S.FAILED]
    assert len(failed) > 3
    assert len({t.slot for t in failed}) == 1
    assert images(swarm) == {"app:1": 2}


def test_any_new_spec_resumes_a_paused_update(swarm: Swarm) -> None:
    """Scaling too: measured as the loss of all replicas."""
    swarm.create("web", 3)
    swarm.advance(2)
    swarm.update("web", image="broken")
    swarm.advance(20)
    swarm.update("web", replicas=4)
    assert swarm.status("web") == ("updating", "update in progress")
    swarm.advance(20)
    assert images(swarm) == {"app:1": 1}
    assert (swarm.status("web") or ("", ""))[0] == "paused"


def test_continue_goes_through_all(swarm: Swarm) -> None:
    swarm.create("web", 3)
    swarm.advance(2)
    swarm.update("web", image="broken", UpdateConfig=config(FailureAction="continue"))
    swarm.advance(30)
    assert images(swarm) == {}
    assert swarm.status("web") == ("completed", "update completed")


def test_early_termination_counts_within_the_monitoring_time(swarm: Swarm) -> None:
    for monitor_s, word in ((1, "completed"), (5, "paused")):
        name = f"m{monitor_s}"
        swarm.create(name, 1)
        swarm.advance(2)
        swarm.update(name, image="crashes", UpdateConfig=config(Monitor=monitor_s * SECOND))
        swarm.advance(20)
        assert (swarm.status(name) or ("", ""))[0] == word


def test_so_many_failures_are_forgiven(swarm: Swarm) -> None:
    swarm.create("web", 4)
    swarm.advance(2)
    swarm.update("web", image="broken", UpdateConfig=config(MaxFailureRatio=0.5))
    swarm.advance(30)
    assert (swarm.status("web") or ("", ""))[0] == "paused"
    assert images(swarm) == {"app:1": 1}, "the third of four is one too many"


def test_all_at_once_are_waited_for_before_anything_is_judged(swarm: Swarm) -> None:
    swarm.scripts["slow"] = Script(comes_up=False, start_s=8)
    swarm.create("web", 4)
    swarm.advance(2)
    swarm.update("web", image="slow", UpdateConfig={"Parallelism": 0})
    swarm.advance(8)
    assert (swarm.status("web") or ("", ""))[0] == "updating"
    swarm.advance(2)
    assert (swarm.status("web") or ("", ""))[0] == "paused"


def test_a_failure_at_once_with_others_is_judged_when_all_are_up(swarm: Swarm) -> None:
    """By then it may be too long ago to count: 5 s of monitoring begin when the task ended."""
    for name, failed_at, word in (("late", 8.0, "paused"), ("early", 3.0, "completed")):
        swarm.scripts["slow"] = Script(start_s=8)
        swarm.create(name, 3)
        swarm.advance(2)
        swarm.update(name, image="slow", UpdateConfig={"Parallelism": 0})
        swarm.advance(failed_at)
        swarm.report(swarm.live(name)[0].id, S.FAILED)
        assert (swarm.status(name) or ("", ""))[0] == "updating"
        swarm.advance(20)
        assert (swarm.status(name) or ("", ""))[0] == word


def test_what_was_restarted_meanwhile_is_passed_over(swarm: Swarm) -> None:
    """An old task that fails while it waits for its turn comes back with the new spec already."""
    swarm.create("web", 4)
    swarm.advance(2)
    swarm.update("web", image="app:2")
    swarm.advance(0.5)
    for task in swarm.live("web"):
        if swarm.image(task) == "app:1":
            swarm.report(task.id, S.FAILED)
    swarm.advance(30)
    assert images(swarm) == {"app:2": 4}
    assert len(swarm.tasks("web")) == 8


def test_a_new_spec_in_the_middle_may_keep_the_task_that_does_not_run() -> None:
    """Both fit once a constraint is taken back: whichever the store names first is kept."""
    kept = set()
    for seed in range(12):
        world = Swarm(seed, {"app:1": Script(start_s=5)})
        world.add_nodes(2)
        world.create("web", 1)
        world.advance(10)
        old = world.live("web")[0]
        away = {"Placement": {"Constraints": [f"node.hostname!={old.node_id}"]}}
        world.update("web", task=away, UpdateConfig=config(Order="start-first"))
        world.advance(1)
        world.update("web", task={"Placement": {}})
        kept.add(world.live("web")[0].id == old.id)
    assert kept == {True, False}


def test_restart_and_rollback_race() -> None:
    """Over many worlds a failed task comes back with the old spec, and with the new one."""
    seen = set()
    for seed in range(12):
        world = Swarm(seed, {"broken": Script(comes_up=False)})
        world.add_nodes(2)
        world.create("web", 2)
        world.advance(2)
        world.update("web", image="broken", UpdateConfig=config(FailureAction="rollback"))
        world.advance(2)
        seen.add((world.status("web") or ("", ""))[0])
    assert seen == {"rollback_started", "rollback_completed"}


@pytest.mark.parametrize("seed", range(8))
def test_rollback_of_itself(seed: int) -> None:
    """The failed task is restarted before the spec goes back, or after it: as it happens."""
    swarm = Swarm(seed, {"broken": Script(comes_up=False)})
    swarm.add_nodes(4)
    swarm.create("web", 3)
    swarm.advance(2)
    before = swarm.store.services["web"]
    swarm.update("web", image="broken", UpdateConfig=config(FailureAction="rollback"))
    swarm.advance(1.7)
    failed = next(t for t in swarm.tasks("web") if t.state == S.FAILED)
    restarted_broken = any(
        swarm.image(t) == "broken" and t.id != failed.id for t in swarm.tasks("web")
    )
    assert swarm.status("web") == (
        (
            "rollback_started",
            f"update rolled back due to failure or early termination of task {failed.id}",
        )
        if restarted_broken
        else ("rollback_completed", "rollback completed")
    )
    after = swarm.store.services["web"]
    assert (after.spec, after.spec_version) == (before.spec, before.spec_version)
    assert after.previous_spec is None
    swarm.advance(20)
    assert images(swarm) == {"app:1": 3}
    assert swarm.status("web") == ("rollback_completed", "rollback completed")


def test_rollback_by_hand_goes_by_the_rollback_config(swarm: Swarm) -> None:
    swarm.create("web", 4, RollbackConfig={"Parallelism": 2})
    swarm.advance(2)
    swarm.update("web", image="app:2", UpdateConfig={"Parallelism": 0})
    swarm.advance(10)
    swarm.rollback("web")
    assert swarm.status("web") == ("rollback_started", "manually requested rollback")
    stopped = [t for t in swarm.tasks("web") if t.desired_state == S.SHUTDOWN]
    assert len(stopped) == 4 + 2
    swarm.advance(20)
    assert images(swarm) == {"app:1": 4}
    assert swarm.status("web") == ("rollback_completed", "rollback completed")


def test_a_rollback_that_fails_pauses(swarm: Swarm) -> None:
    swarm.create("web", 3)
    swarm.advance(2)
    swarm.update("web", image="app:2")
    swarm.advance(20)
    swarm.scripts["app:1"] = Script(comes_up=False)
    swarm.rollback("web")
    swarm.advance(4)
    failed = next(t for t in swarm.tasks("web") if t.state == S.FAILED)
    assert swarm.status("web") == (
        "rollback_paused",
        f"update paused due to failure or early termination of task {failed.id}",
    )
    swarm.advance(30)
    assert images(swarm) == {"app:2": 2}


def test_a_rollback_is_not_rolled_back(swarm: Swarm) -> None:
    """Asked to, SwarmKit says paused, and at the end of the monitoring completed."""
    swarm.create("web", 1, RollbackConfig=config(FailureAction="rollback"))
    swarm.advance(2)
    swarm.update("web", image="app:2")
    swarm.advance(10)
    swarm.scripts["app:1"] = Script(comes_up=False)
    swarm.rollback("web")
    swarm.advance(1.7)
    assert swarm.store.services["web"].spec["TaskTemplate"]["ContainerSpec"]["Image"] == "app:1"
    swarm.advance(20)
    assert swarm.status("web") == ("completed", "update completed")
