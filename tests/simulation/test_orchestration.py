"""The orchestrators within the whole engine, held against what was measured on real swarms."""

from collections import Counter
from typing import Any

import pytest

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.engine.engine import Engine
from swarm_operator.simulation.engine.images import Behaviour, ImageLibrary
from swarm_operator.simulation.engine.records import ServiceRecord, TaskRecord, TaskState

S = TaskState
API = (1, 45)
SECOND = 1_000_000_000


@pytest.fixture
def engine() -> Engine:
    return make_engine()


def make_engine(seed: int = 0, workers: int = 4) -> Engine:
    images = ImageLibrary({"broken": Behaviour(missing=True), "slow": Behaviour(start_s=10)})
    made = Engine(seed=seed, images=images)
    made.add_node("m1", role="manager", availability="drain")
    for number in range(1, workers + 1):
        made.add_node(f"w{number}")
    made.advance(10)
    return made


def spec(replicas: int = 2, image: str = "app:1", **more: Any) -> JsonObject:
    """`task=` for more of the template, the rest for the spec itself."""
    template = {"ContainerSpec": {"Image": image}, **more.pop("task", {})}
    mode = more.pop("Mode", {"Replicated": {"Replicas": replicas}})
    return {"Name": "web", "TaskTemplate": template, "Mode": mode, **more}


def create(engine: Engine, body: JsonObject) -> None:
    engine.control.create_service(body, api_version=API)
    engine.advance(10)


def update(engine: Engine, body: JsonObject | None, **more: Any) -> None:
    version = engine.control.service("web").meta.version
    engine.control.update_service("web", version, body, api_version=API, **more)


def service(engine: Engine) -> ServiceRecord:
    return engine.control.service("web")


def status(engine: Engine) -> str | None:
    made = service(engine).update_status
    return None if made is None else made.state


def tasks(engine: Engine) -> list[TaskRecord]:
    return engine.store.tasks_of_service(service(engine).id)


def running(engine: Engine) -> list[TaskRecord]:
    """That serve: running, and on a node that is there."""
    return [
        task
        for task in tasks(engine)
        if task.state == S.RUNNING and engine.store.nodes[task.node_id].state != "down"
    ]


def hosts(engine: Engine) -> Counter[str]:
    live = [task for task in tasks(engine) if task.desired_state == S.RUNNING and task.node_id]
    return Counter(engine.store.nodes[task.node_id].hostname for task in live)


def images(engine: Engine) -> Counter[str]:
    return Counter(task.spec["ContainerSpec"]["Image"] for task in running(engine))


def away_from(*hostnames: str) -> JsonObject:
    return {"Constraints": [f"node.hostname!={name}" for name in hostnames]}


PORTS = {"EndpointSpec": {"Mode": "vip", "Ports": [{"TargetPort": 80, "PublishedPort": 8080}]}}


@pytest.mark.parametrize("base", [{}, PORTS], ids=["plain", "ports"])
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"Labels": {"a": "b"}},
        {"UpdateConfig": {"Parallelism": 2}},
        {"RollbackConfig": {"Parallelism": 2}},
        {"task": {"Placement": {"MaxReplicas": 1}}},
        {"task": {"Placement": away_from("elsewhere")}},
        {"task": {"Placement": {"Preferences": [{"Spread": {"SpreadDescriptor": "node.id"}}]}}},
    ],
)
def test_changes_that_restart_nothing(base: JsonObject, change: JsonObject) -> None:
    engine = make_engine()
    create(engine, spec(**base))
    before = {task.id for task in running(engine)}
    update(engine, spec(**{**base, **change}))
    engine.advance(30)
    assert {task.id for task in tasks(engine)} == before
    assert status(engine) is None


