"""A new leader or a new scale in the midst of a rolling update (SwarmKit manager/orchestrator/update)."""

from dataclasses import replace

import pytest

from swarm_operator.simulation.engine.records import TaskState
from tests.simulation.orchestration import Script, Swarm
from tests.simulation.updating import config, images, with_scripts

S = TaskState


@pytest.fixture
def swarm() -> Swarm:
    return with_scripts()


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
