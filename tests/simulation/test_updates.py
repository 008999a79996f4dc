"""Rolling updates (SwarmKit manager/orchestrator/update, task.go)."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from swarm_operator.simulation.engine.records import TaskState
from tests.simulation.orchestration import SECOND, Script, Swarm

S = TaskState


@pytest.fixture
def swarm() -> Swarm:
    made = Swarm(scripts={"broken": Script(comes_up=False), "crashes": Script(runs_for=2.0)})
    made.add_nodes(4)
    return made


def images(swarm: Swarm, name: str = "web") -> Counter[str]:
    """Of what runs."""
    return Counter(swarm.image(task) for task in swarm.running(name))


def config(**values: object) -> dict[str, object]:
    return {"Parallelism": 1, **values}


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


# --- failures


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


# --- leaders


def test_a_new_leader_goes_on_with_the_update_and_has_forgotten_failures(swarm: Swarm) -> None:
    swarm.create("web", 4)
    swarm.advance(2)
    swarm.update("web", image="broken", UpdateConfig=config(MaxFailureRatio=0.5))
    swarm.advance(2)
    assert any(task.state == S.FAILED for task in swarm.tasks("web"))
    swarm.lead()
    swarm.advance(1.7)
    assert (swarm.status("web") or ("", ""))[0] == "updating", (
        "the third of four under the former one"
    )
    swarm.advance(30)
    assert (swarm.status("web") or ("", ""))[0] == "paused"


def test_a_new_leader_keeps_the_new_task_even_if_it_does_not_run_yet(swarm: Swarm) -> None:
    """Measured: nothing runs until the new one is up."""
    swarm.scripts["slow"] = Script(start_s=10)
    swarm.create("web", 1)
    swarm.advance(2)
    swarm.update("web", image="slow", UpdateConfig=config(Order="start-first"))
    swarm.advance(1)
    swarm.lead()
    assert [swarm.image(task) for task in swarm.live("web")] == ["slow"]
    swarm.advance(2)
    assert images(swarm) == {}
    swarm.advance(15)
    assert images(swarm) == {"slow": 1}


def test_a_new_leader_completes_what_was_done(swarm: Swarm) -> None:
    swarm.create("web", 1)
    swarm.advance(2)
    swarm.update("web", image="app:2")
    swarm.advance(3)
    swarm.lead()
    assert swarm.status("web") == ("completed", "update completed")


def test_a_paused_update_stays_paused_under_a_new_leader(swarm: Swarm) -> None:
    swarm.create("web", 3)
    swarm.advance(2)
    swarm.update("web", image="broken")
    swarm.advance(10)
    swarm.lead()
    swarm.advance(30)
    assert (swarm.status("web") or ("", ""))[0] == "paused"
    assert images(swarm) == {"app:1": 2}


def test_a_task_that_ended_for_good_is_updated_too(swarm: Swarm) -> None:
    swarm.create("web", 1, task={"RestartPolicy": {"Condition": "none"}})
    swarm.advance(2)
    swarm.report(swarm.live("web")[0].id, S.COMPLETE)
    swarm.advance(20)
    assert swarm.live("web") == []
    swarm.update("web", image="app:2")
    swarm.advance(5)
    assert images(swarm) == {"app:2": 1}


def test_scale_down_in_the_middle_of_an_update(swarm: Swarm) -> None:
    swarm.create("web", 4)
    swarm.advance(2)
    swarm.update("web", image="app:2")
    swarm.advance(2)
    swarm.update("web", replicas=2)
    swarm.advance(30)
    assert images(swarm) == {"app:2": 2}
    assert swarm.status("web") == ("completed", "update completed")


def test_the_same_history_twice() -> None:
    def run() -> list[object]:
        world = Swarm(7, {"broken": Script(comes_up=False)})
        world.add_nodes(4)
        world.create("web", 6)
        world.advance(2)
        world.update("web", image="broken", UpdateConfig=config(FailureAction="rollback"))
        world.advance(30)
        return [replace(task) for task in world.store.tasks.all()]

    assert run() == run()
