"""Nodes come and go: heartbeats, sessions, cables, and what the managers know meanwhile."""

from typing import Any

import pytest

from swarm_operator.simulation.engine.engine import Engine
from swarm_operator.simulation.engine.images import Behaviour, ImageLibrary
from swarm_operator.simulation.engine.records import NodeRecord, TaskRecord, TaskState

VERSION = (1, 45)


def _engine(*workers: str, managers: int = 1, seed: int = 0, **images: Behaviour) -> Engine:
    engine = Engine(seed=seed, images=ImageLibrary(dict(images)))
    for number in range(1, managers + 1):
        engine.add_node(f"m{number}", role="manager", availability="drain")
    for name in workers:
        engine.add_node(name)
    return engine


def _service(engine: Engine, replicas: int = 1, image: str = "web", **placement: Any) -> str:
    spec = {
        "Name": "web",
        "TaskTemplate": {"ContainerSpec": {"Image": image}, "Placement": placement},
        "Mode": {"Replicated": {"Replicas": replicas}},
    }
    service_id: str = engine.control.create_service(spec, api_version=VERSION, registry_auth=None)
    engine.advance(3)
    return service_id


def _node(engine: Engine, hostname: str) -> NodeRecord:
    node = engine.store.node_of_hostname(hostname)
    assert node is not None
    return node


def _leadership(engine: Engine) -> str:
    return engine.leadership


def _leader(engine: Engine) -> str:
    """ "" where there is none."""
    return engine.leader.hostname if engine.leader is not None else ""


def _until_state(engine: Engine, hostname: str, state: str, limit_s: float = 60) -> float:
    """Seconds until the managers say so."""
    begin = engine.timeline.now
    while _node(engine, hostname).state != state:
        assert engine.timeline.now - begin < limit_s, f"{hostname} never became {state}"
        engine.advance(0.05)
    return engine.timeline.now - begin


def _running(engine: Engine) -> list[TaskRecord]:
    return [
        task
        for task in engine.store.tasks.all()
        if task.state is TaskState.RUNNING and task.desired_state is TaskState.RUNNING
    ]


def _runs_on(engine: Engine, hostname: str) -> list[str]:
    """States of what the machine itself has, whatever the managers know."""
    return [run.status.state.name for run in engine.agent(hostname).runs.values()]


# --- down ---


@pytest.mark.parametrize("seed", range(12))
def test_a_dead_node_is_down_after_three_heartbeats(seed: int) -> None:
    """Measured on real swarms: 9.6 to 16.4 s."""
    engine = _engine("n1", seed=seed)
    engine.advance(100 + seed)
    engine.kill_node("n1")
    assert 9.0 <= _until_state(engine, "n1", "down") <= 16.6
    assert _node(engine, "n1").message == "heartbeat failure"
    assert _node(engine, "n1").down_since == pytest.approx(engine.timeline.now, abs=0.06)


def test_heartbeats_cost_nothing_while_all_is_well() -> None:
    engine = _engine("n1", "n2")
    engine.advance(60)
    assert engine.timeline.next_due() is None
    index = engine.store.index
    engine.advance(24 * 3600)
    assert engine.store.index == index


def test_killed_and_back_before_anybody_noticed() -> None:
    """The node never was down, yet its containers are dead."""
    engine = _engine("n1")
    _service(engine)
    [task] = _running(engine)
    engine.kill_node("n1")
    engine.advance(2)
    engine.return_node("n1")
    states = []
    for _ in range(100):
        engine.advance(0.1)
        states.append(_node(engine, "n1").state)
    assert set(states) == {"ready"}
    status = engine.store.tasks[task.id].status
    assert (status.state, status.error) == (TaskState.FAILED, "task: non-zero exit (255)")
    assert len(_running(engine)) == 1


def test_a_node_returns_within_two_seconds_and_empty() -> None:
    engine = _engine("n1", "n2")
    _service(engine, 4)
    engine.kill_node("n1")
    engine.advance(30)
    assert {task.node_id for task in _running(engine)} == {_node(engine, "n2").id}
    engine.return_node("n1")
    assert 1.6 <= _until_state(engine, "n1", "ready") <= 2.0
    engine.advance(600)
    assert {task.node_id for task in _running(engine)} == {_node(engine, "n2").id}
    assert _node(engine, "n1").down_since is None