@pytest.mark.parametrize(
    "change",
    [
        {"task": {"ForceUpdate": 1}},
        {"image": "app:2"},
        {"task": {"RestartPolicy": {"Condition": "none"}}},
        PORTS,
    ],
)
def test_changes_that_restart_all(engine: Engine, change: JsonObject) -> None:
    create(engine, spec())
    before = {task.id for task in running(engine)}
    update(engine, spec(**change))
    engine.advance(60)
    assert len(running(engine)) == 2
    assert not before & {task.id for task in running(engine)}
    assert status(engine) == "completed"


def test_renewed_credentials_with_a_change_of_placement_restart_all(engine: Engine) -> None:
    create(engine, spec())
    before = {task.id for task in running(engine)}
    update(engine, spec(), registry_auth="renewed")
    engine.advance(30)
    assert {task.id for task in running(engine)} == before
    update(engine, spec(task={"Placement": away_from("elsewhere")}))
    engine.advance(60)
    assert not before & {task.id for task in running(engine)}


def test_a_lost_node_is_made_up_for(engine: Engine) -> None:
    """Down after 9.0 to 16.5 s; running elsewhere after 16.5 to 22, and nothing moves back."""
    create(engine, spec(4))
    lost_at = engine.timeline.now
    engine.kill_node("w1")
    while len(running(engine)) == 4:
        engine.advance(0.1)
    assert 9 <= engine.timeline.now - lost_at <= 16.6
    while len(running(engine)) < 4:
        engine.advance(0.1)
    assert 14.5 <= engine.timeline.now - lost_at <= 24
    after = hosts(engine)
    assert after["w1"] == 0
    engine.return_node("w1")
    engine.advance(60)
    assert hosts(engine) == after


def test_scaling_a_paused_update_resumes_it(engine: Engine) -> None:
    """Measured: from two healthy ones of four to none."""
    config: dict[str, Any] = {"UpdateConfig": {"Parallelism": 2}}
    create(engine, spec(4, **config))
    update(engine, spec(4, "broken", **config))
    engine.advance(60)
    assert status(engine) == "paused"
    assert images(engine) == {"app:1": 2}
    update(engine, spec(5, "broken", **config))
    engine.advance(60)
    assert running(engine) == []


def test_the_swarm_rolls_back_by_itself(engine: Engine) -> None:
    config: dict[str, Any] = {"UpdateConfig": {"FailureAction": "rollback", "Order": "start-first"}}
    create(engine, spec(3, **config))
    before = {task.id for task in running(engine)}
    update(engine, spec(3, "broken", **config))
    engine.advance(60)
    assert status(engine) == "rollback_completed"
    assert service(engine).spec["TaskTemplate"]["ContainerSpec"]["Image"] == "app:1"
    assert {task.id for task in running(engine)} == before


def test_a_new_leader_stops_the_running_task_of_a_start_first_update(engine: Engine) -> None:
    """Measured: no replica until the new one is healthy."""
    config: dict[str, Any] = {"UpdateConfig": {"Order": "start-first"}}
    create(engine, spec(1, **config))
    update(engine, spec(1, "slow", **config))
    engine.advance(2)
    engine.change_leader()
    engine.advance(5)
    assert running(engine) == []
    engine.advance(20)
    assert images(engine) == {"slow": 1}


