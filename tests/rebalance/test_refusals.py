"""What a move is not begun on, and what never gets so much as a label."""

import pytest

from swarm_operator.observed.json import JsonObject
from swarm_operator.plan.rebalance.intent import LABEL
from swarm_operator.plan.rebalance.mobility import How
from swarm_operator.plan.rebalance.steps import Outcome
from swarm_operator.runtime.mover import Mover
from swarm_operator.simulation.docker_faults import Answer, Broken, Fault, Lost, Stuck
from tests.rebalance.stage import API, LIMITS, NEW_TASKS, Stage, is_ours, spec_of

HOSTS = {"w1": 2, "w2": 1, "w3": 0}


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    made.create(spec_of(), HOSTS)
    return made


@pytest.mark.parametrize(
    "mode",
    [
        {"Global": {}},
        {"GlobalJob": {}},
        {"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 1}},
    ],
)
def test_global_services_and_jobs_are_never_written(mode: JsonObject) -> None:
    stage = Stage()
    body = {**spec_of(), "Mode": mode}
    stage.engine.control.create_service(body, api_version=API)
    stage.engine.advance(10)
    version = stage.record.meta.version
    assert stage.begin("w1", "w2") == "it is no replicated service with a task"
    stage.go()
    assert stage.record.meta.version == version
    assert LABEL not in stage.spec["Labels"]


def test_a_paused_update_is_not_begun_on(stage: Stage) -> None:
    stage.images.scripted["web:2"] = NEW_TASKS["absent"]

    def edit(spec: JsonObject) -> None:
        spec["TaskTemplate"]["ContainerSpec"]["Image"] = "web:2"

    stage.edit(edit)
    stage.until(lambda: stage.record.update_status.state == "paused")
    assert stage.begin("w1", "w3") == "an update of it is paused"


def test_the_wrong_victim() -> None:
    """w1 and w2 are equal, and the slot on w2 is the higher one."""
    stage = Stage()
    stage.create(spec_of(), {"w1": 2, "w2": 2, "w3": 0})
    assert stage.begin("w1", "w3") == "Swarm would not take the task on the source"
    assert stage.begin("w2", "w3") is None


def test_what_changed_since_it_was_planned(stage: Stage) -> None:
    assert stage.begin("w3", "w2") == "no task of it is on the source"
    assert stage.begin("w1", "m1") == "the target takes no tasks"
    assert stage.begin("w1", "w3", How.STOP_FIRST) == "stop-first is for one replica alone"
    assert stage.begin("w1", "w3", How.RECOMMENDED) == "it is not to be moved"
    stage.engine.kill_node("w2")
    stage.until(lambda: stage.read().nodes_up != {node.id for node in stage.read().nodes})
    assert stage.begin("w1", "w3") == "not all of its tasks run, or there are others"


def test_one_at_a_time(stage: Stage) -> None:
    assert stage.begin("w1", "w3") is None
    assert stage.begin("w1", "w3") == "another move is under way"
    stage.step()
    other = Mover(stage.port, stage.time, object(), who="b", new_id=str)  # type: ignore[arg-type]
    move = stage.move("w1", "w3")
    assert other.begin(move, stage.read(), LIMITS) == "another move of it is not ended yet"


def test_what_is_planned_is_looked_at_again_before_the_first_write(stage: Stage) -> None:
    assert stage.begin("w1", "w3") is None
    stage.edit(lambda spec: spec["TaskTemplate"].update(ForceUpdate=1))
    assert stage.go() is Outcome.ABORTED
    assert stage.reports[-1].why == "an update of it is updating"
    assert stage.writes == 0


@pytest.mark.parametrize("fault", [Broken(), Stuck(), Answer(500, "rpc error: no leader")])
def test_a_first_write_without_an_answer_is_not_tried_again(stage: Stage, fault: Fault) -> None:
    """By then it may not be the time for a move any more: gates are asked before the next."""
    stage.wire.once(fault, method="POST")
    assert stage.begin("w1", "w3") is None
    stage.step()
    stage.engine.advance(60)
    progress = stage.step()
    assert progress.is_idle
    (report,) = progress.reports
    assert report.outcome is Outcome.ABORTED
    assert report.why.startswith("it was not begun: ")
    assert not report.blames_target
    assert LABEL not in stage.spec["Labels"]
    assert stage.hosts() == {"w1": 2, "w2": 1}


def test_a_first_write_whose_answer_was_lost_goes_on(stage: Stage) -> None:
    stage.wire.once(Lost(), method="POST")
    assert stage.begin("w1", "w3") is None
    assert stage.go() is Outcome.MOVED
    assert stage.lowest == 3


def test_a_service_that_goes_away(stage: Stage) -> None:
    assert stage.begin("w1", "w3") is None
    stage.step()
    stage.engine.control.remove_service("web")
    assert stage.go() is Outcome.YIELDED


def test_a_label_that_cannot_be_read_is_left_alone(stage: Stage) -> None:
    """And holds up nothing else; the gates say so."""
    stage.edit(lambda spec: spec["Labels"].update({LABEL: "nonsense"}))
    version = stage.record.meta.version
    assert stage.step().is_idle
    assert stage.record.meta.version == version


def test_a_label_that_becomes_unreadable_in_a_move_ends_the_flight(stage: Stage) -> None:
    assert stage.begin("w1", "w3") is None
    stage.step()
    stage.edit(lambda spec: spec["Labels"].update({LABEL: "nonsense"}))
    version = stage.record.meta.version
    assert stage.step().reports[0].outcome is Outcome.YIELDED
    assert stage.step().is_idle
    assert stage.record.meta.version == version


def test_a_changed_document_ends_the_move_first(stage: Stage) -> None:
    assert stage.begin("w1", "w3") is None
    stage.step()
    stage.engine.advance(1)
    stage.mover.give_up(stage.record.id, "the document changed")
    assert stage.go() is Outcome.ABORTED
    assert stage.hosts() == {"w1": 2, "w2": 1}
    assert stage.reports[-1].why.startswith("the document changed")


def test_an_edit_between_the_look_and_the_write(stage: Stage) -> None:
    """The version moves by itself too: the spec decides whether a write is tried again."""
    assert stage.begin("w1", "w3") is None
    stage.step()
    stage.engine.advance(1)
    stage.mover.give_up(stage.record.id, "to have it write at once")
    looked = stage.read()
    stage.edit(lambda spec: spec["Labels"].update(theirs="too"))
    assert not stage.mover.step(looked, is_ours).wrote
    assert stage.spec["Labels"]["theirs"] == "too"
    assert stage.go() is Outcome.YIELDED
    assert stage.spec["Labels"] == {"mine": "yes", "theirs": "too"}


def test_a_version_that_moved_alone_is_no_edit(stage: Stage) -> None:
    assert stage.begin("w1", "w3") is None
    stage.step()
    stage.engine.advance(1)
    stage.mover.give_up(stage.record.id, "to have it write at once")
    looked = stage.read()
    stage.engine.store.services.put(stage.record)  # as Swarm does when an update comes to its end
    assert stage.service.version > looked.services_by_name["web"].version
    assert stage.mover.step(looked, is_ours).wrote