def test_a_flapping_node_is_refused_for_a_while() -> None:
    """More than three sessions within eight seconds of each other."""
    engine = _engine("n1")
    engine.advance(60)
    for _ in range(3):
        engine.kill_node("n1")
        engine.return_node("n1")
        engine.advance(1.9)
        assert engine.agent("n1").has_session
    engine.kill_node("n1")
    engine.return_node("n1")
    engine.advance(1.9)
    assert not engine.agent("n1").has_session
    engine.advance(30)
    assert engine.agent("n1").has_session
    assert _node(engine, "n1").state == "ready"


# --- cut off ---


def test_containers_of_a_cut_node_run_on_beside_their_replacements() -> None:
    engine = _engine("n1", "n2")
    _service(engine, 2)
    engine.cut_node("n1")
    _until_state(engine, "n1", "down")
    engine.advance(10)
    assert len(_running(engine)) == 2
    assert _runs_on(engine, "n1") == ["RUNNING"]
    engine.reconnect_node("n1")
    assert _until_state(engine, "n1", "ready") <= 1.6
    engine.advance(3)
    assert _runs_on(engine, "n1") == ["SHUTDOWN"]


def test_a_short_cut_goes_unnoticed() -> None:
    engine = _engine("n1")
    _service(engine)
    version = _node(engine, "n1").meta.version
    [task] = _running(engine)
    engine.cut_node("n1")
    engine.advance(5)
    engine.reconnect_node("n1")
    engine.advance(60)
    assert _node(engine, "n1").meta.version == version
    assert [other.id for other in _running(engine)] == [task.id]


def test_what_happens_behind_the_cut_is_told_afterwards() -> None:
    engine = _engine("n1", crash=Behaviour(exit_after_s=6, exit_code=1))
    _service(engine, image="crash")
    [task] = _running(engine)
    engine.cut_node("n1")
    engine.advance(5)
    assert _runs_on(engine, "n1") == ["FAILED"]
    assert engine.store.tasks[task.id].state is TaskState.RUNNING
    engine.reconnect_node("n1")
    engine.advance(1)
    failed = engine.store.tasks[task.id]
    assert failed.state is TaskState.FAILED
    assert failed.status.at < engine.timeline.now - 1  # the node's own time


def test_a_cut_node_hears_nothing() -> None:
    engine = _engine("n1", "n2")
    service_id = _service(engine, 2)
    engine.cut_node("n1")
    engine.control.remove_service(service_id)
    engine.advance(8)
    assert _runs_on(engine, "n1") == ["RUNNING"]
    engine.reconnect_node("n1")
    engine.advance(5)
    assert _runs_on(engine, "n1") == []
    assert engine.store.tasks.all() == []


# --- for ever ---


def test_tasks_of_a_node_that_is_down_for_a_day_are_orphans() -> None:
    engine = _engine("n1", "n2")
    _service(engine)
    [task] = _running(engine)
    engine.kill_node(_hostname_of(engine, task))
    engine.advance(23 * 3600)
    assert engine.store.tasks[task.id].state is TaskState.RUNNING
    engine.advance(2 * 3600)
    assert engine.store.tasks[task.id].state is TaskState.ORPHANED


def test_a_removed_node_is_forgotten() -> None:
    engine = _engine("n1")
    engine.kill_node("n1")
    engine.advance(20)
    engine.control.remove_node(_node(engine, "n1").id, force=False)
    with pytest.raises(LookupError):
        engine.agent("n1")
    engine.advance(48 * 3600)
    assert engine.store.node_of_hostname("n1") is None


def _hostname_of(engine: Engine, task: TaskRecord) -> str:
    return engine.store.nodes[task.node_id].hostname


# --- leaders ---


def test_a_new_leader_finds_all_nodes_unknown_then_ready() -> None:
    engine = _engine("n1", "n2", managers=3)
    _service(engine, 4)
    before = [task.id for task in _running(engine)]
    engine.change_leader()
    nodes = engine.store.nodes.all()
    assert {node.state for node in nodes} == {"unknown"}
    assert _node(engine, "n1").message == (
        'Node moved to "unknown" state due to leadership change in cluster'
    )
    assert [node.hostname for node in nodes if node.is_leader] == ["m2"]
    engine.advance(6.1)
    assert {node.state for node in engine.store.nodes.all()} == {"ready"}
    engine.advance(60)
    assert [task.id for task in _running(engine)] == before


def test_a_new_leader_gives_a_silent_node_six_heartbeats() -> None:
    engine = _engine("n1", managers=3)
    engine.kill_node("n1")
    engine.change_leader()
    assert 27 <= _until_state(engine, "n1", "down") <= 33.1
    assert _node(engine, "n1").message == 'heartbeat failure for node in "unknown" state'