def test_forced_updates_do_not_fill_a_node_that_returned_evenly() -> None:
    """Each service lands by itself: but a single service ends even."""
    engine = make_engine()
    create(engine, spec(4))
    engine.kill_node("w1")
    engine.advance(40)
    engine.return_node("w1")
    engine.advance(10)
    assert hosts(engine)["w1"] == 0
    update(engine, spec(4, task={"ForceUpdate": 1}, UpdateConfig={"Order": "start-first"}))
    engine.advance(60)
    assert hosts(engine)["w1"] >= 1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_a_directed_move_restarts_one_task(seed: int, replicas: int) -> None:
    """Surge and steer, mark, trim: from w1 to the node that came back, as on real swarms.

    The marked task's slot then has a second task that nobody can place, so that it is the victim.
    """
    engine = make_engine(seed)
    create(engine, spec(replicas, task={"Placement": {}}))
    before = {task.id: hosts_of(engine, task) for task in running(engine)}
    source = min(before.values())
    target = next(name for name in ("w1", "w2", "w3", "w4") if name not in before.values())
    others = [n for n in ("w1", "w2", "w3", "w4", "m1") if n not in (*before.values(), target)]
    steady = {"UpdateConfig": {"Parallelism": 1, "Order": "start-first", "Delay": 3600 * SECOND}}
    fewest = replicas

    def body(count: int, placement: JsonObject, **more: Any) -> JsonObject:
        return spec(count, task={"Placement": placement}, **more)

    update(engine, body(replicas + 1, {**away_from(*others), "MaxReplicas": 1}, **steady))
    for _ in range(50):
        engine.advance(0.1)
        fewest = min(fewest, len(running(engine)))
    assert status(engine) is None
    assert hosts(engine)[target] == 1
    update(engine, body(replicas + 1, {**away_from(*others, source), "MaxReplicas": 1}, **steady))
    engine.advance(0.5)
    slots = Counter(t.slot for t in tasks(engine) if t.desired_state <= S.RUNNING)
    assert sorted(slots.values()) == [1] * replicas + [2]
    fewest = min(fewest, len(running(engine)))
    original = spec(replicas, task={"Placement": {}})
    update(engine, original)
    update(engine, None)
    for _ in range(100):
        engine.advance(0.1)
        fewest = min(fewest, len(running(engine)))
    assert fewest == replicas
    assert hosts(engine)[source] == 0
    assert hosts(engine)[target] == 1
    kept = {task.id for task in running(engine)} & set(before)
    assert len(kept) == replicas - 1, "one restart"
    assert len(tasks(engine)) == replicas
    assert service(engine).previous_spec == service(engine).spec


def hosts_of(engine: Engine, task: TaskRecord) -> str:
    return engine.store.nodes[task.node_id].hostname


def test_scaling_back_a_surge_that_does_not_run_can_cost_a_healthy_task() -> None:
    """Node balance goes before running: two healthy ones on one node, a broken one on another."""
    engine = make_engine(workers=2)
    config = {"RestartPolicy": {"Condition": "any", "Delay": 0}}
    engine.control.create_service(
        spec(2, task={**config, "Placement": {"Constraints": ["node.hostname==w1"]}}),
        api_version=API,
    )
    engine.advance(10)
    engine.images.scripted["app:1"] = Behaviour(start_s=1000)
    both = {"Constraints": ["node.hostname!=m1"]}
    update(engine, spec(3, task={**config, "Placement": both}))
    engine.advance(5)
    assert hosts(engine) == {"w1": 2, "w2": 1}
    assert len(running(engine)) == 2
    update(engine, spec(2, task={**config, "Placement": both}))
    engine.advance(10)
    assert len(running(engine)) == 1


def test_a_job_runs_again_for_a_label(engine: Engine) -> None:
    engine.images.scripted["job"] = Behaviour(exit_after_s=2.0)
    mode = {"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 2}}
    create(engine, spec(image="job", Mode=mode))
    engine.advance(20)
    assert [task.state for task in tasks(engine)] == [S.COMPLETE] * 2
    update(engine, spec(image="job", Mode=mode, Labels={"a": "b"}))
    engine.advance(30)
    assert [task.state for task in tasks(engine)] == [S.COMPLETE] * 4


def test_drain_and_return_of_a_global_service(engine: Engine) -> None:
    create(engine, spec(Mode={"Global": {}}))
    assert hosts(engine) == {"w1": 1, "w2": 1, "w3": 1, "w4": 1}
    engine.kill_node("w1")
    engine.advance(30)
    assert hosts(engine) == {"w2": 1, "w3": 1, "w4": 1}
    engine.return_node("w1")
    engine.advance(10)
    assert hosts(engine) == {"w1": 1, "w2": 1, "w3": 1, "w4": 1}
    assert len(running(engine)) == 4
