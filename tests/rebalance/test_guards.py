"""Each of the measures that make a move safe, with what happens where it is left out.

All of these hurt a real swarm. `guarded=False` is the control arm: the same scene with the measure
taken away shows the harm, so that the test of the measure can fail.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from swarm_operator.observed.json import JsonObject
from swarm_operator.plan.rebalance import recovery, specs, steps, strip, undo
from swarm_operator.plan.rebalance.decisions import Write
from swarm_operator.plan.rebalance.intent import (
    Fence,
    MoveIntent,
    Step,
    holds_our_write,
    intent_of,
)
from swarm_operator.plan.rebalance.scene import Scene, Seen
from swarm_operator.plan.rebalance.slots import Slots, slots_of
from swarm_operator.plan.rebalance.steps import Outcome
from swarm_operator.runtime import flight
from swarm_operator.simulation.docker_faults import Slow
from swarm_operator.simulation.engine.errors import ManagerPanic
from swarm_operator.simulation.engine.images import Behaviour
from swarm_operator.simulation.engine.records import TaskState
from tests.rebalance.stage import API, NEW_TASKS, Stage, assert_as_before, spec_of

both = pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "left out"])
SEEDS = range(12)
Patch = pytest.MonkeyPatch


def half_replaced(stage: Stage) -> bool:
    swarm = stage.read()
    return bool(slots_of(swarm.tasks_by_service[stage.record.id], swarm.nodes_by_id).half_replaced)


def has_failed_and_has_no_node(stage: Stage) -> bool:
    tasks = [task for task in stage.tasks() if task.slot == 4]
    failed = any(task.state is TaskState.REJECTED for task in tasks)
    return failed and any(not t.node_id and t.desired_state <= TaskState.RUNNING for t in tasks)


def lowest_of(run: Callable[[int], int]) -> int:
    """Over some seeds; 0 where never one too few ran."""
    return min(run(seed) for seed in SEEDS)


def with_renewed_credentials(seed: int, hosts: dict[str, int]) -> tuple[Stage, JsonObject]:
    """Renewed since the tasks started: nothing restarts, until a placement changes."""
    stage = Stage(seed=seed)
    original = stage.create(spec_of(), hosts)
    stage.edit(lambda _: None, auth="renewed")
    stage.edit(lambda _: None)
    stage.engine.advance(5)
    return stage, original


@both
@pytest.mark.parametrize("hosts", [{"w1": 1, "w2": 0}, {"w1": 2, "w2": 1, "w3": 0}])
def test_the_surge_has_an_update_config_that_cannot_hurt(
    hosts: dict[str, int], guarded: bool, monkeypatch: Patch
) -> None:
    if not guarded:
        monkeypatch.setattr(specs, "update_config", lambda _: dict(specs.SWARM_DEFAULTS))

    def run(seed: int) -> int:
        stage, _ = with_renewed_credentials(seed, hosts)
        stage.images.scripted["web:1"] = Behaviour(start_s=2)
        stage.begin("w1", list(hosts)[-1])
        stage.go(until=lambda: stage.engine.timeline.now > 60)
        return stage.lowest - sum(hosts.values())

    assert (lowest_of(run) == 0) is guarded


@both
def test_a_task_that_landed_elsewhere_is_no_success(guarded: bool, monkeypatch: Patch) -> None:
    """w2 holds fewer than the target will: the fence cannot exclude it without a restart there."""
    if not guarded:
        monkeypatch.setattr(steps, "_why_badly_landed", lambda *_: None)
    stage, hosts = Stage(), {"w1": 4, "w2": 1, "w3": 2}
    original = stage.create(spec_of(), hosts)
    assert stage.begin("w1", "w3") is None
    assert stage.go() is (Outcome.ABORTED if guarded else Outcome.MOVED)
    assert stage.hosts()["w3"] == 2, "not what was planned"
    assert stage.lowest == 7
    assert_as_before(stage, original)


@both
@pytest.mark.parametrize("new", ["absent", "hanging"])
def test_an_abort_does_not_shut_out_older_copies(
    new: str, guarded: bool, monkeypatch: Patch
) -> None:
    """The extra task's node holds another copy: while a constraint shuts it out, an update of the
    node or a new leader would cost that one, too."""
    if not guarded:
        abort_mark = specs.abort_mark
        monkeypatch.setattr(
            specs,
            "abort_mark",
            lambda intent, *more: abort_mark(
                replace(intent, step=Step.ABORT, fence=Fence(intent.fence.constraints, 1)),
                *more,
            ),
        )

    def run(seed: int) -> int:
        stage = Stage(managers=3, seed=seed)
        stage.create(spec_of(), {"w1": 3, "w2": 2, "w3": 1})
        stage.images.scripted["web:1"] = NEW_TASKS[new]
        stage.begin("w1", "w3")
        stage.go(until=lambda: stage.writes == 2)
        stage.engine.change_leader("m2")
        stage.go(until=lambda: stage.engine.timeline.now > 300)
        return stage.lowest - 6

    assert (lowest_of(run) == 0) is guarded


@both
def test_a_service_that_updates_after_the_surge_is_refused(
    guarded: bool, monkeypatch: Patch
) -> None:
    """Its tasks are dirty, and Swarm doubles slots of its own choice: another task would go."""
    if not guarded:
        failed = steps.why_failed
        monkeypatch.setattr(
            steps,
            "why_failed",
            lambda scene, seen: failed(
                replace(scene, service=replace(scene.service, update_state=None)), seen
            ),
        )
        monkeypatch.setattr(Slots, "doubled", frozenset())
    outcomes = set()
    for seed in SEEDS:
        hosts = {"w1": 1, "w2": 1, "w3": 1, "w4": 0}
        stage, _ = with_renewed_credentials(seed, hosts)
        stage.begin("w1", "w4")
        outcomes.add(stage.go())
        assert stage.lowest == 3
    assert (outcomes == {Outcome.ABORTED}) is guarded
    assert (Outcome.LOST in outcomes) is not guarded


@both
def test_only_a_source_with_one_copy_is_marked(guarded: bool, monkeypatch: Patch) -> None:
    """While the fence of a mark stands, an update of the node makes Swarm reject all copies there."""
    if not guarded:
        surged = steps._surged

        def mark_all(scene: Scene, seen: Seen) -> Any:
            decision = surged(scene, seen)
            old = scene.slots.on(scene.intent.source)[0]
            return steps._mark(scene, old) if isinstance(decision, Write) else decision

        monkeypatch.setattr(steps, "_surged", mark_all)
    stage = Stage()
    stage.create(spec_of(), {"w1": 3, "w2": 1, "w3": 0})
    assert stage.begin("w1", "w3") is None
    stage.go(until=lambda: stage.writes == 2)
    stage.engine.advance(0.1)
    stage.availability("w1", "active", rack="b")
    stage.go()
    stage.engine.advance(30)
    assert (stage.lowest == 4) is guarded


@both
def test_a_service_without_placement_gets_an_empty_one(guarded: bool) -> None:
    """Restored without it, the manager's engine panics, and again at each start."""
    stage = Stage()
    original = stage.create(spec_of(Placement=None), {"w1": 1, "w2": 0})
    assert "Placement" not in original["TaskTemplate"]
    assert stage.begin("w1", "w2") is None
    stage.go(until=lambda: stage.writes == 2)
    stage.engine.advance(0.5)
    if guarded:
        assert stage.go() is Outcome.MOVED
        assert_as_before(stage, original)
        assert stage.lowest == 1
        assert stage.engine.leadership == "led"
    else:
        version = stage.record.meta.version
        with pytest.raises(ManagerPanic):
            stage.engine.control.update_service("web", version, original, api_version=API)