def test_a_new_leader_does_not_wake_the_dead() -> None:
    engine = _engine("n1", managers=3)
    engine.kill_node("n1")
    engine.advance(20)
    engine.change_leader()
    engine.advance(10)
    assert _node(engine, "n1").state == "down"


def test_a_node_that_dies_before_it_found_the_new_leader() -> None:
    engine = _engine("n1", managers=3)
    engine.change_leader()
    engine.kill_node("n1")
    assert 27 <= _until_state(engine, "n1", "down") <= 33.1


def test_a_status_that_the_old_leader_lost_is_told_to_the_new_one() -> None:
    engine = _engine("n1", managers=3, crash=Behaviour(exit_after_s=5, exit_code=1))
    _service(engine, image="crash")
    [task] = _running(engine)
    while _runs_on(engine, "n1") == ["RUNNING"]:
        engine.advance(0.01)
    engine.change_leader()  # within the batch that would have brought it
    assert engine.store.tasks[task.id].state is TaskState.RUNNING
    engine.advance(7)
    assert engine.store.tasks[task.id].state is TaskState.FAILED


def test_a_dead_leader_is_missed_for_ten_to_twenty_seconds() -> None:
    engine = _engine("n1", managers=3)
    _service(engine, 2)
    engine.kill_node("m1")
    assert _leadership(engine) == "electing"
    assert _leader(engine) == ""
    begin = engine.timeline.now
    while _leadership(engine) != "led":
        engine.advance(0.1)
    assert 10 <= engine.timeline.now - begin <= 20.2
    assert _leader(engine) in ("m2", "m3")
    assert _node(engine, "m1").reachability == "unreachable"
    assert len(_running(engine)) == 2


def test_without_a_majority_nothing_is_decided_and_everything_runs_on() -> None:
    engine = _engine("n1", "n2", managers=3)
    _service(engine, 2)
    engine.kill_node("m1")
    engine.kill_node("m2")
    assert _leadership(engine) == "lost"
    engine.kill_node("n1")
    engine.advance(600)
    assert _leadership(engine) == "lost"
    assert _node(engine, "n1").state == "ready"  # as last written
    assert _runs_on(engine, "n2") == ["RUNNING"]
    engine.return_node("m2")
    engine.advance(30)
    assert _leadership(engine) == "led"
    _until_state(engine, "n1", "down")
    engine.advance(10)
    assert {task.node_id for task in _running(engine)} == {_node(engine, "n2").id}


def test_managers_that_do_not_hear_each_other() -> None:
    engine = _engine("n1", managers=3)
    engine.lose_quorum()
    assert _leadership(engine) == "lost"
    engine.advance(60)
    engine.regain_quorum()
    assert _leadership(engine) == "electing"
    engine.advance(21)
    assert _leadership(engine) == "led"


def test_a_lone_manager_leads_again_as_soon_as_it_is_back() -> None:
    engine = _engine("n1")
    engine.kill_node("m1")
    assert _leadership(engine) == "lost"
    engine.advance(60)
    engine.return_node("m1")
    engine.advance(2.1)
    assert _leadership(engine) == "led"


def test_a_demoted_leader_hands_over() -> None:
    engine = _engine("n1", managers=3)
    node = _node(engine, "m1")
    spec = {"Role": "worker", "Availability": "active", "Labels": {}}
    engine.control.update_node(node.id, node.meta.version, spec)
    engine.advance(1)
    assert _leader(engine) == "m2"
    assert not _node(engine, "m1").is_manager


def test_who_is_to_lead_must_be_able_to() -> None:
    engine = _engine("n1", managers=3)
    engine.change_leader("m3")
    assert _leader(engine) == "m3"
    engine.kill_node("m2")
    for name in ("m2", "n1", "nobody"):
        with pytest.raises(LookupError):
            engine.change_leader(name)


def test_leadership_is_no_part_of_the_node_s_object() -> None:
    """No version moves because another manager leads: raft's view is added when asked."""
    engine = _engine(managers=3)
    engine.kill_node("m3")
    engine.advance(1)
    versions = {node.hostname: node.meta.version for node in engine.store.nodes.all()}
    assert _node(engine, "m3").reachability == "unreachable"
    assert _node(engine, "m3").meta.version == versions["m3"] < engine.store.index + 1
