"""What a manager does with requests, beyond single answers: versions, rollbacks, references, panics."""

from dataclasses import replace
from typing import Any

import pytest

from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.control import Control
from swarm_operator.simulation.engine.errors import ApiError, ManagerPanic
from swarm_operator.simulation.engine.records import TaskState, UpdateStatus
from tests.simulation.control_world import API, World, port, spec


def test_an_update_keeps_the_previous_spec_and_clears_the_status() -> None:
    world = World()
    world.service("web")
    made = world.control.service("web")
    done = replace(made, update_status=UpdateStatus("completed", 0.0))
    world.store.services.put(done)
    updated = world.update("web", spec("web", container={"Image": "app:2"}))
    assert updated.previous_spec is made.spec
    assert updated.update_status is None
    assert updated.spec_version > made.spec_version
    assert updated.previous_spec_version == made.spec_version


def test_a_rollback_by_hand_swaps_the_two_specs() -> None:
    world = World()
    world.service("web", registry_auth="old")
    first = world.control.service("web")
    second = world.update("web", spec("web", container={"Image": "app:2"}), registry_auth="new")
    back = world.update("web", rollback=True)
    assert (back.spec, back.previous_spec) == (first.spec, second.spec)
    assert (back.spec_version, back.previous_spec_version) == (
        first.spec_version,
        second.spec_version,
    )
    assert (back.registry_auth, back.previous_registry_auth) == ("old", "new")
    assert back.update_status is not None
    assert back.update_status.state == "rollback_started"


def test_credentials_stay_unless_they_are_renewed_or_taken_from_before() -> None:
    world = World()
    world.service("web", registry_auth="one")
    assert world.update("web", spec("web")).registry_auth == "one"
    assert world.update("web", spec("web"), registry_auth="two").registry_auth == "two"
    from_before = world.update("web", spec("web"), registry_auth_from="previous-spec")
    assert from_before.registry_auth == "one"


def test_credentials_are_in_no_spec() -> None:
    world = World()
    world.service("web", registry_auth="c2VjcmV0")
    assert "c2VjcmV0" not in repr(world.control.service("web"))


def test_an_older_version_is_refused_even_where_nothing_changed() -> None:
    world = World()
    world.service("web")
    version = world.control.service("web").meta.version
    world.update("web", spec("web"))
    with pytest.raises(ApiError, match="update out of sequence") as refused:
        world.control.update_service("web", version, spec("web"), api_version=API)
    assert refused.value.status == 500


def test_each_update_of_a_job_is_another_run() -> None:
    world = World()
    job: dict[str, Any] = {"Mode": {"ReplicatedJob": {}}}
    world.service("job", **job)
    assert world.control.service("job").job_iteration == 0
    world.timeline.advance(5)
    again = world.update("job", {**spec("job"), **job, "Labels": {"a": "b"}})
    assert again.job_iteration == 1
    assert again.job_started_at == 5


def test_members_are_known_in_any_case_and_unknown_ones_are_dropped() -> None:
    world = World()
    body = {
        "name": "web",
        "TASKTEMPLATE": {"containerspec": {"image": "app:1", "nonsense": 1}, "placement": {}},
        "mode": {"replicated": {"replicas": 3}},
        "labels": {"Case": "kept"},
        "nonsense": {},
    }
    world.control.create_service(body, api_version=API)
    assert world.control.service("web").spec == {
        "Name": "web",
        "Labels": {"Case": "kept"},
        "TaskTemplate": {
            "ContainerSpec": {"Image": "app:1", "Isolation": "default"},
            "Placement": {},
            "ForceUpdate": 0,
            "Runtime": "container",
        },
        "Mode": {"Replicated": {"Replicas": 3}},
    }


