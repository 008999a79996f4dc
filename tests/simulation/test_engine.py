"""The whole: one seed, one world; rest after every step; and what is said where there is none."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from swarm_operator.simulation.engine import engine as engine_module
from swarm_operator.simulation.engine.engine import Engine, Unsettled
from swarm_operator.simulation.engine.records import ConfigRecord, NodeRecord, TaskState
from swarm_operator.simulation.engine.store import Change
from swarm_operator.simulation.timeline import Timeline

VERSION = (1, 45)


def _world(seed: int) -> Engine:
    engine = Engine(seed=seed)
    engine.add_node("m1", role="manager")
    for name in ("n1", "n2", "n3"):
        engine.add_node(name)
    for name in ("web", "api"):
        spec = {
            "Name": name,
            "TaskTemplate": {"ContainerSpec": {"Image": "web:1"}},
            "Mode": {"Replicated": {"Replicas": 5}},
        }
        engine.control.create_service(spec, api_version=VERSION, registry_auth=None)
    engine.advance(5)
    engine.kill_node("n2")
    engine.advance(30)
    engine.return_node("n2")
    engine.change_leader()
    engine.advance(30)
    return engine


def _leadership(engine: Engine) -> str:
    return engine.leadership


def _all(engine: Engine) -> list[object]:
    store = engine.store
    return [*store.nodes.all(), *store.services.all(), *store.tasks.all(), *store.networks.all()]


def test_one_seed_one_world() -> None:
    assert _all(_world(7)) == _all(_world(7))
    assert _all(_world(7)) != _all(_world(8))


def test_the_order_of_sets_is_no_part_of_the_world() -> None:
    """Python gives texts other hashes in every process."""
    script = "from tests.simulation.test_engine import _digest; print(_digest(7))"
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert digests == {f"{_digest(7)}\n"}


def _digest(seed: int) -> str:
    return hashlib.sha256(repr(_all(_world(seed))).encode()).hexdigest()


def test_a_world_that_is_left_alone_comes_to_rest() -> None:
    engine = _world(1)
    assert engine.timeline.next_due() is None
    running = [task for task in engine.store.tasks.all() if task.state is TaskState.RUNNING]
    assert len(running) == 10


def test_ids_are_as_swarmkit_s() -> None:
    ids = {Engine(seed=3).new_id() for _ in range(2)} | {_world(1).cluster_id}
    assert {len(some) for some in ids} == {25}
    assert all(some.isalnum() and some == some.lower() for some in ids)


def test_a_given_timeline_and_cluster_id_are_used() -> None:
    timeline = Timeline()
    engine = Engine(timeline=timeline, cluster_id="mine")
    timeline.advance(5)
    assert (engine.timeline, engine.cluster_id, engine.timeline.now) == (timeline, "mine", 5)


def test_the_same_hostname_twice() -> None:
    engine = Engine()
    engine.add_node("n1")
    with pytest.raises(ValueError, match="n1"):
        engine.add_node("n1")


class _Restless:
    """Writes a node whenever a node was written."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def start(self) -> None: ...

    def handle(self, change: Change) -> None:
        if isinstance(change.new, NodeRecord):
            labels = {"step": str(change.new.meta.version)}
            self._engine.store.nodes.put(replace(change.new, labels=labels))

    def commit(self) -> None: ...

    def stop(self) -> None: ...


def test_parts_that_answer_each_other_for_ever_are_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_module, "ROUNDS", 50)
    engine = Engine()
    engine._components.append(_Restless(engine))
    with pytest.raises(Unsettled, match=r"no rest after 50 rounds at 0\.000 s.*hostname='n1'"):
        engine.add_node("n1")


class _Answering:
    """Answers each new config with a second write, and notes what is open when it may commit."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.open_at_commit: list[int] = []

    def start(self) -> None: ...

    def handle(self, change: Change) -> None:
        if isinstance(change.new, ConfigRecord) and change.old is None:
            self._engine.store.configs.put(change.new)

    def commit(self) -> None:
        self.open_at_commit.append(len(self._engine.store.changes))

    def stop(self) -> None: ...


def test_parts_commit_when_all_changes_were_told() -> None:
    engine = Engine()
    answering = _Answering(engine)
    engine._components.append(answering)
    engine.control.create_config({"Name": "one", "Data": "eA=="})
    assert answering.open_at_commit == [0]


def test_nothing_is_decided_without_a_leader() -> None:
    engine = Engine()
    engine.add_node("m1", role="manager")
    engine.lose_quorum()  # of one manager: it hears itself
    assert _leadership(engine) == "led"
    engine.kill_node("m1")
    assert _leadership(engine) == "lost"