@both
def test_the_end_is_sealed(guarded: bool, monkeypatch: Patch) -> None:
    """Or a person's rollback brings the mark back: one more replica, fences, a delay of an hour."""
    if not guarded:
        monkeypatch.setattr(recovery, "needs_seal", lambda _: False)
    stage = Stage()
    original = stage.create(spec_of(), {"w1": 1, "w2": 1, "w3": 0})
    assert stage.begin("w1", "w3") is None
    stage.go(until=lambda: stage.mover.in_flight is None)
    stage.engine.advance(20)
    version = stage.record.meta.version
    stage.engine.control.update_service("web", version, None, rollback=True, api_version=API)
    stage.engine.advance(30)
    assert (stage.spec == original) is guarded
    assert stage.spec["Mode"]["Replicated"]["Replicas"] == (2 if guarded else 3)


@both
@pytest.mark.parametrize("new", ["absent", "hanging"])
def test_what_does_not_run_is_marked_before_it_is_trimmed(
    new: str, guarded: bool, monkeypatch: Patch
) -> None:
    """Node balance goes before running: a plain scale-down keeps the broken one."""
    if not guarded:
        monkeypatch.setattr(undo, "why_not_restored", lambda *_: None)
    stage = Stage()
    stage.create(spec_of(), {"w1": 2, "w2": 1, "w3": 0})
    stage.images.scripted["web:1"] = NEW_TASKS[new]
    assert stage.begin("w1", "w3") is None
    assert stage.go() is Outcome.ABORTED
    assert (stage.lowest == 3) is guarded