@pytest.mark.parametrize(
    ("version", "container", "stays"),
    [
        ((1, 43), {"Healthcheck": {"StartInterval": 10**9}}, {"Healthcheck": {}}),
        ((1, 44), {"OomScoreAdj": 5}, {}),
        ((1, 46), {"OomScoreAdj": 5}, {"OomScoreAdj": 5}),
        ((1, 40), {"Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}]}, {}),
        ((1, 40), {"CapabilityAdd": ["CAP_NET_ADMIN"]}, {}),
    ],
)
def test_what_a_version_does_not_know_is_dropped(
    version: tuple[int, int], container: dict[str, object], stays: dict[str, object]
) -> None:
    world = World()
    world.control.create_service(spec("web", container=container), api_version=version)
    stored = world.control.service("web").spec["TaskTemplate"]["ContainerSpec"]
    assert stored == {"Image": "app:1", "Isolation": "default", **stays}


def test_references_are_found_by_id_name_and_beginning() -> None:
    world = World()
    service_id = world.service("web")
    for ref in (service_id, "web"):
        assert world.control.service(ref).id == service_id
    with pytest.raises(ApiError, match=r"service WEB not found") as absent:
        world.control.service("WEB")
    assert absent.value.status == 404
    world.service("other")
    with pytest.raises(ApiError, match=r"service id0 is ambiguous \(2 matches found\)") as several:
        world.control.service("id0")
    assert several.value.status == 400


def test_a_name_is_free_again_after_removal() -> None:
    world = World()
    world.service("web", ports=(port(80, 8080),))
    world.control.remove_service("web")
    world.service("web", ports=(port(80, 8080),))


def test_networks_wait_for_live_tasks_of_removed_services() -> None:
    world = World()
    network = world.network("a")
    world.service("web", networks=("a",))
    task = world.put_task(world.task("web"), TaskState.RUNNING)
    with pytest.raises(ApiError, match=f"network {network} is in use by service"):
        world.control.remove_network("a")
    world.control.remove_service("web")
    with pytest.raises(ApiError, match=f"network {network} is in use by task {task.id}"):
        world.control.remove_network("a")
    world.put_task(task, TaskState.RUNNING, desired_state=TaskState.REMOVE)
    world.control.remove_network("a")


def test_a_spec_that_was_rolled_back_by_the_swarm_holds_its_port() -> None:
    world = World()
    world.service("web", ports=(port(80, 8080),))
    before = world.control.service("web")
    world.update("web", spec("web"))
    after = world.control.service("web")
    world.store.services.put(replace(after, spec=before.spec, previous_spec=None))
    world.settle()
    with pytest.raises(ApiError, match="port '8080' is already in use by service 'web'"):
        world.service("other", ports=(port(80, 8080),))


# --- the manager that dies ------------------------------------------------------------------------


def _placed(world: World) -> None:
    """A service with a placement, and a task of it on a node."""
    world.service("web", placement={"MaxReplicas": 1})
    node = world.node("node1")
    world.put_task(world.task("web"), TaskState.RUNNING, node_id=node.id)


def test_a_spec_without_placement_kills_the_manager_whose_tasks_have_one() -> None:
    world = World()
    _placed(world)
    world.update("web", spec("web"))
    assert len(world.panics) == 1
    assert world.control.service("web").spec["TaskTemplate"].get("Placement") is None


@pytest.mark.parametrize(
    "harmless",
    [
        spec("web", placement={}),
        spec("web", container={"Image": "app:2"}),
    ],
    ids=["an empty placement", "more than placement changes"],
)
def test_other_updates_kill_nobody(harmless: dict[str, object]) -> None:
    world = World()
    _placed(world)
    world.update("web", harmless)
    assert world.panics == []


def test_tasks_that_stop_or_have_no_node_kill_nobody() -> None:
    world = World()
    world.service("web", placement={"MaxReplicas": 1})
    world.put_task(world.task("web"), TaskState.PENDING)
    node = world.node("node1")
    world.put_task(
        world.task("web"), TaskState.RUNNING, node_id=node.id, desired_state=TaskState.SHUTDOWN
    )
    world.update("web", spec("web"))
    assert world.panics == []


def test_a_panic_is_an_exception_unless_somebody_takes_it() -> None:
    world = World()
    _placed(world)
    kit: Kit = world.kit
    control = Control(kit)
    with pytest.raises(ManagerPanic, match="service web has no placement"):
        control.update_service(
            "web", control.service("web").meta.version, spec("web"), api_version=API
        )