@both
def test_a_task_without_a_node_may_get_one_in_an_instant(guarded: bool, monkeypatch: Patch) -> None:
    """Between two tries of Swarm the extra task has none; it has to carry the mark, too."""
    if not guarded:
        monkeypatch.setattr(
            Slots, "is_shut_out", lambda self, number, _: self.unplaced(number) is not None
        )
        why_not = undo.why_not_restored

        def as_if_marked(scene: Scene, seen: Seen) -> str | None:
            marked = replace(scene, intent=replace(scene.intent, step=Step.ABORT))
            return why_not(marked, seen)

        monkeypatch.setattr(undo, "why_not_restored", as_if_marked)

    def run(seed: int) -> int:
        stage = Stage(seed=seed)
        stage.create(spec_of(), {"w1": 2, "w2": 1, "w3": 0})
        stage.images.scripted["web:1"] = NEW_TASKS["absent"]
        stage.begin("w1", "w3")
        stage.step()
        while not has_failed_and_has_no_node(stage):
            stage.engine.advance(0.005)
        stage.wire.once(Slow(0.15), method="POST")
        stage.go()
        return stage.lowest - 3

    assert (lowest_of(run) == 0) is guarded


@both
def test_an_abort_marks_all_at_once(guarded: bool, monkeypatch: Patch) -> None:
    """With renewed credentials every slot is dirty: one at a time, Swarm chose others for ever."""
    if not guarded:
        renewed = MoveIntent.renewed

        def one_by_one(intent: MoveIntent, *more: Any, **_: Any) -> MoveIntent:
            return replace(renewed(intent, *more[:3]), parallelism=1)

        monkeypatch.setattr(MoveIntent, "renewed", one_by_one)
    hung, lowest = 0, 3
    for seed in SEEDS:
        hosts = {"w1": 2, "w2": 1, "w3": 0}
        stage, _ = with_renewed_credentials(seed, hosts)
        stage.images.scripted["web:1"] = NEW_TASKS["hanging"]
        stage.begin("w1", "w3")
        try:
            stage.go(limit_s=600)
        except AssertionError:
            hung += not half_replaced(stage)
        lowest = min(lowest, stage.lowest)
    assert ((hung, lowest) == (0, 3)) is guarded


@both
def test_a_slot_that_is_half_replaced_is_left_alone(guarded: bool, monkeypatch: Patch) -> None:
    """Its second task is clean for the next spec: Swarm may keep it instead of the one that runs."""
    if not guarded:
        monkeypatch.setattr(Slots, "half_replaced", frozenset())

    def run(seed: int) -> int:
        stage, _ = with_renewed_credentials(seed, {"w1": 3, "w2": 1, "w3": 1})
        stage.images.scripted["web:1"] = Behaviour(start_s=90)
        stage.begin("w1", "w3")
        stage.step()
        stage.engine.advance(0.5)
        stage.mover.give_up(stage.record.id, "the document changed")
        stage.go(until=lambda: stage.engine.timeline.now > 600)
        return stage.lowest - 5

    assert (lowest_of(run) == 0) is guarded


def test_every_write_renews_the_label() -> None:
    """Or whoever recovers takes the move's own mark for somebody else's edit."""
    stage = Stage()
    stage.create(spec_of(), {"w1": 1, "w2": 1, "w3": 0})
    assert stage.begin("w1", "w3") is None
    for writes, step in enumerate((Step.SURGE, Step.MARK), 1):
        stage.go(until=lambda: stage.writes == writes)  # noqa: B023
        intent = intent_of(stage.spec)
        assert intent is not None
        assert intent.step is step
        assert holds_our_write(stage.spec, intent)


@both
def test_the_fences_go_before_the_count(guarded: bool, monkeypatch: Patch) -> None:
    """Somebody's new image in the middle: count and label wait until as many run."""
    if not guarded:

        def at_once(scene: Scene, _: Seen) -> Write:
            return Write(strip.without_traces(scene.service.spec, scene.intent), "", True)

        monkeypatch.setattr(flight, "strip", at_once)

    def run(seed: int) -> int:
        config = {
            "Parallelism": 2,
            "FailureAction": "pause",
            "MaxFailureRatio": 0,
            "Order": "start-first",
        }
        stage = Stage(seed=seed)
        stage.create(spec_of(update=config), {"w1": 3, "w2": 2, "w3": 1, "w4": 0})
        stage.images.scripted["web:1"] = Behaviour(start_s=6)
        stage.images.scripted["web:2"] = Behaviour(start_s=6)
        stage.begin("w1", "w4")
        stage.step()
        stage.engine.advance(2)

        def edit(spec: JsonObject) -> None:
            spec["TaskTemplate"]["ContainerSpec"]["Image"] = "web:2"

        stage.edit(edit)
        stage.go(limit_s=200)
        stage.engine.advance(60)
        return stage.lowest - 6

    assert (lowest_of(run) == 0) is guarded
